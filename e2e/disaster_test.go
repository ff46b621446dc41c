package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/site"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// disasterWorld is a world whose DR region is its own, with a copy of the data there and a short watch.
func disasterWorld(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	own := func(s *system.System) {
		n := s.ECS.Cluster[strings.LastIndex(s.ECS.Cluster, "-"):]
		s.ID += n
		s.Database.Cluster += n // runs of other worlds hold tables of theirs
		d := &s.Disaster
		d.ECS.Cluster += n
		d.Pipeline += n
		d.Redirect.Production, d.Redirect.Rehearsal = "www"+n+".gzs.example.go.jp", "drill"+n+".gzs.example.go.jp"
		d.Watch.Duration, d.Watch.Every = system.Duration(time.Second), system.Duration(200*time.Millisecond)
		for _, change := range changes {
			change(s)
		}
		site.Simulate(s, s.Site.URL)
	}
	w := unsettled(t, own)
	w.seedCopy(w.system(), 20*time.Hour)
	w = settle(w)
	t.Cleanup(func() { w.spared() })
	return w
}

// disasterInput asks for a drill or a recovery.
func disasterInput(mode, manner string) workflows.DisasterRecoveryInput {
	return workflows.DisasterRecoveryInput{Mode: mode, Manner: manner, Title: "大規模災害時対応", Reason: "手順の確認", Requester: "takahashi", Operator: "tanaka"}
}

// drill starts a drill and declares it.
func (w *world) drill(after ...func()) *run {
	w.t.Helper()
	r := w.begin("DisasterRecovery", disasterInput("drill", "graceful"))
	s := r.asks("approval", "declare")
	for _, f := range after {
		f()
	}
	r.answer(s, runbook.Approve, "ito")
	return r
}

// asBeforeTheDrill makes sure that the sandbox is as it was when the world was made, whole. What a drill leaves on purpose is its
// report.
func (w *world) asBeforeTheDrill() {
	w.t.Helper()
	was, err := w.before.Content()
	require.NoError(w.t, err)
	is, err := w.snapshot().Content()
	require.NoError(w.t, err)
	sys := w.system()
	left := append([]string{"s3:object/" + sys.Disaster.Reports.Bucket + "/" + sys.Disaster.Reports.Prefix}, keptByAWS...)
	keeps := func(key, _ string) bool {
		return slices.ContainsFunc(left, func(kind string) bool { return strings.HasPrefix(key, kind) })
	}
	maps.DeleteFunc(was, keeps)
	maps.DeleteFunc(is, keeps)
	require.Equal(w.t, was, is)
}

// keptByAWS is what AWS itself keeps of what was done, and nobody can take away: executions of pipelines, changes of zones, and the
// revisions of task definitions. Which of them a service has is the service's.
var keptByAWS = []string{"codepipeline:execution/", "route53:change/", "ecs:task-definition/"}

// recovered is the result of a run that has succeeded.
func (r *run) recovered() (out workflows.DisasterRecoveryResult) {
	r.t.Helper()
	require.NoError(r.t, r.client.GetWorkflow(r.t.Context(), r.id, "").Get(r.t.Context(), &out))
	return out
}

// registered is how the run stands in the register of disasters.
func (r *run) registered() records.Disaster {
	r.t.Helper()
	found, err := r.records.Disaster(r.t.Context(), r.id)
	require.NoError(r.t, err)
	return found
}

// The writes of a drill with its way back, mail left out.
var (
	cameUp   = []string{"RestoreDBClusterFromSnapshot", "CreateDBInstance", "StartPipelineExecution", "UpdateService", "UpdateService", "ChangeResourceRecordSets"}
	wentDown = []string{"ChangeResourceRecordSets", "UpdateService", "UpdateService", "UpdateService", "UpdateService", "DeleteDBInstance", "DeleteDBCluster"}
)

// names drops what follows an operation.
func operationsOf(list []string) []string {
	var names []string
	for _, s := range list {
		names = append(names, strings.Fields(s)[0])
	}
	return names
}

