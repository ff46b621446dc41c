package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/plan"
	"tejun/internal/records"
)

// incidentStore is what the activities need of the database.
type incidentStore interface {
	RecordIncident(ctx context.Context, in records.Incident) (records.Incident, error)
	RecordProblem(ctx context.Context, p records.Problem) (records.Problem, error)
	SimilarIncidents(ctx context.Context, in records.Incident) ([]records.Similar, error)
	IncidentHistory(ctx context.Context, name string) ([]records.Incident, error)
}

// Incidents keeps the records of incidents and problems. Its activities are local ones: what they are given stays out of the
// history.
type Incidents struct {
	store incidentStore
}

// IncidentRecorded is the number of a state among those of its record, from 1.
type IncidentRecorded struct {
	Seq int `json:"seq"`
}

// SimilarFound are earlier incidents that look like one.
type SimilarFound struct {
	Similar []records.Similar `json:"similar"`
}

// RecordIncident adds a state to the record of the run's incident. Key tells the states of one run apart; where another state
// stands under it, as after a worker was killed between the row and the end of its workflow task, this one stands beside it.
func (a *Incidents) RecordIncident(ctx context.Context, in records.Incident) (IncidentRecorded, error) {
	run := activity.GetInfo(ctx).WorkflowExecution
	in.WorkflowID, in.RunID, in.Key = run.ID, run.RunID, run.RunID+"/"+in.Key
	row, err := a.store.RecordIncident(ctx, in)
	if err == nil && (row.Event != in.Event || row.State != in.State || !row.At.Equal(in.At.Truncate(time.Microsecond))) {
		digest, hashed := plan.Hash(in)
		if hashed != nil {
			return IncidentRecorded{}, fail(InvalidInput, "%v", hashed)
		}
		in.Key += "/" + plan.Short(digest)
		row, err = a.store.RecordIncident(ctx, in)
	}
	if errors.Is(err, records.ErrInvalid) {
		return IncidentRecorded{}, fail(InvalidInput, "%v", err)
	}
	return IncidentRecorded{Seq: row.Seq}, recordsError(err, "record the incident as "+in.Event)
}

// RecordProblem adds a state to the record of the problem behind the run's incident.
func (a *Incidents) RecordProblem(ctx context.Context, p records.Problem) (IncidentRecorded, error) {
	run := activity.GetInfo(ctx).WorkflowExecution
	p.WorkflowID, p.RunID, p.Key = run.ID, run.RunID, run.RunID+"/"+p.Key
	row, err := a.store.RecordProblem(ctx, p)
	if errors.Is(err, records.ErrInvalid) {
		return IncidentRecorded{}, fail(InvalidInput, "%v", err)
	}
	return IncidentRecorded{Seq: row.Seq}, recordsError(err, "record the problem")
}

// FindSimilarIncidents proposes known errors: earlier incidents that look like the run's.
func (a *Incidents) FindSimilarIncidents(ctx context.Context, in records.Incident) (SimilarFound, error) {
	list, err := a.store.SimilarIncidents(ctx, in)
	return SimilarFound{Similar: append([]records.Similar{}, list...)}, recordsError(err, "look for earlier incidents")
}

// IncidentRef names an incident by its number, or by the ID of the run that handles it.
type IncidentRef struct {
	Name string `json:"name"`
}

// OpenIncident is an incident that is not over.
type OpenIncident struct {
	Number     string `json:"number"`
	WorkflowID string `json:"workflowId"`
}

// FindOpenIncident finds an incident that a change is to mend. One that this system has no record of, or that is over, is Refused: it
// would say of a change that it mends what nobody handles.
func (a *Incidents) FindOpenIncident(ctx context.Context, in IncidentRef) (OpenIncident, error) {
	history, err := a.store.IncidentHistory(ctx, in.Name)
	switch {
	case errors.Is(err, records.ErrNotFound):
		return OpenIncident{}, fail(Refused, "there is no incident %q on record for this system: give its number or the ID of its run (`starter incident list`), or leave it out", in.Name)
	case err != nil:
		return OpenIncident{}, recordsError(err, "look for the incident "+in.Name)
	}
	last := history[len(history)-1]
	if last.Over() {
		return OpenIncident{}, fail(Refused, "the incident %s (%s) is %s since %s: name one that is open, or leave it out", last.ID, last.WorkflowID, last.State, inJapan(last.At))
	}
	return OpenIncident{Number: last.ID, WorkflowID: last.WorkflowID}, nil
}
