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

	"tejun/internal/records"
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

// chain is the evidence of a run.
type chain []records.Row

func (c chain) ListEvidence(context.Context, string) ([]records.Row, error) { return c, nil }

func row(kind, body string) records.Row {
	return records.Row{Evidence: records.Evidence{RunID: "first", Kind: kind, Body: json.RawMessage(body)}}
}

// worked is the evidence of a load with all kinds of answers.
func worked() chain {
	rows := chain{
		row("opened", `{"runbook":"DataLoad","row":9,"input":{"operator":"tanaka@example.jp"}}`),
		row("hands", `{"parent":"p","people":["ito","takahashi"]}`),
		row("activity", `{"attempt":1,"calls":[]}`),
		row("closed", `{"outcome":"done","steps":[]}`),
	}
	for _, d := range []string{
		`"approve","person":"sato","accepted":true`, `"reject","person":"suzuki","accepted":true`, `"retry","person":"kato","accepted":true`,
		`"pause","person":"watanabe","accepted":true`, `"resume","person":"sato","accepted":true`, `"extend","person":"suzuki","accepted":true`,
		`"skip","person":"kato","accepted":true`, `"rollback","person":"mallory","accepted":false`, `"cancel","person":"takahashi","accepted":true`,
	} {
		rows = append(rows, row("decision", `{"action":`+d+`}`))
	}
	return rows
}

func runsOf(b *bench, o oneRun, evidence chain) *Runs {
	return &Runs{client: func(context.Context) runsAPI { return o }, records: evidence, system: b.set.Directory.system}
}

func TestRunIsFoundOrNot(t *testing.T) {
	b := newBench(t)
	found, err := try(b, runsOf(b, oneRun{}, nil).FindRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, RunFound{true, "r", "DataLoad"}, found)
	found, err = try(b, runsOf(b, oneRun{described: serviceerror.NewNotFound("no")}, nil).FindRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Zero(t, found)
	_, err = try(b, runsOf(b, oneRun{described: errors.New("no connection")}, nil).FindRun, RunRef{"x"})
	require.ErrorContains(t, err, "look for the run x: no connection")
	require.True(t, isType(err, Unavailable))
}

func TestRunIsAwaited(t *testing.T) {
	b := newBench(t)
	ended, err := try(b, runsOf(b, oneRun{result: `{"rows":2}`}, nil).AwaitRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, RunEnded{Result: json.RawMessage(`{"rows":2}`), FirstRun: "r"}, ended)
	_, err = try(b, runsOf(b, oneRun{ended: errors.New("no connection")}, nil).AwaitRun, RunRef{"x"})
	require.True(t, isType(err, Unavailable), "%v", err)
}

// A run that Temporal keeps nothing of is not started once more: its evidence knows it.
func TestRunThatTemporalHasForgottenIsKnownByItsEvidence(t *testing.T) {
	b := newBench(t)
	gone := serviceerror.NewNotFound("no")
	a := runsOf(b, oneRun{described: gone, ended: gone}, worked())
	found, err := try(b, a.FindRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, RunFound{true, "first", "DataLoad"}, found)
	ended, err := try(b, a.AwaitRun, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, []string{RunForgotten, "first"}, []string{ended.Kind, ended.FirstRun})
	assert.Contains(t, ended.Words, "Temporal has forgotten its result; its evidence says: done")
	_, err = try(b, runsOf(b, oneRun{ended: gone}, nil).AwaitRun, RunRef{"x"})
	requireType(t, err, NotFound)
	_, err = try(b, runsOf(b, oneRun{described: gone}, chain{row("opened", `[]`)}).FindRun, RunRef{"x"})
	requireType(t, err, InvalidInput)
}

func TestWhoHadAHandInARun(t *testing.T) {
	b := newBench(t)
	hands, err := try(b, runsOf(b, oneRun{}, worked()).ListRunHands, RunRef{"x"})
	require.NoError(t, err)
	assert.Equal(t, []string{"ito", "kato", "takahashi", "tanaka", "watanabe"}, hands.People, "whoever approved, rejected or was refused had none")
}

func TestWhatARunSaysThatStays(t *testing.T) {
	assert.Equal(t, []string{"rows"}, WhatLasts(temporal.NewNonRetryableApplicationError("x", "RolledBack", nil, Remains{[]string{"rows"}})))
	for _, err := range []error{nil, errors.New("x"), temporal.NewNonRetryableApplicationError("x", "y", nil)} {
		assert.Empty(t, WhatLasts(err))
	}
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
