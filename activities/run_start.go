package activities

import (
	"context"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
)

// runStart is how the run for which an activity works was started, by Temporal's own history: nothing that the workflow says.
type runStart struct {
	operation string // the run's stable key: that of its first run, after a Reset too
	mode      string // that the input of a disaster run asks for; "" where it says none
}

// startOf reads the first event of the run's history, which a Reset copies as it is.
func startOf(ctx context.Context) (runStart, error) {
	run := activity.GetInfo(ctx).WorkflowExecution
	event, err := activity.GetClient(ctx).GetWorkflowHistory(ctx, run.ID, run.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	if err != nil {
		return runStart{}, fail(Unavailable, "read how the run %s was started: %v", run.ID, err)
	}
	started := event.GetWorkflowExecutionStartedEventAttributes()
	if started.GetFirstExecutionRunId() == "" {
		return runStart{}, fail(Unavailable, "the history of the run %s does not begin with its start", run.ID)
	}
	var in struct {
		Mode string `json:"mode"`
	}
	if err := converter.GetDefaultDataConverter().FromPayloads(started.GetInput(), &in); err != nil {
		in.Mode = "" // the runbook refuses such an input, too
	}
	return runStart{OperationOf(run.ID, started.GetFirstExecutionRunId()), in.Mode}, nil
}
