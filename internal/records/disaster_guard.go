package records

import (
	"context"
	"fmt"
)

// DisasterModeOfRun is what the run of an operation was opened as; a Reset keeps the operation. What another run of the workflow ID
// was opened as says nothing of this one, but an ID under which both a drill and a real one were opened counts as a drill. ErrNotFound:
// this one was not opened.
func (s *Store) DisasterModeOfRun(ctx context.Context, workflowID, operation string) (string, error) {
	var opened, genuine *bool
	err := s.pool.QueryRow(ctx, `SELECT bool_or(operation = $2), bool_and(mode = 'real') FROM tejun.disasters WHERE workflow_id = $1`, workflowID, operation).Scan(&opened, &genuine)
	switch {
	case err != nil:
		return "", fmt.Errorf("look up the disaster runs of %s: %w", workflowID, explain(err))
	case opened == nil || !*opened:
		return "", fmt.Errorf("the disaster run %s, operation %s: %w", workflowID, operation, ErrNotFound)
	case *genuine:
		return ModeReal, nil
	}
	return ModeDrill, nil
}
