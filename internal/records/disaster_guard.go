package records

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// DisasterModeOfRun is what the runs of a workflow ID were opened as, whatever run of it asks, after a Reset too. An ID under which
// both a drill and a real one were opened counts as a drill. ErrNotFound: none was opened.
func (s *Store) DisasterModeOfRun(ctx context.Context, workflowID string) (string, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT mode FROM tejun.disasters WHERE workflow_id = $1`, workflowID)
	if err != nil {
		return "", fmt.Errorf("look up the disaster runs of %s: %w", workflowID, explain(err))
	}
	modes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	switch {
	case err != nil:
		return "", fmt.Errorf("look up the disaster runs of %s: %w", workflowID, explain(err))
	case len(modes) == 0:
		return "", fmt.Errorf("a disaster run %s: %w", workflowID, ErrNotFound)
	case slices.Equal(modes, []string{ModeReal}):
		return ModeReal, nil
	}
	return ModeDrill, nil
}
