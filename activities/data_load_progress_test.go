package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"tejun/internal/ingest"
	"tejun/internal/load"
)

func TestProgressOfALoadSaysHowLongItTakes(t *testing.T) {
	at := func(done, whole int64) load.Progress {
		return load.Progress{Totals: ingest.Totals{Records: 1000, Rejects: 2}, Done: done, Whole: whole}
	}
	assert.Equal(t, "reads the file: 1000 rows, 2 rejected, 30.0 of 120.0 MB (25 %), 10.0 MB/s, 9s left", progressWords(at(30e6, 120e6), 3*time.Second))
	assert.Equal(t, "reads the file: 1000 rows, 2 rejected, 120.0 of 120.0 MB (100 %), 10.0 MB/s, 0s left", progressWords(at(120e6, 120e6), 12*time.Second))
	assert.Equal(t, "reads the file: 1000 rows, 2 rejected, 30.0 MB, 10.0 MB/s", progressWords(at(30e6, -1), 3*time.Second))
}
