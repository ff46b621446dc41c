package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// Every write of a drill goes wrong once, on the way in and on the way back. It goes on by itself, and every effect is there once, in the
// same order as without a fault.
func TestFaultOfAnyWriteOfADrillIsMendedWithoutASecondEffect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, operation string
		back               bool
	}{
		{"rds", "RestoreDBClusterFromSnapshot", false},
		{"rds", "CreateDBInstance", false},
		{"codepipeline", "StartPipelineExecution", false},
		{"ecs", "UpdateService", false},
		{"route 53", "ChangeResourceRecordSets", false},
		{"route 53", "ChangeResourceRecordSets", true},
		{"ecs", "UpdateService", true},
		{"rds", "DeleteDBInstance", true},
		{"rds", "DeleteDBCluster", true},
		{"s3", "PutObject", true},
	} {
		for kind, outcome := range kinds {
			t.Run(fmt.Sprintf("%s/back=%v/%s", c.operation, c.back, kind), func(t *testing.T) {
				t.Parallel()
				w := disasterWorld(t)
				strike := sandbox.Fault{Service: c.service, Operation: c.operation, Kind: kind, Times: 1}
				r := w.drill(func() {
					if !c.back {
						w.fault(strike)
					}
				})
				s := r.asks("approval", "return")
				if c.back {
					w.fault(strike)
				}
				r.answer(s, runbook.Approve, "suzuki")
				r.done()
				require.Equal(t, slices.Concat(cameUp, wentDown, []string{"PutObject", "PutObject"}), operationsOf(w.made()))
				w.asBeforeTheDrill()
				require.Zero(t, r.kinds("held"))
				require.Equal(t, 1, struck(w.journal(), c.operation, outcome), "the fault struck")
			})
		}
	}
}

// Reads lag behind writes.
func TestStaleReadsOfADrillLeadToNoSecondEffect(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"rds", "DescribeDBClusters"}, {"rds", "DescribeDBInstances"}, {"codepipeline", "GetPipelineExecution"}, {"ecs", "DescribeServices"},
		{"route 53", "ListResourceRecordSets"}, {"route 53", "GetChange"},
	} {
		t.Run(c[1], func(t *testing.T) {
			t.Parallel()
			w := disasterWorld(t)
			lag := sandbox.Fault{Service: c[0], Operation: c[1], Kind: sandbox.FaultStaleRead, Times: 2}
			r := w.drill(func() { w.fault(lag) })
			s := r.asks("approval", "return")
			w.fault(lag)
			r.answer(s, runbook.Approve, "suzuki")
			r.done()
			require.Equal(t, slices.Concat(cameUp, wentDown, []string{"PutObject", "PutObject"}), operationsOf(w.made()))
			w.asBeforeTheDrill()
			require.Zero(t, r.kinds("held"))
		})
	}
}

// realWorld is a world in which a disaster may strike; answers of its DNS run out in a second.
func realWorld(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	w := disasterWorld(t, changes...)
	require.NoError(t, scene.ShortTTL(t.Context(), w.aws, w.system(), 1))
	w.before = w.snapshot()
	return w
}

func (w *world) strikes(manner string) *run {
	w.t.Helper()
	r := w.begin("DisasterRecovery", disasterInput("real", manner))
	r.answer(r.asks("approval", "declare"), runbook.Approve, "ito")
	return r
}

// primary tells what the primary region runs: tasks by service, and whether its jobs are on.
func (w *world) primary() (tasks int32, jobs bool) {
	w.t.Helper()
	state, err := w.box.World()
	require.NoError(w.t, err)
	sys := w.system()
	for _, v := range sys.ECS.Services {
		tasks += state.Services[sys.ECS.Cluster+"/"+v.Service].Desired
	}
	for _, job := range state.Schedules {
		jobs = jobs || job.State == "ENABLED"
	}
	return tasks, jobs
}

// leadsTo is the region that visitors of the public name come to.
func (w *world) leadsTo() string {
	w.t.Helper()
	answer, err := w.box.Resolve(w.system().Disaster.Redirect.Production, "192.0.2."+fmt.Sprint(time.Now().UnixNano()%250))
	require.NoError(w.t, err)
	return answer.Region
}

