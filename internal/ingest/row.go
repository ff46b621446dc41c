package ingest

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/record"
)

// The hash of a row is XXH3 of 128 bits (github.com/zeebo/xxh3; SHA-256 takes thirteen times as long on a row) over
// the columns as they stand in the tuple, lengths included. It says whether a row has changed since the last file, for which
// 128 bits leave no room for chance. It is no defence against somebody who makes two rows collide on purpose: who delivers
// the file may write any row into it anyway. It is kept in databases, so it must stay what it is.

// Where things stand in a tuple: the number of its fields, the line and the hash behind their lengths, and the columns.
const (
	lineAt    = 2
	hashAt    = lineAt + 4 + 8
	columnsAt = hashAt + 4 + 16
	roomEach  = 32 // bytes that a column may take beyond its text
)

// converter turns batches of records into tuples. One worker has one.
type converter struct {
	columns []column
	fields  int // that a record must have
	hashes  bool
	decoder charset.Decoder
	nul     bool // the batch has a zero byte somewhere; while a row is converted, that row

	out       []byte // the tuples; all of its capacity is used as scratch
	n         int    // bytes of out that are tuples
	rows      int
	undecoded int // rejects that are not of the encoding
	ragged    int // rejects that have another number of fields
	rejects   []Reject
	single    []byte // a field with its quotes made single
	decoded   []byte
	cleaned   []byte
}

// start begins a new chunk in the memory of out.
func (c *converter) start(out []byte) {
	c.out, c.n, c.rows, c.undecoded, c.ragged, c.rejects = out[:cap(out)], 0, 0, 0, 0, nil
}

// batch converts all records of a batch, whose data has charset.Slack bytes after its end.
func (c *converter) batch(b *record.Batch) {
	data := b.Data[:len(b.Data)+charset.Slack]
	nul := c.nul
	for i := range b.Rows {
		row := &b.Rows[i]
		c.nul = nul && bytes.IndexByte(b.Data[row.Start:row.End], 0) >= 0
		if row.Problem != "" {
			c.reject(b, row, c.nameOf(row.Column), row.Problem)
			continue
		}
		if int(row.Count) != c.fields {
			c.ragged++
			c.reject(b, row, "", fmt.Sprintf("the row has %d fields, the dataset %d", row.Count, c.fields))
			continue
		}
		c.row(b, data, row)
	}
}

// nameOf is the column that reads a field, given by its number from 1.
func (c *converter) nameOf(field int) string {
	for i := range c.columns {
		if c.columns[i].source == field-1 {
			return c.columns[i].name
		}
	}
	return ""
}

// row appends one tuple, or a reject and no byte.
func (c *converter) row(b *record.Batch, data []byte, row *record.Row) {
	c.room(columnsAt + charset.Growth*int(row.End-row.Start) + roomEach*len(c.columns))
	fields := b.Fields[row.First : row.First+row.Count]
	out, n := c.out, c.n+columnsAt
	for i := range c.columns {
		col := &c.columns[i]
		f := &fields[col.source]
		if f.Start == f.End {
			if col.required {
				c.reject(b, row, col.name, errRequired.Error())
				return
			}
			binary.BigEndian.PutUint32(out[n:], 0xFFFFFFFF)
			n += 4
			continue
		}
		if f.Kind == record.Text && !c.nul {
			if end := c.quick(data, col, int(f.Start), int(f.End), n); end > 0 {
				n = end
				continue
			}
		}
		var ok bool
		if n, ok = c.value(b, data, row, col, f, n); !ok {
			return
		}
		out = c.out
	}
	binary.BigEndian.PutUint16(out[c.n:], uint16(2+len(c.columns)))
	binary.BigEndian.PutUint32(out[c.n+lineAt:], 8)
	binary.BigEndian.PutUint64(out[c.n+lineAt+4:], uint64(row.Line))
	binary.BigEndian.PutUint32(out[c.n+hashAt:], 16)
	var hash [16]byte
	if c.hashes {
		hash = xxh3.Hash128(out[c.n+columnsAt : n]).Bytes()
	}
	copy(out[c.n+hashAt+4:], hash[:])
	c.n = n
	c.rows++
}