func TestAWholeDrillReturnsEverythingAndReportsItsTimesToTheSecond(t *testing.T) {
	t.Parallel()
	w := disasterWorld(t)
	r := w.drill()
	r.answer(r.asks("approval", "return"), runbook.Approve, "suzuki")
	s := r.done()
	made := operationsOf(w.made())
	require.Equal(t, slices.Concat(cameUp, wentDown, []string{"PutObject", "PutObject"}), made)
	w.asBeforeTheDrill()
	require.Zero(t, r.kinds("held"))

	// The figures are those of the site's log, of the evidence, of AWS's journal, and of the register, to the second.
	out := r.recovered()
	require.Equal(t, records.DisasterReturned, out.Outcome)
	r.measuredAlike(out)
	require.Equal(t, out.Report, r.registered().ReportKey)

	html := w.reportOf(out)
	for _, text := range []string{"訓練", r.declared().In(time.FixedZone("JST", 9*60*60)).Format("2006年1月2日"), "データベースの起動", "外部からの確認"} {
		require.Contains(t, html, text)
	}
	require.Contains(t, s.Markdown(), "| kept |")
	require.Subset(t, w.mails("officers"), []string{"【訓練】【災害対応・宣言】大規模災害時対応", "【訓練】【災害対応・切替完了】大規模災害時対応", "【訓練】【災害対応・切り戻し完了】大規模災害時対応", "【訓練】【災害対応・報告書】大規模災害時対応"})
}

// reportOf reads the report in HTML.
func (w *world) reportOf(out workflows.DisasterRecoveryResult) string {
	w.t.Helper()
	bucket, key, ok := strings.Cut(strings.TrimPrefix(out.Report, "s3://"), "/")
	require.True(w.t, ok, out.Report)
	object, found, err := w.box.Object(bucket, key)
	require.NoError(w.t, err)
	require.True(w.t, found, out.Report)
	return string(object.Body)
}

// A person gives the drill up at a step, or a step fails and is given up: everything is as before, and the report says so.
func TestADrillThatIsGivenUpAnywhereLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	for step, call := range map[string][2]string{
		"database": {"rds", "RestoreDBClusterFromSnapshot"}, "database-instance": {"rds", "CreateDBInstance"}, "pipeline": {"codepipeline", "StartPipelineExecution"},
		"pipeline-waits": {"codepipeline", "GetPipelineExecution"}, "scale": {"ecs", "UpdateService"}, "redirect": {"route 53", "ChangeResourceRecordSets"},
		"redirect-waits": {"route 53", "GetChange"},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := disasterWorld(t)
			r := w.drill(func() {
				w.fault(sandbox.Fault{Service: call[0], Operation: call[1], Kind: sandbox.FaultDenied, Times: sandbox.Forever})
			})
			name, _, _ := strings.Cut(step, "-")
			held := r.asks("held", name)
			require.NoError(t, w.box.ClearFaults())
			r.answer(held, runbook.Rollback, "kato")
			r.ends(runbook.ErrRolledBack)
			w.asBeforeTheDrill()
			require.Equal(t, records.DisasterUndone, r.registered().Outcome)
			require.NotEmpty(t, r.registered().ReportKey)
		})
	}
}

func TestADrillThatIsCancelledAtAStepBoundaryLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"RestoreDBClusterFromSnapshot", "CreateDBInstance", "StartPipelineExecution", "UpdateService", "ChangeResourceRecordSets"} {
		for _, by := range []string{"person", "temporal"} {
			t.Run(call+"/"+by, func(t *testing.T) {
				t.Parallel()
				w := disasterWorld(t)
				r := w.drill()
				r.wrote(call, 1)
				if by == "person" {
					r.answer(r.status(), runbook.Cancel, "tanaka")
				} else {
					require.NoError(t, w.client.CancelWorkflow(t.Context(), r.id, ""))
				}
				r.ended()
				w.asBeforeTheDrill()
				require.Equal(t, records.DisasterUndone, r.registered().Outcome)
			})
		}
	}
}

func TestADrillWhoseReturnNobodyDecidesOrThatIsRejectedGoesBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    string
		answer string
	}{"nobody": {runbook.ErrExpired, ""}, "rejected": {runbook.ErrRejected, runbook.Reject}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := disasterWorld(t, func(s *system.System) {
				for i := range s.Gates {
					if s.Gates[i].Runbook == "DisasterRecovery" && s.Gates[i].Gate == "return" {
						s.Gates[i].Deadline = system.Duration(3 * time.Second)
						if c.answer != "" {
							s.Gates[i].Deadline = system.Duration(time.Hour)
						}
					}
				}
			})
			r := w.drill()
			if c.answer != "" {
				r.answer(r.asks("approval", "return"), c.answer, "suzuki")
			}
			r.ends(c.end)
			w.asBeforeTheDrill()
		})
	}
}
