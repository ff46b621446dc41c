package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// approvedThenWaits is approved at once and waits two hours for its start.
func (b *bench) approvedThenWaits(ctx workflow.Context, r *Run) error {
	if err := b.approvedUntilStart(ctx, r); err != nil {
		return err
	}
	return does("effect")(ctx)
}

func (b *bench) approvedUntilStart(ctx workflow.Context, r *Run) error {
	if err := r.Planned(ctx, b.changes); err != nil {
		return err
	}
	if err := r.Approve(ctx, b.planGate()); err != nil {
		return err
	}
	return r.WaitUntil(ctx, start.Add(3*hour), "the window starts", "plan")
}

func TestWaitEndsAtItsTime(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("sato"))
	b.after(2*hour, func() {
		w := b.run.status.WaitingFor
		require.Equal(t, Waiting, b.run.status.State)
		require.Equal(t, "the window starts at 2027-01-18 13:00 JST", b.run.status.Says)
		require.Equal(t, []string{"time", "plan"}, []string{w.Kind, w.Gate})
		require.Equal(t, []string{Reject}, w.Answers)
		require.Equal(t, start.Add(3*hour).UTC(), w.Until)
	})
	b.at(2*hour, Approve, by("suzuki"))
	require.NoError(t, b.toy(b.approvedThenWaits))
	require.Equal(t, []string{"effect"}, b.calls)
	require.Equal(t, start.Add(3*hour).UTC(), *b.run.status.EndedAt)
	b.requireRefused(`waiting for reject, not for "approve"`)
}

func TestRejectionWinsUntilTheStart(t *testing.T) {
	t.Run("before the start, by the one who approved", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("sato"))
		b.at(3*hour-30*time.Second, Reject, by("sato"))
		requireEnd(t, b.toy(b.approvedThenWaits), ErrRejected, "sato rejected it before the start: checked")
		require.Empty(t, b.calls)
	})
	t.Run("while our database did not answer until after it", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("sato"))
		b.after(2*hour, func() { b.fail["AppendEvidence"] = always(errBroken) })
		b.at(2*hour+minute, Reject, by("sato"))
		b.after(3*hour+minute, func() { delete(b.fail, "AppendEvidence") })
		err := b.toy(func(ctx workflow.Context, r *Run) error {
			if err := b.approvedUntilStart(ctx, r); err != nil {
				return err
			}
			r.Record(ctx, "started", "", nil) // waits for the database, as every run does before its first effect
			return r.Step(ctx, StepSpec{Name: "effect", Title: "effect", Do: does("effect")})
		})
		requireEnd(t, err, ErrRejected, "sato rejected it before the start: checked")
		require.Empty(t, b.calls)
		last := b.run.status.Approvals[len(b.run.status.Approvals)-1]
		require.True(t, last.Accepted, last.Refusal)
	})
	t.Run("by somebody who may not", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("sato"))
		b.at(2*hour, Reject, by("kato"))
		require.NoError(t, b.toy(b.approvedThenWaits))
		b.requireRefused("kato does not have the role officer")
	})
	t.Run("of another plan", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("sato"))
		b.at(2*hour, Reject, by("sato", "plan", "0000"))
		require.NoError(t, b.toy(b.approvedThenWaits))
		b.requireRefused("it is for plan 0000")
	})
}

func TestWaitForATimeThatIsPast(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		require.NoError(t, r.WaitUntil(ctx, start, "now", "plan"))
		stopped, stop := workflow.WithCancel(ctx)
		stop()
		require.True(t, temporal.IsCanceledError(r.WaitUntil(stopped, start, "now", "plan")))
		return nil
	}))
	require.Empty(t, b.asked, "nobody is asked")
	require.Equal(t, start.UTC(), *b.run.status.EndedAt)
}

func TestWaitAtAGateThatIsUnknownEndsTheRun(t *testing.T) {
	b := newBench(t)
	err := b.toy(func(ctx workflow.Context, r *Run) error { return r.WaitUntil(ctx, start.Add(hour), "x", "moon") })
	requireEnd(t, err, ErrRefused, `no gate "moon"`)
}

