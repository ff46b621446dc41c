package ingest

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
)

// BenchmarkConvert converts a dirty file by one worker with all checks of genSpec.
func BenchmarkConvert(b *testing.B) {
	file, facts := generated()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		totals, err := ConvertSpec(context.Background(), genSpec(), bytes.NewReader(file), Options{Workers: 1, Unordered: true}, func(c Chunk) error {
			c.Release()
			return nil
		})
		require.NoError(b, err)
		require.EqualValues(b, facts.Broken, totals.Rejects)
		require.EqualValues(b, facts.Records, totals.Records)
	}
	b.ReportMetric(float64(facts.Records)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkEncodingCSV is what people use: encoding/csv on golang.org/x/text, and nothing more: no check, no conversion.
func BenchmarkEncodingCSV(b *testing.B) {
	file, facts := generated()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		reader := csv.NewReader(japanese.ShiftJIS.NewDecoder().Reader(bytes.NewReader(file)))
		reader.FieldsPerRecord, reader.ReuseRecord, reader.LazyQuotes = -1, true, true
		n := 0
		for {
			_, err := reader.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(b, err)
			n++
		}
		require.InDelta(b, facts.Records, n, 100)
	}
	b.ReportMetric(float64(facts.Records)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
