package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// RunRef names a run of a runbook.
type RunRef struct {
	WorkflowID string `json:"workflowId"`
}

// RunFound says whether there is a run of that name, ended ones included.
type RunFound struct {
	Found   bool   `json:"found"`
	RunID   string `json:"runId"`
	Runbook string `json:"runbook"` // workflow type
}

// RunEnded is how a run has ended.
type RunEnded struct {
	Kind   string          `json:"kind"`   // type of its error; "" when it succeeded
	Words  string          `json:"words"`  // of its error
	Result json.RawMessage `json:"result"` // null when it failed
}

// What Kind says where a run did not end by itself.
const (
	RunCancelled  = "Cancelled"
	RunTerminated = "Terminated"
	RunTimedOut   = "TimedOut"
	RunFailed     = "Failed" // an error without a type
)

// runsAPI is the calls used.
type runsAPI interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	GetWorkflow(ctx context.Context, workflowID, runID string) client.WorkflowRun
}

// Runs looks at other runs of runbooks.
type Runs struct {
	client func(context.Context) runsAPI // the worker's own
}

func newRuns() *Runs {
	return &Runs{client: func(ctx context.Context) runsAPI { return activity.GetClient(ctx) }}
}

// FindRun looks whether there is a run of a name.
func (a *Runs) FindRun(ctx context.Context, in RunRef) (RunFound, error) {
	out, err := a.client(ctx).DescribeWorkflowExecution(ctx, in.WorkflowID, "")
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return RunFound{}, nil
	case err != nil:
		return RunFound{}, fail(Unavailable, "look for the run %s: %v", in.WorkflowID, err)
	}
	info := out.GetWorkflowExecutionInfo()
	return RunFound{Found: true, RunID: info.GetExecution().GetRunId(), Runbook: info.GetType().GetName()}, nil
}

// AwaitRun waits until a run has ended, and says how. It may be asked again at any time.
func (a *Runs) AwaitRun(ctx context.Context, in RunRef) (RunEnded, error) {
	var result json.RawMessage
	err := a.client(ctx).GetWorkflow(ctx, in.WorkflowID, "").Get(ctx, &result)
	var ended *temporal.WorkflowExecutionError
	switch {
	case err == nil:
		return RunEnded{Result: result}, nil
	case ctx.Err() != nil:
		return RunEnded{}, fmt.Errorf("wait for the run %s: %w", in.WorkflowID, ctx.Err())
	case !errors.As(err, &ended):
		return RunEnded{}, fail(Unavailable, "wait for the run %s: %v", in.WorkflowID, err)
	}
	kind, words := HowItEnded(ended.Unwrap())
	return RunEnded{Kind: kind, Words: words}, nil
}

// RefusedAsLocked tells whether an error says that a run was refused, before any effect, because another one held what it needs.
func RefusedAsLocked(err error) bool {
	var outer, inner *temporal.ApplicationError
	return errors.As(err, &outer) && outer.Type() == Refused && errors.As(outer.Unwrap(), &inner) && inner.Type() == Locked
}

// HowItEnded says what the error means with which a run ended.
func HowItEnded(err error) (kind, words string) {
	var app *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app):
		kind = app.Type()
		if kind == "" {
			kind = RunFailed
		}
		return kind, app.Message()
	case errors.As(err, &cancelled):
		return RunCancelled, "it was cancelled"
	case errors.As(err, &terminated):
		return RunTerminated, "it was terminated in Temporal, and what it had changed was not put back"
	case errors.As(err, &timeout):
		return RunTimedOut, "it did not end in time (" + strings.ToLower(timeout.TimeoutType().String()) + ")"
	}
	return RunFailed, err.Error()
}
