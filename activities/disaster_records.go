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
	start func(context.Context) (runStart, error)
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
// changes nothing; another mode, manner or system under the same operation is refused, and so is another mode than that of the input
// with which the run was started.
func (a *Disasters) OpenDisaster(ctx context.Context, in records.Disaster) (records.Disaster, error) {
	start, err := a.own(ctx, in.Operation)
	if err != nil {
		return records.Disaster{}, err
	}
	if in.Mode != start.mode {
		return records.Disaster{}, fail(Refused, "the run was started as %q and wants to be registered as %q: start one of the other mode under an ID of its own", start.mode, in.Mode)
	}
	run := activity.GetInfo(ctx).WorkflowExecution
	in.WorkflowID, in.RunID = run.ID, run.RunID
	row, err := a.store.OpenDisaster(ctx, in)
	if err != nil {
		return row, disasterError(err, "open the run in the registry of disasters")
	}
	mode, err := a.store.DisasterModeOfRun(ctx, in.WorkflowID, in.Operation)
	if err == nil && mode != in.Mode {
		return row, fail(Refused, "the ID %s was used for a drill and for a real disaster, and counts as a drill: start it under an ID of its own", in.WorkflowID)
	}
	return row, disasterError(err, "look whether the ID was used before")
}

// own makes sure that a run writes the row of no other one, and says how it was started.
func (a *Disasters) own(ctx context.Context, operation string) (runStart, error) {
	if err := checkOperation(operation); err != nil {
		return runStart{}, err
	}
	start, err := a.start(ctx)
	if err == nil && start.operation != operation {
		err = fail(Refused, "the row %s of the registry of disasters is not that of this run, which is %s: a run writes its own alone", operation, start.operation)
	}
	return start, err
}

// FinishDisaster writes down what was measured, as drillreport.Report.Record makes it, and where the report lies.
func (a *Disasters) FinishDisaster(ctx context.Context, in records.Disaster) (records.Disaster, error) {
	if _, err := a.own(ctx, in.Operation); err != nil {
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
