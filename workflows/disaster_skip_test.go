package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

func refused(int) error { return runbook.End(activities.Denied, "no permission") }

// Whoever says that something was put back by hand is not taken at his word where users would be left without a site: what stands there
// is looked at.
func TestASkippedWayBackIsLookedAt(t *testing.T) {
	t.Run("the records still lead to the DR region", func(t *testing.T) {
		r := newRegions(t)
		r.fail["RevertRoute53Redirect"] = refused
		r.answers(goingBack("held undo-redirect", "skip", "kato"))
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrUndoFailed), "%v", err)
		require.Contains(t, r.problems("undo-redirect"), `are not those which were saved before the redirect: they are "`+dr+`", and were "`+home)
		require.NotContains(t, r.made(), "RevertDisasterService", "users are there")
		require.Equal(t, dr, r.at.Record)
		require.Zero(t, count(r.calls, "mail:disaster-returned"))
		require.Equal(t, records.DisasterFailed, r.row().Outcome)
	})
	t.Run("nobody can look", func(t *testing.T) {
		r := newRegions(t)
		r.fail["RevertRoute53Redirect"] = func(n int) error { r.fail["PlanRoute53Redirect"] = refused; return refused(n) }
		r.answers(goingBack("held undo-redirect", "skip", "kato"))
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrUndoFailed), "%v", err)
		require.NotContains(t, r.made(), "RevertDisasterService")
	})
	for _, mode := range []string{"real", "drill"} {
		t.Run("somebody has put them back at last: "+mode, func(t *testing.T) {
			r := newRegions(t)
			r.fail["RevertRoute53Redirect"] = refused
			table := goingBack("held undo-redirect", "skip", "kato")
			r.answers(table)
			done := false
			var look func()
			look = func() {
				w := r.status().WaitingFor
				if w == nil || w.Gate != "undo-redirect" || count(r.calls, "mail:undo-failed") < 2 {
					r.env.RegisterDelayedCallback(look, 30*time.Second)
					return
				}
				require.Contains(t, w.Why, "are not those which were saved")
				r.at.Record, done = home, true
			}
			r.env.RegisterDelayedCallback(look, 30*time.Second)
			in := realInput("graceful")
			if mode == "drill" {
				in = drillInput("graceful")
			}
			require.NoError(t, r.recover(in))
			require.True(t, done)
			require.Equal(t, map[string]int{"web": 0, "api": 0}, r.at.Tasks)
			require.Empty(t, r.letter("disaster-returned")["seen"], "nobody has seen the primary region from outside")
		})
	}
	t.Run("the writer is in the DR region still", func(t *testing.T) {
		r := newRegions(t)
		r.via = system.ViaGlobalCluster
		r.fail["AwaitDisasterPipeline"] = refused
		r.fail["SwitchoverGlobalCluster"] = func(n int) error {
			if n == 1 {
				return nil
			}
			return refused(n)
		}
		r.answers(through("held pipeline", "rollback", "kato", "held undo-database", "skip", "kato"))
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrUndoFailed), "%v", err)
		require.Contains(t, r.problems("undo-database"), "its writer is in "+dr)
		require.NotContains(t, r.made(), "StartECSService", "it would write to a database that only reads")
	})
}

// problems are all those for which a step was held.
func (r *regions) problems(step string) (all string) {
	for _, e := range r.recordsOf("held", step) {
		var held struct{ Problem string }
		require.NoError(r.t, json.Unmarshal(e.Body, &held))
		all += held.Problem + "\n"
	}
	return all
}
