// Package record is what the readers of all file formats hand to the conversion: batches of records, whose fields are
// bytes in one common slice, so that reading allocates nothing per record or field.
package record

import (
	"fmt"
	"io"
)

// Kind says what stands in a field.
type Kind uint8

// The kinds of fields.
const (
	Text    Kind = iota // the bytes as they are, in the encoding of the batch's maker
	Null                // no value: JSON null, an empty cell, a missing key
	Doubled             // CSV only: a quoted field that holds doubled quotes, which still have to be made single
)

// Field is one field: Data[Start:End] of its batch.
type Field struct {
	Start, End uint32
	Kind       Kind
	Quoted     bool // CSV only: it stood in quotes
}

// Row is one record: fields First to First+Count of its batch.
type Row struct {
	Line       int64  // from 1: the line where it starts, the row of the sheet, or the number of the record
	First      uint32 // its first field in Fields
	Count      uint32
	Start, End uint32 // its bytes as they stood in the file, Data[Start:End], for the list of rejects
	Problem    string // why this record cannot be read, in words; "" if it can
	Column     int    // with Problem: the number of the field, from 1; 0 if it is the record as a whole
}

// Batch is some records. A Source fills it anew at each call, and keeps its slices.
type Batch struct {
	Data   []byte
	Fields []Field
	Rows   []Row
}

// Limit is what a batch may hold: a Source stops filling when Data is longer than this. Field offsets need it below 4 GB.
const Limit = 1 << 20

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() { b.Data, b.Fields, b.Rows = b.Data[:0], b.Fields[:0], b.Rows[:0] }

// Start begins a record at the end of the batch.
func (b *Batch) Start(line int64) {
	at := uint32(len(b.Data))
	b.Rows = append(b.Rows, Row{Line: line, First: uint32(len(b.Fields)), Start: at, End: at})
}

// Add appends a field to the last record. Its text is UTF-8.
func (b *Batch) Add(text []byte) {
	start := uint32(len(b.Data))
	b.Data = append(b.Data, text...)
	b.add(Field{Start: start, End: uint32(len(b.Data))})
}

// AddString appends a field to the last record. Its text is UTF-8.
func (b *Batch) AddString(text string) {
	start := uint32(len(b.Data))
	b.Data = append(b.Data, text...)
	b.add(Field{Start: start, End: uint32(len(b.Data))})
}

// AddNull appends a field without a value to the last record.
func (b *Batch) AddNull() {
	at := uint32(len(b.Data))
	b.add(Field{Start: at, End: at, Kind: Null})
}

func (b *Batch) add(f Field) {
	b.Fields = append(b.Fields, f)
	row := &b.Rows[len(b.Rows)-1]
	row.Count++
	row.End = f.End
}

// Fail marks the last record as one that cannot be read: column is the number of the field from 1, 0 for the record as a
// whole; the words say what is wrong. raw is what stood in the file, for the list of rejects; nil keeps what was added.
func (b *Batch) Fail(column int, raw []byte, format string, args ...any) {
	row := &b.Rows[len(b.Rows)-1]
	row.Problem, row.Column = fmt.Sprintf(format, args...), column
	if raw != nil {
		row.Start = uint32(len(b.Data))
		b.Data = append(b.Data, raw...)
		row.End = uint32(len(b.Data))
	}
}

// Source reads a file of one format as records. Its opener has been told which fields are wanted; each record has exactly
// these, in this order.
type Source interface {
	// Next fills the batch with the next records, at least one, until the batch has about Limit bytes. At the end of the
	// file it returns io.EOF and no record. Any other error means that the rest of the file cannot be read: it says what
	// is wrong and in which line or row.
	Next(*Batch) error
	io.Closer
}

// Wanted names one field of the file: by its number from 1, or, if that is 0, by its header or key.
type Wanted struct {
	Number int
	Name   string
}

// File is an input that can be read at any place, as XLSX and Parquet need; an *os.File and a *bytes.Reader are.
type File interface {
	io.ReaderAt
	io.Reader
}
