package dataset

import (
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tejun/internal/ingest/dates"
	"tejun/internal/strictyaml"
)

// mostFields is what PostgreSQL takes as columns of a table.
const mostFields = 1600

var numberForm = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)$`)

// columns checks each column by itself, and that no two take the same name.
func (r *report) columns(d *Dataset) {
	if !r.Some("columns", len(d.Columns), "name at least one column") {
		return
	}
	if len(d.Columns) > mostFields {
		r.Add("columns", "are %d: PostgreSQL takes at most %d in a table", len(d.Columns), mostFields)
		return
	}
	for i := range d.Columns {
		r.column(strictyaml.Index("columns", i), d, d.Columns[i])
	}
	strictyaml.Unique(r.Report, "columns", d.Columns, "name", func(c Column) (string, string) { return c.Name, "name" })
}

func (r *report) column(at string, d *Dataset, c Column) {
	if r.Need(at+".name", c.Name) && r.identifier(at+".name", c.Name) && strings.HasPrefix(c.Name, "tejun_") {
		r.Add(at+".name", "names that start with tejun_ are for the staging tables: choose another")
	}
	if strings.ContainsAny(c.Title, "\n\r\x00") {
		r.Add(at+".title", "holds a line break: write one line")
	}
	r.field(at, d, c)
	if !r.OneOf(at+".type", c.Type, Text, Integer, Numeric, Boolean, Date, Timestamp) {
		return
	}
	r.layouts(at, c)
	if c.Pattern != "" {
		if _, err := regexp.Compile(c.Pattern); err != nil {
			r.Add(at+".pattern", "is not a regular expression as Go (RE2) reads it: %v", err)
		}
	}
	r.bounds(at, c)
	if r.Has(at + ".maxLength") {
		r.Number(at+".maxLength", c.MaxLength, 1, 10<<20)
	}
	for i, code := range c.Codes {
		if r.Need(strictyaml.Index(at+".codes", i), code) && c.MaxLength > 0 && len([]rune(code)) > c.MaxLength {
			r.Add(strictyaml.Index(at+".codes", i), "%q is longer than maxLength %d: no value could have it", code, c.MaxLength)
		}
	}
	if r.Has(at + ".codes") {
		r.Some(at+".codes", len(c.Codes), "list the values, or remove the key")
	}
	strictyaml.Unique(r.Report, at+".codes", c.Codes, "code", func(s string) (string, string) { return s, "" })
	if ref := c.References; ref != nil {
		r.table(at+".references.table", ref.Table)
		if r.Need(at+".references.column", ref.Column) {
			r.identifier(at+".references.column", ref.Column)
		}
	}
	for i, n := range c.Normalise {
		r.OneOf(strictyaml.Index(at+".normalise", i), n, "trim", "nfkc", "kana-width")
	}
	strictyaml.Unique(r.Report, at+".normalise", c.Normalise, "step", func(s string) (string, string) { return s, "" })
}

// field checks where the column stands in the file.
func (r *report) field(at string, d *Dataset, c Column) {
	switch {
	case r.Has(at+".field") && c.Header != "":
		r.Add(at+".header", "stands beside field: give one of the two")
	case r.Has(at + ".field"):
		if d.Format.Kind == JSONL || d.Format.Kind == Parquet {
			r.Add(at+".field", "%s has no order of fields: give header: its key", d.Format.Kind)
			return
		}
		most := mostFields
		if d.Format.Fields > 0 {
			most = d.Format.Fields
		}
		r.Number(at+".field", c.Field, 1, most)
	case c.Header == "":
		if d.Format.Header {
			r.Add(at, "does not say where it stands: add header: the name in the first record (or the key), or field: its number from 1")
		} else {
			r.Add(at, "does not say where it stands: add field: its number from 1")
		}
	case !d.Format.Header:
		r.Add(at+".header", "the file has no header (format.header is false): give field: its number from 1")
	}
}

func (r *report) layouts(at string, c Column) {
	dated := c.Type == Date || c.Type == Timestamp
	if r.Has(at+".layouts") && !dated {
		r.Add(at+".layouts", "are only for types date and timestamp: remove them")
		return
	}
	for i, text := range c.Layouts {
		where := strictyaml.Index(at+".layouts", i)
		l, err := dates.Compile(text)
		switch {
		case err != nil:
			r.Add(where, "%v", err)
		case c.Type == Date && l.Timed():
			r.Add(where, "%q has a time of day: take type timestamp, or a layout without", text)
		}
	}
}

// bounds checks that the least and the greatest value are values of the type, and in order.
func (r *report) bounds(at string, c Column) {
	if c.Type == Text || c.Type == Boolean {
		for _, key := range []string{".min", ".max"} {
			if r.Has(at + key) {
				r.Add(at+key, "is not for %s: use pattern, codes or maxLength", c.Type)
			}
		}
		return
	}
	least, haveLeast := r.bound(at+".min", c, c.Min)
	most, haveMost := r.bound(at+".max", c, c.Max)
	if haveLeast && haveMost && least.Cmp(most) > 0 {
		r.Add(at+".max", "%s is below min %s: no value could be between", c.Max, c.Min)
	}
}

func (r *report) bound(at string, c Column, text string) (*big.Rat, bool) {
	if text == "" {
		if r.Has(at) {
			r.Add(at, "is empty: give a value or remove the key")
		}
		return nil, false
	}
	return r.value(at, c, text)
}

// value checks that a text is a value of the column, and gives what it is compared by.
func (r *report) value(at string, c Column, text string) (*big.Rat, bool) {
	value := new(big.Rat)
	var err error
	switch c.Type {
	case Integer:
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		value.SetInt64(n)
	case Numeric:
		if len(text) > 1000 || !numberForm.MatchString(text) {
			err = errors.New("want digits with at most one point")
		} else {
			value.SetString(text)
		}
	case Boolean:
		if !slices.Contains([]string{"true", "false", "t", "f", "1", "0", "yes", "no", "y", "n"}, text) {
			err = errors.New("want true or false")
		}
	case Date, Timestamp:
		var n int64
		n, err = c.moment(text)
		value.SetInt64(n)
	}
	if err != nil {
		r.Add(at, "%q is no %s as the column has it: %v", text, c.Type, err)
		return nil, false
	}
	return value, true
}

// DateLayouts are the layouts that count: those declared, or the type's own.
func (c Column) DateLayouts() []string {
	switch {
	case len(c.Layouts) > 0:
		return c.Layouts
	case c.Type == Date:
		return []string{"YYYY-MM-DD"}
	case c.Type == Timestamp:
		return []string{dates.RFC3339}
	}
	return nil
}

func (c Column) moment(text string) (value int64, err error) {
	for _, layout := range c.DateLayouts() {
		l, wrong := dates.Compile(layout)
		if wrong != nil {
			return 0, wrong //nolint:wrapcheck // it names the layout
		}
		if c.Type == Date {
			var days int32
			days, err = l.Days([]byte(text))
			value = int64(days)
		} else {
			value, err = l.Micros([]byte(text))
		}
		if err == nil {
			return value, nil
		}
	}
	return 0, err //nolint:wrapcheck // the reason is all that is told
}
