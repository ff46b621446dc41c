package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/records"
)

// disasterStore is what the activities need of the database.
type disasterStore interface {
	OpenDisaster(ctx context.Context, d records.Disaster) (records.Disaster, error)
	FinishDisaster(ctx context.Context, d records.Disaster) (records.Disaster, error)
	EarlierDisasters(ctx context.Context, system string, before time.Time, limit int) ([]records.Disaster, error)
	modeStore
	fenceStore
}

// Disasters keeps the registry of drills and real disasters.
type Disasters struct {
	store disasterStore
}

// mostEarlier is how many earlier runs a report compares with.
const mostEarlier = 5

// EarlierQuestion asks for the runs on a system that began before a time.
type EarlierQuestion struct {
	System string    `json:"system"`
	Before time.Time `json:"before"`
}

// EarlierAnswer is those that were declared and have ended, the newest first; a handful, as many as a report shows.
type EarlierAnswer struct {
	Earlier []records.Disaster `json:"earlier"`
}

// OpenDisaster writes down what the run is, before its first effect: the guard of a drill believes this row. Telling it again
// changes nothing; another mode, manner or system under the same operation is refused.
func (a *Disasters) OpenDisaster(ctx context.Context, in records.Disaster) (records.Disaster, error) {
	if err := checkOperation(in.Operation); err != nil {
		return records.Disaster{}, err
	}
	run := activity.GetInfo(ctx).WorkflowExecution
	in.WorkflowID, in.RunID = run.ID, run.RunID
	row, err := a.store.OpenDisaster(ctx, in)
	if err != nil {
		return row, disasterError(err, "open the run in the registry of disasters")
	}
	mode, err := a.store.DisasterModeOfRun(ctx, in.WorkflowID)
	if err == nil && mode != in.Mode {
		return row, fail(Refused, "the ID %s was used for a drill and for a real disaster, and counts as a drill: start it under an ID of its own", in.WorkflowID)
	}
	return row, disasterError(err, "look whether the ID was used before")
}

// FinishDisaster writes down what was measured, as drillreport.Report.Record makes it, and where the report lies.
func (a *Disasters) FinishDisaster(ctx context.Context, in records.Disaster) (records.Disaster, error) {
	if err := checkOperation(in.Operation); err != nil {
		return records.Disaster{}, err
	}
	run := activity.GetInfo(ctx).WorkflowExecution
	in.WorkflowID, in.RunID = run.ID, run.RunID
	if err := fence(ctx, a.store, in.Operation+"/disaster/finish"); err != nil {
		return records.Disaster{}, err
	}
	row, err := a.store.FinishDisaster(ctx, in)
	return row, disasterError(err, "write down the end of the run in the registry of disasters")
}

// ListEarlierDisasters reads what a report compares with.
func (a *Disasters) ListEarlierDisasters(ctx context.Context, in EarlierQuestion) (EarlierAnswer, error) {
	if in.System == "" || in.Before.IsZero() {
		return EarlierAnswer{}, fail(InvalidInput, "earlier disaster runs: name the system, and the time before which they began")
	}
	list, err := a.store.EarlierDisasters(ctx, in.System, in.Before, mostEarlier)
	return EarlierAnswer{Earlier: list}, recordsError(err, "read earlier disaster runs")
}

func disasterError(err error, doing string) error {
	if errors.Is(err, records.ErrInvalid) || errors.Is(err, records.ErrNotFound) {
		return fail(InvalidInput, "%s: %v", doing, err)
	}
	return recordsError(err, doing)
}
