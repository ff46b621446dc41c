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
	p := parser{data: data, n: len(b.Data), end: b.End, rules: rules, fields: batch.Fields, rows: batch.Rows}
	blank, lines, open := p.parse()
	batch.Fields, batch.Rows = p.fields, p.rows
	if open != nil {
		open.Line = b.Line + int64(bytes.Count(data[:open.Line], []byte{b.End}))
		return blank, open
	}
	if lines != b.Lines {
		number(batch.Rows, b)
		return blank, nil
	}
	for i := range batch.Rows {
		batch.Rows[i].Line += b.Line
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
	data   []byte // n bytes and Slack
	n      int
	end    byte
	rules  Rules
	fields []record.Field
	rows   []record.Row // whose lines are counted from 0, and only if no field holds a line end
}

// parse finds the fields. It looks at 64 bytes at a time, in which one bit for each byte tells the delimiters and line
// ends, and goes from bit to bit. The error's line is a position in data.
func (p *parser) parse() (blank, lines int, open *QuoteError) {
	data, n, fields := p.data, p.n, p.fields
	delimiter, end := p.rules.Delimiter, p.end
	delimiters, ends := uint64(delimiter)*ones, uint64(end)*ones
	base := -64 // where the 64 bytes begin that bits are of
	var bits64 uint64
	start, after := 0, 0 // of the field; after its closing quote
	rowStart, first, garbage := 0, len(fields), 0
	field := record.Field{}
	quoted := false
	for {
		if !quoted && start < n && data[start] == '"' {
			q, doubled := p.closing(start + 1)
			if q >= n || q-start > p.rules.MaxLine+1 {
				limit := p.rules.MaxLine
				if q >= n {
					limit = 0
				}
				p.fields = fields
				return blank, lines, &QuoteError{Line: int64(start), Limit: limit}
			}
			field = record.Field{Start: uint32(start + 1), End: uint32(q), Quoted: true}
			if doubled {
				field.Kind = record.Doubled
			}
			quoted, after = true, q+1
			if after >= base+64 {
				base = after - after&63
				bits64 = separators(data[base:base+64], delimiters, ends)
			}
			bits64 &= ^uint64(0) << (after - base)
		}
		for bits64 == 0 && base+64 < n {
			base += 64
			bits64 = separators(data[base:base+64], delimiters, ends)
		}
		pos := n
		if bits64 != 0 {
			pos = min(base+bits.TrailingZeros64(bits64), n)
			bits64 &= bits64 - 1
		}
		if pos < n && data[pos] == delimiter {
			if !quoted {
				field = record.Field{Start: uint32(start), End: uint32(pos)}
			} else if pos != after && garbage == 0 {
				garbage = len(fields) - first + 1
			}
			fields = append(fields, field)
			quoted, start, after = false, pos+1, pos+1
			continue
		}
		if pos == rowStart && pos == n {
			break // the last record ended with a line end
		}
		stop := pos
		if end == '\n' && stop > after && data[stop-1] == '\r' {
			stop--
		}
		if !quoted {
			field = record.Field{Start: uint32(start), End: uint32(stop)}
		} else if stop != after && garbage == 0 {
			garbage = len(fields) - first + 1
		}
		fields = append(fields, field)
		if stop == rowStart {
			fields = fields[:first]
			blank++
		} else {
			p.add(record.Row{Line: int64(lines), First: uint32(first), Count: uint32(len(fields) - first), Start: uint32(rowStart), End: uint32(stop)}, garbage)
		}
		lines++
		rowStart, first, garbage, quoted, start, after = pos+1, len(fields), 0, false, pos+1, pos+1
		if pos >= n-1 {
			break
		}
	}
	p.fields = fields
	return blank, lines, nil
}

// add adds a record, and says what is wrong with it.
func (p *parser) add(row record.Row, garbage int) {
	if garbage > 0 {
		row.Column = garbage
		row.Problem = "text stands between the closing quote and the next delimiter: double the quotes that belong to the text"
	}
	if length := int(row.End - row.Start); length > p.rules.MaxLine {
		row.Column, row.Problem = 0, fmt.Sprintf("the line has %d bytes, the limit is %d", length, p.rules.MaxLine)
	}
	p.rows = append(p.rows, row)
}

// separators has a bit for each of 64 bytes that is one of two.
func separators(data []byte, delimiters, ends uint64) (found uint64) {
	const low = 0x7F7F7F7F7F7F7F7F
	data = data[:64]
	for i := 0; i < 64; i += 8 {
		word := binary.LittleEndian.Uint64(data[i:])
		d, e := word^delimiters, word^ends
		d, e = (d&low+low)|d, (e&low+low)|e // the high bit of each byte is clear where the byte is zero
		hit := ^(d & e) & high
		found |= (hit >> 7 * 0x0102040810204080 >> 56) << i
	}
	return found
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
