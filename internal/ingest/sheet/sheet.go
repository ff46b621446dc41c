package sheet

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tejun/internal/dataset"
	"tejun/internal/ingest/dates"
	"tejun/internal/ingest/record"
	"tejun/internal/ingest/unpack"
)

// mostTitles is how many rows above the header are passed over: workbooks often begin with a title and a date.
const mostTitles = 30

type source struct {
	book    *book
	content io.Closer
	tokens  *tokens
	wanted  []record.Wanted
	layouts []*dates.Layout // of the wanted dates and times; nil for others
	at      []int           // the wanted fields' columns, from 1
	row     int             // the last row that was read
	cells   []cell          // of that row, in order
	values  []byte          // of these
}

// cell is one cell that has something in it.
type cell struct {
	column     int // from 1
	start, end int // in values
	dated      bool
	problem    string
}

// Open reads a sheet of a workbook: the one that the dataset names, or the only one. With a header, the header is the first of
// the first rows in which all wanted names stand.
func Open(file record.File, size int64, d *dataset.Dataset, wanted []record.Wanted) (record.Source, error) {
	b, err := openBook(file, size, unpack.Limits{Bytes: d.Source.MaxBytes})
	if err != nil {
		return nil, err
	}
	part, err := b.choose(d.Format.Sheet)
	if err != nil {
		return nil, err
	}
	content, _, err := unpack.Zip(file, size, part, b.limits)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names the part
	}
	s := &source{book: b, content: content, tokens: newTokens(content, part), wanted: wanted, layouts: make([]*dates.Layout, len(wanted))}
	for i := range wanted {
		if layouts := d.Columns[i].DateLayouts(); len(layouts) > 0 {
			if s.layouts[i], err = dates.Compile(layouts[0]); err != nil {
				return nil, errors.Join(err, content.Close())
			}
		}
	}
	if err := s.begin(d.Format.Header); err != nil {
		return nil, errors.Join(err, content.Close())
	}
	return s, nil
}

func (b *book) choose(name string) (string, error) {
	var names []string
	for _, s := range b.sheets {
		names = append(names, s.name)
	}
	at := 0
	switch {
	case name != "":
		if at = slices.Index(names, name); at < 0 {
			return "", record.Refuse("the workbook has no sheet %q; it has %s", name, strings.Join(names, ", "))
		}
	case len(names) == 0:
		return "", record.Refuse("the workbook has no sheet")
	case len(names) > 1:
		return "", record.Refuse("the workbook has %d sheets: name one by the dataset's sheet; there are %s", len(names), strings.Join(names, ", "))
	}
	part := b.targets[b.sheets[at].relation]
	if part == "" {
		return "", record.Refuse("the workbook is damaged: it does not say where its sheet %q is", names[at])
	}
	return part, nil
}

// begin finds the columns of the wanted fields.
func (s *source) begin(header bool) error {
	s.at = make([]int, len(s.wanted))
	named := false
	for i, w := range s.wanted {
		s.at[i] = w.Number
		named = named || w.Number == 0
	}
	if !header {
		return nil
	}
	var first []string
	var missing []string
	for n := 0; n < mostTitles; n++ {
		if err := s.read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		var names []string
		missing = missing[:0]
		for _, c := range s.cells {
			names = append(names, strings.TrimSpace(string(s.values[c.start:c.end])))
		}
		if first == nil {
			first = names
		}
		for i, w := range s.wanted {
			if w.Number > 0 {
				continue
			}
			at := slices.Index(names, w.Name)
			if at < 0 {
				missing = append(missing, w.Name)
				continue
			}
			if slices.Contains(names[at+1:], w.Name) {
				return record.Refuse("row %d, the header, names %s more than once: declare the column by its number, or have the file mended", s.row, w.Name)
			}
			s.at[i] = s.cells[at].column
		}
		if len(missing) == 0 {
			return nil
		}
		if !named {
			return nil
		}
	}
	if first == nil {
		return record.Refuse("the sheet is empty")
	}
	return record.Refuse("none of the first %d rows has all names of the header; the first row has %s; not found in the last one: %s", mostTitles, strings.Join(first, ", "), strings.Join(missing, ", "))
}

// Close closes the sheet; the file is the caller's.
func (s *source) Close() error { return s.content.Close() } //nolint:wrapcheck // it names the part

// Next reads rows until the batch is full. Rows without anything in them are passed over.
func (s *source) Next(b *record.Batch) error {
	for len(b.Data) < record.Limit {
		if err := s.read(); err != nil {
			if errors.Is(err, io.EOF) && len(b.Rows) > 0 {
				return nil
			}
			return err
		}
		b.Start(int64(s.row))
		problem, column := "", 0
		for i, number := range s.at {
			at, there := slices.BinarySearchFunc(s.cells, number, func(c cell, n int) int { return c.column - n })
			if !there {
				b.AddNull()
				continue
			}
			c := &s.cells[at]
			if c.problem != "" && problem == "" {
				problem, column = c.problem, i+1
			}
			text := s.values[c.start:c.end]
			if c.dated {
				text = s.book.date(text, s.layouts[i])
			}
			b.Add(text)
		}
		raw := s.raw()
		if problem != "" {
			b.Fail(column, raw, "%s", problem)
			continue
		}
		row := &b.Rows[len(b.Rows)-1]
		row.Start = uint32(len(b.Data))
		b.Data = append(b.Data, raw...)
		row.End = uint32(len(b.Data))
	}
	return nil
}

