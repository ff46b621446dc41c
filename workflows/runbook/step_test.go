package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// steps is a runbook of declared steps, done one after another.
func steps(list ...StepSpec) func(workflow.Context, *Run) error {
	return func(ctx workflow.Context, r *Run) error {
		r.Declare(list...)
		for _, s := range list {
			if err := r.Step(ctx, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// firstAttempts fails a step's first time, all of its attempts.
func firstAttempts(try int) error {
	if try <= int(Change.attempts) {
		return errBroken
	}
	return nil
}

// states maps steps to what became of them.
func (b *bench) states() map[string]StepState {
	states := map[string]StepState{}
	for _, s := range b.run.status.Steps {
		states[s.Name] = s.State
	}
	return states
}

func TestStepsAreOnTheChecklistFromTheStart(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		r.Declare(StepSpec{Name: "a", Title: "A"}, StepSpec{Name: "b", Title: "B"})
		require.Equal(t, []Step{{Name: "a", Title: "A", State: StepPending}, {Name: "b", Title: "B", State: StepPending}}, r.Status().Steps)
		for _, name := range []string{"a", "late"} {
			err := r.Step(ctx, StepSpec{Name: name, Title: name, Do: func(ctx workflow.Context) error {
				require.Equal(t, Running, r.status.State)
				require.Equal(t, StepRunning, b.states()[name])
				return workflow.Sleep(ctx, minute)
			}})
			require.NoError(t, err)
		}
		return nil
	}))
	require.Equal(t, map[string]StepState{"a": StepDone, "b": StepNotNeeded, "late": StepDone}, b.states(), "nothing is pending in a run that has done its work")
	a := b.run.status.Steps[0]
	require.Equal(t, 1, a.Attempts)
	require.Equal(t, start.UTC(), *a.StartedAt)
	require.Equal(t, start.Add(minute).UTC(), *a.EndedAt)
}

func TestHeldStepAsksAndSaysWhatWouldHappen(t *testing.T) {
	b := newBench(t)
	b.fail["work a"] = firstAttempts
	b.after(hour, func() {
		w := b.run.status.WaitingFor
		require.Equal(t, Held, b.run.status.State)
		require.Equal(t, StepHeld, b.states()["a"])
		require.Equal(t, "held", w.Kind)
		require.Equal(t, "a", w.Gate)
		require.Equal(t, "Do a: AWS says no", w.Why)
		require.Equal(t, []string{Retry, Rollback}, w.Answers)
		require.Equal(t, []string{"kato", "tanaka", "yamada"}, w.Eligible)
		require.Equal(t, "rollback: everything that was changed is put back", w.Then)
	})
	b.at(2*hour, Retry, by("kato"))
	require.NoError(t, b.toy(steps(step("a"), step("b"))))
	require.Equal(t, []string{"a", "b", "undo b", "undo a"}, b.calls)
	require.Equal(t, []string{"step-held"}, b.templates())
	page := b.mail[0]
	require.Equal(t, "operators", page.List)
	require.Equal(t, "Do a", page.Data["step"])
	require.Equal(t, "AWS says no", page.Data["error"])
	require.Equal(t, "skip: never", page.Data["detail"])
	require.Equal(t, "retry rollback", page.Data["answers"])
	require.Equal(t, 2, b.run.status.Steps[0].Attempts)
	require.Empty(t, b.run.status.Steps[0].Error)
	require.Equal(t, "AWS says no", b.body("held")["problem"])
	require.Contains(t, b.run.executed, "kato")
}

func TestHeldStepIsRolledBack(t *testing.T) {
	for name, c := range map[string]struct {
		answer string // "" for nobody
		kinds  []string
		ended  int // hours
	}{
		"by a person":         {Rollback, []string{"opened", "held", "decision", "closed"}, 1},
		"when nobody answers": {"", []string{"opened", "held", "unanswered", "closed"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fail["work b"] = always(errBroken)
			if c.answer != "" {
				b.at(hour, c.answer, by("kato"))
			}
			requireEnd(t, b.toy(steps(step("a"), step("b"), step("c"))), ErrRolledBack, `the step "b" failed: AWS says no`)
			require.Equal(t, []string{"a", "undo b", "undo a"}, b.calls, "the failed step is put back too: it may have happened in part")
			require.Equal(t, map[string]StepState{"a": StepUndone, "b": StepFailed, "c": StepPending, "undo-b": StepDone, "undo-a": StepDone}, b.states())
			require.Equal(t, c.kinds, b.kinds())
			require.Equal(t, c.ended, int(b.run.status.EndedAt.Sub(start).Hours()))
		})
	}
}

// Mail about a held step offers what its question takes, and nothing else.
func TestMailAboutAHeldStepOffersWhatIsTaken(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*StepSpec)
		undo   bool
		want   string
	}{
		"a step":                        {func(*StepSpec) {}, false, "retry rollback"},
		"one that may be skipped":       {func(s *StepSpec) { s.SkipIf = "it is done" }, false, "retry skip rollback"},
		"one without a way back":        {func(s *StepSpec) { s.Onward = func() bool { return true } }, false, "retry"},
		"the same that may be skipped":  {func(s *StepSpec) { s.SkipIf, s.Onward = "it is done", func() bool { return true } }, false, "retry skip"},
		"a step of the way back itself": {func(*StepSpec) {}, true, "retry skip"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			work := "work a"
			if c.undo {
				work = "work undo a"
			}
			b.fail[work] = once(final("AWS says no"))
			b.at(hour, Retry, by("kato"))
			s := step("a")
			c.change(&s)
			require.NoError(t, b.toy(steps(s)))
			require.Equal(t, c.want, b.mail[0].Data["answers"])
		})
	}
}

