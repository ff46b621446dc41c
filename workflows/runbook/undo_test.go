package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func TestWayBackIsTheReverseWhateverTheEnd(t *testing.T) {
	body := func(end error) func(workflow.Context, *Run) error {
		return func(ctx workflow.Context, r *Run) error {
			if err := steps(step("a"), StepSpec{Name: "plain", Title: "P", Do: does("plain")}, step("b"))(ctx, r); err != nil {
				return err
			}
			r.OnReturn(StepSpec{Name: "check", Title: "Check", Do: does("check")})
			if err := r.Step(ctx, step("c")); err != nil {
				return err
			}
			return end
		}
	}
	want := []string{"a", "plain", "b", "c", "undo c", "check", "undo b", "undo a"}
	for name, end := range map[string]error{"success": nil, "failure": End(ErrExpired, "too late"), "rejection": End(ErrRejected, "no")} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			err := b.toy(body(end))
			require.Equal(t, end == nil, err == nil)
			require.Equal(t, want, b.calls)
			require.Equal(t, map[string]StepState{
				"a": StepUndone, "plain": StepDone, "b": StepUndone, "c": StepUndone,
				"undo-a": StepDone, "undo-b": StepDone, "undo-c": StepDone, "check": StepDone,
			}, b.states())
		})
	}
}

func TestWayBackIsWalkedOnce(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Step(ctx, step("a")); err != nil {
			return err
		}
		return r.Return(ctx) // the bench returns once more
	}))
	require.Equal(t, []string{"a", "undo a"}, b.calls)
}

// After a Reset the way back is that of all that may have been done, in the order of the steps, and nothing of it is walked twice.
func TestWayBackAfterAResetIsThatOfBothLives(t *testing.T) {
	b := newBench(t)
	requireEnd(t, b.toy(func(ctx workflow.Context, r *Run) error {
		require.False(t, r.WasReset(ctx))
		b.life = "another-run"
		require.True(t, r.WasReset(ctx))
		r.OnReturn(StepSpec{Name: "check", Title: "Check", Do: does("check")})
		if err := r.Step(ctx, step("b")); err != nil {
			return err
		}
		r.MayHaveDone(step("a"), StepSpec{Name: "plain", Title: "P", Do: does("plain")}, step("b"), step("c"))
		return End(ErrExpired, "too late")
	}), ErrExpired, "too late")
	require.Equal(t, []string{"b", "undo c", "undo b", "undo a", "check"}, b.calls)
}

func TestNoCancelStopsTheWayBack(t *testing.T) {
	b := newBench(t)
	b.fail["work undo b"] = firstAttempts
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, 10*minute)
	b.at(20*minute, Cancel, by("kato")) // both while the undo is held
	b.at(hour, Retry, by("kato"))
	requireEnd(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := steps(step("a"), step("b"))(ctx, r); err != nil {
			return err
		}
		return End(ErrExpired, "too late")
	}), ErrExpired, "too late")
	require.Equal(t, []string{"a", "b", "undo b", "undo a"}, b.calls)
}

func TestFailedUndoPagesThreeTimesAndSaysWhatIsLeft(t *testing.T) {
	b := newBench(t)
	b.fail["work undo b"] = always(errBroken)
	b.after(hour, func() {
		require.Equal(t, []string{Retry, Skip}, b.run.status.WaitingFor.Answers)
		require.Equal(t, "the page is repeated; after 3 pages the run ends and says what is not put back", b.run.status.WaitingFor.Then)
	})
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Reserve(ctx, []string{"x"}, start, start.Add(hour)); err != nil {
			return err
		}
		return steps(step("a"), step("b"), step("c"))(ctx, r)
	})
	requireEnd(t, err, ErrUndoFailed, "Not put back: undo-b, undo-a. Put it back by hand: the saved state is in the records database under operation "+b.run.Operation())
	require.ErrorContains(t, err, "AWS says no")
	require.Equal(t, []string{"reserve", "a", "b", "c", "undo c"}, b.calls, "what comes after may rely on it, and the reservation is kept")
	require.Len(t, b.run.status.Holds, 1)
	require.Equal(t, []string{"undo-failed", "undo-failed", "undo-failed"}, b.templates())
	require.Equal(t, []any{"undo-b", "undo-a"}, b.body("undo-failed")["left"])
	require.Equal(t, 3*int(Change.attempts), b.tries["work undo b"])
	require.Equal(t, map[string]StepState{"a": StepDone, "b": StepDone, "c": StepUndone, "undo-c": StepDone, "undo-b": StepFailed}, b.states())
	pages := map[string]bool{}
	for _, m := range b.mail {
		pages[m.Step] = true
	}
	require.Len(t, pages, 3, "each page is a message of its own")
}

func TestFailedUndoGoesOn(t *testing.T) {
	t.Run("after a retry", func(t *testing.T) {
		b := newBench(t)
		b.fail["work undo b"] = firstAttempts
		b.at(hour, Rollback, by("kato")) // is no answer here
		b.at(2*hour, Retry, by("kato"))
		require.NoError(t, b.toy(steps(step("a"), step("b"))))
		require.Equal(t, []string{"a", "b", "undo b", "undo a"}, b.calls)
		require.Contains(t, b.run.status.Approvals[0].Refusal, "waiting for retry or skip")
	})
	t.Run("after somebody put it back by hand", func(t *testing.T) {
		b := newBench(t)
		b.fail["work undo b"] = always(errBroken)
		b.at(hour, Skip, by("kato"))
		require.NoError(t, b.toy(steps(step("a"), step("b"))))
		require.Equal(t, []string{"a", "b", "undo a"}, b.calls)
		require.Equal(t, StepSkipped, b.states()["undo-b"])
		require.Equal(t, "skip: if somebody has put it back by hand", b.mail[0].Data["detail"])
	})
	t.Run("by itself, at the second page", func(t *testing.T) {
		b := newBench(t)
		b.fail["work undo b"] = firstAttempts
		require.NoError(t, b.toy(steps(step("a"), step("b"))))
		require.Equal(t, []string{"a", "b", "undo b", "undo a"}, b.calls)
		require.Equal(t, []string{"undo-failed"}, b.templates())
	})
}

func TestUndoThatSaysItWasCancelledIsNotTakenForDone(t *testing.T) {
	b := newBench(t)
	s := step("b")
	s.Undo = func(workflow.Context) error { return temporal.NewCanceledError() }
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Reserve(ctx, []string{"x"}, start, start.Add(hour)); err != nil {
			return err
		}
		return steps(step("a"), s)(ctx, r)
	})
	requireEnd(t, err, ErrUndoFailed, "Not put back: undo-b, undo-a.")
	require.Equal(t, []string{"reserve", "a", "b"}, b.calls, "the reservation is kept")
}
