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
