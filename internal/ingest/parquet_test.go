package ingest

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/ingest/parquetfile"
	"tejun/internal/ingest/record"
)

// people is a dataset of some format with fields that are named.
func people(kind string) dataset.Dataset {
	d := plain("", "id", "name", "born", "paid")
	d.Format, d.Limits.MaxLine = dataset.Format{Kind: kind, Header: true}, 1<<16
	for i, header := range []string{"id", "名前", "born", "paid"} {
		d.Columns[i].Field, d.Columns[i].Header = 0, header
	}
	d.Columns[0].Type, d.Columns[2].Type, d.Columns[2].Layouts, d.Columns[3].Type = dataset.Integer, dataset.Date, []string{"wareki", "YYYY/M/D"}, dataset.Numeric
	return d
}

type person struct {
	ID   int64   `parquet:"id"`
	Name *string `parquet:"名前,optional"`
	Born int32   `parquet:"born,date"`
	Paid int64   `parquet:"paid,decimal(2:10)"`
}

func parquetOf(t testing.TB, rows ...person) []byte {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[person](&b)
	_, err := w.Write(rows)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestParquet(t *testing.T) {
	d := people(dataset.Parquet)
	name := "佐藤"
	var rows []person
	for i := range 5000 {
		rows = append(rows, person{ID: int64(i), Name: &name, Born: 8770 + 10957, Paid: -150})
	}
	rows[7].Name = nil
	content := parquetOf(t, rows...)
	out, err := convert(t, d, bytes.NewReader(content), Options{Workers: 2})
	require.NoError(t, err)
	require.Len(t, out.rows, 5000)
	require.Empty(t, out.rejects)
	require.Equal(t, []string{"0", "佐藤", "8770"}, out.rows[0].cols[:3])
	require.Equal(t, "∅", out.rows[7].cols[1])
	same, err := convertText(t, people(dataset.JSONL), `{"id":0,"名前":"佐藤","born":"令和6年1月5日","paid":-1.5}`)
	require.NoError(t, err)
	require.Equal(t, same.rows[0].cols, out.rows[0].cols, "the same content in any format")

	d.Columns[1].Header = "name"
	_, err = convert(t, d, bytes.NewReader(content), Options{})
	require.ErrorContains(t, err, `there is no column "name" in the Parquet file; there are: id, 名前, born, paid`)
	_, err = convert(t, people(dataset.Parquet), bytes.NewReader(content[:len(content)-9]), Options{})
	require.ErrorContains(t, err, "is no Parquet file, or is cut off")
	broken := "\x8e\x52"
	out, err = convert(t, people(dataset.Parquet), bytes.NewReader(parquetOf(t, person{ID: 1, Name: &broken}, person{ID: 2, Name: &name})), Options{})
	require.NoError(t, err)
	require.Len(t, out.rows, 1, "text of another encoding is no text with other signs")
	require.Equal(t, []string{"name", "holds bytes that are not UTF-8, as texts in Parquet must be"}, []string{out.rejects[0].Column, out.rejects[0].Reason})
	small := people(dataset.Parquet)
	small.Source.MaxBytes = 100
	_, err = convert(t, small, bytes.NewReader(content), Options{})
	require.ErrorContains(t, err, "more than the 100 that are allowed")
}

func TestAParquetFileCannotClaimMemory(t *testing.T) {
	content := parquetOf(t, person{ID: 1})
	copy(content[len(content)-8:], []byte{0xF0, 0xFF, 0xFF, 0xE0, 'P', 'A', 'R', '1'})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := convert(t, people(dataset.Parquet), bytes.NewReader(content), Options{})
	require.ErrorContains(t, err, "claims a footer of 3774873584")
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
}

// FuzzParquet reads whatever comes to its end or its first error.
func FuzzParquet(f *testing.F) {
	name := "佐藤"
	f.Add(parquetOf(f, person{1, &name, 2, 3}, person{}))
	f.Add(parquetOf(f, slices.Repeat([]person{{7, &name, 20000, -150}, {8, nil, -1, 0}}, 200)...))
	f.Add(parquetOf(f))
	d := people(dataset.Parquet)
	d.Source.MaxBytes = 1 << 20
	var wanted []record.Wanted
	for _, c := range d.Columns {
		wanted = append(wanted, record.Wanted{Name: c.Header})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source, err := parquetfile.Open(bytes.NewReader(data), int64(len(data)), &d, wanted)
		if err != nil {
			return
		}
		defer func() { _ = source.Close() }()
		var b record.Batch
		for range 100 {
			b.Reset()
			if source.Next(&b) != nil {
				return
			}
			if len(b.Rows) == 0 || len(b.Fields) != len(b.Rows)*len(wanted) {
				t.Fatalf("%d fields in %d rows", len(b.Fields), len(b.Rows))
			}
		}
	})
}
