// Package parquetfile reads the rows of Parquet files.
package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"tejun/internal/dataset"
	"tejun/internal/ingest/dates"
	"tejun/internal/ingest/record"
)

// source reads a file, row group by row group. The library is parquet-go/parquet-go: pure Go, without
// the runtime that apache/arrow-go brings, and it reads by row groups from any io.ReaderAt.
type source struct {
	file    *parquet.File
	columns []column // the wanted ones
	width   int
	group   int
	rows    parquet.Rows
	buffer  []parquet.Row
	line    int64
}

type column struct {
	index  int
	layout *dates.Layout // of the dataset's column, if it is a date or a time
	write  func(v parquet.Value, layout *dates.Layout) string
}

// mostColumns bounds the columns of a file whose footer nobody has checked.
const mostColumns = 10_000

// Open reads a Parquet file. Days and times are written in the first layout of their column.
func Open(file record.File, size int64, d *dataset.Dataset, wanted []record.Wanted) (_ record.Source, err error) {
	defer recovered(&err)
	if err := checkFooter(file, size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &record.FileError{Reason: "the file is no Parquet file, or is cut off: " + err.Error(), Cause: err}
	}
	names := f.Schema().Columns()
	if len(names) > mostColumns {
		return nil, record.Refuse("the Parquet file has %d columns, at most %d can be read", len(names), mostColumns)
	}
	limit := d.Source.MaxBytes
	var unpacked int64
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			if c.MetaData.TotalUncompressedSize < 0 || c.MetaData.TotalUncompressedSize > 1<<40 {
				return nil, record.Refuse("the Parquet file claims a column of %d bytes: it is damaged", c.MetaData.TotalUncompressedSize)
			}
			unpacked += c.MetaData.TotalUncompressedSize
		}
	}
	if limit > 0 && unpacked > limit {
		return nil, record.Refuse("the Parquet file unpacks to %d bytes, more than the %d that are allowed", unpacked, limit)
	}
	p := &source{file: f, width: len(names), buffer: make([]parquet.Row, 64)}
	for i, want := range wanted {
		leaf, ok := f.Schema().Lookup(want.Name)
		switch {
		case !ok:
			return nil, record.Refuse("there is no column %q in the Parquet file; there are: %s", want.Name, joined(names))
		case leaf.MaxRepetitionLevel > 0:
			return nil, record.Refuse("the column %q of the Parquet file holds lists, which no column takes", want.Name)
		}
		c := column{index: leaf.ColumnIndex, write: writerOf(leaf.Node.Type())}
		if layouts := d.Columns[i].DateLayouts(); len(layouts) > 0 {
			if c.layout, err = dates.Compile(layouts[0]); err != nil {
				return nil, fmt.Errorf("column %s: %w", d.Columns[i].Name, err)
			}
		}
		p.columns = append(p.columns, c)
	}
	return p, nil
}

// mostFooter bounds the footer. It has a few hundred bytes for each column of each row group.
const mostFooter = 64 << 20

// checkFooter makes sure that the footer can be as large as the file says: the library takes so much memory at once, up to 4 GB.
func checkFooter(file io.ReaderAt, size int64) error {
	var end [8]byte
	if size < int64(len(end)) {
		return record.Refuse("the file is no Parquet file, or is cut off: it has %d bytes", size)
	}
	if n, err := file.ReadAt(end[:], size-int64(len(end))); n < len(end) {
		return fmt.Errorf("read the end of the Parquet file: %w", err)
	}
	claimed := int64(binary.LittleEndian.Uint32(end[:]))
	if claimed > size || claimed > mostFooter {
		return record.Refuse("the file is no Parquet file, or is cut off: it has %d bytes, and claims a footer of %d (at most %d can be read)", size, claimed, int64(mostFooter))
	}
	return nil
}

func joined(paths [][]string) string {
	var names []string
	for _, path := range paths[:min(len(paths), 40)] {
		names = append(names, strings.Join(path, "."))
	}
	return strings.Join(names, ", ")
}

