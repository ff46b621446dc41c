//go:build unix

package ingest

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"

	"tejun/internal/ingest/gen"
)

// cpu is the processor time that the process has used.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// report says how many rows went through in a second, and how much processor time each took.
func report(b *testing.B, rows int, used time.Duration) {
	total := float64(rows) * float64(b.N)
	b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(used.Nanoseconds())/total, "cpu-ns/row")
}

// BenchmarkConvert converts a dirty file with all checks of its declaration.
func BenchmarkConvert(b *testing.B) {
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) { benchmarkConvert(b, workers) })
	}
}

func benchmarkConvert(b *testing.B, workers int) {
	file, facts := generated()
	before := cpu(b)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		totals, err := Convert(context.Background(), gen.Dataset(), bytes.NewReader(file), Options{Workers: workers, Unordered: true}, func(c Chunk) error {
			c.Release()
			return nil
		})
		require.NoError(b, err)
		require.EqualValues(b, facts.Broken, totals.Rejects)
		require.EqualValues(b, facts.Records, totals.Records)
	}
	report(b, facts.Records, cpu(b)-before)
}

// BenchmarkEncodingCSV is what people use: encoding/csv on golang.org/x/text, and nothing more: no check, no conversion.
func BenchmarkEncodingCSV(b *testing.B) {
	file, facts := generated()
	before := cpu(b)
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
		require.InDelta(b, facts.Records, n, 500, "broken rows apart")
	}
	report(b, facts.Records, cpu(b)-before)
}