// ask is a question about work for two hours.
func ask(answers map[string]string) Ask {
	return Ask{Kind: "decision", Name: "overrun", Why: "the window runs out", Until: start.Add(2 * hour), Then: "it comes back by itself", Answers: answers}
}

func (b *bench) asks(a Ask) (d *Decision, err error) {
	err = b.toy(func(ctx workflow.Context, r *Run) (failed error) {
		d, failed = r.Asked(ctx, Waiting, a)
		return failed
	})
	return d, err
}

func TestQuestionIsAnsweredOrRunsOut(t *testing.T) {
	answers := map[string]string{Finished: "operate", Extend: "decide", Return: "decide"}
	t.Run("answered", func(t *testing.T) {
		b := newBench(t)
		b.after(minute, func() {
			w := b.run.status.WaitingFor
			require.Equal(t, []string{Finished, Extend, Return}, w.Answers)
			require.Equal(t, []string{"kato", "tanaka", "yamada"}, w.By[Finished])
			require.Equal(t, []string{"ito", "sato", "suzuki", "yamada"}, w.By[Extend])
			require.Equal(t, []string{"ito", "kato", "sato", "suzuki", "tanaka", "yamada"}, w.Eligible)
			require.Equal(t, "it comes back by itself", w.Then)
		})
		until := start.Add(9 * hour).UTC()
		b.at(hour, Extend, by("kato", "until", until)) // the operators do not decide about the window
		b.at(hour+minute, Extend, by("sato", "until", until))
		d, err := b.asks(ask(answers))
		require.NoError(t, err)
		require.Equal(t, Extend, d.Action)
		require.Equal(t, until, *d.Until)
		require.Contains(t, b.run.status.Approvals[0].Refusal, "kato does not have the role officer")
		require.NotContains(t, b.run.executed, "sato", "who extends has no hand in the execution")
		require.Equal(t, start.Add(hour+minute).UTC(), *b.run.status.EndedAt)
	})
	t.Run("nobody answers", func(t *testing.T) {
		b := newBench(t)
		d, err := b.asks(ask(answers))
		require.NoError(t, err)
		require.Nil(t, d)
		require.Equal(t, start.Add(2*hour).UTC(), *b.run.status.EndedAt)
		require.Nil(t, b.run.status.WaitingFor)
	})
	t.Run("cancelled", func(t *testing.T) {
		b := newBench(t)
		b.env.RegisterDelayedCallback(b.env.CancelWorkflow, hour)
		d, err := b.asks(ask(answers))
		require.True(t, temporal.IsCanceledError(err))
		require.Nil(t, d)
	})
	t.Run("its time is past already", func(t *testing.T) {
		b := newBench(t)
		a := ask(answers)
		a.Until = start.Add(-hour)
		d, err := b.asks(a)
		require.NoError(t, err)
		require.Nil(t, d)
	})
	t.Run("of a kind that nobody answers", func(t *testing.T) {
		b := newBench(t)
		_, err := b.asks(ask(map[string]string{Finished: "dream"}))
		requireEnd(t, err, ErrRefused, "nobody gives answers of the kind dream")
	})
}

func TestQuestionTellsThoseWhoDecide(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]string
		list    string
	}{
		"whoever may extend":        {map[string]string{Finished: "operate", Extend: "decide"}, "officers"},
		"whoever may answer at all": {map[string]string{Finished: "operate"}, "operators"},
		"the first to be asked":     {map[string]string{Finished: "operate", Return: "decide"}, "operators"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			a := ask(c.answers)
			a.Tell = "window-decision"
			_, err := b.asks(a)
			require.NoError(t, err)
			require.Equal(t, []string{"window-decision"}, b.templates())
			require.Equal(t, c.list, b.mail[0].List)
			require.Equal(t, "2027年1月18日(月) 12:00", b.mail[0].Data["until"])
		})
	}
}

func TestQuestionWithoutATemplateTellsNobody(t *testing.T) {
	b := newBench(t)
	_, err := b.asks(ask(map[string]string{Finished: "operate"}))
	require.NoError(t, err)
	require.Empty(t, b.mail)
}
