package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// A fence that cannot be closed is one more doubt.
func TestAFenceThatCannotBeClosedAgainIsAskedAbout(t *testing.T) {
	r := newRegions(t)
	table := goingBack("decision fence", "retry", "tanaka")
	r.answers(table)
	r.after, r.then = "SmokeDisasterSite", func() {
		r.at.Primary["gzs-web"] = 1 // somebody starts the primary region again before the redirect
		r.fail["StopECSService"] = func(int) error { return runbook.End(activities.Drifted, "somebody has deployed") }
		r.env.RegisterDelayedCallback(func() {
			require.Contains(t, r.status().WaitingFor.Why, "somebody has deployed")
			require.Empty(t, r.reports, "it has not ended")
			clear(r.fail)
			delete(table, "decision fence")
		}, 90*time.Second)
		r.env.RegisterDelayedCallback(func() { r.env.SignalWorkflow("retry", by("tanaka")) }, 10*time.Minute)
	}
	require.NoError(t, r.recover(realInput("graceful")))
	require.Equal(t, ordinary().Primary, r.at.Primary)
}

// Once the data may have been failed over without the last of them, nobody lets the side write again that has lost: its data and those
// of the new writer could not be joined.
func TestAfterAFailoverThePrimaryRegionStaysFenced(t *testing.T) {
	refused := func(int) error { return runbook.End(activities.Denied, "no permission") }
	looks := func(r *regions) {
		r.fail["FailoverGlobalCluster"] = func(int) error { return temporal.NewApplicationError("no answer", activities.Unavailable) }
	}
	for name, c := range map[string]struct {
		call   string
		answer []string
		then   func(*regions)
		end    string
	}{
		"a person would give it up at the database": {"", []string{"held database", "rollback", "kato"}, looks, runbook.ErrRolledBack},
		"refused, and it moves all the same": {"", []string{"held database", "rollback", "kato"}, func(r *regions) {
			r.fail["FailoverGlobalCluster"] = func(n int) error { r.at.Writer = dr; return refused(n) }
		}, runbook.ErrRolledBack},
		"refused, and nobody can look": {"", []string{"held database", "rollback", "kato"}, func(r *regions) {
			r.fail["FailoverGlobalCluster"], r.fail["ReadGlobalCluster"] = refused, refused
		}, runbook.ErrRolledBack},
		"while it is waited for": {"AwaitGlobalCluster", []string{"held database", "rollback", "kato"}, nil, runbook.ErrRolledBack},
		"at a later step":        {"AwaitDisasterPipeline", []string{"held pipeline", "rollback", "kato"}, nil, runbook.ErrRolledBack},
		"at the doubt before the redirect": {"", []string{"decision fence", "rollback", "sato"}, func(r *regions) {
			r.after, r.then = "SmokeDisasterSite", func() { r.lost = true }
		}, runbook.ErrRolledBack},
		"it is cancelled": {"AwaitDisasterPipeline", []string{"held pipeline", "cancel", "tanaka"}, nil, runbook.ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.via = system.ViaGlobalCluster
			if c.call != "" {
				r.fail[c.call] = refused
			}
			if c.then != nil {
				c.then(r)
			}
			r.answers(through(c.answer...))
			err := r.recover(realInput("ungraceful"))
			require.True(t, runbook.IsEnd(err, c.end), "%v", err)
			require.ErrorContains(t, err, "so "+home+" must not write again")
			require.True(t, r.fenced())
			require.NotContains(t, r.made(), "StartECSService")
			require.Equal(t, records.DisasterFailed, r.row().Outcome)
		})
	}
}

// A failover that AWS has refused, and that has certainly moved nothing, is no reason to keep the primary region from writing: people are
// told so, and may give the run up. Silence does not.
func TestAFailoverThatWasRefusedMayBeGivenUp(t *testing.T) {
	refused := func(r *regions) {
		r.via = system.ViaGlobalCluster
		r.fail["FailoverGlobalCluster"] = func(int) error { return runbook.End(activities.Denied, "no permission") }
	}
	t.Run("by a person", func(t *testing.T) {
		r := newRegions(t)
		refused(r)
		r.env.RegisterDelayedCallback(func() {
			w := r.status().WaitingFor
			require.Equal(t, []string{"retry", "rollback"}, w.Answers)
			require.Contains(t, w.Why, "no permission. Nothing was moved (its writer is in "+home+"): retry once that is mended, or rollback, which lets "+home+" write again")
		}, 110*time.Second)
		r.answers(through("held database", "rollback", "kato"))
		err := r.recover(realInput("ungraceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.NotContains(t, err.Error(), "perhaps")
		require.Equal(t, ordinary(), r.at)
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
	})
	t.Run("cancelled", func(t *testing.T) {
		r := newRegions(t)
		refused(r)
		r.answers(through("held database", "cancel", "tanaka"))
		require.Error(t, r.recover(realInput("ungraceful")))
		require.Equal(t, ordinary(), r.at)
	})
	t.Run("mended and tried again", func(t *testing.T) {
		r := newRegions(t)
		refused(r)
		r.env.RegisterDelayedCallback(func() { clear(r.fail) }, 2*time.Minute)
		r.answers(goingBack("held database", "retry", "kato"))
		require.NoError(t, r.recover(realInput("ungraceful")))
	})
	t.Run("not by silence", func(t *testing.T) {
		r := newRegions(t)
		refused(r)
		r.answers(through())
		require.ErrorContains(t, r.recover(realInput("ungraceful")), "Nothing goes back by itself")
		require.True(t, r.fenced())
		require.Equal(t, records.DisasterFailed, r.row().Outcome)
	})
}

// What an officer declares says whether data may be lost, so that nobody approves the one and gets the other.
func TestThePlanOfAFailoverIsNotThatOfASwitchover(t *testing.T) {
	after := map[string]string{}
	for _, manner := range []string{system.DisasterGraceful, system.DisasterUngraceful} {
		r := newRegions(t)
		r.via = system.ViaGlobalCluster
		r.answers(through("approval declare", "reject", "sato"))
		_ = r.recover(realInput(manner))
		for _, c := range r.status().Plan.Changes {
			if c.Resource == "rds:global-cluster" {
				after[manner] = string(c.After)
			}
		}
	}
	require.Equal(t, map[string]string{"graceful": `"` + dr + ` graceful"`, "ungraceful": `"` + dr + ` ungraceful"`}, after)
}
