package runbook

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func TestEvidenceNamesItsRunAndItsPlace(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		require.NoError(t, workflow.Sleep(ctx, hour))
		r.Record(ctx, "note", "some-step", map[string]int{"n": 1})
		require.Equal(t, Evidence{Count: 2, Head: "hash-2"}, r.Status().Evidence)
		return nil
	}))
	require.Equal(t, []string{"opened", "note", "closed"}, b.kinds())
	for i, e := range b.evidence {
		require.Equal(t, "default-test-workflow-id", e.WorkflowID)
		require.Equal(t, toyRun, e.RunID)
		require.Equal(t, fmt.Sprintf("%s/workflow/%d", toyRun, i+1), e.Key)
	}
	require.Equal(t, "some-step", b.evidence[1].Step)
	require.Equal(t, start.Add(hour).UTC(), b.evidence[1].At)
	require.JSONEq(t, `{"n": 1}`, string(b.evidence[1].Body))
	require.JSONEq(t, `{"runbook": "Toy", "row": 99, "input": {"title": "a toy"}}`, string(b.evidence[0].Body))
	require.JSONEq(t, `{"outcome": "done", "steps": []}`, string(b.evidence[2].Body))
}

func TestRunWaitsUntilItsEvidenceIsWritten(t *testing.T) {
	b := newBench(t)
	b.fail["AppendEvidence"] = func(int) error {
		if now := b.env.Now(); now.After(start) && now.Before(start.Add(2*hour)) {
			return errBroken
		}
		return nil
	}
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		require.NoError(t, workflow.Sleep(ctx, hour))
		r.Record(ctx, "note", "", nil)
		require.False(t, workflow.Now(ctx).Before(start.Add(2*hour)), "nothing goes on before the row is there")
		return does("effect")(ctx)
	}))
	require.Equal(t, []string{"opened", "note", "closed"}, b.kinds())
}

func TestEvidenceIsWrittenAfterACancelToo(t *testing.T) {
	b := newBench(t)
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, minute)
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		err := workflow.Sleep(ctx, hour)
		r.Record(ctx, "note", "", nil)
		return err
	})
	require.True(t, temporal.IsCanceledError(err))
	require.Equal(t, []string{"opened", "note", "closed"}, b.kinds())
}

func TestLostEvidenceIsNoSuccess(t *testing.T) {
	t.Run("a row with other content stands in its place", func(t *testing.T) {
		b := newBench(t)
		b.fail["AppendEvidence"] = func(try int) error {
			if try == 2 {
				return final("the row 2 holds other content")
			}
			return nil
		}
		err := b.toy(func(ctx workflow.Context, r *Run) error {
			r.Record(ctx, "note", "s", nil)
			return does("effect")(ctx)
		})
		requireEnd(t, err, ErrEvidenceLost, `evidence "note" of step "s" was not written`)
		require.ErrorContains(t, err, "the row 2 holds other content")
		require.ErrorContains(t, err, "(the run itself: done)")
		require.Equal(t, Failed, b.run.status.State)
		require.Equal(t, []string{"effect"}, b.calls)
	})
	t.Run("it cannot be written down", func(t *testing.T) {
		b := newBench(t)
		err := b.toy(func(ctx workflow.Context, r *Run) error {
			r.Record(ctx, "note", "s", func() {})
			return End(ErrRejected, "no")
		})
		requireEnd(t, err, ErrEvidenceLost, `evidence "note" of step "s" cannot be written down`)
		require.ErrorContains(t, err, "(the run itself: no)")
	})
}
