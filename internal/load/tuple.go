package load

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"

	"tejun/internal/ingest"
)

// Where the parts of a tuple are: the number of fields, the line and the hash behind their lengths, and the columns.
const (
	fieldCount = 2
	lineEnd    = fieldCount + 4 + 8
	hashEnd    = lineEnd + 4 + 16
)

// sorter takes the tuples of a chunk apart: the rows whose key has perhaps been seen before go their own way.
type sorter struct {
	columns int
	key     []int // positions of the key's columns, ascending; nil: the hash is the key
	numeric []bool
	hashed  bool
	seen    *seen
	hasher  hasher  // nil: no sum is kept
	sum     hashSum // of the rows that split has sent on, without those that are perhaps copies
}

func newSorter(t *Table, seen *seen, hasher hasher) *sorter {
	s := &sorter{columns: len(t.Columns), hashed: t.hashed(), seen: seen, hasher: hasher, numeric: make([]bool, len(t.Columns))}
	for i, c := range t.Columns {
		s.numeric[i] = c.Type == "numeric"
	}
	s.key = t.keyNumbers()
	return s
}

// part is where a tuple lies in a chunk: its columns from from to end, behind what leads them. key is the hash of its key.
type part struct {
	from, end int
	key, row  uint64
}

// split moves the tuples of a chunk to the front of its own memory, without the hash where the key tells rows apart, and takes
// out those that are perhaps copies.
func (s *sorter) split(c ingest.Chunk) (main, copies []byte, err error) {
	parts, err := s.parts(c)
	if err != nil {
		return nil, nil, err
	}
	// The filter is larger than a processor's nearest memory. All its words that are needed are called for before the first is
	// waited for.
	for i := range parts {
		s.seen.fetch(parts[i].key)
	}
	in, at, to := c.Tuples, 0, 0
	for _, p := range parts {
		fields, from := uint16(s.columns+1), p.from //nolint:gosec // a table has at most 1,600 columns
		if s.hashed {
			fields, from = uint16(s.columns+2), at+lineEnd //nolint:gosec // as above
		}
		if s.seen.add(p.key) {
			start := len(copies)
			copies = append(copies, in[at:at+lineEnd]...)
			copies = append(copies, in[from:p.end]...)
			binary.BigEndian.PutUint16(copies[start:], fields)
		} else {
			start := to
			to += copy(in[to:], in[at:at+lineEnd])
			to += copy(in[to:], in[from:p.end])
			binary.BigEndian.PutUint16(in[start:], fields)
			s.sum.add(p.row)
		}
		at = p.end
	}
	return in[:to], copies, nil
}

// parts finds the tuples of a chunk.
func (s *sorter) parts(c ingest.Chunk) ([]part, error) {
	in, at := c.Tuples, 0
	parts := make([]part, 0, c.Rows)
	var key []byte
	for range c.Rows {
		if len(in)-at < hashEnd || int(binary.BigEndian.Uint16(in[at:])) != s.columns+2 {
			return nil, fmt.Errorf("chunk %d from line %d holds a tuple that is none", c.Number, c.FirstLine)
		}
		p := part{from: at + hashEnd, end: at + hashEnd}
		next := 0
		key = key[:0]
		for i := range s.columns {
			if len(in)-p.end < 4 {
				return nil, fmt.Errorf("chunk %d from line %d is cut off", c.Number, c.FirstLine)
			}
			size := int(int32(binary.BigEndian.Uint32(in[p.end:]))) //nolint:gosec // -1 is a null
			end := p.end + 4 + max(size, 0)
			if end > len(in) {
				return nil, fmt.Errorf("chunk %d from line %d is cut off", c.Number, c.FirstLine)
			}
			if next < len(s.key) && s.holds(i) {
				next++
				key = s.appendKey(key, in[p.end:end], s.numeric[i])
			}
			if s.hasher != nil {
				p.row = s.hasher.next(p.row, i, in[p.end:end])
			}
			p.end = end
		}
		if s.hashed {
			key = append(key, in[at+lineEnd+4:p.from]...)
		}
		p.key = xxh3.Hash(key)
		parts = append(parts, p)
		at = p.end
	}
	if at != len(in) {
		return nil, fmt.Errorf("chunk %d from line %d has bytes after its last tuple", c.Number, c.FirstLine)
	}
	return parts, nil
}

func (s *sorter) holds(column int) bool {
	for _, k := range s.key {
		if k == column {
			return true
		}
	}
	return false
}

// appendKey adds a field with its length. Of a number the scale is left out: 1.5 and 1.50 are the same key.
func (s *sorter) appendKey(key, field []byte, numeric bool) []byte {
	start := len(key)
	key = append(key, field...)
	if numeric && len(field) >= 12 {
		key[start+10], key[start+11] = 0, 0
	}
	return key
}
