package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	for name, c := range map[string]struct {
		call   string
		answer []string
		then   func(*regions)
		end    string
	}{
		"a person would give it up at the database": {"FailoverGlobalCluster", []string{"held database", "rollback", "kato"}, nil, runbook.ErrRolledBack},
		"while it is waited for":                    {"AwaitGlobalCluster", []string{"held database", "rollback", "kato"}, nil, runbook.ErrRolledBack},
		"at a later step":                           {"AwaitDisasterPipeline", []string{"held pipeline", "rollback", "kato"}, nil, runbook.ErrRolledBack},
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

// What an officer declares says whether data may be lost, so that nobody approves the one and gets the other.
func TestThePlanOfAFailoverIsNotThatOfASwitchover(t *testing.T) {
	after := map[string]string{}
	for _, manner := range []string{system.DisasterGraceful, system.DisasterUngraceful} {
		r := newRegions(t)
		r.via = system.ViaGlobalCluster
		r.answers(through("decision fence", "rollback", "sato"))
		_ = r.recover(realInput(manner))
		for _, c := range r.status().Plan.Changes {
			if c.Resource == "rds:cluster/" {
				after[manner] = string(c.After)
			}
		}
	}
	require.Equal(t, map[string]string{"graceful": `"graceful"`, "ungraceful": `"ungraceful"`}, after)
}
