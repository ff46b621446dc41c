package repair

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	integerForm = regexp.MustCompile(`^-?[0-9]{1,18}$`)
	numericForm = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,20})?$`)
)

// Check says what is wrong with the values of the parameters: one that is missing, unknown or not of its type.
func (t *Template) Check(values map[string]string) error {
	var wrong []string
	for _, p := range t.Parameters {
		value, given := values[p.Name]
		if !given {
			wrong = append(wrong, fmt.Sprintf("the parameter %s (%s) is missing", p.Name, p.Type))
			continue
		}
		if why := p.check(value); why != "" {
			wrong = append(wrong, fmt.Sprintf("the parameter %s: %s", p.Name, why))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.ContainsFunc(t.Parameters, func(p Parameter) bool { return p.Name == name }) {
			wrong = append(wrong, fmt.Sprintf("the template %s has no parameter %q", t.ID, name))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

func (p Parameter) check(value string) string {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return "it is no text that a database can hold"
	}
	if len(p.Codes) > 0 && !slices.Contains(p.Codes, value) {
		return fmt.Sprintf("%q is none of %s", value, strings.Join(p.Codes, ", "))
	}
	parses := func(layout string) bool {
		_, err := time.Parse(layout, value)
		return err == nil
	}
	switch p.Type {
	case "integer":
		if !integerForm.MatchString(value) {
			return fmt.Sprintf("%q is no whole number", value)
		}
	case "numeric":
		if !numericForm.MatchString(value) {
			return fmt.Sprintf("%q is no number", value)
		}
	case "boolean":
		if value != "true" && value != "false" {
			return fmt.Sprintf("%q is neither true nor false", value)
		}
	case "date":
		if !parses(time.DateOnly) {
			return fmt.Sprintf("%q is no date: write it as 2027-01-23", value)
		}
	case "timestamp":
		if !parses(time.RFC3339) {
			return fmt.Sprintf("%q is no time with a zone: write it as 2027-01-23T22:00:00+09:00", value)
		}
	default:
		longest := p.MaxLength
		if longest == 0 {
			longest = 200
		}
		if n := utf8.RuneCountInString(value); n > longest {
			return fmt.Sprintf("it has %d characters; at most %d are allowed", n, longest)
		}
		if p.Pattern != "" && !regexp.MustCompile(`^(?:`+p.Pattern+`)$`).MatchString(value) {
			return fmt.Sprintf("%q does not match %s", value, p.Pattern)
		}
	}
	return ""
}