func TestAGracefulRecoveryBringsTheSystemUpThereAndBack(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	r := w.strikes("graceful")
	s := r.asks("approval", "return")
	sys := w.system()
	require.Equal(t, sys.AWS.DRRegion, w.leadsTo())
	tasks, jobs := w.primary()
	require.Zero(t, tasks)
	require.False(t, jobs)
	in := operationsOf(w.made())
	fenced, tried, sent := slices.Index(in, "UpdateSchedule"), slices.Index(in, "StartPipelineExecution"), slices.Index(in, "ChangeResourceRecordSets")
	require.Less(t, fenced, slices.Index(in, "CreateDBClusterSnapshot"), "the last data are taken when nobody writes")
	require.Less(t, fenced, tried)
	require.Less(t, tried, sent)
	r.answer(s, runbook.Approve, "suzuki")
	s = r.asks("work", "data-back")
	require.Zero(t, w.standby(), "nobody writes in the DR region while the data are brought back")
	w.bringsBack()
	r.answer(s, runbook.Finished, "tanaka")
	r.done()
	require.Equal(t, []string{
		"primary stops", "CreateDBClusterSnapshot", "dr starts", "ChangeResourceRecordSets",
		"dr stops", "CreateDBClusterSnapshot", "primary starts", "ChangeResourceRecordSets", "dr stops", "primary starts",
	}, w.writers(), "the last data are in what is brought back, and never do both regions write")
	require.Equal(t, sys.AWS.Region, w.leadsTo())
	tasks, jobs = w.primary()
	require.Positive(t, tasks)
	require.True(t, jobs)
	out := r.recovered()
	require.Equal(t, records.DisasterReturned, out.Outcome)
	require.Zero(t, *out.RPO, "nothing was lost")
	state, err := w.box.World()
	require.NoError(t, err)
	kept := 0
	for name := range state.Databases {
		if strings.HasPrefix(name, sys.Disaster.Database.RealPrefix+"-") {
			kept++
		}
	}
	require.Equal(t, 1, kept, "the cluster that held the newest data is there: %v", state.Databases)
}

// The primary region is lost, nobody can look whether it writes: the run stops and asks, and goes on by an officer's word alone. Then
// nothing goes back by itself.
func TestAnUngracefulRecoveryAsksWhileTheLostRegionMayWriteAndStays(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	sys := w.system()
	require.NoError(t, w.box.LoseRegion(sys.AWS.Region))
	r := w.strikes("ungraceful")
	s := r.asks("decision", "fence")
	require.Empty(t, w.made(), "nothing is done while it is in doubt")
	require.False(t, r.try(s, runbook.Resume, "tanaka").Accepted)
	r.answer(s, runbook.Resume, "sato")
	again := r.until("the second doubt, right before the redirect", func(s runbook.Status) bool {
		return s.WaitingFor != nil && s.WaitingFor.Gate == "fence" && step(t, s, "smoke").State == runbook.StepDone
	})
	require.NotContains(t, operationsOf(w.made()), "ChangeResourceRecordSets")
	r.answer(again, runbook.Resume, "sato")
	s = r.asks("approval", "return")
	require.Equal(t, sys.AWS.DRRegion, w.leadsTo())
	r.answer(s, runbook.Reject, "suzuki")
	r.answer(r.asks("decision", "stay"), runbook.Return, "sato") // somebody wants it to be asked again
	r.answer(r.asks("approval", "return"), runbook.Reject, "suzuki")
	r.answer(r.asks("decision", "stay"), runbook.Cancel, "tanaka") // the report does not need the lost region
	r.ends(runbook.ErrCancelled)
	require.Equal(t, sys.AWS.DRRegion, w.leadsTo(), "nobody goes back")
	require.ErrorContains(t, r.failure(), "Nothing goes back by itself")
	require.Equal(t, records.DisasterStays, r.registered().Outcome)
	require.NotEmpty(t, r.registered().ReportKey)

	// What a drill uses serves the public now: none begins, and nothing is touched.
	before := w.made()
	second := w.begin("DisasterRecovery", disasterInput("drill", "ungraceful"))
	require.Contains(t, second.ends(runbook.ErrRefused).Says, "After the DR region has stayed")
	require.Equal(t, before, w.made())
	require.Equal(t, sys.AWS.DRRegion, w.leadsTo())
}

// A region that hangs costs as little of the RTO as one that refuses: people are asked when each look has had its few seconds.
func TestARegionThatHangsIsAskedAboutSoon(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	sys := w.system()
	require.NoError(t, w.box.HangRegion(sys.AWS.Region))
	r := w.strikes("ungraceful")
	s := r.asks("decision", "fence")
	require.Less(t, time.Since(*step(t, s, "fence").StartedAt), 2*time.Minute)
	require.Contains(t, s.WaitingFor.Why, "ECS did not answer within 5s")
	r.answer(s, runbook.Rollback, "sato")
	r.ends(runbook.ErrRolledBack)
}

