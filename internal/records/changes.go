package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// The states of a change. The first six may still go on; the others are its end.
const (
	ChangePlanned  = "planned"  // asked for, and not yet approved
	ChangeApproved = "approved" // agreed to; nothing has been changed
	ChangeRunning  = "running"  // being made
	ChangeApplied  = "applied"  // made; an emergency change that is to be approved afterwards
	ChangeOverdue  = "overdue"  // made, and the approval afterwards is late
	ChangeDone     = "done"     // made, and as it should be
	ChangeRejected = "rejected" // refused before anything was changed
	ChangeUndone   = "undone"   // made and put back
	ChangeFailed   = "failed"   // ended otherwise: note says what is left
)

// changeKinds, changeClasses and changeStates are what the table takes.
var (
	changeKinds   = []string{"setting", "release"}
	changeClasses = []string{"standard", "normal", "emergency"}
	changeOpen    = []string{ChangePlanned, ChangeApproved, ChangeRunning, ChangeApplied, ChangeOverdue}
	changeEnded   = []string{ChangeDone, ChangeRejected, ChangeUndone, ChangeFailed}
)

// Change is a change of the operated system in one of its states, with everything that was known then.
type Change struct {
	WorkflowID  string     `json:"workflowId"` // the run that makes it
	Seq         int        `json:"seq"`        // from 1; given by the database
	RunID       string     `json:"runId"`
	Key         string     `json:"key"` // unique among the states of the run; telling it again changes nothing
	At          time.Time  `json:"at"`  // when the state began, by the run's clock
	Kind        string     `json:"kind"`
	Class       string     `json:"class"`
	Title       string     `json:"title"`
	Targets     []string   `json:"targets"` // resources, as reservations name them
	WindowFrom  *time.Time `json:"windowFrom"`
	WindowUntil *time.Time `json:"windowUntil"`
	Requester   string     `json:"requester"` // person IDs
	Operator    string     `json:"operator"`
	Approvers   []string   `json:"approvers"`
	State       string     `json:"state"`
	Note        string     `json:"note"`       // the state in words
	Incident    string     `json:"incident"`   // workflow ID of the incident that it mends, "" for none
	ReviewBy    *time.Time `json:"reviewBy"`   // of an emergency change: by when it is to be approved afterwards
	ReviewedAt  *time.Time `json:"reviewedAt"` // when somebody decided about it afterwards

	IncidentNumber string `json:"incidentNumber"` // a later incident may have the same workflow ID; "" also in what earlier editions recorded
}

// changeRow is a Change under the names of the table's columns.
type changeRow struct {
	WorkflowID  string     `json:"workflow_id"`
	Seq         int        `json:"seq"`
	RunID       string     `json:"run_id"`
	Key         string     `json:"key"`
	At          time.Time  `json:"at"`
	Kind        string     `json:"kind"`
	Class       string     `json:"class"`
	Title       string     `json:"title"`
	Targets     []string   `json:"targets"`
	WindowFrom  *time.Time `json:"window_from"`
	WindowUntil *time.Time `json:"window_until"`
	Requester   string     `json:"requester"`
	Operator    string     `json:"operator"`
	Approvers   []string   `json:"approvers"`
	State       string     `json:"state"`
	Note        string     `json:"note"`
	Incident    string     `json:"incident"`
	ReviewBy    *time.Time `json:"review_by"`
	ReviewedAt  *time.Time `json:"reviewed_at"`

	IncidentNumber string `json:"incident_number"`
}

// Ended tells whether nothing more comes.
func (c Change) Ended() bool { return slices.Contains(changeEnded, c.State) }

// Overdue tells whether the approval afterwards is late at that time.
func (c Change) Overdue(at time.Time) bool {
	return !c.Ended() && c.ReviewBy != nil && c.ReviewedAt == nil && c.ReviewBy.Before(at)
}

const changeColumns = `workflow_id, seq, run_id, key, at, kind, class, title, targets, window_from, window_until, requester, operator, approvers, state, note, incident, review_by, reviewed_at, coalesce(incident_number, '')`

// RecordChange adds a state to the history of a change. A key that is there already adds nothing; the row that stands there
// comes back, and differs tells whether it says something else than c.
func (s *Store) RecordChange(ctx context.Context, c Change) (row Change, differs bool, err error) {
	if c, err = normaliseChange(c); err != nil {
		return Change{}, false, fmt.Errorf("record a change: %w: %w", ErrInvalid, err)
	}
	content, err := json.Marshal(changeRow(c))
	if err != nil {
		return Change{}, false, fmt.Errorf("record the change of %s: %w", c.WorkflowID, err)
	}
	list, err := s.changes(ctx, `SELECT `+changeColumns+` FROM tejun.record_change($1)`, string(content))
	if err != nil {
		return Change{}, false, fmt.Errorf("record the change of %s as %s: %w", c.WorkflowID, c.State, err)
	}
	c.Seq = list[0].Seq
	return list[0], !reflect.DeepEqual(list[0], c), nil
}