// writerOf says how the values of a column become text.
func writerOf(t parquet.Type) func(parquet.Value, *dates.Layout) string {
	if logical := t.LogicalType(); logical != nil {
		switch l := logical.Value.(type) {
		case *format.DecimalType:
			return func(v parquet.Value, _ *dates.Layout) string { return decimalText(v, int(l.Scale)) }
		case *format.DateType:
			return func(v parquet.Value, layout *dates.Layout) string {
				return dayText(time.Unix(int64(v.Int32())*86400, 0).UTC(), layout, "2006-01-02")
			}
		case *format.TimestampType:
			unit := time.Millisecond
			if l.Unit.Value != nil {
				unit = l.Unit.Value.Duration()
			}
			return func(v parquet.Value, layout *dates.Layout) string {
				t := instant(v.Int64(), unit)
				if l.IsAdjustedToUTC {
					t = t.In(japan)
				} else {
					t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), japan)
				}
				return dayText(t, layout, "2006-01-02T15:04:05.999999")
			}
		}
	}
	return func(v parquet.Value, _ *dates.Layout) string {
		switch v.Kind() {
		case parquet.Float:
			return strconv.FormatFloat(float64(v.Float()), 'f', -1, 32)
		case parquet.Double:
			return strconv.FormatFloat(v.Double(), 'f', -1, 64)
		}
		return v.String()
	}
}

// japan is the zone of times that name none.
var japan = time.FixedZone("JST", 9*60*60)

func instant(n int64, unit time.Duration) time.Time {
	perSecond := int64(time.Second / unit)
	second, rest := n/perSecond, n%perSecond
	return time.Unix(second, rest*int64(unit)).UTC()
}

// dayText writes a day or a time as the column's layout wants it.
func dayText(t time.Time, layout *dates.Layout, otherwise string) string {
	if layout == nil {
		return t.Format(otherwise)
	}
	return string(layout.Append(nil, t))
}

func decimalText(v parquet.Value, scale int) string {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32, parquet.Int64:
		n.SetInt64(v.Int64())
		if v.Kind() == parquet.Int32 {
			n.SetInt64(int64(v.Int32()))
		}
	default:
		bytes := v.ByteArray()
		n.SetBytes(bytes)
		if len(bytes) > 0 && bytes[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(bytes)*8)))
		}
	}
	if scale <= 0 || scale > 1000 {
		return n.String()
	}
	return new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(scale)
}

func (p *source) Next(b *record.Batch) (err error) {
	defer recovered(&err)
	values := make([]parquet.Value, p.width)
	for len(b.Data) < record.Limit {
		if p.rows == nil {
			groups := p.file.RowGroups()
			if p.group == len(groups) {
				break
			}
			p.rows = groups[p.group].Rows()
			p.group++
		}
		n, err := p.rows.ReadRows(p.buffer)
		for _, row := range p.buffer[:n] {
			p.line++
			clear(values)
			for _, v := range row {
				if at := v.Column(); at >= 0 && at < len(values) {
					values[at] = v
				}
			}
			p.add(b, values)
		}
		if errors.Is(err, io.EOF) {
			closed := p.rows.Close()
			if p.rows = nil; closed != nil {
				return fmt.Errorf("close a row group: %w", closed)
			}
			continue
		}
		if err != nil {
			return &record.FileError{Line: p.line + 1, Reason: "the Parquet file is damaged: " + err.Error(), Cause: err}
		}
	}
	if len(b.Rows) == 0 {
		return io.EOF
	}
	return nil
}

func (p *source) add(b *record.Batch, values []parquet.Value) {
	b.Start(p.line)
	texts := make([][]byte, len(p.columns))
	var raw []byte
	wrong := 0
	for i, c := range p.columns {
		if i > 0 {
			raw = append(raw, '\t')
		}
		if v := values[c.index]; !v.IsNull() {
			texts[i] = []byte(c.write(v, c.layout))
			if wrong == 0 && !utf8.Valid(texts[i]) {
				wrong = i + 1
			}
			raw = append(raw, texts[i]...)
		}
	}
	start := uint32(len(b.Data))
	b.Data = append(b.Data, raw...)
	end := uint32(len(b.Data))
	for _, text := range texts {
		if text == nil {
			b.AddNull()
		} else {
			b.Add(text)
		}
	}
	last := &b.Rows[len(b.Rows)-1]
	last.Start, last.End = start, end
	if wrong > 0 {
		b.Fail(wrong, nil, "holds bytes that are not UTF-8, as texts in Parquet must be")
	}
}

// recovered makes an error of a panic of the library that met a damaged file; the worker goes on.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = record.Refuse("the Parquet file is damaged: its reader gave up on it (%v)", v)
	}
}

func (p *source) Close() error {
	if p.rows == nil {
		return nil
	}
	if err := p.rows.Close(); err != nil {
		return fmt.Errorf("close a row group: %w", err)
	}
	return nil
}
