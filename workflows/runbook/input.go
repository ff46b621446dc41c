package runbook

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Moment is a time in an input: RFC 3339 with a zone, or, as the input of a scheduled run cannot know dates, terms that
// count from the run's start, such as "+3m" or "+10bd 22:00" (ten business days later at 22:00).
type Moment string

// UnmarshalJSON refuses a time without a zone: nobody may guess whether 22:00 meant JST or UTC.
func (m *Moment) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return errors.New("must be a string with a time, such as 2027-01-23T22:00:00+09:00")
	}
	*m = Moment(text)
	if _, absolute := m.At(); absolute || strings.HasPrefix(text, "+") {
		return nil
	}
	if _, err := time.Parse("2006-01-02T15:04:05", text); err == nil {
		return fmt.Errorf("%q has no zone: write it with one, such as %s+09:00", text, text)
	}
	return fmt.Errorf("%q is not a time: write it as RFC 3339 with a zone, such as 2027-01-23T22:00:00+09:00", text)
}

// At is the moment itself, if it does not depend on the run's start.
func (m Moment) At() (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, string(m))
	return t, err == nil
}

// DecodeStrict reads one JSON object into v. Unknown fields, duplicate fields, wrong types and anything after the
// object are errors that say where and what.
func DecodeStrict(raw []byte, v any) error {
	if len(strings.TrimSpace(string(raw))) == 0 {
		return errors.New("is empty: send a JSON object")
	}
	err := json.Unmarshal(raw, v, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(false))
	if err == nil {
		return nil
	}
	return errors.New(decodeProblem(err))
}

// decodeProblem turns the decoder's error into words that name the field.
func decodeProblem(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Sprintf("field %q is given twice: keep one", field(string(syntactic.JSONPointer)))
		}
		return fmt.Sprintf("is not valid JSON near byte %d: %v", syntactic.ByteOffset, syntactic.Err)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		name := field(string(semantic.JSONPointer))
		switch {
		case errors.Is(err, json.ErrUnknownName):
			return fmt.Sprintf("field %q is unknown: remove it, or mend its spelling", name)
		case semantic.Err != nil:
			return fmt.Sprintf("field %q: %v", name, semantic.Err)
		case name == "":
			return fmt.Sprintf("is a JSON %s: send a JSON object", kindName(semantic.JSONKind))
		default:
			return fmt.Sprintf("field %q must not be a %s", name, kindName(semantic.JSONKind))
		}
	}
	return err.Error()
}

func field(pointer string) string {
	return strings.ReplaceAll(strings.TrimPrefix(pointer, "/"), "/", ".")
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '"':
		return "string"
	case '0':
		return "number"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '[':
		return "list"
	default:
		return "object"
	}
}
