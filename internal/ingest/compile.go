package ingest

import (
	"errors"
	"fmt"
	"slices"

	"tejun/internal/dataset"
	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/dates"
	"tejun/internal/ingest/delimited"
)

// defaultMaxLine is how long a record may be when nothing is declared.
const defaultMaxLine = 1 << 20

var kinds = map[string]kind{
	dataset.Text: kindText, dataset.Integer: kindInteger, dataset.Numeric: kindNumeric, dataset.Boolean: kindBoolean,
	dataset.Date: kindDate, dataset.Timestamp: kindTimestamp,
}

// compile makes a dataset ready. Its errors are mistakes of the declaration, which loading it finds earlier.
func compile(d *dataset.Dataset) (*plan, error) {
	c := charset.UTF8 // what readers of all other formats hand over
	var err error
	if delimitedFormat(d) {
		if c, err = charset.Parse(d.Encoding); err != nil {
			return nil, err //nolint:wrapcheck // it names the encoding
		}
	}
	p := &plan{
		dataset: d, header: d.Format.Header, fields: d.Format.Fields, charset: c,
		rules: delimited.Rules{MaxLine: d.Limits.MaxLine},
	}
	if p.rules.MaxLine == 0 {
		p.rules.MaxLine = defaultMaxLine
	}
	if p.rules.Delimiter, err = delimiterOf(d.Format); err != nil {
		return nil, err
	}
	if len(d.Columns) == 0 {
		return nil, errors.New("the dataset has no columns")
	}
	for _, declared := range d.Columns {
		col, err := compileColumn(declared)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", declared.Name, err)
		}
		w := wanted{number: declared.Field, name: declared.Header}
		if w.number == 0 && (w.name == "" || !d.Format.Header && delimitedFormat(d)) {
			return nil, fmt.Errorf("column %s: say the number of its field, as the file has no header", declared.Name)
		}
		p.columns, p.wanted = append(p.columns, col), append(p.wanted, w)
	}
	if d.Continuation != nil {
		if p.continuation, err = compileContinuation(*d.Continuation, p.columns); err != nil {
			return nil, fmt.Errorf("continuation: %w", err)
		}
	}
	return p, nil
}

func delimitedFormat(d *dataset.Dataset) bool {
	return d.Format.Kind == dataset.CSV || d.Format.Kind == dataset.TSV
}

// delimiterOf is the declared delimiter, or the format's own.
func delimiterOf(f dataset.Format) (byte, error) {
	switch {
	case f.Delimiter == "" && f.Kind == dataset.TSV:
		return '\t', nil
	case f.Delimiter == "":
		return ',', nil
	case len(f.Delimiter) != 1:
		return 0, fmt.Errorf("delimiter %q is more than one ASCII sign", f.Delimiter)
	}
	if b := f.Delimiter[0]; b == '"' || b == '\n' || b == '\r' || b == 0 || b == 0x1A || b >= 0x80 {
		return 0, fmt.Errorf("delimiter %q cannot separate fields", f.Delimiter)
	}
	return f.Delimiter[0], nil
}

func compileColumn(d dataset.Column) (column, error) {
	k, known := kinds[d.Type]
	if !known {
		return column{}, fmt.Errorf("type %q is not known", d.Type)
	}
	c := column{name: d.Name, kind: k, required: d.Required, personal: d.Personal, maxLength: d.MaxLength}
	for _, n := range d.Normalise {
		switch n {
		case "trim":
			c.normalise.trim = true
		case "nfkc":
			c.normalise.nfkc = true
		case "kana-width":
			c.normalise.kana = true
		default:
			return c, fmt.Errorf("normalisation %q is not known: want trim, nfkc or kana-width", n)
		}
		c.clean = true
	}
	if d.Pattern != "" {
		var err error
		if c.pattern, err = compilePattern(d.Pattern); err != nil {
			return c, err
		}
	}
	if d.Codes != nil {
		c.codes = newCodes(d.Codes)
	}
	c.checked = c.pattern != nil || c.codes != nil || c.maxLength > 0
	for _, text := range d.DateLayouts() {
		l, err := dates.Compile(text)
		if err != nil {
			return c, err //nolint:wrapcheck // it names the layout
		}
		c.layouts = append(c.layouts, l)
	}
	if err := c.setBounds(d.Min, d.Max); err != nil {
		return c, err
	}
	return c, nil
}

// setBounds reads the least and the greatest value as values of the column.
func (c *column) setBounds(least, most string) error {
	b := &c.bounds
	b.leastWritten, b.mostWritten, b.whole = least, most, true
	if (least != "" || most != "") && (c.kind == kindText || c.kind == kindBoolean) {
		return errors.New("a text or boolean has no least or greatest value: use a pattern, codes or a length")
	}
	for _, bound := range []struct {
		written string
		set     *bool
		value   *int64
		number  *decimal
	}{{least, &b.least, &b.low, &b.lowNumber}, {most, &b.greatest, &b.high, &b.highNumber}} {
		if bound.written == "" {
			continue
		}
		*bound.set = true
		text := []byte(bound.written)
		var err error
		switch c.kind {
		case kindInteger:
			*bound.value, err = parseInteger(text)
		case kindNumeric:
			if *bound.number, err = parseDecimal(text); err == nil {
				var whole error
				*bound.value, whole = parseInteger(text)
				b.whole = b.whole && whole == nil
			}
		case kindDate:
			var days int32
			days, err = c.days(text)
			*bound.value = int64(days)
		default:
			*bound.value, err = c.micros(text)
		}
		if err != nil {
			return fmt.Errorf("the bound %s is no value of the column: %s", bound.written, c.reason(text, err))
		}
	}
	return nil
}

// continuation is a dataset's continuation, made ready: columns are numbers.
type continuation struct {
	column      int
	open, close []byte
	same, join  []int
}

func compileContinuation(d dataset.Continuation, columns []column) (*continuation, error) {
	find := func(name string) (int, error) {
		at := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		if at < 0 {
			return 0, fmt.Errorf("there is no column %s", name)
		}
		return at, nil
	}
	all := func(names []string) (list []int, err error) {
		for _, name := range names {
			at, err := find(name)
			if err != nil {
				return nil, err
			}
			list = append(list, at)
		}
		return list, nil
	}
	c := &continuation{open: []byte(d.Open), close: []byte(d.Close)}
	if d.Open == "" || d.Close == "" || d.Open == d.Close {
		return nil, errors.New("open and close must be two different signs")
	}
	var err error
	if c.column, err = find(d.Column); err != nil {
		return nil, err
	}
	if c.same, err = all(d.Same); err != nil {
		return nil, err
	}
	if c.join, err = all(d.Join); err != nil {
		return nil, err
	}
	if !slices.Contains(c.join, c.column) {
		return nil, fmt.Errorf("the column %s opens and closes, so it must be among those that are joined", d.Column)
	}
	return c, nil
}
