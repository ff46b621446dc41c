package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// slow is a part of a run that takes its time.
func slow(span time.Duration) func(workflow.Context) error {
	return func(ctx workflow.Context) error { return workflow.Sleep(ctx, span) }
}

func TestABudgetThatIsNearlyUsedShowsAndWarnsOnce(t *testing.T) {
	b := newBench(t)
	warned := 0
	b.after(31*minute, func() { require.NotContains(t, b.run.status.Markdown(), "AT RISK") })
	b.after(33*minute, func() {
		require.Contains(t, b.run.status.Markdown(), "**AT RISK** – データベース: its budget of 40m0s is used up at 2027-01-18 10:40 JST")
		require.Equal(t, start.Add(32*minute).UTC(), *b.run.Budgets()[0].RiskAt)
		require.False(t, b.run.Budgets()[0].Over(b.env.Now()))
	})
	b.after(45*minute, func() { require.True(t, b.run.Budgets()[0].Over(b.env.Now())) })
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Within(ctx, Budget{Name: "database", Title: "データベース", Of: 40 * minute, Warn: func(_ workflow.Context, l BudgetLine) {
			require.Equal(t, start.Add(40*minute).UTC(), l.Due())
			warned++
		}}, slow(50*minute))
	})
	require.NoError(t, err, "a budget ends nothing")
	require.Equal(t, 1, warned)
	require.Contains(t, b.run.status.Markdown(), "**missed**")
	require.NotContains(t, b.run.status.Markdown(), "AT RISK", "it is over")
	require.Contains(t, b.kinds(), "budget-at-risk")
}

func TestABudgetThatIsKeptWarnsNobody(t *testing.T) {
	b := newBench(t)
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Within(ctx, Budget{Name: "a", Of: hour, Warn: func(workflow.Context, BudgetLine) { t.Error("warned") }}, slow(10*minute))
	})
	require.NoError(t, err)
	require.Equal(t, start.Add(10*minute).UTC(), *b.run.Budgets()[0].EndedAt)
	require.Contains(t, b.run.status.Markdown(), "| kept |")
	require.NotContains(t, b.kinds(), "budget-at-risk")
}

func TestWithoutABudgetAPartIsOnlyDone(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error { return r.Within(ctx, Budget{Name: "a"}, slow(minute)) }))
	require.Empty(t, b.run.Budgets())
}

// What the run waited for people is told apart from what the machine took.
func TestWaitsForPeopleAreKeptWithWhoAnswered(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("sato"))
	require.NoError(t, b.toy(b.approvedThenWaits))
	require.Equal(t, []Wait{{From: start.UTC(), To: start.Add(hour).UTC(), Gate: "plan", Why: b.planGate().Asks, Who: "sato"}}, b.run.Waits(), "waiting for the window is no wait for people")
}

func TestAHeldStepThatInsistsIsNotRolledBackBySilence(t *testing.T) {
	b := newBench(t)
	b.at(9*hour, Retry, by("kato"))
	tries := 0
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Step(ctx, StepSpec{Name: "s", Title: "S", Onward: func() bool { return true }, InsistUntil: start.Add(20 * hour), Do: func(workflow.Context) error {
			if tries++; tries == 1 {
				return final("no")
			}
			return nil
		}})
	})
	require.NoError(t, err)
	require.Equal(t, 2, b.countOf("unanswered"), "after four and eight hours")
	held := 0
	for _, m := range b.mail {
		if m.Template == "step-held" {
			held++
		}
	}
	require.Equal(t, 3, held, "people are told again")
}

func TestAHeldStepWithoutAWayBackTakesNoRollback(t *testing.T) {
	b := newBench(t)
	b.at(hour, Rollback, by("kato"))
	b.after(hour+minute/2, func() { b.requireRefused(`waiting for retry, not for "rollback"`) })
	b.at(2*hour, Retry, by("kato"))
	tries := 0
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Step(ctx, StepSpec{Name: "s", Title: "S", Onward: func() bool { return true }, Do: func(workflow.Context) error {
			if tries++; tries == 1 {
				return final("no")
			}
			return nil
		}})
	})
	require.NoError(t, err)
}

// Last is done after the way back, and no cancellation reaches it.
func TestTheLastStepIsDoneOnACancelledRun(t *testing.T) {
	b := newBench(t)
	b.after(minute, func() { b.env.CancelWorkflow() })
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		err := slow(hour)(ctx)
		require.Error(t, err)
		require.NoError(t, r.Last(ctx, StepSpec{Name: "report", Title: "R", Do: does("report")}))
		return err
	})
	require.Error(t, err)
	require.Equal(t, []string{"report"}, b.calls)
}
