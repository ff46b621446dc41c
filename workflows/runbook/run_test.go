package runbook

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func TestRunThatNobodyCouldCancelIsRefused(t *testing.T) {
	b := newBench(t)
	b.fail["AnswerTerms"] = always(final("nobody operates"))
	requireEnd(t, b.toy(func(workflow.Context, *Run) error { require.Fail(t, "it goes on"); return nil }), ErrRefused, "nobody operates")
	require.Empty(t, b.calls)
}

func TestCancelWhileTheRunLearnsWhatItIsAbout(t *testing.T) {
	b := newBench(t)
	b.fail["AnswerTerms"] = always(errBroken)
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, minute)
	require.True(t, temporal.IsCanceledError(b.toy(b.gated)))
}

func TestRequesterAndOperatorAreBarredOnce(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(_ workflow.Context, r *Run) error {
		require.Equal(t, []string{"ito", "tanaka"}, r.barred(Gate{}))
		r.executed = append(r.executed, "kato", "tanaka", "ito")
		require.Equal(t, []string{"ito", "kato", "tanaka"}, r.barred(Gate{}))
		r.executed = []string{"tanaka", "kato"}
		require.Equal(t, []string{"kato", "tanaka"}, r.barred(Gate{Accepts: true}), "who asked for it may say whether it is as asked for")
		return nil
	}))
}

func TestStateIsASearchAttribute(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		state := func() string {
			s, _ := workflow.GetTypedSearchAttributes(ctx).GetKeyword(AttributeState)
			return s
		}
		require.Equal(t, "planning", state())
		return r.Step(ctx, StepSpec{Name: "a", Title: "A", Do: func(workflow.Context) error {
			require.Equal(t, "running", state())
			return nil
		}})
	}))
}

func TestPlanDigestIsEmptyBeforeThereIsAPlan(t *testing.T) {
	require.Empty(t, (&Run{}).PlanDigest())
}

// Scripts read the status: its field names are permanent, and no list is null.
func TestStatusKeepsItsNames(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(b.nothing))
	value, err := b.env.QueryWorkflow("status")
	require.NoError(t, err)
	var raw json.RawMessage
	require.NoError(t, value.Get(&raw))
	var fields map[string]any
	require.NoError(t, json.Unmarshal(raw, &fields))
	names := []string{}
	for name, v := range fields {
		names = append(names, name)
		if name != "waitingFor" && name != "plan" {
			require.NotNil(t, v, name)
		}
	}
	require.ElementsMatch(t, []string{"id", "runId", "runbook", "row", "title", "requester", "about", "state", "says", "waitingFor",
		"parent", "children", "steps", "plan", "approvals", "holds", "evidence", "startedAt", "endedAt"}, names)
}

func (b *bench) nothing(workflow.Context, *Run) error { return nil }
