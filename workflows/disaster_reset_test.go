package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// reset makes the run the second life of one that has left the world as change leaves it.
func (r *regions) reset(change func(*regionState)) {
	r.life = "first"
	r.env.OnMutableSideEffect("run-id").Return(func(string) any {
		defer func() { r.life = "second" }() // the first call is of what is replayed
		return r.life
	}).Maybe()
	change(&r.at)
}

// drilled is the world of a drill that is being watched.
func drilled(at *regionState) {
	at.Record, at.Clusters, at.Tasks, at.Version = dr, []string{restoredAt}, map[string]int{"web": 2, "api": 2}, "new"
}

// A drill that is reset and ends early in its second life puts back what the first one has done, too.
func TestADrillThatIsResetAndEndsEarlyPutsBackWhatItsFirstLifeHasDone(t *testing.T) {
	refused := func(int) error { return runbook.End(activities.Denied, "no permission") }
	for name, c := range map[string]struct {
		table map[string][2]string
		then  func(*regions)
		end   string
	}{
		"rejected":                   {map[string][2]string{"approval declare": {"reject", "ito"}}, nil, runbook.ErrRejected},
		"nobody declares it":         {map[string][2]string{}, nil, runbook.ErrExpired},
		"cancelled":                  {map[string][2]string{"approval declare": {"cancel", "tanaka"}}, nil, runbook.ErrCancelled},
		"no plan can be made":        {nil, func(r *regions) { r.fail["ReadDisasterData"] = refused }, runbook.ErrRefused},
		"given up at its first step": {through("held database", "rollback", "kato"), func(r *regions) { r.fail["RestoreDisasterCluster"] = refused }, runbook.ErrRolledBack},
		"what it needs is held":      {nil, func(r *regions) { r.fail["ReserveResources"] = refused }, runbook.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.reset(drilled)
			if c.then != nil {
				c.then(r)
			}
			r.answers(c.table)
			err := r.recover(drillInput("graceful"))
			require.True(t, runbook.IsEnd(err, c.end), "%v", err)
			require.Equal(t, ordinary(), r.at)
			if name != "what it needs is held" {
				require.Equal(t, records.DisasterUndone, r.row().Outcome)
			}
		})
	}
	t.Run("a drill of one life is only declined", func(t *testing.T) {
		r := newRegions(t)
		r.answers(map[string][2]string{"approval declare": {"reject", "ito"}})
		require.Error(t, r.recover(drillInput("graceful")))
		require.Empty(t, r.made())
		require.Equal(t, records.DisasterDeclined, r.row().Outcome)
	})
}

// A real run that is reset knows what its first life may have done: users who were sent away stay where they are, whatever becomes of
// the second one.
func TestARealRecoveryThatIsResetKnowsWhetherUsersWereSentAway(t *testing.T) {
	serving := func(at *regionState) {
		drilled(at)
		at.Primary, at.Jobs = map[string]int{"gzs-web": 0, "gzs-batch": 0}, false
	}
	rejected := map[string][2]string{"approval declare": {"reject", "ito"}}
	for name, c := range map[string]struct {
		table map[string][2]string
		then  func(*regions)
	}{
		"rejected":           {rejected, nil},
		"nobody declares it": {map[string][2]string{}, nil},
		"cancelled":          {map[string][2]string{"approval declare": {"cancel", "tanaka"}}, nil},
		"given up at its first step": {through("held database", "rollback", "kato"), func(r *regions) {
			r.fail["RestoreDisasterCluster"] = func(int) error { return runbook.End(activities.Denied, "no permission") }
		}},
		"nobody can look": {rejected, func(r *regions) {
			r.at.Record = home // but who knows
			r.fail["PlanRoute53Redirect"] = func(n int) error {
				if n == 1 {
					return nil
				}
				return runbook.End(activities.Denied, "no permission")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.reset(serving)
			if c.then != nil {
				c.then(r)
			}
			was := r.at
			r.answers(c.table)
			err := r.recover(realInput("graceful"))
			require.ErrorContains(t, err, "Nothing goes back by itself")
			require.Equal(t, was, r.at)
			require.NotContains(t, r.made(), "StartECSService")
			require.Equal(t, records.DisasterFailed, r.row().Outcome, "no drill begins")
		})
	}
	t.Run("its first life was on its way back", func(t *testing.T) {
		r := newRegions(t)
		r.reset(func(at *regionState) {
			serving(at)
			at.Tasks, at.Primary = map[string]int{"web": 0, "api": 0}, map[string]int{"gzs-web": 3, "gzs-batch": 0}
		})
		r.answers(rejected)
		require.ErrorContains(t, r.recover(realInput("graceful")), "Nothing goes back by itself")
		require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks, "its users are served again")
		require.True(t, r.fenced(), "by one region alone")
	})
	t.Run("the data were failed over", func(t *testing.T) {
		r := newRegions(t)
		r.via = system.ViaGlobalCluster
		r.reset(func(at *regionState) { serving(at); at.Record, at.Writer = home, dr })
		r.answers(rejected)
		require.ErrorContains(t, r.recover(realInput("ungraceful")), "must not write again")
		require.True(t, r.fenced())
	})
	t.Run("nobody was sent away, and a person gives it up", func(t *testing.T) {
		r := newRegions(t)
		r.reset(func(at *regionState) { serving(at); at.Record = home })
		r.answers(rejected)
		require.True(t, runbook.IsEnd(r.recover(realInput("graceful")), runbook.ErrRejected))
		require.Zero(t, r.at.Tasks["web"]+r.at.Tasks["api"])
		require.Equal(t, ordinary().Primary, r.at.Primary)
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
		require.Contains(t, r.calls, "AwaitECSService", "it was looked at whether the primary region serves")
	})
	t.Run("nobody was sent away, and nobody decides", func(t *testing.T) {
		r := newRegions(t)
		r.reset(func(at *regionState) { serving(at); at.Record = home })
		r.answers(map[string][2]string{})
		require.ErrorContains(t, r.recover(realInput("graceful")), "Nothing goes back by itself")
		require.True(t, r.fenced())
	})
}

// A run that begins while the users are in the DR region does not let the primary one write again when it is given up.
func TestARunThatBeginsWhileTheDRRegionServesNeverUnfencesThePrimaryRegion(t *testing.T) {
	r := newRegions(t)
	r.at.Record = dr
	r.fail["AwaitDisasterInstance"] = func(int) error { return runbook.End(activities.Denied, "no permission") }
	r.answers(through("held database", "rollback", "kato"))
	require.ErrorContains(t, r.recover(realInput("graceful")), "Nothing goes back by itself")
	require.True(t, r.fenced())
	require.NotContains(t, r.made(), "StartECSService")
}
