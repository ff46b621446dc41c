package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// A real recovery that an officer has declared does not end by itself before its first effect either.
func TestADeclaredRecoveryDoesNotEndByItself(t *testing.T) {
	refused := runbook.End(activities.Denied, "no permission")
	afterwards := func(n int) error { // the plan that is declared can be made, the one after it cannot
		if n == 1 {
			return nil
		}
		return refused
	}
	stuck := map[string]func(*regions){
		"take":       func(r *regions) { r.fail["TakeResources"] = func(int) error { return refused } },
		"plan-again": func(r *regions) { r.fail["PlanDisasterDatabase"] = afterwards },
	}
	for step, fail := range stuck {
		t.Run(step+"/nobody answers", func(t *testing.T) {
			r := newRegions(t)
			fail(r)
			r.answers(through())
			err := r.recover(realInput("graceful"))
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.ErrorContains(t, err, "nothing was changed yet")
			require.Empty(t, r.made())
			require.Equal(t, records.DisasterFailed, r.row().Outcome)
			require.GreaterOrEqual(t, count(r.calls, "mail:step-held"), 5, "people are told again and again")
			require.GreaterOrEqual(t, r.env.Now().Sub(start), 23*time.Hour)
		})
		t.Run(step+"/a person gives it up", func(t *testing.T) {
			r := newRegions(t)
			fail(r)
			r.answers(through("held "+step, "rollback", "kato"))
			err := r.recover(realInput("graceful"))
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.Empty(t, r.made())
			require.Equal(t, records.DisasterUndone, r.row().Outcome)
		})
		t.Run(step+"/a person tries again", func(t *testing.T) {
			r := newRegions(t)
			fail(r)
			r.env.RegisterDelayedCallback(func() { clear(r.fail) }, 10*time.Minute)
			table := goingBack()
			r.env.RegisterDelayedCallback(func() { table["held "+step] = [2]string{"retry", "kato"} }, 11*time.Minute)
			r.answers(table)
			require.NoError(t, r.recover(realInput("graceful")))
			require.Equal(t, start.Add(time.Minute).UTC(), *r.result().DeclaredAt, "the time of the hold counts")
		})
	}
	t.Run("the approval is void, and the next plan is rejected", func(t *testing.T) {
		r := newRegions(t)
		table := through()
		r.answers(table)
		r.fail["TakeResources"] = func(int) error {
			table["approval declare"] = [2]string{"reject", "sato"}
			r.at.Record = dr // so the plan is another one
			return nil
		}
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRejected), "%v", err)
		require.Equal(t, records.DisasterDeclined, r.row().Outcome)
		require.Nil(t, r.row().DeclaredAt)
	})
}
