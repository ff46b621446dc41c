package ingest

import (
	"bytes"
	"fmt"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/record"
)

// mostContinued is how many rows may continue one; a row that opens and never closes must not swallow the file.
const mostContinued = 200

// joiner puts the rows together that continue one another. It goes through the file from beginning to end, so there is one
// for all batches.
type joiner struct {
	rule    *continuation
	columns []column // with their fields in the file
	decoder charset.Decoder

	joined  int // rows that were put to another one, in the batch at hand
	waiting bool
	row     record.Row
	raw     []byte
	fields  [][]byte // of the row that waits, in the file's encoding, quotes made single
	null    []bool
	rows    int // that continue it
	deep    int // how many signs are open
	scratch []byte
	rest    []record.Row
}

// batch puts rows of a batch together; the last may wait for the next batch. At the end of the file it waits for nothing.
func (j *joiner) batch(b *record.Batch, fields int, last bool) {
	j.joined, j.rest = 0, j.rest[:0]
	for i := range b.Rows {
		row := &b.Rows[i]
		whole := row.Problem == "" && int(row.Count) == fields
		if j.waiting {
			if whole && j.rows < mostContinued && j.continues(b, row) {
				j.add(b, row)
				continue
			}
			j.give(b, true)
		}
		if whole {
			if deep := j.depth(b, row); deep > 0 {
				j.begin(b, row, deep)
				continue
			}
		}
		j.rest = append(j.rest, *row)
	}
	if last && j.waiting {
		j.give(b, true)
	}
	b.Rows, j.rest = j.rest, b.Rows
}

// field is the text of a column, in the file's encoding.
func (j *joiner) field(b *record.Batch, row *record.Row, column int) (text []byte, null bool) {
	f := &b.Fields[int(row.First)+j.columns[column].source]
	return b.Data[f.Start:f.End], f.Kind == record.Null
}

// depth is how many signs a row's column opens and does not close.
func (j *joiner) depth(b *record.Batch, row *record.Row) int {
	f := &b.Fields[int(row.First)+j.columns[j.rule.column].source]
	length := int(f.End - f.Start)
	if need := charset.Growth*length + charset.Slack; len(j.scratch) < need {
		j.scratch = make([]byte, 2*need)
	}
	n, bad := j.decoder.Decode(j.scratch, 0, b.Data[:len(b.Data)+charset.Slack], int(f.Start), int(f.End))
	if bad >= 0 {
		return 0 // the row will be rejected as it is
	}
	return bytes.Count(j.scratch[:n], j.rule.open) - bytes.Count(j.scratch[:n], j.rule.close)
}

// continues says whether a row may be the next part of the one that waits.
func (j *joiner) continues(b *record.Batch, row *record.Row) bool {
	for _, column := range j.rule.same {
		text, _ := j.field(b, row, column)
		if !bytes.Equal(text, j.fields[j.columns[column].source]) {
			return false
		}
	}
	return true
}

func (j *joiner) begin(b *record.Batch, row *record.Row, deep int) {
	j.waiting, j.row, j.rows, j.deep = true, *row, 0, deep
	j.raw = append(j.raw[:0], b.Data[row.Start:row.End]...)
	j.fields, j.null = j.fields[:0], j.null[:0]
	for i := range int(row.Count) {
		f := &b.Fields[int(row.First)+i]
		text := bytes.Clone(b.Data[f.Start:f.End])
		if f.Kind == record.Doubled {
			text = bytes.ReplaceAll(text, doubled, doubled[:1])
		}
		j.fields, j.null = append(j.fields, text), append(j.null, f.Kind == record.Null)
	}
}

func (j *joiner) add(b *record.Batch, row *record.Row) {
	j.joined++
	j.rows++
	j.raw = append(append(j.raw, '\r', '\n'), b.Data[row.Start:row.End]...)
	for _, column := range j.rule.join {
		text, null := j.field(b, row, column)
		at := j.columns[column].source
		if null || bytes.Equal(text, j.fields[at]) {
			continue
		}
		if f := &b.Fields[int(row.First)+at]; f.Kind == record.Doubled {
			text = bytes.ReplaceAll(text, doubled, doubled[:1])
		}
		j.fields[at] = append(j.fields[at], text...)
	}
	if j.deep += j.depth(b, row); j.deep <= 0 {
		j.give(b, false)
	}
}

// give puts the row that waited into the batch; open says that nothing closed it.
func (j *joiner) give(b *record.Batch, open bool) {
	j.waiting = false
	row := j.row
	row.Start = uint32(len(b.Data))
	b.Data = append(b.Data, j.raw...)
	row.End = uint32(len(b.Data))
	row.First = uint32(len(b.Fields))
	for i, text := range j.fields {
		f := record.Field{Start: uint32(len(b.Data))}
		if j.null[i] {
			f.Kind = record.Null
		}
		b.Data = append(b.Data, text...)
		f.End = uint32(len(b.Data))
		b.Fields = append(b.Fields, f)
	}
	if open {
		row.Column = j.columns[j.rule.column].source + 1
		row.Problem = fmt.Sprintf("the text opens %s, and neither it nor the rows that continue it close it", j.rule.open)
	}
	b.Data = append(b.Data, slack[:]...)[:len(b.Data)]
	j.rest = append(j.rest, row)
}