// quick writes the value of a field to out[n:] in the usual cases: whatever needs more, or is wrong, is left to value.
func (c *converter) quick(data []byte, col *column, start, end, n int) int {
	out := c.out
	switch col.kind {
	case kindText:
		to, bad := c.decoder.Decode(out, n+4, data, start, end)
		if bad >= 0 {
			return 0
		}
		if col.clean || col.checked {
			text := out[n+4 : to]
			if col.clean {
				clean := col.normalise.apply(text, &c.cleaned)
				if len(clean) == 0 || len(clean) > len(text) {
					return 0
				}
				if len(clean) != len(text) || &clean[0] != &text[0] {
					to = n + 4 + copy(text, clean)
					text = out[n+4 : to]
				}
			}
			if col.checked && col.checkText(text) != nil {
				return 0
			}
		}
		binary.BigEndian.PutUint32(out[n:], uint32(to-n-4))
		return to
	case kindInteger:
		value, ok := shortInteger(data, start, end)
		if !ok || col.checked || col.bounds.check(value) != nil {
			return 0
		}
		binary.BigEndian.PutUint32(out[n:], 8)
		binary.BigEndian.PutUint64(out[n+4:], uint64(value))
		return n + 12
	default:
		if col.kind == kindNumeric && col.bounds.whole && !col.checked {
			if value, ok := shortInteger(data, start, end); ok && col.bounds.check(value) == nil {
				return putShort(out, n, value)
			}
		}
		text := data[start:end]
		if col.clean && (text[0] <= ' ' || text[len(text)-1] <= ' ' || !isASCII(text)) || !col.clean && text[0] >= 0x80 {
			return 0
		}
		to, err := col.putValue(out, n, text)
		if err != nil {
			return 0
		}
		return to
	}
}

// value writes the value of a field to out[n:], or rejects the row. out may have moved afterwards.
func (c *converter) value(b *record.Batch, data []byte, row *record.Row, col *column, f *record.Field, n int) (int, bool) {
	start, end := int(f.Start), int(f.End)
	raw := data[start:end]
	if f.Kind == record.Doubled {
		c.single = c.single[:0]
		for rest := raw; len(rest) > 0; {
			at := bytes.Index(rest, doubled)
			if at < 0 {
				c.single = append(c.single, rest...)
				break
			}
			c.single = append(c.single, rest[:at+1]...)
			rest = rest[at+2:]
		}
		start, end = 0, len(c.single)
		c.single = append(c.single, slack[:]...)
		raw, data = c.single[:end], c.single
	}
	if c.nul && bytes.IndexByte(raw, 0) >= 0 {
		c.reject(b, row, col.name, errNUL.Error())
		return n, false
	}
	text := raw
	if col.kind == kindText || !isASCII(raw) {
		if need := charset.Growth*len(raw) + charset.Slack; cap(c.decoded) < need {
			c.decoded = make([]byte, 2*need)
		}
		to, bad := c.decoder.Decode(c.decoded[:cap(c.decoded)], 0, data, start, end)
		if bad >= 0 {
			c.undecodable(b, row, col, raw, bad-start)
			return n, false
		}
		text = c.decoded[:to]
	}
	if col.clean {
		text = col.normalise.apply(text, &c.cleaned)
	}
	var err error
	switch {
	case len(text) == 0 && !col.required:
		binary.BigEndian.PutUint32(c.out[n:], 0xFFFFFFFF)
		return n + 4, true
	case len(text) == 0:
		err = errRequired
	case col.kind == kindText:
		if err = col.checkText(text); err == nil {
			if len(text) > charset.Growth*len(raw) { // normalised to something longer: ﷺ becomes 18 characters
				c.roomAt(n, len(text)+charset.Growth*int(row.End-row.Start)+roomEach*len(c.columns))
			}
			binary.BigEndian.PutUint32(c.out[n:], uint32(len(text)))
			return n + 4 + copy(c.out[n+4:], text), true
		}
	default:
		var to int
		if to, err = col.putValue(c.out, n, text); err == nil {
			return to, true
		}
	}
	c.reject(b, row, col.name, col.reason(text, err))
	return n, false
}

var (
	doubled = []byte(`""`)
	slack   [charset.Slack]byte
)

// room makes sure that out can take so many bytes more.
func (c *converter) room(more int) { c.roomAt(c.n, more) }

func (c *converter) roomAt(n, more int) {
	if len(c.out)-n < more {
		bigger := make([]byte, 2*len(c.out)+more)
		copy(bigger, c.out[:n])
		c.out = bigger
	}
}

// undecodable rejects a row with a byte that is not of the encoding, at a position of a field.
func (c *converter) undecodable(b *record.Batch, row *record.Row, col *column, raw []byte, at int) {
	c.undecoded++
	c.reject(b, row, col.name, fmt.Sprintf("byte %d of the column is not %s: % X", at+1, c.decoder.Charset(), raw[at:min(at+3, len(raw))]))
}

func (c *converter) reject(b *record.Batch, row *record.Row, name, reason string) {
	raw := b.Data[row.Start:row.End]
	c.rejects = append(c.rejects, Reject{Line: row.Line, Column: name, Reason: reason, Size: int64(len(raw)),
		Raw: bytes.Clone(raw[:min(len(raw), RawLimit)])})
}
