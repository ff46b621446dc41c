package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// told is a runbook that makes two steps and tells at last how it ended.
func told(says *[]string, work func(workflow.Context, *Run) error) func(workflow.Context, *Run) error {
	return func(ctx workflow.Context, r *Run) error {
		r.Finally("tell", "結果の連絡 · Tell", func(ctx workflow.Context, err error) error {
			words := "done"
			if err != nil {
				words = Words(err)
			}
			*says = append(*says, words)
			return r.Notify(ctx, "tell", "news", "users", nil)
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

func kept(_ workflow.Context, r *Run) error { r.Keep(); return nil }

// A mail about the end that does not go out is a step that is held: people see it, and send it once more.
func TestAnEndThatCouldNotBeToldIsHeldAndToldAgain(t *testing.T) {
	var says []string
	b := newBench(t)
	b.fail["mail news"] = once(final("may or may not have been sent"))
	b.after(minute, func() {
		require.Equal(t, Held, b.run.status.State)
		require.Equal(t, []string{Retry, Skip}, b.run.status.WaitingFor.Answers)
		require.Equal(t, "the run ends without it, and says so", b.run.status.WaitingFor.Then)
	})
	late := b.update(minute, map[string]any{"action": Cancel, "by": "kato", "reason": "storm"})
	b.at(hour, Retry, by("kato"))
	require.NoError(t, b.toy(told(&says, kept)))
	require.Equal(t, []string{"step-held", "news"}, b.templates())
	require.True(t, b.mail[1].Resend, "a person has answered retry")
	require.Equal(t, []string{"done", "done"}, says, "the end is the same one")
	require.Equal(t, "too late: run is already closed", late.answer.Refusal, "there is nothing left to cancel")
	require.NotContains(t, b.kinds(), "not-told")
}

// Nobody answers: neither the run nor its evidence says that people were told.
func TestAnEndThatNobodyWasToldSaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		work func(workflow.Context, *Run) error
		kind string // of the run's end, which stays as it is
		end  string
		says string
	}{
		"success": {kept, "", "done", "finished after"},
		"failure": {gaveUp, ErrRolledBack, "the watch was bad", "the watch was bad"},
	} {
		t.Run(name, func(t *testing.T) {
			var says []string
			b := newBench(t)
			b.fail["mail news"] = always(final("SES says no"))
			err := b.toy(told(&says, c.work))
			require.Equal(t, c.kind != "", err != nil && IsEnd(err, c.kind), "%v", err)
			require.Equal(t, []string{"step-held"}, b.templates())
			require.Equal(t, map[string]any{"problem": "SES says no", "end": c.end}, b.body("not-told"))
			steps := b.body("closed")["steps"].([]any)
			line := steps[len(steps)-1].(map[string]any)
			require.Equal(t, []any{"tell", "failed", "SES says no"}, []any{line["name"], line["state"], line["error"]})
			require.Contains(t, b.run.status.Says, c.says)
			require.Contains(t, b.run.status.Says, ". NOT DONE: 結果の連絡 · Tell: SES says no")
		})
	}
}

func TestAnEndThatPeopleWereToldByHandIsSkipped(t *testing.T) {
	var says []string
	b := newBench(t)
	b.fail["mail news"] = always(final("SES says no"))
	b.at(hour, Skip, by("kato"))
	require.NoError(t, b.toy(told(&says, kept)))
	line := b.run.status.Steps[len(b.run.status.Steps)-1]
	require.Equal(t, []any{"tell", StepSkipped}, []any{line.Name, line.State})
	require.NotContains(t, b.kinds(), "not-told")
	require.NotContains(t, b.run.status.Says, "NOT DONE")
}

// A rejection that was in time keeps the work from being done, and not people from being told.
func TestARejectionBeforeTheStartIsTold(t *testing.T) {
	var says []string
	b := newBench(t)
	requireEnd(t, b.toy(told(&says, func(ctx workflow.Context, r *Run) error {
		r.rejected = &Answered{Person: "sato", Reason: "not tonight"}
		return r.Step(ctx, step("three"))
	})), ErrRejected, "sato rejected it before the start: not tonight")
	require.Equal(t, []string{"one", "two", "undo three", "undo two", "undo one"}, b.calls)
	require.Equal(t, []string{"news"}, b.templates())
}
