package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// halts is how the services of the DR region end, and come back.
func (r *regions) halts() {
	tasks := map[string]int{} // by the hash of a plan's before
	stub(r.world, "PlanDisasterServiceHalt", func(in activities.DisasterServiceRef) (plan.Change, error) {
		change, err := planned("ecs:"+dr+"/"+in.Name+"/halt", r.at.Tasks[in.Name], 0)
		tasks[change.BeforeHash] = r.at.Tasks[in.Name]
		return change, err
	})
	act(r, "HaltDisasterService", func(in activities.DisasterServiceChange) (struct{}, error) {
		if !r.drSlow {
			r.at.Tasks[in.Name] = 0
		}
		return struct{}{}, nil
	})
	act(r, "AwaitDisasterServiceHalted", func(in activities.DisasterServiceRef) (struct{}, error) {
		if r.at.Tasks[in.Name] > 0 {
			return struct{}{}, notYet("service %s: %d tasks run", in.Name, r.at.Tasks[in.Name])
		}
		return struct{}{}, nil
	})
	act(r, "ResumeDisasterService", func(in activities.DisasterServiceChange) (struct{}, error) {
		r.at.Tasks[in.Name] = tasks[in.Change.BeforeHash]
		if in.Change.BeforeHash == in.Change.AfterHash { // halted by a life before: as the run's first halt found it
			r.at.Tasks[in.Name] = 2
		}
		return struct{}{}, nil
	})
	stub(r.world, "CheckDisasterHalt", func(activities.FenceCheck) (activities.FenceSeen, error) {
		seen := activities.FenceSeen{Doubts: []string{}}
		for _, name := range []string{"web", "api"} {
			if n := r.at.Tasks[name]; n > 0 {
				seen.Doubts = append(seen.Doubts, fmt.Sprintf("service %s in %s: %d tasks run", name, dr, n))
			}
		}
		seen.Fenced = len(seen.Doubts) == 0
		return seen, nil
	})
}

// halted is the DR region while it must not write.
func (r *regions) halted() bool { return r.at.Tasks["web"] == 0 && r.at.Tasks["api"] == 0 }

// when does something once after a call.
func (r *regions) when(call string, then func()) { r.after, r.then = call, then }

// Whoever brings the data back has all of them: the DR region has stopped writing before, and does not write again. The primary region
// writes only then.
func TestNobodyWritesWhileTheDataAreBroughtBack(t *testing.T) {
	for name, c := range map[string]struct {
		via, manner string
		order       []string
	}{
		"snapshot": {system.ViaSnapshot, "graceful", []string{"HaltDisasterService", "HaltDisasterService", "StartECSService", "RevertRoute53Redirect"}},
		"graceful by the global cluster": {system.ViaGlobalCluster, "graceful", []string{
			"HaltDisasterService", "HaltDisasterService", "SwitchoverGlobalCluster", "StartECSService", "RevertRoute53Redirect",
		}},
		"ungraceful by the global cluster": {system.ViaGlobalCluster, "ungraceful", []string{"HaltDisasterService", "HaltDisasterService", "StartECSService", "RevertRoute53Redirect"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.via = c.via
			asked := 0
			table := goingBack()
			r.answers(table)
			var look func()
			look = func() {
				if r.env.IsWorkflowCompleted() {
					return
				}
				if w := r.status().WaitingFor; w != nil && w.Gate == "data-back" {
					asked++
					require.True(t, r.halted(), "the data are brought back while nobody writes in the DR region")
					require.True(t, r.fenced(), "nor in the primary one")
				}
				r.env.RegisterDelayedCallback(look, 30*time.Second)
			}
			r.env.RegisterDelayedCallback(look, 30*time.Second)
			r.when("RevertRoute53Redirect", func() { require.True(t, r.halted()) })
			require.NoError(t, r.recover(realInput(c.manner)))
			made := r.made()
			require.Equal(t, c.order, made[slices.Index(made, "HaltDisasterService"):][:len(c.order)])
			require.Equal(t, c.via == system.ViaGlobalCluster && c.manner == "graceful", asked == 0)
			require.NotContains(t, made, "ResumeDisasterService")
			require.Equal(t, map[string]int{"web": 0, "api": 0}, r.at.Tasks)
			seen := r.recordsOf("fence", "fence-back")
			require.NotEmpty(t, seen, "the fence is in the evidence")
			require.Equal(t, records.DisasterReturned, r.row().Outcome)
		})
	}
}

// recordsOf are the evidence rows of a kind and a step.
func (r *regions) recordsOf(kind, step string) (found []records.Evidence) {
	for _, e := range r.evidence {
		if e.Kind == kind && e.Step == step {
			found = append(found, e)
		}
	}
	return found
}

