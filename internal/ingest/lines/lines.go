// Package lines reads JSON Lines: one JSON object a line, in UTF-8. A line that is no such object is a record that cannot be
// read, and only that record.
//
// The parser is github.com/go-json-experiment/json/jsontext, which the inputs of runbooks are read with, too: encoding/json
// takes a key that stands twice, and bytes that are not UTF-8, without a word.
package lines

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/record"
)

const (
	// shown is how much is kept of a line that is too long.
	shown = 1 << 10
	// mostDepth is far above the nesting of any real record.
	mostDepth = 100
)

type source struct {
	in      *bufio.Reader
	maxLine int
	wanted  map[string]int // key → place
	fields  []field
	line    int64
	text    []byte
	err     error
}

// field is one wanted value of the line at hand: where it stands in value, or that there is none.
type field struct {
	there bool
	text  []byte
}

// Open reads the objects of a stream. Fields are top-level keys; keys that nobody wants are left out. maxLine is how many
// bytes a line may have.
func Open(r io.Reader, maxLine int, wanted []record.Wanted) (record.Source, error) {
	s := &source{in: bufio.NewReaderSize(r, 64<<10), maxLine: maxLine, wanted: make(map[string]int, len(wanted)), fields: make([]field, len(wanted))}
	for i, w := range wanted {
		if w.Name == "" {
			return nil, fmt.Errorf("field %d of a JSON line has no key: declare the columns by their header", w.Number)
		}
		if _, twice := s.wanted[w.Name]; twice {
			return nil, fmt.Errorf("the key %q is wanted twice: declare it for one column", w.Name)
		}
		s.wanted[w.Name] = i
	}
	start, err := s.in.Peek(len(charset.Mark))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err //nolint:wrapcheck // the source says what went wrong
	}
	if bytes.Equal(start, charset.Mark) {
		if _, err := s.in.Discard(len(start)); err != nil {
			return nil, err //nolint:wrapcheck // the source says what went wrong
		}
	}
	if what := charset.Foreign(start); what != "" {
		return nil, record.Refuse("%s", what)
	}
	return s, nil
}

// Close has nothing to do: the stream is the caller's.
func (s *source) Close() error { return nil }

// Next reads lines until the batch is full.
func (s *source) Next(b *record.Batch) error {
	for len(b.Data) < record.Limit {
		long, err := s.read()
		if err != nil {
			if errors.Is(err, io.EOF) && len(b.Rows) > 0 {
				return nil
			}
			return err
		}
		if !long && len(bytes.TrimLeft(s.text, " \t")) == 0 {
			continue
		}
		b.Start(s.line)
		if long {
			b.Fail(0, s.text, "the line has more than the %d bytes that are allowed", s.maxLine)
			continue
		}
		column, err := s.parse()
		if err != nil {
			b.Fail(column, s.text, "%s", explain(err))
			continue
		}
		for _, f := range s.fields {
			if f.there {
				b.Add(f.text)
			} else {
				b.AddNull()
			}
		}
		raw := uint32(len(b.Data))
		b.Data = append(b.Data, s.text...)
		row := &b.Rows[len(b.Rows)-1]
		row.Start, row.End = raw, uint32(len(b.Data))
	}
	return nil
}

// read puts the next line into text, without its line end. Of one that is too long only the beginning is kept.
func (s *source) read() (long bool, err error) {
	if s.err != nil {
		return false, s.err
	}
	s.text = s.text[:0]
	for {
		part, err := s.in.ReadSlice('\n')
		switch {
		case !long && len(s.text)+len(part) <= s.maxLine+2:
			s.text = append(s.text, part...)
		case !long:
			long = true
			s.text = append(s.text, part...)
			s.text = s.text[:min(len(s.text), shown)]
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			s.err = err
			if !errors.Is(err, io.EOF) || len(s.text) == 0 {
				return false, err //nolint:wrapcheck // the source says what went wrong
			}
		}
		s.line++
		s.text = bytes.TrimSuffix(bytes.TrimSuffix(s.text, []byte("\n")), []byte("\r"))
		if long = long || len(s.text) > s.maxLine; long {
			s.text = s.text[:min(len(s.text), shown)]
		}
		return long, nil
	}
}

// problem is a mistake that this package finds by itself.
type problem string

func (p problem) Error() string { return string(p) }

// parse reads the line as an object. With an error comes the number of the wanted field that it is about, or 0.
func (s *source) parse() (column int, err error) {
	clear(s.fields)
	decoder := jsontext.NewDecoder(bytes.NewReader(s.text))
	start, err := decoder.ReadToken()
	if err != nil {
		return 0, err
	}
	if start.Kind() != '{' {
		return 0, problem("is no JSON object: want {\"key\": value, …} on one line")
	}
	for decoder.PeekKind() == '"' {
		name, err := decoder.ReadToken()
		if err != nil {
			return 0, err
		}
		at, wanted := s.wanted[name.String()]
		if decoder.StackDepth() > mostDepth {
			return 0, problem("is nested too deeply")
		}
		value, err := decoder.ReadValue()
		if err != nil {
			return 0, err
		}
		if !wanted {
			continue
		}
		if err := s.fields[at].set(value); err != nil {
			return at + 1, err
		}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return 0, err
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return 0, problem("has something after the object: want one object a line")
	}
	return 0, nil
}

func (f *field) set(value jsontext.Value) error {
	switch value.Kind() {
	case 'n':
		return nil
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return err //nolint:wrapcheck // explain does
		}
		f.text = text
	case '{', '[':
		return problem("is a list or an object: only texts, numbers, true, false and null can stand in a column")
	default:
		f.text = bytes.Clone(value)
	}
	f.there = true
	return nil
}

// explain says in words why a line is no object.
func explain(err error) string {
	var own problem
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &own):
		return string(own)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "is no JSON object: it is cut off before its end"
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return fmt.Sprintf("names the key %q twice: nobody knows which value counts", syntax.JSONPointer.LastToken())
	case errors.As(err, &syntax):
		return fmt.Sprintf("is no JSON object, at byte %d: %v", syntax.ByteOffset+1, syntax.Err)
	}
	return "is no JSON object: " + err.Error()
}