func TestSkipIsTakenOnlyWhereTheStepAllowsIt(t *testing.T) {
	t.Run("allowed", func(t *testing.T) {
		b := newBench(t)
		b.fail["work a"] = always(errBroken)
		b.at(hour, Skip, by("kato"))
		s := step("a")
		s.SkipIf = "somebody has done it by hand"
		require.NoError(t, b.toy(steps(s, step("b"))))
		require.Equal(t, []string{"b", "undo b", "undo a"}, b.calls)
		require.Equal(t, StepSkipped, b.states()["a"])
		require.Equal(t, "skip: if somebody has done it by hand", b.mail[0].Data["detail"])
	})
	t.Run("not allowed", func(t *testing.T) {
		b := newBench(t)
		b.fail["work a"] = always(errBroken)
		b.at(hour, Skip, by("kato"))
		requireEnd(t, b.toy(steps(step("a"), step("b"))), ErrRolledBack, "")
		b.requireRefused(`waiting for retry or rollback, not for "skip"`)
		require.NotContains(t, b.calls, "b")
	})
}

func TestHeldStepIsHeldAgainWhenTheRetryFails(t *testing.T) {
	b := newBench(t)
	b.fail["work a"] = always(errBroken)
	b.at(hour, Retry, by("kato"))
	b.at(2*hour, Retry, by("sato")) // may not
	b.at(3*hour, Rollback, by("kato"))
	requireEnd(t, b.toy(steps(StepSpec{Name: "a", Title: "Do a", Do: does("a")})), ErrRolledBack, "")
	require.Equal(t, 12, b.tries["work a"])
	require.Equal(t, []string{"step-held", "step-held"}, b.templates())
	require.NotEqual(t, b.mail[0].Step, b.mail[1].Step, "the second page must not count as the first")
	require.Contains(t, b.run.status.Approvals[1].Refusal, "sato does not have the role operator")
}

func TestAnswerForAnotherHeldStepIsRefused(t *testing.T) {
	b := newBench(t)
	b.fail["work a"] = always(errBroken)
	b.at(hour, Retry, by("kato", "gate", "b"))
	requireEnd(t, b.toy(steps(step("a"))), ErrRolledBack, "")
	b.requireRefused("it is for b, and the run is at a")
}

func TestCancelInAStep(t *testing.T) {
	t.Run("while it works", func(t *testing.T) {
		b := newBench(t)
		b.env.RegisterDelayedCallback(b.env.CancelWorkflow, minute)
		s := step("b")
		s.Do = func(ctx workflow.Context) error { return workflow.Sleep(ctx, hour) }
		require.True(t, temporal.IsCanceledError(b.toy(steps(step("a"), s, step("c")))))
		require.Equal(t, []string{"a", "undo b", "undo a"}, b.calls)
		require.Equal(t, StepFailed, b.states()["b"])
		require.NotContains(t, b.kinds(), "held", "nobody is asked about a step that was cancelled")
	})
	t.Run("while it is held", func(t *testing.T) {
		b := newBench(t)
		b.fail["work b"] = always(errBroken)
		b.at(hour, Cancel, by("tanaka"))
		requireEnd(t, b.toy(steps(step("a"), step("b"), step("c"))), ErrCancelled, "tanaka cancelled: checked")
		require.Equal(t, []string{"a", "undo b", "undo a"}, b.calls)
		require.Equal(t, StepFailed, b.states()["b"])
		require.NotContains(t, b.kinds(), "unanswered")
	})
	t.Run("before it begins", func(t *testing.T) {
		b := newBench(t)
		b.env.RegisterDelayedCallback(b.env.CancelWorkflow, minute)
		err := b.toy(func(ctx workflow.Context, r *Run) error {
			_ = workflow.Sleep(ctx, hour)
			return r.Step(ctx, step("a"))
		})
		require.True(t, temporal.IsCanceledError(err))
		require.Equal(t, []string{"undo a"}, b.calls, "an undo must be harmless if the step never happened")
	})
}

func TestStepThatNobodyCanBeAskedAboutEndsTheRun(t *testing.T) {
	b := newBench(t)
	b.fail["work a"] = always(errBroken)
	b.fail["AnswerTerms"] = func(try int) error {
		if try == 1 { // the question of who may cancel
			return nil
		}
		return final("system.yaml is broken")
	}
	requireEnd(t, b.toy(steps(StepSpec{Name: "a", Title: "A", Do: does("a")})), ErrRefused, "system.yaml is broken")
	require.Equal(t, StepFailed, b.states()["a"])
}
