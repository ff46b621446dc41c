package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"tejun/internal/ingest/dates"
)

const high = 0x8080808080808080

func uint64At(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// kind is what a column holds, as PostgreSQL's type.
type kind uint8

const (
	kindText      kind = iota // text
	kindInteger               // bigint
	kindNumeric               // numeric
	kindBoolean               // boolean
	kindDate                  // date
	kindTimestamp             // timestamp with time zone
)

// column is a column of a dataset, made ready.
type column struct {
	name      string
	source    int // the field of the record, from 0
	kind      kind
	required  bool
	clean     bool // the normalisation does something
	checked   bool // it has codes, a pattern or a length
	personal  bool // its values are never shown
	normalise normalise
	layouts   []*dates.Layout
	pattern   *pattern
	codes     *codes // nil if any value may stand
	maxLength int    // characters; 0 means no limit
	bounds    bounds
}

// bounds are the least and the greatest value, in the form of the column's kind.
type bounds struct {
	least, greatest           bool // whether they are set
	whole                     bool // of a numeric: low and high say it all
	low, high                 int64
	lowNumber, highNumber     decimal
	leastWritten, mostWritten string // as declared
}

var (
	errRequired = errors.New("is empty, and a value is required")
	errBoolean  = errors.New("is neither yes nor no: want one of 1, 0, true, false, t, f, yes, no, y, n")
	errPattern  = errors.New("does not match")
	errCode     = errors.New("is not on the list of codes")
	errLong     = errors.New("is too long")
	errLow      = errors.New("is below the least value")
	errHigh     = errors.New("is above the greatest value")
	errNUL      = errors.New("holds a zero byte, which no database takes as text")
)

// checkText checks the length, the codes and the pattern.
func (c *column) checkText(text []byte) error {
	if c.maxLength > 0 && len(text) > c.maxLength && utf8.RuneCount(text) > c.maxLength {
		return errLong
	}
	if c.codes != nil {
		if !c.codes.has(text) {
			return errCode
		}
	}
	if c.pattern != nil && !c.pattern.match(text) {
		return errPattern
	}
	return nil
}

// putValue reads a value of another kind than text and writes it to dst[n:] behind its length.
func (c *column) putValue(dst []byte, n int, text []byte) (int, error) {
	if c.checked {
		if err := c.checkText(text); err != nil {
			return n, err
		}
	}
	switch c.kind {
	case kindInteger:
		value, err := parseInteger(text)
		if err == nil {
			err = c.bounds.check(value)
		}
		if err != nil {
			return n, err
		}
		binary.BigEndian.PutUint32(dst[n:], 8)
		binary.BigEndian.PutUint64(dst[n+4:], uint64(value))
		return n + 12, nil
	case kindNumeric:
		value, err := parseDecimal(text)
		if err == nil {
			err = c.bounds.checkNumber(value)
		}
		if err != nil {
			return n, err
		}
		return value.put(dst, n), nil
	case kindBoolean:
		value, err := parseBoolean(text)
		if err != nil {
			return n, err
		}
		binary.BigEndian.PutUint32(dst[n:], 1)
		dst[n+4] = value
		return n + 5, nil
	case kindDate:
		value, err := c.days(text)
		if err == nil {
			err = c.bounds.check(int64(value))
		}
		if err != nil {
			return n, err
		}
		binary.BigEndian.PutUint32(dst[n:], 4)
		binary.BigEndian.PutUint32(dst[n+4:], uint32(value))
		return n + 8, nil
	default:
		value, err := c.micros(text)
		if err == nil {
			err = c.bounds.check(value)
		}
		if err != nil {
			return n, err
		}
		binary.BigEndian.PutUint32(dst[n:], 8)
		binary.BigEndian.PutUint64(dst[n+4:], uint64(value))
		return n + 12, nil
	}
}

func (c *column) days(text []byte) (int32, error) {
	return firstFit(c.layouts, text, (*dates.Layout).Days)
}

func (c *column) micros(text []byte) (int64, error) {
	return firstFit(c.layouts, text, (*dates.Layout).Micros)
}

// firstFit reads a text in the first layout that fits; where none does, the error is that of the layout that came nearest.
func firstFit[T int32 | int64](layouts []*dates.Layout, text []byte, read func(*dates.Layout, []byte) (T, error)) (T, error) {
	nearest := dates.ErrShape
	for _, l := range layouts {
		value, err := read(l, text)
		if err == nil {
			return value, nil
		}
		if errors.Is(nearest, dates.ErrShape) {
			nearest = err
		}
	}
	return 0, nearest
}

func (b *bounds) check(value int64) error {
	if b.least && value < b.low {
		return errLow
	}
	if b.greatest && value > b.high {
		return errHigh
	}
	return nil
}

func (b *bounds) checkNumber(value decimal) error {
	if b.least && value.compare(b.lowNumber) < 0 {
		return errLow
	}
	if b.greatest && value.compare(b.highNumber) > 0 {
		return errHigh
	}
	return nil
}

func parseBoolean(text []byte) (byte, error) {
	if len(text) == 1 {
		switch text[0] {
		case '1', 't', 'T', 'y', 'Y':
			return 1, nil
		case '0', 'f', 'F', 'n', 'N':
			return 0, nil
		}
		return 0, errBoolean
	}
	switch string(text) {
	case "true", "TRUE", "True", "yes", "YES", "Yes":
		return 1, nil
	case "false", "FALSE", "False", "no", "NO", "No":
		return 0, nil
	}
	return 0, errBoolean
}

// reason says in words why a value is refused. It ends up in histories, evidence and mail, so it does not quote what is personal.
func (c *column) reason(text []byte, err error) string {
	value := quote(text)
	if c.personal {
		value = "the value"
	}
	switch {
	case errors.Is(err, errRequired), errors.Is(err, errNUL):
		return err.Error()
	case errors.Is(err, errPattern):
		return fmt.Sprintf("%s %s the pattern %s", value, err, c.pattern.text)
	case errors.Is(err, errCode):
		return fmt.Sprintf("%s %s%s", value, err, c.someCodes())
	case errors.Is(err, errLong):
		return fmt.Sprintf("%s %s: %d characters, at most %d", value, err, utf8.RuneCount(text), c.maxLength)
	case errors.Is(err, errLow):
		return fmt.Sprintf("%s %s %s", value, err, c.bounds.leastWritten)
	case errors.Is(err, errHigh):
		return fmt.Sprintf("%s %s %s", value, err, c.bounds.mostWritten)
	case c.layouts != nil && errors.Is(err, dates.ErrShape):
		var layouts []string
		for _, l := range c.layouts {
			layouts = append(layouts, l.String())
		}
		return fmt.Sprintf("%s is no date in the layout %s", value, strings.Join(layouts, " or "))
	case c.layouts != nil:
		return fmt.Sprintf("%s is no date: %s", value, err)
	}
	return fmt.Sprintf("%s %s", value, err)
}

// someCodes lists the codes if they are few.
func (c *column) someCodes() string {
	if len(c.codes.all) > fewCodes {
		return fmt.Sprintf(" (%d codes)", len(c.codes.all))
	}
	return " (" + strings.Join(c.codes.sorted(), ", ") + ")"
}

// quote shows a value, or its beginning.
func quote(text []byte) string {
	const most = 60
	if len(text) <= most {
		return fmt.Sprintf("%q", text)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return fmt.Sprintf("%q…", text[:cut])
}
