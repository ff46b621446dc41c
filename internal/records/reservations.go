package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reservation says that a run holds a resource from From until, but not including, Until.
type Reservation struct {
	Resource   string    `json:"resource"` // such as "cloudfront:E123", as a plan's change names it
	WorkflowID string    `json:"workflowId"`
	Runbook    string    `json:"runbook"`
	Requester  string    `json:"requester"` // person ID
	From       time.Time `json:"from"`
	Until      time.Time `json:"until"`
}

// Reserve takes one resource; see ReserveAll.
func (s *Store) Reserve(ctx context.Context, r Reservation) (conflict *Reservation, err error) {
	return s.ReserveAll(ctx, []Reservation{r})
}

// ReserveAll takes all of the resources for one run, or none. Time ranges of one resource held by different runs never
// overlap: when one is in the way it is returned as conflict, and nothing has changed. A run that reserves a resource
// again moves its own reservation; resources that it held before and does not name stay. All reservations must be of
// the same run, and each resource may stand once.
func (s *Store) ReserveAll(ctx context.Context, list []Reservation) (conflict *Reservation, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	if err := checkReservations(list); err != nil {
		return nil, fmt.Errorf("reserve: %w", err)
	}
	var resources []string
	var from, until []time.Time
	for _, r := range list {
		resources, from, until = append(resources, r.Resource), append(from, utc(r.From)), append(until, utc(r.Until))
	}
	rows, err := s.pool.Query(ctx, `SELECT * FROM tejun.reserve($1, $2, $3, $4, $5, $6)`,
		list[0].WorkflowID, list[0].Runbook, list[0].Requester, resources, from, until)
	if err != nil {
		return nil, fmt.Errorf("reserve %v for %s: %w", resources, list[0].WorkflowID, explain(err))
	}
	holder, err := pgx.CollectOneRow(rows, scanReservation)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reserve %v for %s: %w", resources, list[0].WorkflowID, explain(err))
	}
	return &holder, nil
}

// Reservations returns what a run holds, by resource.
func (s *Store) Reservations(ctx context.Context, workflowID string) ([]Reservation, error) {
	return s.reservations(ctx, `WHERE workflow_id = $1 ORDER BY resource`, workflowID)
}

// AllReservations returns what is held at that time or later, by beginning, then resource. With the zero time it
// returns everything, also what a run that has overrun never released.
func (s *Store) AllReservations(ctx context.Context, at time.Time) ([]Reservation, error) {
	return s.reservations(ctx, `WHERE until_at > $1 ORDER BY from_at, resource, workflow_id`, utc(at))
}

// StillHeld returns the holds of other runs on any of the resources that began by that time and were never released, even
// if their time is over: a run that has overrun, or could not put something back, is still at work there. Only those count
// that begin before the workflow's own, so that of two runs that are both late one goes first, and they never wait for each
// other.
func (s *Store) StillHeld(ctx context.Context, workflowID string, resources []string, at time.Time) ([]Reservation, error) {
	rows, err := s.pool.Query(ctx, `SELECT resource, workflow_id, runbook, requester, from_at, until_at FROM tejun.reservations
		WHERE resource = ANY($1) AND workflow_id <> $2 AND from_at <= $3 AND from_at < coalesce(
			(SELECT min(from_at) FROM tejun.reservations WHERE workflow_id = $2 AND resource = ANY($1)), 'infinity')
		ORDER BY from_at, resource`, resources, workflowID, utc(at))
	if err != nil {
		return nil, fmt.Errorf("look who still holds %v: %w", resources, explain(err))
	}
	list, err := pgx.CollectRows(rows, scanReservation)
	if err != nil {
		return nil, fmt.Errorf("look who still holds %v: %w", resources, explain(err))
	}
	return list, nil
}

// Release gives back the resources that are named, or everything that a run holds if none is; nothing held is no error.
func (s *Store) Release(ctx context.Context, workflowID string, resources ...string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM tejun.reservations WHERE workflow_id = $1 AND ($2::text[] IS NULL OR resource = ANY($2))`, workflowID, resources)
	if err != nil {
		return fmt.Errorf("release what %s holds: %w", workflowID, explain(err))
	}
	return nil
}

func (s *Store) reservations(ctx context.Context, where string, arg any) ([]Reservation, error) {
	rows, err := s.pool.Query(ctx, `SELECT resource, workflow_id, runbook, requester, from_at, until_at FROM tejun.reservations `+where, arg)
	if err != nil {
		return nil, fmt.Errorf("list reservations: %w", explain(err))
	}
	list, err := pgx.CollectRows(rows, scanReservation)
	if err != nil {
		return nil, fmt.Errorf("list reservations: %w", explain(err))
	}
	return list, nil
}

func scanReservation(row pgx.CollectableRow) (Reservation, error) {
	var r Reservation
	err := row.Scan(&r.Resource, &r.WorkflowID, &r.Runbook, &r.Requester, &r.From, &r.Until)
	r.From, r.Until = utc(r.From), utc(r.Until)
	return r, err
}

func checkReservations(list []Reservation) error {
	seen := map[string]bool{}
	for _, r := range list {
		err := errors.Join(plainText("resource", r.Resource, true), plainText("workflowId", r.WorkflowID, true),
			plainText("runbook", r.Runbook, false), plainText("requester", r.Requester, false))
		switch {
		case err != nil:
			return fmt.Errorf("resource %q: %w", r.Resource, err)
		case r.From.IsZero() || r.Until.IsZero():
			return fmt.Errorf("resource %s: from or until is missing: no hold is endless", r.Resource)
		case !utc(r.From).Before(utc(r.Until)):
			return fmt.Errorf("resource %s: until (%s) must be after from (%s)", r.Resource, r.Until.Format(time.RFC3339), r.From.Format(time.RFC3339))
		case seen[r.Resource]:
			return fmt.Errorf("resource %s stands twice", r.Resource)
		case r.WorkflowID != list[0].WorkflowID || r.Runbook != list[0].Runbook || r.Requester != list[0].Requester:
			return fmt.Errorf("resource %s is for another run, runbook or requester than %s: reserve for one at a time", r.Resource, list[0].Resource)
		}
		seen[r.Resource] = true
	}
	return nil
}