// Doubt whether the DR region still writes stops the return and asks.
func TestDoubtWhetherTheDRRegionStillWritesStopsTheReturnAndAsks(t *testing.T) {
	t.Run("they end at last", func(t *testing.T) {
		r := newRegions(t)
		r.drSlow = true
		table := goingBack()
		r.answers(table)
		var look func()
		look = func() {
			w := r.status().WaitingFor
			if w == nil || w.Gate != "fence-back" {
				r.env.RegisterDelayedCallback(look, time.Minute)
				return
			}
			require.Contains(t, w.Why, "service web in "+dr+": 2 tasks run")
			require.NotContains(t, r.made(), "StartECSService")
			require.NotZero(t, count(r.calls, "mail:disaster-return-doubt"))
			r.drSlow = false
			table["decision fence-back"] = [2]string{"retry", "tanaka"}
		}
		r.env.RegisterDelayedCallback(look, time.Minute)
		require.NoError(t, r.recover(realInput("graceful")))
		require.Equal(t, 4, count(r.calls, "HaltDisasterService"))
	})
	t.Run("an officer goes on", func(t *testing.T) {
		r := newRegions(t)
		r.drSlow = true
		r.answers(goingBack("decision fence-back", "resume", "sato"))
		require.NoError(t, r.recover(realInput("graceful")))
		require.Contains(t, r.reports[0].Report.Note, "災害対策系が書込みを続けている可能性がありましたが、sato の判断により続行しました")
	})
	t.Run("somebody starts them while the data are brought back", func(t *testing.T) {
		r := newRegions(t)
		table := goingBack()
		delete(table, "work data-back")
		r.answers(table)
		told := false
		var look func()
		look = func() {
			if r.env.IsWorkflowCompleted() {
				return
			}
			if w := r.status().WaitingFor; w != nil && w.Gate == "data-back" && !told {
				told = true
				r.at.Tasks["web"] = 3
				table["work data-back"] = [2]string{"done", "tanaka"}
				table["decision fence-back"] = [2]string{"retry", "tanaka"}
			}
			r.env.RegisterDelayedCallback(look, time.Minute)
		}
		r.env.RegisterDelayedCallback(look, time.Minute)
		require.NoError(t, r.recover(realInput("graceful")))
		answered := 0
		for _, a := range r.status().Approvals {
			if a.Accepted && a.Gate == "data-back" {
				answered++
			}
		}
		require.Equal(t, 2, answered, "what was written meanwhile is brought back, too")
	})
}

// A return that is given up before the users went back leaves nobody without a site: the DR region serves again, and alone.
func TestAReturnThatIsGivenUpLetsTheDRRegionServeAgain(t *testing.T) {
	refused := func(int) error { return runbook.End(activities.Denied, "no permission") }
	for name, c := range map[string]struct {
		via   string
		table map[string][2]string
		fail  string
		then  func(*regions)
	}{
		"while the data are brought back": {system.ViaSnapshot, through("work data-back", "rollback", "sato"), "", nil},
		"nobody brings them back":         {system.ViaSnapshot, through(), "", nil},
		"at the fence":                    {system.ViaSnapshot, through("decision fence-back", "rollback", "sato"), "", func(r *regions) { r.drSlow = true }},
		"the primary region does not come up": {
			system.ViaSnapshot, goingBack("held check-primary", "rollback", "kato"), "",
			func(r *regions) { r.broken = true },
		},
		"somebody has changed the primary region meanwhile": {
			system.ViaSnapshot, goingBack("held check-primary", "rollback", "kato", "decision primary-writes", "retry", "tanaka"), "",
			func(r *regions) {
				r.broken = true
				r.fail["StopECSService"] = func(n int) error {
					if n <= 2 { // the fence of the beginning
						return nil
					}
					if n > 4 { // it was asked, and people have stopped it by hand
						r.at.Primary, r.at.Jobs = map[string]int{"gzs-web": 0, "gzs-batch": 0}, false
					}
					return runbook.End(activities.Drifted, "it is neither as before nor as planned")
				}
			},
		},
		"somebody starts a task while the others end": {
			system.ViaSnapshot, goingBack("held check-primary", "rollback", "kato", "decision fence-back", "retry", "tanaka"), "",
			func(r *regions) {
				r.broken = true
				r.when("AwaitDisasterServiceHalted", func() { r.at.Tasks["web"] = 1 })
			},
		},
		"the writer has moved already": {
			system.ViaGlobalCluster, goingBack("held start-primary", "rollback", "kato"), "StartECSService", nil,
		},
		"the writer does not move": {
			system.ViaGlobalCluster, goingBack("held switch-back", "rollback", "kato"), "",
			func(r *regions) {
				r.fail["SwitchoverGlobalCluster"] = func(n int) error {
					if n%2 == 0 { // each way back
						return refused(n)
					}
					return nil
				}
			},
		},
		"it is cancelled": {system.ViaSnapshot, through("work data-back", "cancel", "tanaka"), "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.via = c.via
			if c.fail != "" {
				r.fail[c.fail] = refused
			}
			if c.then != nil {
				c.then(r)
			}
			r.answers(c.table)
			require.Error(t, r.recover(realInput("graceful")))
			require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks)
			require.True(t, r.fenced(), "the primary region writes no more: %+v", r.at)
			require.Equal(t, dr, r.at.Record)
			if c.via == system.ViaGlobalCluster {
				require.Equal(t, dr, r.at.Writer)
			}
			require.NotContains(t, r.made(), "RevertRoute53Redirect")
			require.Equal(t, records.DisasterStays, r.row().Outcome)
			resumed := slices.Index(r.calls, "ResumeDisasterService")
			require.Contains(t, r.calls[resumed:], "AwaitDisasterService", "it is waited for")
			require.Contains(t, r.calls[resumed:], "CheckDisasterOutside", "and seen from outside")
			require.Equal(t, name == "it is cancelled", !slices.Contains(r.calls, "mail:disaster-serves-again"), "people are told: %v", r.calls)
		})
	}
}
