package activities

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

// oneRun is a Temporal with one run, which has ended.
type oneRun struct {
	client.WorkflowRun
	described error
	ended     error
	result    string
}

func (o oneRun) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{
		Execution: &common.WorkflowExecution{WorkflowId: id, RunId: "r"}, Type: &common.WorkflowType{Name: "DataLoad"},
	}}, o.described
}

func (o oneRun) GetWorkflow(context.Context, string, string) client.WorkflowRun { return o }

func (o oneRun) Get(_ context.Context, into any) error {
	if o.ended != nil {
		return o.ended
	}
	return json.Unmarshal([]byte(o.result), into)
}

func runsOf(o oneRun) *Runs { return &Runs{client: func(context.Context) runsAPI { return o }} }

func TestRunIsFoundOrNot(t *testing.T) {
	b := newBench(t)
	found, err := try(b, runsOf(oneRun{}).FindRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, RunFound{true, "r", "DataLoad"}, found)
	found, err = try(b, runsOf(oneRun{described: serviceerror.NewNotFound("no")}).FindRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Zero(t, found)
	_, err = try(b, runsOf(oneRun{described: errors.New("no connection")}).FindRun, RunRef{"x"})
	require.ErrorContains(t, err, "look for the run x: no connection")
	require.True(t, isType(err, Unavailable))
}

func TestRunIsAwaited(t *testing.T) {
	b := newBench(t)
	ended, err := try(b, runsOf(oneRun{result: `{"rows":2}`}).AwaitRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, RunEnded{Result: json.RawMessage(`{"rows":2}`)}, ended)
	_, err = try(b, runsOf(oneRun{ended: errors.New("no connection")}).AwaitRun, RunRef{"x"})
	require.True(t, isType(err, Unavailable), "%v", err)
}

func TestHowARunEnded(t *testing.T) {
	for _, c := range []struct {
		err         error
		kind, words string
	}{
		{temporal.NewNonRetryableApplicationError("sato rejected content", "Rejected", nil), "Rejected", "sato rejected content"},
		{temporal.NewNonRetryableApplicationError("x", "", nil), RunFailed, "x"},
		{temporal.NewCanceledError(), RunCancelled, "it was cancelled"},
		{&temporal.TerminatedError{}, RunTerminated, "was not put back"},
		{temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil), RunTimedOut, "it did not end in time (starttoclose)"},
		{errors.New("panic"), RunFailed, "panic"},
	} {
		kind, words := HowItEnded(c.err)
		assert.Equal(t, c.kind, kind)
		assert.Contains(t, words, c.words)
	}
}
