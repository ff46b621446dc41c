package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// incidentRow is what of an Incident stands in columns of its own.
type incidentRow struct {
	Incident       string          `json:"incident"`
	Key            string          `json:"key"`
	WorkflowID     string          `json:"workflow_id"`
	RunID          string          `json:"run_id"`
	At             time.Time       `json:"at"`
	Event          string          `json:"event"`
	Fingerprint    string          `json:"fingerprint"`
	Title          string          `json:"title"`
	Severity       string          `json:"severity"`
	State          string          `json:"state"`
	OpenedAt       time.Time       `json:"opened_at"`
	AcknowledgedAt *time.Time      `json:"acknowledged_at"`
	RecoveredAt    *time.Time      `json:"recovered_at"`
	ClosedAt       *time.Time      `json:"closed_at"`
	Body           json.RawMessage `json:"body"`
}

// RecordIncident adds a state to an incident's record. A key that is there already adds nothing: the state that stands there comes
// back.
func (s *Store) RecordIncident(ctx context.Context, in Incident) (Incident, error) {
	in.Seq, in.At, in.OpenedAt, in.DetectedAt = 0, utc(in.At), utc(in.OpenedAt), utc(in.DetectedAt)
	in.AcknowledgedAt, in.RecoveredAt, in.ClosedAt = utcOf(in.AcknowledgedAt), utcOf(in.RecoveredAt), utcOf(in.ClosedAt)
	if err := checkIncident(in); err != nil {
		return Incident{}, fmt.Errorf("record an incident: %w: %w", ErrInvalid, err)
	}
	body, err := jsonb(in)
	if err != nil {
		return Incident{}, fmt.Errorf("record the incident %s: %w", in.ID, err)
	}
	row, err := json.Marshal(incidentRow{
		Incident: in.ID, Key: in.Key, WorkflowID: in.WorkflowID, RunID: in.RunID, At: in.At, Event: in.Event, Fingerprint: in.Fingerprint,
		Title: in.Title, Severity: in.Severity, State: in.State, OpenedAt: in.OpenedAt, AcknowledgedAt: in.AcknowledgedAt,
		RecoveredAt: in.RecoveredAt, ClosedAt: in.ClosedAt, Body: body,
	})
	if err != nil {
		return Incident{}, fmt.Errorf("record the incident %s: %w", in.ID, err)
	}
	list, err := s.incidents(ctx, `SELECT seq, body FROM tejun.record_incident($1, $2)`, string(row), looks(in))
	if err != nil {
		return Incident{}, fmt.Errorf("record the incident %s as %s: %w", in.ID, in.Event, err)
	}
	return list[0], nil
}

// IncidentFilter says which incidents are listed.
type IncidentFilter struct {
	Ended    bool   // closed and withdrawn ones too
	Severity string // "" for any
	Limit    int    // 0 for all
}

// Incidents lists incidents as they are now, those that are not over first, then the newest.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]Incident, error) {
	list, err := s.incidents(ctx, `SELECT seq, body FROM tejun.incidents
		WHERE ($1 OR state NOT IN ('closed', 'withdrawn')) AND ($2 = '' OR severity = $2)
		ORDER BY state IN ('closed', 'withdrawn'), opened_at DESC, incident LIMIT nullif($3, 0)`, f.Ended, f.Severity, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return list, nil
}

// IncidentsOf lists the incidents that a name means, as they are now, the newest first: the one with that number, or all that the run of
// that ID has handled. A run's ID comes from what its incident is about, so a later incident of the same thing has it again.
func (s *Store) IncidentsOf(ctx context.Context, name string) ([]Incident, error) {
	list, err := s.incidents(ctx, `SELECT seq, body FROM tejun.incidents WHERE incident = $1 OR workflow_id = $1 ORDER BY opened_at DESC, incident`, name)
	if err != nil {
		return nil, fmt.Errorf("look for the incident %s: %w", name, err)
	}
	return list, nil
}

// IncidentHistory lists the states of one incident, the oldest first. name is its number, or the ID of its run: then it is that
// run's newest incident. None is ErrNotFound.
func (s *Store) IncidentHistory(ctx context.Context, name string) ([]Incident, error) {
	list, err := s.incidents(ctx, `SELECT seq, body FROM tejun.incident_states WHERE incident = coalesce(
			(SELECT incident FROM tejun.incident_states WHERE incident = $1 LIMIT 1),
			(SELECT incident FROM tejun.incident_states WHERE workflow_id = $1 ORDER BY opened_at DESC LIMIT 1)) ORDER BY seq`, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the incident %s: %w", name, err)
	case len(list) == 0:
		return nil, fmt.Errorf("the incident %s: %w", name, ErrNotFound)
	}
	return list, nil
}

func (s *Store) incidents(ctx context.Context, sql string, args ...any) ([]Incident, error) {
	return collect(ctx, s, func(r pgx.CollectableRow) (in Incident, err error) {
		var seq int
		var body []byte
		if err := r.Scan(&seq, &body); err != nil {
			return in, err
		}
		err = json.Unmarshal(body, &in)
		in.Seq = seq
		return in, err
	}, sql, args...)
}

func checkIncident(in Incident) error {
	problems := plainTexts([]text{
		{"id", in.ID, true}, {"key", in.Key, true}, {"workflowId", in.WorkflowID, true}, {"event", in.Event, true}, {"title", in.Title, true},
		{"fingerprint", in.Fingerprint, true}, {"symptom", in.Symptom, false}, {"severity", in.Severity, false},
	})
	if !slices.Contains(incidentStates, in.State) {
		problems = append(problems, fmt.Errorf("state is %q: want one of %v", in.State, incidentStates))
	}
	if in.At.IsZero() || in.OpenedAt.IsZero() {
		problems = append(problems, errors.New("at and openedAt are needed"))
	}
	return errors.Join(problems...)
}
