package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// told is a runbook that makes two steps and tells at last how it ended.
func told(says *[]string, work func(workflow.Context, *Run) error) func(workflow.Context, *Run) error {
	return func(ctx workflow.Context, r *Run) error {
		r.Finally("tell", "結果の連絡 · Tell", func(ctx workflow.Context, err error) {
			words := "done"
			if err != nil {
				words = Words(err)
			}
			*says = append(*says, words)
			r.Tell(ctx, "tell", "news", "users", nil)
		})
		for _, name := range []string{"one", "two"} {
			if err := r.Step(ctx, step(name)); err != nil {
				return err
			}
		}
		return work(ctx, r)
	}
}

func gaveUp(workflow.Context, *Run) error { return End(ErrRolledBack, "the watch was bad") }

func TestHowARunEndedIsToldAfterAllElse(t *testing.T) {
	var says []string
	b := newBench(t)
	requireEnd(t, b.toy(told(&says, gaveUp)), ErrRolledBack, "the watch was bad")
	require.Equal(t, []string{"the watch was bad"}, says)
	require.Equal(t, []string{"one", "two", "undo two", "undo one"}, b.calls)
	require.Equal(t, []string{"news"}, b.templates())
	line := b.run.status.Steps[len(b.run.status.Steps)-1]
	require.Equal(t, []any{"tell", StepDone}, []any{line.Name, line.State})

	says = nil
	b = newBench(t)
	require.NoError(t, b.toy(told(&says, func(_ workflow.Context, r *Run) error { r.Keep(); return nil })))
	require.Equal(t, []string{"done"}, says)
}

// The first undo fails and nobody answers: what is left stays, and people are told that, not nothing.
func TestAFailedUndoDoesNotKeepTheEndFromBeingTold(t *testing.T) {
	var says []string
	b := newBench(t)
	b.fail["work undo two"] = always(final("AWS says no"))
	requireEnd(t, b.toy(told(&says, gaveUp)), ErrUndoFailed, "Not put back: undo-two, undo-one")
	require.Len(t, says, 1)
	require.Contains(t, says[0], "Not put back: undo-two, undo-one")
	require.Equal(t, "news", b.templates()[len(b.templates())-1])
}

// Success is not told before it is one.
func TestAnEndThatGoesWrongLateIsNotToldAsASuccess(t *testing.T) {
	var says []string
	b := newBench(t)
	b.fail["ReleaseResources"] = always(final("no database"))
	requireEnd(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Reserve(ctx, []string{"toy:object/1"}, start, start.Add(hour)); err != nil {
			return err
		}
		return told(&says, func(_ workflow.Context, r *Run) error { r.Keep(); return nil })(ctx, r)
	}), ErrUndoFailed, "the reservations were not released")
	require.Contains(t, says[0], "the reservations were not released")
}

func TestACancelledRunTellsItsEnd(t *testing.T) {
	var says []string
	b := newBench(t)
	b.at(minute, Cancel, by("kato", "reason", "storm"))
	requireEnd(t, b.toy(told(&says, func(ctx workflow.Context, _ *Run) error { return workflow.Sleep(ctx, hour) })), ErrCancelled, "kato cancelled: storm")
	require.Equal(t, []string{"kato cancelled: storm"}, says)
	require.Equal(t, []string{"news"}, b.templates())
}
