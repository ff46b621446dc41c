package ingest

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/ingest/record"
)

// counting is a source of some rows: their number, and its name or nothing.
type counting struct {
	rows, at int
	fail     error
	closed   *bool
}

func (c *counting) Next(b *record.Batch) error {
	if c.at == c.rows {
		if c.fail != nil {
			return c.fail
		}
		return io.EOF
	}
	for range min(1000, c.rows-c.at) {
		c.at++
		b.Start(int64(c.at))
		switch {
		case c.at%100 == 0:
			b.Fail(1, []byte("raw"), "row %d has no cells", c.at)
		case c.at%7 == 0:
			b.AddString(strconv.Itoa(c.at))
			b.AddNull()
		default:
			b.AddString(strconv.Itoa(c.at))
			b.Add([]byte("名" + strconv.Itoa(c.at)))
		}
	}
	return nil
}

func (c *counting) Close() error { *c.closed = true; return nil }

func TestRecordsOfOtherFormats(t *testing.T) {
	d := plain("", "id", "name")
	d.Format.Kind, d.Columns[0].Type, d.Columns[1].Field, d.Columns[1].Header = dataset.XLSX, dataset.Integer, 0, "名称"
	d.Format.Header = true
	for _, fail := range []error{nil, errors.New("the sheet is cut off")} {
		var names []string
		var rejects []Reject
		closed := false
		plan, err := compile(&d)
		require.NoError(t, err)
		p := newPipeline(plan, Options{Workers: 2}, func(c Chunk) error {
			for _, r := range decodeTuples(t, d, c.Tuples) {
				require.Equal(t, strconv.FormatInt(r.line, 10), r.cols[0])
				names = append(names, r.cols[1])
			}
			rejects = append(rejects, c.Rejects...)
			return nil
		})
		totals, err := p.run(context.Background(), func(ctx context.Context) error {
			return p.produceRecords(ctx, strings.NewReader("a stream"), anywhere(func(file record.File, size int64, _ *dataset.Dataset, wanted []record.Wanted) (record.Source, error) {
				content, err := io.ReadAll(io.NewSectionReader(file, 2, size))
				require.NoError(t, err)
				require.Equal(t, "stream", string(content))
				require.Equal(t, []record.Wanted{{Number: 1}, {Name: "名称"}}, wanted)
				return &counting{rows: 12_345, fail: fail, closed: &closed}, nil
			}))
		})
		require.ErrorIs(t, err, fail)
		require.True(t, closed)
		require.EqualValues(t, 12_345, totals.Records)
		require.Len(t, rejects, 123)
		require.Equal(t, Reject{Line: 100, Column: "id", Reason: "row 100 has no cells", Raw: []byte("raw"), Size: 3}, rejects[0])
		require.Equal(t, []string{"名1", "∅"}, []string{names[0], names[6]})
	}
}