// Changes lists changes as they are now, those that still go on first, then the newest. ended adds the ended ones.
func (s *Store) Changes(ctx context.Context, ended bool) ([]Change, error) {
	list, err := s.changes(ctx, `SELECT `+changeColumns+` FROM tejun.changes WHERE $1 OR state = ANY($2)
		ORDER BY state = ANY($2) DESC, at DESC, workflow_id`, ended, changeOpen)
	if err != nil {
		return nil, fmt.Errorf("list changes: %w", err)
	}
	return list, nil
}

// ChangesOf lists the changes that mend an incident, as they are now, the newest first. Earlier editions recorded the ID of its run
// only, which later incidents may have too, or any name: such changes are told apart by when they were asked for.
func (s *Store) ChangesOf(ctx context.Context, in Incident) ([]Change, error) {
	var over *time.Time
	if in.Over() {
		over = &in.At
	}
	list, err := s.changes(ctx, `SELECT `+changeColumns+` FROM tejun.changes c WHERE incident_number = $1 OR incident = $1
		OR coalesce(incident_number, '') = '' AND incident = nullif($2, '') AND (
			SELECT min(s.at) BETWEEN $3 AND coalesce($4::timestamptz, 'infinity') FROM tejun.change_states s WHERE s.workflow_id = c.workflow_id)
		ORDER BY at DESC, workflow_id`, in.ID, in.WorkflowID, in.OpenedAt, over)
	if err != nil {
		return nil, fmt.Errorf("list the changes of the incident %s: %w", in.ID, err)
	}
	return list, nil
}

// ChangeHistory lists the states of one change, the oldest first. None is ErrNotFound.
func (s *Store) ChangeHistory(ctx context.Context, workflowID string) ([]Change, error) {
	list, err := s.changes(ctx, `SELECT `+changeColumns+` FROM tejun.change_states WHERE workflow_id = $1 ORDER BY seq`, workflowID)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the change of %s: %w", workflowID, err)
	case len(list) == 0:
		return nil, fmt.Errorf("the change of %s: %w", workflowID, ErrNotFound)
	}
	return list, nil
}

func (s *Store) changes(ctx context.Context, sql string, args ...any) ([]Change, error) {
	return collect(ctx, s, func(r pgx.CollectableRow) (Change, error) {
		var c Change
		err := r.Scan(&c.WorkflowID, &c.Seq, &c.RunID, &c.Key, &c.At, &c.Kind, &c.Class, &c.Title, &c.Targets, &c.WindowFrom, &c.WindowUntil,
			&c.Requester, &c.Operator, &c.Approvers, &c.State, &c.Note, &c.Incident, &c.ReviewBy, &c.ReviewedAt, &c.IncidentNumber)
		c.At = utc(c.At)
		c.WindowFrom, c.WindowUntil, c.ReviewBy, c.ReviewedAt = utcOf(c.WindowFrom), utcOf(c.WindowUntil), utcOf(c.ReviewBy), utcOf(c.ReviewedAt)
		return c, err
	}, sql, args...)
}

// normaliseChange checks a change and gives it the form in which it is kept.
func normaliseChange(c Change) (Change, error) {
	problems := plainTexts([]text{
		{"workflowId", c.WorkflowID, true}, {"runId", c.RunID, true}, {"key", c.Key, true}, {"title", c.Title, true},
		{"requester", c.Requester, true}, {"operator", c.Operator, false}, {"note", c.Note, false}, {"incident", c.Incident, false}, {"incidentNumber", c.IncidentNumber, false},
	})
	for _, f := range []struct {
		what, value string
		known       []string
	}{
		{"kind", c.Kind, changeKinds}, {"class", c.Class, changeClasses}, {"state", c.State, slices.Concat(changeOpen, changeEnded)},
	} {
		if !slices.Contains(f.known, f.value) {
			problems = append(problems, fmt.Errorf("%s is %q: want one of %v", f.what, f.value, f.known))
		}
	}
	switch {
	case c.At.IsZero():
		problems = append(problems, errors.New("at is missing: say when the state began"))
	case (c.WindowFrom == nil) != (c.WindowUntil == nil):
		problems = append(problems, errors.New("a window has a beginning and an end"))
	case c.WindowFrom != nil && !utc(*c.WindowFrom).Before(utc(*c.WindowUntil)):
		problems = append(problems, errors.New("the window's end is not after its beginning"))
	}
	for _, name := range slices.Concat(c.Targets, c.Approvers) {
		problems = append(problems, plainText("a target or approver", name, true))
	}
	if err := errors.Join(problems...); err != nil {
		return c, fmt.Errorf("%q: %w", c.WorkflowID, err)
	}
	c.Seq, c.At = 0, utc(c.At)
	c.WindowFrom, c.WindowUntil, c.ReviewBy, c.ReviewedAt = utcOf(c.WindowFrom), utcOf(c.WindowUntil), utcOf(c.ReviewBy), utcOf(c.ReviewedAt)
	c.Targets, c.Approvers = append([]string{}, c.Targets...), append([]string{}, c.Approvers...)
	return c, nil
}

func utcOf(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := utc(*t)
	return &u
}
