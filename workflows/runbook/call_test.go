package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

func TestCallCarriesInputAndOutput(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error {
		out, err := Call(ctx, Read, work, job{"a"})
		require.Equal(t, job{"a done"}, out)
		return err
	}))
	require.Equal(t, []string{"a"}, b.calls)
}

func TestStartedActivitiesRunBesideEachOther(t *testing.T) {
	b := newBench(t)
	b.fail["work slow"] = firstAttempts // its retries take a while
	require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error {
		slow, quick := Start(ctx, Settle, work, job{"slow"}), Start(ctx, Read, work, job{"quick"})
		_, err := slow.Get(ctx)
		require.ErrorContains(t, err, "AWS says no")
		out, err := quick.Get(ctx)
		require.Equal(t, job{"quick done"}, out)
		require.Less(t, workflow.Now(ctx).Sub(start), minute)
		return err
	}))
	require.Equal(t, []string{"quick"}, b.calls)
}

func TestSummaryGoesToWhatFollows(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		require.Empty(t, summaryOf(ctx))
		require.Equal(t, "in words", summaryOf(WithSummary(ctx, "in words")))
		return r.Step(ctx, StepSpec{Name: "a", Title: "Do a", Do: func(ctx workflow.Context) error {
			require.Equal(t, "Do a", summaryOf(ctx))
			return nil
		}})
	}))
}

func TestResolve(t *testing.T) {
	resolve := func(ctx workflow.Context, _ *Run) error {
		p, err := Resolve(ctx, directory.ResolvePerson, activities.Claim{By: "m-sato"})
		if err == nil {
			require.Equal(t, "sato", p.ID)
		}
		return err
	}
	t.Run("answers", func(t *testing.T) { require.NoError(t, newBench(t).toy(resolve)) })
	t.Run("a refusal ends the run before any effect", func(t *testing.T) {
		b := newBench(t)
		b.fail["ResolvePerson"] = always(final("the window lies in a freeze"))
		requireEnd(t, b.toy(resolve), ErrRefused, "the window lies in a freeze")
	})
	t.Run("a cancel stays a cancel", func(t *testing.T) {
		b := newBench(t)
		b.fail["ResolvePerson"] = always(errBroken)
		b.env.RegisterDelayedCallback(b.env.CancelWorkflow, minute)
		require.True(t, temporal.IsCanceledError(b.toy(resolve)))
	})
}
