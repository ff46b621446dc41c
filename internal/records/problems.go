package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The states of a problem.
const (
	ProblemKnown  = "known-error" // its cause is known, and actions are to be taken
	ProblemClosed = "closed"      // no action is left
)

// Problem is why an incident happened, and what is done so that it does not again.
type Problem struct {
	ID         string          `json:"id"` // number
	Seq        int             `json:"seq"`
	Key        string          `json:"key"`
	Incident   string          `json:"incident"` // number of the incident that it comes from
	WorkflowID string          `json:"workflowId"`
	RunID      string          `json:"runId"`
	At         time.Time       `json:"at"`
	Title      string          `json:"title"`
	State      string          `json:"state"`
	RootCause  string          `json:"rootCause"`
	Workaround string          `json:"workaround"`
	Actions    []ProblemAction `json:"actions"`
	By         string          `json:"by"` // person who has written it down
}

// ProblemAction is something that somebody does by a day.
type ProblemAction struct {
	What  string `json:"what"`
	Owner string `json:"owner"` // person ID
	Due   string `json:"due"`   // day, 2027-01-29
}

// RecordProblem adds a state to a problem's record. A key that is there already adds nothing.
func (s *Store) RecordProblem(ctx context.Context, p Problem) (Problem, error) {
	p.Seq, p.At = 0, utc(p.At)
	p.Actions = append([]ProblemAction{}, p.Actions...)
	var problems []error
	for _, f := range []struct{ what, value string }{
		{"id", p.ID}, {"key", p.Key}, {"incident", p.Incident}, {"workflowId", p.WorkflowID}, {"title", p.Title}, {"rootCause", p.RootCause},
	} {
		problems = append(problems, plainText(f.what, f.value, true))
	}
	if p.State != ProblemKnown && p.State != ProblemClosed {
		problems = append(problems, fmt.Errorf("state is %q: want %s or %s", p.State, ProblemKnown, ProblemClosed))
	}
	if p.At.IsZero() {
		problems = append(problems, errors.New("at is missing"))
	}
	if err := errors.Join(problems...); err != nil {
		return Problem{}, fmt.Errorf("record a problem: %w: %w", ErrInvalid, err)
	}
	body, err := jsonb(p)
	if err != nil {
		return Problem{}, fmt.Errorf("record the problem %s: %w", p.ID, err)
	}
	row, err := json.Marshal(map[string]any{
		"problem": p.ID, "key": p.Key, "incident": p.Incident, "workflow_id": p.WorkflowID, "run_id": p.RunID, "at": p.At,
		"title": p.Title, "state": p.State, "body": body,
	})
	if err != nil {
		return Problem{}, fmt.Errorf("record the problem %s: %w", p.ID, err)
	}
	list, err := s.problems(ctx, `SELECT seq, body FROM tejun.record_problem($1)`, string(row))
	if err != nil {
		return Problem{}, fmt.Errorf("record the problem %s: %w", p.ID, err)
	}
	return list[0], nil
}

// Problems lists problems as they are now, the newest first. closed adds those with no action left.
func (s *Store) Problems(ctx context.Context, closed bool) ([]Problem, error) {
	list, err := s.problems(ctx, `SELECT seq, body FROM tejun.problems WHERE $1 OR state <> 'closed' ORDER BY state = 'closed', at DESC, problem`, closed)
	if err != nil {
		return nil, fmt.Errorf("list problems: %w", err)
	}
	return list, nil
}

// ProblemHistory lists the states of one problem, the oldest first. name is its number or its incident's. None is ErrNotFound.
func (s *Store) ProblemHistory(ctx context.Context, name string) ([]Problem, error) {
	list, err := s.problems(ctx, `SELECT seq, body FROM tejun.problem_states WHERE problem = $1 OR incident = $1 ORDER BY problem, seq`, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the problem %s: %w", name, err)
	case len(list) == 0:
		return nil, fmt.Errorf("the problem %s: %w", name, ErrNotFound)
	}
	return list, nil
}

func (s *Store) problems(ctx context.Context, sql string, args ...any) ([]Problem, error) {
	return collect(ctx, s, func(r pgx.CollectableRow) (p Problem, err error) {
		var seq int
		var body []byte
		if err := r.Scan(&seq, &body); err != nil {
			return p, err
		}
		err = json.Unmarshal(body, &p)
		p.Seq = seq
		return p, err
	}, sql, args...)
}
