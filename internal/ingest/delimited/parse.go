package delimited

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"

	"tejun/internal/ingest/record"
)

// Parse finds the records of a block, which the batch then points into: it is good as long as the block is. Blank lines
// are left out and counted.
func Parse(b *Block, rules Rules, batch *record.Batch) (blank int, err error) {
	batch.Data, batch.Fields, batch.Rows = b.Data, batch.Fields[:0], batch.Rows[:0]
	if b.Long > 0 {
		batch.Rows = append(batch.Rows, record.Row{Line: b.Line, End: uint32(len(b.Data)),
			Problem: fmt.Sprintf("the line has %d bytes, the limit is %d", b.Long, rules.MaxLine)})
		return 0, nil
	}
	data := b.Data[:len(b.Data)+Slack]
	if rules.DoubleByte {
		data = b.masked[:len(b.Data)+Slack]
	}
	p := parser{data: data, n: len(b.Data), end: b.End, rules: rules, fields: batch.Fields}
	line := b.Line
	for p.pos < p.n {
		start, first := p.pos, len(p.fields)
		if err := p.record(); err != nil {
			batch.Fields = p.fields
			err.Line = b.Line + int64(bytes.Count(data[:err.Line], []byte{b.End}))
			return blank, err
		}
		line++
		stop := p.stop
		if stop == start { // fields of length 0 have been added: one
			p.fields = p.fields[:first]
			blank++
			continue
		}
		row := record.Row{Line: line - 1, First: uint32(first), Count: uint32(len(p.fields) - first), Start: uint32(start), End: uint32(stop)}
		if p.garbage > 0 {
			row.Column = p.garbage
			row.Problem = "text stands between the closing quote and the next delimiter: double the quotes that belong to the text"
			p.garbage = 0
		}
		if stop-start > rules.MaxLine {
			row.Column, row.Problem = 0, fmt.Sprintf("the line has %d bytes, the limit is %d", stop-start, rules.MaxLine)
		}
		batch.Rows = append(batch.Rows, row)
	}
	batch.Fields = p.fields
	if int(line-b.Line) != b.Lines {
		number(batch.Rows, b)
	}
	return blank, nil
}

// number counts the lines again where quoted fields hold line ends.
func number(rows []record.Row, b *Block) {
	line, at := b.Line, 0
	for i := range rows {
		line += int64(bytes.Count(b.Data[at:rows[i].Start], []byte{b.End}))
		at = int(rows[i].Start)
		rows[i].Line = line
	}
}

type parser struct {
	data    []byte // n bytes and Slack
	n, pos  int
	stop    int // where the last record stops, without its line end
	end     byte
	rules   Rules
	fields  []record.Field
	garbage int // the field, from 1, that has text after its closing quote
}

// record reads one record. The error's line is a position in data.
func (p *parser) record() *QuoteError {
	data, n, pos := p.data, p.n, p.pos
	delimiters, ends := uint64(p.rules.Delimiter)*ones, uint64(p.end)*ones
	first := len(p.fields)
	for {
		field := record.Field{Start: uint32(pos)}
		quoted := false
		if pos < n && data[pos] == '"' {
			q, doubled := p.closing(pos + 1)
			if q >= n || q-pos > p.rules.MaxLine+1 {
				limit := p.rules.MaxLine
				if q >= n {
					limit = 0
				}
				return &QuoteError{Line: int64(pos), Limit: limit}
			}
			field = record.Field{Start: uint32(pos + 1), End: uint32(q), Quoted: true}
			if doubled {
				field.Kind = record.Doubled
			}
			quoted, pos = true, q+1
		}
		after := pos
		for pos < n {
			word := binary.LittleEndian.Uint64(data[pos:])
			d, e := word^delimiters, word^ends
			if hit := ((d-ones)&^d | (e-ones)&^e) & high; hit != 0 {
				pos += bits.TrailingZeros64(hit) >> 3
				break
			}
			pos += 8
		}
		if pos < n && data[pos] == p.rules.Delimiter {
			if !quoted {
				field.End = uint32(pos)
			} else if pos != after && p.garbage == 0 {
				p.garbage = len(p.fields) - first + 1
			}
			p.fields = append(p.fields, field)
			pos++
			continue
		}
		stop := min(pos, n)
		if p.end == '\n' && stop > after && data[stop-1] == '\r' {
			stop--
		}
		if !quoted {
			field.End = uint32(stop)
		} else if stop != after && p.garbage == 0 {
			p.garbage = len(p.fields) - first + 1
		}
		p.fields = append(p.fields, field)
		p.stop, p.pos = stop, min(pos+1, n)
		return nil
	}
}

// closing is the position of the quote that closes what opened before from, or n.
func (p *parser) closing(from int) (at int, doubled bool) {
	for {
		q := nextQuote(p.data, from, p.n)
		if q+1 >= p.n || p.data[q+1] != '"' {
			return q, doubled
		}
		doubled = true
		from = q + 2
	}
}
