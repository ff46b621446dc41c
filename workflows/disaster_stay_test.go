package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// A rejected return leaves the DR region serving, and the way back open: it is asked for again by itself, and as soon as somebody wants it.
func TestARejectedReturnIsAskedForAgain(t *testing.T) {
	rejectedOnce := func(r *regions, more ...string) map[string][2]string {
		table := goingBack(append([]string{"approval return", "reject", "suzuki"}, more...)...)
		var look func()
		look = func() {
			if r.env.IsWorkflowCompleted() {
				return
			}
			if w := r.status().WaitingFor; w != nil && w.Gate == "stay" {
				require.True(t, w.Anew)
				require.Equal(t, dr, r.at.Record)
				require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks)
				table["approval return"] = [2]string{"approve", "suzuki"}
			}
			r.env.RegisterDelayedCallback(look, time.Minute)
		}
		r.env.RegisterDelayedCallback(look, time.Minute)
		return table
	}
	t.Run("by itself", func(t *testing.T) {
		r := newRegions(t)
		r.answers(rejectedOnce(r))
		require.NoError(t, r.recover(realInput("graceful")))
		require.Greater(t, r.env.Now().Sub(start), 24*time.Hour, "it outlives its first hold")
		require.Equal(t, records.DisasterReturned, r.row().Outcome)
		require.Equal(t, ordinary().Primary, r.at.Primary)
	})
	t.Run("when somebody wants it", func(t *testing.T) {
		r := newRegions(t)
		r.answers(rejectedOnce(r, "decision stay", "return", "sato"))
		require.NoError(t, r.recover(realInput("graceful")))
		require.Less(t, r.env.Now().Sub(start), 12*time.Hour)
		require.Equal(t, records.DisasterReturned, r.row().Outcome)
	})
	t.Run("a return that was given up is asked for again, too", func(t *testing.T) {
		r := newRegions(t)
		table := goingBack("work data-back", "rollback", "sato", "decision stay", "return", "sato")
		r.answers(table)
		r.when("ResumeDisasterService", func() { table["work data-back"] = [2]string{"done", "tanaka"} })
		require.NoError(t, r.recover(realInput("graceful")))
		require.Equal(t, 4, count(r.calls, "HaltDisasterService"))
		require.Equal(t, 2, count(r.calls, "ResumeDisasterService"))
		require.Equal(t, map[string]int{"web": 0, "api": 0}, r.at.Tasks)
		requireDistinct(t, r.mailSteps("disaster-data-back"))
	})
	t.Run("people end it, and the DR region stays", func(t *testing.T) {
		r := newRegions(t)
		r.answers(through("approval return", "reject", "suzuki", "decision stay", "cancel", "tanaka"))
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
		require.Equal(t, records.DisasterStays, r.row().Outcome)
		require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks)
	})
}

// While it waits, what the run works on is held; and people are told long before it can wait no longer.
func TestARunThatStaysHoldsWhatItWorksOnAndWarnsBeforeItEnds(t *testing.T) {
	r := newRegions(t)
	r.answers(through("approval return", "reject", "suzuki"))
	var look func()
	look = func() {
		if r.env.IsWorkflowCompleted() {
			return
		}
		s := r.status()
		require.NotEmpty(t, s.Holds)
		for _, h := range s.Holds {
			require.True(t, h.Until.After(r.env.Now().Add(-time.Minute)), "%s is held until %s", h.Resource, h.Until)
			require.Equal(t, start.UTC(), h.From.UTC(), "and has been all the time")
		}
		r.env.RegisterDelayedCallback(look, 12*time.Hour)
	}
	r.env.RegisterDelayedCallback(look, time.Hour)
	err := r.recover(realInput("graceful"))
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
	require.ErrorContains(t, err, "Nothing goes back by itself")
	require.InDelta(t, 30*24, r.env.Now().Sub(start).Hours(), 1)
	require.Equal(t, records.DisasterStays, r.row().Outcome)
	var warned []string
	for _, m := range r.mail {
		if m.Template == "disaster-at-risk" && m.Step == "at-risk-stay" {
			warned = append(warned, m.Data["until"])
		}
	}
	require.Len(t, warned, 1)
	require.Contains(t, warned[0], "2月17日", "30 days after the users were sent away")
	require.Greater(t, count(r.calls, "mail:approval-request"), 20, "it is asked for again and again")
}

// A run that was waiting for the decision when the runbook changed fences its way back all the same. Given up, it ends as it would have:
// the DR region serves again.
func TestARunOfBeforeThatWaitsForTheDecisionIsFencedToo(t *testing.T) {
	before := func(t *testing.T) *regions {
		r := newRegions(t)
		r.env.OnGetVersion("return-asked-again", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
		return r
	}
	t.Run("it goes back", func(t *testing.T) {
		r := before(t)
		r.when("StartECSService", func() { require.True(t, r.halted()) })
		r.answers(goingBack())
		require.NoError(t, r.recover(realInput("graceful")))
		require.Equal(t, 2, count(r.calls, "HaltDisasterService"))
	})
	t.Run("it is given up", func(t *testing.T) {
		r := before(t)
		r.answers(through("work data-back", "rollback", "sato"))
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks)
		require.Equal(t, records.DisasterStays, r.row().Outcome)
	})
}

// The decision is one on a plan: who moves the names meanwhile, or was made no officer any more, makes it void.
func TestAReturnIsDecidedOnAPlanThatStillHolds(t *testing.T) {
	r := newRegions(t)
	table := goingBack()
	r.answers(table)
	looked := 0
	r.fail["PlanRoute53Redirect"] = func(n int) error {
		switch looked = n; n {
		case 4: // the plan of the recovery, the one that was declared, the plan of the return: this one is for the confirmation
			r.at.Record = "elsewhere"
		case 5:
			r.at.Record = dr
		}
		return nil
	}
	require.NoError(t, r.recover(realInput("graceful")))
	void := 0
	for _, k := range r.kinds() {
		if k == "approval-void" {
			void++
		}
	}
	require.Equal(t, 2, void, "%d looks", looked)
	passed := 0
	for _, a := range r.status().Approvals {
		if a.Accepted && a.Gate == "return" {
			passed++
		}
	}
	require.Equal(t, 3, passed)
	require.NotEqual(t, r.result().Plan, r.status().Plan.Digest, "the result names the plan that was declared")
}
