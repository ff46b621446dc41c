package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/workflows/runbook"
)

// What the console says of a budget the report says too, also of those that several steps share: the doubt counts into that of the
// fence, and that of the way back is no budget of the officer's decision.
func TestTheReportTellsTheBudgetsAsTheConsoleDoes(t *testing.T) {
	r := newRegions(t)
	r.lost = true
	r.after, r.then = "ApplyRoute53Redirect", func() { r.lost = false } // users come back to a region that is back
	r.fail["RevertRoute53Redirect"] = func(n int) error {
		if n == 1 {
			return runbook.End(activities.Denied, "no permission")
		}
		return nil
	}
	table := goingBack()
	r.env.RegisterDelayedCallback(func() { table["decision fence"] = [2]string{"resume", "sato"} }, 20*time.Minute)
	r.env.RegisterDelayedCallback(func() { table["held undo-redirect"] = [2]string{"retry", "kato"} }, 3*time.Hour)
	r.answers(table)
	require.NoError(t, r.recover(realInput("ungraceful")))
	report := r.reports[0].Report
	steps := map[string]drillreport.Step{}
	for _, s := range report.Steps {
		steps[s.Name] = s
	}
	shared := map[string]drillreport.Budget{}
	for _, b := range report.Budgets {
		shared[b.Name] = b
	}
	missed := []string{}
	for _, line := range r.status().Budgets {
		if line.Over(r.env.Now()) {
			missed = append(missed, line.Name)
		}
		if b, ok := shared[line.Name]; ok {
			require.Equal(t, drillreport.Budget{Name: line.Name, Of: line.Of, Begin: line.Since, End: line.EndedAt, AtRisk: line.RiskAt}, b)
			require.Zero(t, steps[line.Name].Budget, "%s: told once", line.Name)
			require.Nil(t, steps[line.Name].AtRisk, line.Name)
			continue
		}
		require.Equal(t, line.Of, steps[line.Name].Budget, line.Name)
		require.Equal(t, line.RiskAt, steps[line.Name].AtRisk, line.Name)
	}
	require.Equal(t, []string{"fence", "return"}, missed)
	require.Len(t, shared, 5, "fence, once more before the redirect, outside, stay and return: %v", shared)
}

// Whoever decides about the return sees how long the way back may take: it counts from their decision.
func TestTheDecisionToReturnSaysHowLongTheWayBackMayTake(t *testing.T) {
	r := newRegions(t)
	r.after, r.then = "ApplyRoute53Redirect", func() {
		r.env.RegisterDelayedCallback(func() {
			w := r.status().WaitingFor
			require.Equal(t, "return", w.Gate)
			require.Contains(t, w.Why, "判断後の切り戻しの目標時間：1時間")
		}, 10*time.Minute)
	}
	table := through()
	delete(table, "approval return")
	r.answers(table)
	r.env.RegisterDelayedCallback(func() { table["approval return"] = [2]string{"approve", "suzuki"} }, 30*time.Minute)
	require.NoError(t, r.recover(drillInput("graceful")))
}

// What lies in the RTO has a budget, and so has all of the way back: a part of which nobody is warned is where the time is lost.
func TestEveryPartOfARecoveryHasABudget(t *testing.T) {
	atRisk := func(r *regions) (all []string) {
		for _, m := range r.mail {
			if m.Template == "disaster-at-risk" {
				all = append(all, m.Step)
			}
		}
		return all
	}
	line := func(r *regions, name string) runbook.BudgetLine {
		for _, b := range r.status().Budgets {
			if b.Name == name {
				return b
			}
		}
		t.Fatalf("no budget %s", name)
		return runbook.BudgetLine{}
	}
	t.Run("the last copy", func(t *testing.T) {
		r := newRegions(t)
		r.fail["AwaitRDSClusterSnapshot"] = refused
		r.env.RegisterDelayedCallback(func() { clear(r.fail) }, 20*time.Minute)
		table := goingBack()
		r.env.RegisterDelayedCallback(func() { table["held last-copy"] = [2]string{"retry", "kato"} }, 20*time.Minute)
		r.answers(table)
		require.NoError(t, r.recover(realInput("graceful")))
		require.Contains(t, atRisk(r), "at-risk-last-copy")
		require.True(t, line(r, "last-copy").Over(r.env.Now()))
	})
	t.Run("the way back, from the decision on", func(t *testing.T) {
		r := newRegions(t)
		table := goingBack()
		delete(table, "work data-back")
		r.env.RegisterDelayedCallback(func() { table["work data-back"] = [2]string{"done", "tanaka"} }, 2*time.Hour)
		r.answers(table)
		require.NoError(t, r.recover(realInput("graceful")))
		back := line(r, "return")
		require.Equal(t, []string{"at-risk-return"}, slices.DeleteFunc(atRisk(r), func(s string) bool { return s == "at-risk-stay" }), "once, though it goes on after the data were brought back")
		require.Equal(t, 48*time.Minute, back.RiskAt.Sub(back.Since))
		require.Greater(t, back.EndedAt.Sub(back.Since), 90*time.Minute, "it counts what people did")
	})
	t.Run("a second try of the way back", func(t *testing.T) {
		r := newRegions(t)
		table := goingBack()
		delete(table, "work data-back")
		r.env.RegisterDelayedCallback(func() { table["work data-back"] = [2]string{"rollback", "sato"} }, 2*time.Hour)
		r.env.RegisterDelayedCallback(func() {
			delete(table, "work data-back")
			table["decision stay"] = [2]string{"return", "sato"}
		}, 150*time.Minute)
		r.env.RegisterDelayedCallback(func() { table["work data-back"] = [2]string{"done", "tanaka"} }, 5*time.Hour)
		r.answers(table)
		require.NoError(t, r.recover(realInput("graceful")))
		require.Contains(t, atRisk(r), "at-risk-return-2", "mail of its own")
	})
	t.Run("the doubt before the redirect", func(t *testing.T) {
		r := newRegions(t)
		table := goingBack()
		r.answers(table)
		r.when("SmokeDisasterSite", func() { r.at.Primary["gzs-web"] = 1 })
		r.env.RegisterDelayedCallback(func() { table["decision fence"] = [2]string{"retry", "tanaka"} }, time.Hour)
		require.NoError(t, r.recover(realInput("graceful")))
		require.Contains(t, atRisk(r), "at-risk-fence-again")
		require.LessOrEqual(t, line(r, "fence-again").Of, 10*time.Minute, "what is left")
	})
}
