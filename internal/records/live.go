package records

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LiveRun is a run of a workflow that may still be going on.
type LiveRun struct {
	WorkflowID string
	RunID      string
}

// LiveRuns lists the runs that may still be going on: those with evidence whose workflow holds a reservation. A run holds one
// from before its first effect until it has ended, and longer if it could not put something back. Earlier runs of the same
// workflow ID are listed with it.
func (s *Store) LiveRuns(ctx context.Context) ([]LiveRun, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT r.workflow_id, e.run_id FROM tejun.reservations r JOIN tejun.evidence e USING (workflow_id) ORDER BY 1, 2`)
	if err != nil {
		return nil, fmt.Errorf("list the runs that still go on: %w", explain(err))
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[LiveRun])
	if err != nil {
		return nil, fmt.Errorf("list the runs that still go on: %w", explain(err))
	}
	return list, nil
}
