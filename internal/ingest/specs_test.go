package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/ingest/gen"
)

// texts are columns of text, one a field, in order.
func texts(names ...string) []dataset.Column {
	var list []dataset.Column
	for i, name := range names {
		list = append(list, dataset.Column{Name: name, Field: i + 1, Type: dataset.Text})
	}
	return list
}

// plain is a CSV file of text columns without header.
func plain(encoding string, names ...string) dataset.Dataset {
	return dataset.Dataset{
		ID: "test", Format: dataset.Format{Kind: dataset.CSV}, Encoding: encoding, Columns: texts(names...), Limits: dataset.Limits{RejectRows: -1},
	}
}

// kenAll declares Japan Post's postal codes.
func kenAll(join bool) dataset.Dataset {
	s := plain("cp932", "code", "old_postal_code", "postal_code", "prefecture_kana", "city_kana", "town_kana", "prefecture", "city", "town",
		"flag1", "flag2", "flag3", "flag4", "flag5", "flag6")
	s.Columns[0].Pattern, s.Columns[2].Pattern = "[0-9]{5}", "[0-9]{7}"
	for i := range s.Columns {
		s.Columns[i].Required = true
		if i >= 9 {
			s.Columns[i].Type, s.Columns[i].Min, s.Columns[i].Max = "integer", "0", "6"
		}
	}
	if join {
		s.Continuation = &dataset.Continuation{Column: "town", Open: "（", Close: "）", Same: []string{"code", "postal_code"}, Join: []string{"town", "town_kana"}}
	}
	return s
}

// houjin declares the National Tax Agency's corporate numbers.
func houjin() dataset.Dataset {
	names := []string{"sequence", "corporate_number", "process", "correct", "updated_on", "changed_on", "name", "name_image", "kind", "prefecture", "city",
		"street", "address_image", "prefecture_code", "city_code", "post_code", "address_outside", "address_outside_image", "closed_on", "close_cause",
		"successor", "change_cause", "assigned_on", "latest", "name_en", "prefecture_en", "city_en", "address_outside_en", "furigana", "hihyoji"}
	s := plain("cp932", names...)
	for i := range s.Columns {
		c := &s.Columns[i]
		switch c.Name {
		case "sequence":
			c.Type = "integer"
		case "corporate_number":
			c.Required, c.Pattern = true, "[0-9]{13}"
		case "process":
			c.Codes = []string{"01", "11", "12", "13", "21", "22", "71", "72", "81", "99"}
		case "updated_on", "changed_on", "closed_on", "assigned_on":
			c.Type = "date"
		case "latest", "correct", "hihyoji":
			c.Type = "boolean"
		}
	}
	return s
}

// row is a tuple as text; a null is "∅".
type row struct {
	line int64
	hash string
	cols []string
}

// decodeTuples reads binary COPY tuples of a spec.
func decodeTuples(t testing.TB, s dataset.Dataset, tuples []byte) []row {
	var rows []row
	next := func(n int) []byte {
		if n > len(tuples) {
			t.Fatalf("a tuple is cut off: %d bytes of %d", len(tuples), n)
		}
		b := tuples[:n]
		tuples = tuples[n:]
		return b
	}
	for len(tuples) > 0 {
		if fields, length := binary.BigEndian.Uint16(next(2)), binary.BigEndian.Uint32(next(4)); int(fields) != 2+len(s.Columns) || length != 8 {
			t.Fatalf("a tuple has %d fields, and a line of %d bytes", fields, length)
		}
		r := row{line: int64(binary.BigEndian.Uint64(next(8)))}
		if length := binary.BigEndian.Uint32(next(4)); length != 16 {
			t.Fatalf("a hash has %d bytes", length)
		}
		r.hash = fmt.Sprintf("%x", next(16))
		for _, c := range s.Columns {
			length := int32(binary.BigEndian.Uint32(next(4)))
			if length < 0 {
				r.cols = append(r.cols, "∅")
				continue
			}
			r.cols = append(r.cols, show(t, c.Type, next(int(length))))
		}
		rows = append(rows, r)
	}
	return rows
}

func show(t testing.TB, kind string, b []byte) string {
	switch kind {
	case "integer", "timestamp":
		if len(b) != 8 {
			t.Fatalf("%s of %d bytes", kind, len(b))
		}
		return fmt.Sprint(int64(binary.BigEndian.Uint64(b)))
	case "date":
		if len(b) != 4 {
			t.Fatalf("%s of %d bytes", kind, len(b))
		}
		return fmt.Sprint(int32(binary.BigEndian.Uint32(b)))
	case "boolean", "numeric":
		return fmt.Sprintf("%x", b)
	}
	return string(b)
}

// outcome is what a conversion hands over, put in order.
type outcome struct {
	rows    []row
	rejects []Reject
	totals  Totals
}

func convert(t testing.TB, s dataset.Dataset, r io.Reader, o Options) (outcome, error) {
	var out outcome
	var mu sync.Mutex
	totals, err := Convert(context.Background(), &s, r, o, func(c Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		rows := decodeTuples(t, s, c.Tuples)
		require.Len(t, rows, c.Rows)
		out.rows = append(out.rows, rows...)
		out.rejects = append(out.rejects, c.Rejects...)
		c.Release()
		return nil
	})
	if o.Unordered {
		slices.SortFunc(out.rows, func(a, b row) int { return int(a.line - b.line) })
		slices.SortFunc(out.rejects, func(a, b Reject) int { return int(a.Line - b.Line) })
	}
	out.totals = totals
	if err == nil {
		require.EqualValues(t, len(out.rows), totals.Rows)
		require.EqualValues(t, len(out.rejects), totals.Rejects)
		require.Equal(t, totals.Records, totals.Rows+totals.Rejects+totals.Joined)
	}
	return out, err
}

func convertText(t testing.TB, s dataset.Dataset, text string) (outcome, error) {
	return convert(t, s, strings.NewReader(text), Options{})
}

var generated = sync.OnceValues(func() ([]byte, gen.Facts) {
	var b bytes.Buffer
	facts, err := gen.Write(&b, gen.Options{Rows: 200_000, Seed: 1, Broken: 0.001, Duplicate: 0.005, Conflict: 0.0005})
	if err != nil {
		panic(err)
	}
	return b.Bytes(), facts
})