func TestARecoveryByTheGlobalClusterMovesItsWriterAndBack(t *testing.T) {
	t.Parallel()
	global := func(s *system.System) {
		d := &s.Disaster.Database
		d.Via, d.GlobalCluster, d.Secondary = system.ViaGlobalCluster, "gzs-infra-global", "gzs-infra-db-dr"
	}
	for _, manner := range []string{"graceful", "ungraceful"} {
		t.Run(manner, func(t *testing.T) {
			t.Parallel()
			w := realWorld(t, global)
			sys := w.system()
			if manner == "ungraceful" {
				require.NoError(t, w.box.LoseRegion(sys.AWS.Region))
			}
			r := w.strikes(manner)
			if manner == "graceful" {
				s := r.asks("approval", "return")
				require.Contains(t, operationsOf(w.made()), "SwitchoverGlobalCluster")
				r.answer(s, runbook.Approve, "suzuki")
				r.done()
				require.Equal(t, sys.AWS.Region, w.leadsTo())
				require.Equal(t, []string{
					"primary stops", "SwitchoverGlobalCluster", "dr starts", "ChangeResourceRecordSets",
					"dr stops", "SwitchoverGlobalCluster", "primary starts", "ChangeResourceRecordSets", "dr stops", "primary starts",
				}, w.writers(), "there and back, and never do both regions write")
				require.Zero(t, *r.recovered().RPO)
				return
			}
			r.answer(r.asks("decision", "fence"), runbook.Resume, "sato")
			again := r.until("the second doubt", func(s runbook.Status) bool {
				return s.WaitingFor != nil && s.WaitingFor.Gate == "fence" && step(t, s, "smoke").State == runbook.StepDone
			})
			r.answer(again, runbook.Resume, "sato")
			s := r.asks("approval", "return")
			require.Contains(t, operationsOf(w.made()), "FailoverGlobalCluster")
			require.NoError(t, w.box.RestoreRegion(sys.AWS.Region))
			r.answer(s, runbook.Reject, "suzuki")
			r.answer(r.asks("decision", "stay"), runbook.Cancel, "tanaka")
			r.ends(runbook.ErrCancelled)
			require.Equal(t, records.DisasterStays, r.registered().Outcome)
		})
	}
}

// A drill that is reset to its very beginning asks anew, does nothing twice, and still knows the way back to what was before.
func TestADrillThatIsResetKeepsItsWayBack(t *testing.T) {
	t.Parallel()
	w := disasterWorld(t)
	r := w.drill()
	r.asks("approval", "return")
	r.reset(started)
	r.answer(r.asks("approval", "declare"), runbook.Approve, "ito")
	r.answer(r.asks("approval", "return"), runbook.Approve, "suzuki")
	r.done()
	require.Equal(t, slices.Concat(cameUp, wentDown, []string{"PutObject", "PutObject"}), operationsOf(w.made()))
	w.asBeforeTheDrill()
}

// A drill that is reset and then ends early puts back what was done before the Reset, too: all of it is seen to be as it was.
func TestADrillThatIsResetAndThenDeclinedPutsEverythingBack(t *testing.T) {
	t.Parallel()
	for answer, end := range map[string]string{runbook.Reject: runbook.ErrRejected, runbook.Cancel: runbook.ErrCancelled} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			w := disasterWorld(t)
			r := w.drill()
			r.asks("approval", "return")
			r.reset(started)
			by := "ito"
			if answer == runbook.Cancel {
				by = "tanaka"
			}
			r.answer(r.asks("approval", "declare"), answer, by)
			r.ends(end)
			require.Equal(t, slices.Concat(cameUp, wentDown), operationsOf(w.made()))
			w.asBeforeTheDrill()
			require.Equal(t, records.DisasterUndone, r.registered().Outcome)
		})
	}
}

// A real recovery that is reset and then declined leaves its users where they are, and the primary region fenced.
func TestARealRecoveryThatIsResetAndThenDeclinedStays(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	r := w.strikes("graceful")
	r.asks("approval", "return")
	before := w.made()
	r.reset(started)
	r.answer(r.asks("approval", "declare"), runbook.Reject, "ito")
	r.ends(runbook.ErrRejected)
	require.ErrorContains(t, r.failure(), "Nothing goes back by itself")
	require.Equal(t, before, w.made())
	require.Equal(t, w.system().AWS.DRRegion, w.leadsTo())
	tasks, jobs := w.primary()
	require.Zero(t, tasks)
	require.False(t, jobs)
	require.Equal(t, records.DisasterFailed, r.registered().Outcome)
}

// No schedule moves production, whatever its input says.
func TestAScheduleStartsNoRealRecovery(t *testing.T) {
	t.Parallel()
	w := disasterWorld(t)
	id := "drill-" + w.queue
	handle, err := w.client.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID: id, Paused: true,
		Action: &client.ScheduleWorkflowAction{ID: id, TaskQueue: w.queue, Workflow: "DisasterRecovery", Args: []any{disasterInput("real", "graceful")}},
	})
	require.NoError(t, err)
	require.NoError(t, handle.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	var started []client.ScheduleActionResult
	eventually(t, "the run of the schedule", func() error {
		d, err := handle.Describe(t.Context())
		if err == nil && len(d.Info.RecentActions) == 0 {
			err = errNotYet
		}
		if err == nil {
			started = d.Info.RecentActions
		}
		return err
	})
	r := &run{world: w, id: started[0].StartWorkflowResult.WorkflowID}
	r.ends(runbook.ErrRefused)
	require.ErrorContains(t, r.failure(), "a schedule has started it with mode real")
	require.Empty(t, w.made())
	require.NoError(t, handle.Delete(t.Context()))
}