// raw is the row for the list of rejects: its cells with tabs between them.
func (s *source) raw() []byte {
	var raw []byte
	column := 1
	for _, c := range s.cells {
		for ; column < c.column; column++ {
			raw = append(raw, '\t')
		}
		raw = append(raw, s.values[c.start:c.end]...)
	}
	return raw
}

// read reads the next row that has something in it.
func (s *source) read() error {
	for {
		token, err := s.tokens.next()
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "row" {
				if err := s.readRow(e); err != nil {
					return err
				}
				if len(s.cells) > 0 {
					return nil
				}
			}
		case xml.EndElement:
			if e.Name.Local == "sheetData" { // what follows is about the looks; it is read so that a cut is seen
				for {
					if _, err := s.tokens.next(); err != nil {
						return err
					}
				}
			}
		}
	}
}

func (s *source) damaged(format string, args ...any) error {
	return record.Refuse("the workbook is damaged in %s: %s; have it saved and sent again", s.tokens.name, fmt.Sprintf(format, args...))
}

func (s *source) readRow(e xml.StartElement) error {
	number := s.row + 1
	if text := attribute(e, "r"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < number || n > mostRow {
			return s.damaged("row %q comes after row %d", text, s.row)
		}
		number = n
	}
	s.row, s.cells, s.values = number, s.cells[:0], s.values[:0]
	column := 0
	for {
		token, err := s.tokens.next()
		if err != nil {
			return unexpected(err, s)
		}
		switch e := token.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if e.Name.Local != "c" {
				if _, err := s.tokens.text(nil); err != nil {
					return unexpected(err, s)
				}
				continue
			}
			column++
			if text := attribute(e, "r"); text != "" {
				n, ok := columnOf(text)
				if !ok || n < column {
					return s.damaged("cell %q in row %d comes after column %d", text, number, column-1)
				}
				column = n
			}
			if err := s.readCell(e, column); err != nil {
				return err
			}
		}
	}
}

// unexpected makes an error of an end that comes too early.
func unexpected(err error, s *source) error {
	if errors.Is(err, io.EOF) {
		return s.damaged("it is cut off")
	}
	return err
}

// columnOf is the number of the column of a cell such as AB12.
func columnOf(reference string) (int, bool) {
	n, i := 0, 0
	for ; i < len(reference) && reference[i] >= 'A' && reference[i] <= 'Z' && n <= mostCol; i++ {
		n = n*26 + int(reference[i]-'A') + 1
	}
	return n, i > 0 && n <= mostCol
}

func (s *source) readCell(start xml.StartElement, column int) error {
	kind := attribute(start, "t")
	var value []byte
	there, formula := false, false
	for depth := 1; depth > 0; {
		token, err := s.tokens.next()
		if err != nil {
			return unexpected(err, s)
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch {
			case e.Name.Local == "is" && depth == 1:
				if value, err = s.tokens.text(value); err != nil {
					return unexpected(err, s)
				}
				there = true
				continue
			case e.Name.Local == "v" && depth == 1:
				there = true
			case e.Name.Local == "f" && depth == 1:
				formula = true
				if _, err := s.tokens.text(nil); err != nil {
					return unexpected(err, s)
				}
				continue
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 2 {
				value = append(value, e...)
			}
		}
	}
	c := cell{column: column, start: len(s.values)}
	switch {
	case formula && !there:
		c.problem = "holds a formula whose value was not saved: open the file in Excel and save it"
	case !there:
		return nil
	default:
		value = s.value(&c, kind, attribute(start, "s"), value)
	}
	if len(value) == 0 && c.problem == "" {
		return nil
	}
	s.values = append(s.values, value...)
	c.end = len(s.values)
	s.cells = append(s.cells, c)
	return nil
}

// value is what stands in a cell, as text.
func (s *source) value(c *cell, kind, style string, value []byte) []byte {
	switch kind {
	case "s":
		text, ok := s.book.shared(string(value))
		if !ok {
			c.problem = fmt.Sprintf("names the shared text %s, which the workbook does not have: it is damaged", value)
		}
		return text
	case "str", "inlineStr":
		return value
	case "b":
		return []byte(map[string]string{"1": "true", "0": "false"}[string(value)])
	case "e":
		c.problem = fmt.Sprintf("holds the error %s: a formula has failed", value)
		return value
	case "d":
		c.dated = true
		return value
	}
	n, err := strconv.Atoi(style)
	c.dated = err == nil && n >= 0 && n < len(s.book.dates) && s.book.dates[n]
	return number(value)
}
