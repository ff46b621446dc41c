package ingest

import (
	"bytes"
	"context"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/ingest/gen"
)

// held is the memory that the process uses for its own, in bytes.
func held() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	var sum uint64
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}

// peak is the most memory that the process holds while something runs, above what it held before.
func peak(t *testing.T, run func()) uint64 {
	runtime.GC()
	before, most := held(), uint64(0)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				most = max(most, held())
			}
		}
	}()
	run()
	close(stop)
	<-stopped
	most = max(most, before)
	t.Logf("peak %d MB", (most-before)>>20)
	return most - before
}

// repeat is a file of one piece over and over.
type repeat struct {
	piece []byte
	at    int
	left  int64
	read  atomic.Int64
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), r.left)], r.piece[r.at:])
	r.at = (r.at + n) % len(r.piece)
	r.left -= int64(n)
	r.read.Add(int64(n))
	return n, nil
}

// TestMemoryStaysFlat converts a gigabyte with TEJUN_LARGE=1, and 48 MB otherwise.
func TestMemoryStaysFlat(t *testing.T) {
	size := int64(48 << 20)
	if os.Getenv("TEJUN_LARGE") != "" {
		size = 1 << 30
	}
	var piece bytes.Buffer
	_, err := gen.Write(&piece, gen.Options{Rows: 20_000, Seed: 3, Broken: 0.001})
	require.NoError(t, err)
	for _, o := range []Options{{}, {Unordered: true}} {
		used := peak(t, func() {
			totals, err := Convert(context.Background(), gen.Dataset(), &repeat{piece: piece.Bytes(), left: size / int64(piece.Len()) * int64(piece.Len())}, o, func(c Chunk) error {
				c.Release()
				return nil
			})
			require.NoError(t, err)
			require.EqualValues(t, size/int64(piece.Len())*20_000, totals.Records)
		})
		require.Less(t, used, uint64(64<<20))
	}
}

// TestALongLineNeedsNoMemory reads a line of 200 MB, which is rejected.
func TestALongLineNeedsNoMemory(t *testing.T) {
	d := plain("utf-8", "id", "name")
	file := io.MultiReader(strings.NewReader("1,a\n2,"), &repeat{piece: bytes.Repeat([]byte("x"), 1<<16), left: 200 << 20}, strings.NewReader("\n3,c\n"))
	used := peak(t, func() {
		out, err := convert(t, d, file, Options{})
		require.NoError(t, err)
		require.Len(t, out.rows, 2)
		require.Len(t, out.rejects, 1)
		require.EqualValues(t, 2+200<<20, out.rejects[0].Size)
		require.Equal(t, "the line has 209715202 bytes, the limit is 1048576", out.rejects[0].Reason)
		require.Len(t, out.rejects[0].Raw, RawLimit)
	})
	require.Less(t, used, uint64(32<<20))
}

// TestAReceiverThatWaitsHoldsTheFileBack does not read on while chunks are not taken.
func TestAReceiverThatWaitsHoldsTheFileBack(t *testing.T) {
	var piece bytes.Buffer
	_, err := gen.Write(&piece, gen.Options{Rows: 20_000, Seed: 3})
	require.NoError(t, err)
	source := &repeat{piece: piece.Bytes(), left: 14 * int64(piece.Len())}
	first := true
	_, err = Convert(context.Background(), gen.Dataset(), source, Options{Workers: 2}, func(c Chunk) error {
		if first {
			first = false
			time.Sleep(300 * time.Millisecond)
			require.Less(t, source.read.Load(), 10*int64(piece.Len()))
		}
		c.Release()
		return nil
	})
	require.NoError(t, err)
}
