package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/dataset"
	"tejun/internal/ingest"
	"tejun/internal/ingest/fetch"
	"tejun/internal/load"
)

// progressEvery is how often a load heartbeats how far it is.
const progressEvery = time.Second

// phase heartbeats what a load is doing. The Temporal UI shows the words with the pending activity, and `starter show` with the
// run.
func phase(ctx context.Context, words string) { activity.RecordHeartbeat(ctx, words) }

// reading is a file as a source of rows, which heartbeats how far it is.
func reading(ctx context.Context, d *dataset.Dataset, stream *fetch.Stream) load.Source {
	begun := time.Now()
	last := begun
	rows := load.From(d, stream, func(p load.Progress) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			phase(ctx, progressWords(p, now.Sub(begun)))
		}
	})
	return func(ctx context.Context, emit func(ingest.Chunk) error) (load.Arrived, error) {
		arrived, err := rows(ctx, emit)
		if err == nil {
			t := arrived.Totals
			phase(ctx, fmt.Sprintf("settles duplicates and references: %d rows read, %d rejected", t.Records, t.Rejects))
		}
		return arrived, err
	}
}

// progressWords says how far a file is: rows, MB, speed, and, where the length is known, percent and the time that is left at the
// speed so far.
func progressWords(p load.Progress, after time.Duration) string {
	const mb = 1e6
	words := fmt.Sprintf("reads the file: %d rows, %d rejected, ", p.Records, p.Rejects)
	speed := float64(p.Done) / after.Seconds()
	if p.Whole <= 0 || speed <= 0 {
		return words + fmt.Sprintf("%.1f MB, %.1f MB/s", float64(p.Done)/mb, speed/mb)
	}
	left := time.Duration(float64(max(p.Whole-p.Done, 0)) / speed * float64(time.Second)).Round(time.Second)
	return words + fmt.Sprintf("%.1f of %.1f MB (%d %%), %.1f MB/s, %s left", float64(p.Done)/mb, float64(p.Whole)/mb, min(p.Done*100/p.Whole, 100), speed/mb, left)
}
