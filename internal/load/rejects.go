package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"tejun/internal/ingest"
)

// rejectsAtOnce is how many rejects are written together.
const rejectsAtOnce = 1000

// rejectWriter writes rejects into their table.
type rejectWriter struct {
	staging *staging
	waiting []ingest.Reject
}

func (w *rejectWriter) add(ctx context.Context, list []ingest.Reject) error {
	w.waiting = append(w.waiting, list...)
	if len(w.waiting) < rejectsAtOnce {
		return nil
	}
	return w.flush(ctx)
}

func (w *rejectWriter) flush(ctx context.Context) error {
	list := w.waiting
	w.waiting = nil
	if len(list) == 0 {
		return nil
	}
	_, err := w.staging.conn.CopyFrom(ctx, pgx.Identifier{ledgerSchema, w.staging.run.table("r")},
		[]string{"line", "name", "reason", "raw", "size"}, pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
			return []any{list[i].Line, list[i].Column, list[i].Reason, list[i].Raw, list[i].Size}, nil
		}))
	return wrap("write the rejected rows down", err)
}

// RejectReasons are the first rejected rows of what this attempt has staged, in the order of the file, as "line 3, column: reason".
func (s *Store) RejectReasons(ctx context.Context, run Run, most int) ([]string, error) {
	rejects, err := s.firstRejects(ctx, run, most)
	if err != nil {
		return nil, err
	}
	var reasons []string
	for _, r := range rejects {
		column := r.Column
		if column != "" {
			column = ", " + column
		}
		reasons = append(reasons, fmt.Sprintf("line %d%s: %s", r.Line, column, r.Reason))
	}
	return reasons, nil
}

// firstRejects reads the first rejected rows of what this attempt has staged, without their content.
func (s *Store) firstRejects(ctx context.Context, run Run, most int) ([]ingest.Reject, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf("SELECT line, name, reason FROM %s ORDER BY line, name LIMIT %d", quote(ledgerSchema, run.table("r")), most))
	if err != nil {
		return nil, wrap("read the rejected rows", err)
	}
	rejects, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r ingest.Reject, err error) {
		return r, row.Scan(&r.Line, &r.Column, &r.Reason)
	})
	return rejects, wrap("read the rejected rows", err)
}
