package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// regions is both regions of a world, as far as a recovery sees them.
type regions struct {
	*world
	at        regionState
	sick      bool   // the DR site does not answer well
	lost      bool   // the primary region does not answer
	slow      bool   // its services end only while they are waited for
	broken    bool   // its services start and do not serve
	drSlow    bool   // those of the DR region do not end
	via       string //
	resubmits bool   // records that are as before are submitted once more, as by the real activity after a redirect that has begun
	life      string // ID of the run after a Reset, "" if there was none
	after     string // once this call was made, then happens
	then      func()
	images    []activities.DisasterImage // that the DR pipeline deploys
	beside    int                        // how many calls of that name are made beside it, and are waited for
	asked     system.DisasterRequest
	reports   []activities.DisasterReport
	rows      []records.Disaster // of the register: opened, finished
}

// regionState is what a drill must leave as it was.
type regionState struct {
	Record   string         // region that users are sent to
	Clusters []string       // restored
	Writer   string         // region of the global cluster's writer
	Tasks    map[string]int // of the DR services
	Version  string         // of the DR services
	Primary  map[string]int // tasks of the primary's services
	Jobs     bool           // they run
}

const restoredAt = "tejun-drill"

func ordinary() regionState {
	return regionState{Record: home, Writer: home, Tasks: map[string]int{"web": 0, "api": 0}, Version: "old", Primary: map[string]int{"gzs-web": 3, "gzs-batch": 1}, Jobs: true}
}

func notYet(format string, args ...any) error {
	return temporal.NewApplicationError(fmt.Sprintf(format, args...), activities.NotYet)
}

// act registers an activity of the recovery, by its call and its effect.
func act[I, O any](r *regions, name string, do func(I) (O, error)) {
	stub(r.world, name, func(in I) (O, error) {
		out, err := do(in)
		if err == nil {
			r.calls = append(r.calls, name)
			if r.after == name && r.then != nil && count(r.calls, name) > r.beside {
				then := r.then
				r.then = nil
				then()
			}
		}
		return out, err
	})
}

func newRegions(t *testing.T) *regions {
	r := &regions{world: newWorldWithout(t, "PlanECSServiceStop", "StopECSService", "StartECSService", "AwaitECSService", "PlanSchedulerPause", "PauseSchedulerJobs", "ResumeSchedulerJobs"),
		at: ordinary(), via: system.ViaSnapshot, images: []activities.DisasterImage{{Name: "web", Digest: "sha256:w"}, {Name: "api", Digest: "sha256:a"}}}
	withVault(r.world)
	r.primary()
	r.database()
	r.software()
	r.names()
	r.register()
	return r
}

func (r *regions) unreachable() error {
	if r.lost {
		return temporal.NewApplicationError("no answer: the connection broke", activities.Unavailable)
	}
	return nil
}

func planned(resource string, before, after any) (plan.Change, error) {
	return plan.NewChange(resource, resource, before, after, before, after)
}

func (r *regions) primary() {
	stub(r.world, "PlanECSServiceStop", func(in activities.ServiceRef) (plan.Change, error) {
		if err := r.unreachable(); err != nil {
			return plan.Change{}, err
		}
		return planned("ecs:"+in.Service, ordinary().Primary[in.Service], 0)
	})
	stub(r.world, "PlanSchedulerPause", func(activities.Jobs) (plan.Change, error) {
		if err := r.unreachable(); err != nil {
			return plan.Change{}, err
		}
		return planned("jobs", "ENABLED", "DISABLED")
	})
	act(r, "StopECSService", func(in activities.ServiceChange) (struct{}, error) {
		if !r.slow {
			r.at.Primary[in.Service] = 0
		}
		return struct{}{}, r.unreachable()
	})
	act(r, "StartECSService", func(in activities.ServiceChange) (struct{}, error) {
		r.at.Primary[in.Service] = ordinary().Primary[in.Service]
		return struct{}{}, r.unreachable()
	})
	act(r, "AwaitECSService", func(in activities.ServiceCheck) (struct{}, error) {
		if in.Want == activities.ServiceStopped {
			r.at.Primary[in.Service] = 0
		}
		if in.Want == activities.ServiceServing && (r.broken || r.at.Primary[in.Service] == 0) {
			return struct{}{}, runbook.End(activities.InvalidInput, "service %s: it is not meant to run", in.Service)
		}
		return struct{}{}, r.unreachable()
	})
	act(r, "PauseSchedulerJobs", func(activities.JobsChange) (struct{}, error) {
		r.at.Jobs = false
		return struct{}{}, r.unreachable()
	})
	act(r, "ResumeSchedulerJobs", func(activities.JobsChange) (struct{}, error) {
		r.at.Jobs = true
		return struct{}{}, r.unreachable()
	})
	stub(r.world, "CheckDisasterFence", func(activities.FenceCheck) (activities.FenceSeen, error) {
		seen := activities.FenceSeen{Doubts: []string{}}
		if r.lost {
			seen.Doubts = append(seen.Doubts, "service web in "+home+": no answer")
		}
		for name, n := range r.at.Primary {
			if n > 0 {
				seen.Doubts = append(seen.Doubts, fmt.Sprintf("service %s: %d tasks run", name, n))
			}
		}
		if r.at.Jobs {
			seen.Doubts = append(seen.Doubts, "job nightly is ENABLED")
		}
		seen.Fenced = len(seen.Doubts) == 0
		return seen, nil
	})
}

func (r *regions) database() {
	stub(r.world, "ReadDisasterData", func(q activities.DisasterDataQuery) (activities.DisasterData, error) {
		at := start.Add(-20 * time.Hour).UTC()
		if q.Mode == system.DisasterReal && r.via == system.ViaGlobalCluster {
			at = start.Add(-time.Second).UTC()
			return activities.DisasterData{Via: r.via, ARN: "arn:secondary", TakenAt: at, DataAt: at, LagSeconds: 1, Words: "lags 1s behind"}, nil
		}
		return activities.DisasterData{Via: system.ViaSnapshot, SnapshotID: "backup-1", TakenAt: at, DataAt: at, Words: "snapshot backup-1"}, nil
	})
	stub(r.world, "PlanDisasterDatabase", func(in activities.DisasterDatabasePlan) (plan.Change, error) {
		if in.Via == system.ViaGlobalCluster {
			if r.at.Writer == dr {
				return planned("rds:global-cluster", dr, dr)
			}
			return planned("rds:global-cluster", r.at.Writer, dr+" "+in.Manner)
		}
		return planned("rds:cluster/"+in.Cluster, nil, in.SnapshotID+in.Manner)
	})
	act(r, "RestoreDisasterCluster", func(in activities.DisasterRestore) (struct{}, error) {
		r.at.Clusters = append(r.at.Clusters, in.Cluster+" from "+in.SnapshotID)
		return struct{}{}, nil
	})
	act(r, "AwaitDisasterCluster", func(activities.DisasterCluster) (struct{}, error) { return struct{}{}, nil })
	act(r, "AddDisasterInstance", func(activities.DisasterCluster) (struct{}, error) { return struct{}{}, nil })
	act(r, "AwaitDisasterInstance", func(in activities.DisasterCluster) (activities.DisasterEndpoint, error) {
		return activities.DisasterEndpoint{Endpoint: in.Cluster + ".example:5432"}, nil
	})
	act(r, "DeleteDisasterCluster", func(activities.DisasterCluster) (struct{}, error) {
		r.at.Clusters = nil
		return struct{}{}, nil
	})
	act(r, "SwitchoverGlobalCluster", func(in activities.GlobalMove) (struct{}, error) {
		r.at.Writer = in.To
		return struct{}{}, nil
	})
	act(r, "FailoverGlobalCluster", func(in activities.GlobalFailover) (struct{}, error) {
		require.True(r.t, in.AllowDataLoss)
		r.at.Writer = in.To
		return struct{}{}, nil
	})
	stub(r.world, "ReadGlobalCluster", func(in activities.GlobalRef) (activities.GlobalStands, error) {
		return activities.GlobalStands{Unmoved: r.at.Writer == in.To, Words: "its writer is in " + r.at.Writer}, nil
	})
	act(r, "AwaitGlobalCluster", func(in activities.GlobalRef) (activities.GlobalCluster, error) {
		return activities.GlobalCluster{Writer: in.To, Endpoint: "global.example:5432"}, nil
	})
}

func (r *regions) software() {
	act(r, "StartDisasterPipeline", func(in activities.DisasterPipelineRun) (activities.DisasterExecution, error) {
		require.NotEmpty(r.t, in.Database)
		r.at.Version = "new"
		return activities.DisasterExecution{ExecutionID: "e1"}, nil
	})
	act(r, "AwaitDisasterPipeline", func(activities.DisasterExecution) (activities.DisasterDeployed, error) {
		return activities.DisasterDeployed{Digests: r.images}, nil
	})
	act(r, "StopDisasterPipeline", func(activities.DisasterPipelineRun) (struct{}, error) { return struct{}{}, nil })
	stub(r.world, "PlanDisasterService", func(in activities.DisasterServiceRef) (plan.Change, error) {
		return planned("ecs:"+dr+"/"+in.Name, 0, 2)
	})
	act(r, "ScaleDisasterService", func(in activities.DisasterServiceChange) (struct{}, error) {
		r.at.Tasks[in.Name] = 2
		return struct{}{}, nil
	})
	act(r, "AwaitDisasterService", func(in activities.DisasterServiceCheck) (activities.Running, error) {
		require.Contains(r.t, []string{map[string]string{"web": "sha256:w", "api": "sha256:a"}[in.Name], ""}, in.Digest)
		return activities.Running{}, nil
	})
	act(r, "RevertDisasterService", func(in activities.DisasterServiceChange) (struct{}, error) {
		r.at.Tasks[in.Name], r.at.Version = 0, "old"
		return struct{}{}, nil
	})
	r.halts()
	act(r, "SmokeDisasterSite", func(activities.DisasterSmoke) (activities.DisasterSmokeSeen, error) {
		if r.sick || r.at.Tasks["web"] == 0 || r.at.Version != "new" {
			return activities.DisasterSmokeSeen{}, notYet("the DR site shows status 503, want 200")
		}
		return activities.DisasterSmokeSeen{At: r.env.Now().UTC()}, nil
	})
}

func (r *regions) names() {
	stub(r.world, "PlanRoute53Redirect", func(in activities.Redirect) (plan.Change, error) {
		return planned("route53:"+in.Name, r.at.Record, dr)
	})
	act(r, "ApplyRoute53Redirect", func(in activities.RedirectChange) (activities.Redirected, error) {
		r.at.Record = dr
		return activities.Redirected{ChangeID: "c1", SubmittedAt: r.env.Now().UTC(), TTL: time.Minute}, nil
	})
	act(r, "RevertRoute53Redirect", func(activities.RedirectChange) (activities.Redirected, error) {
		if r.at.Record == home && !r.resubmits {
			return activities.Redirected{}, nil
		}
		r.at.Record = home
		return activities.Redirected{ChangeID: "c2", SubmittedAt: r.env.Now().UTC(), TTL: time.Minute}, nil
	})
	act(r, "AwaitRoute53Change", func(activities.DNSChange) (activities.DNSInsync, error) {
		return activities.DNSInsync{InsyncAt: r.env.Now().UTC()}, nil
	})
	act(r, "CheckDisasterOutside", func(in activities.DisasterOutsideCheck) (activities.DisasterOutsideSeen, error) {
		if r.at.Record != in.Want || in.Want == dr && (r.sick || r.at.Tasks["web"] == 0) || in.Want == home && r.at.Primary["gzs-web"] == 0 {
			return activities.DisasterOutsideSeen{}, notYet("%s is answered by %s, want %s", in.Name, r.at.Record, in.Want)
		}
		return activities.DisasterOutsideSeen{AnsweredBy: in.Want, At: r.env.Now().UTC()}, nil
	})
}

func (r *regions) register() {
	stub(r.world, "ResolveDisaster", func(q system.DisasterRequest) (system.DisasterTarget, error) {
		r.asked = q
		on := system.DisasterTarget{
			SystemID: "test", Environment: "development", Mode: q.Mode, Manner: q.Manner, Requester: q.Requester, Operator: q.Operator,
			Declarers: []system.DeclarerTarget{{Person: "ito", Wait: 10 * time.Minute}, {Person: "sato", Wait: 10 * time.Minute}, {Person: "suzuki"}},
			RTO:       2 * time.Hour, RPO: 25 * time.Hour, HoldUntil: q.At.Add(24 * time.Hour).UTC(), MailList: "officers",
			Budgets: []system.DisasterBudget{{Step: "declare", Of: 15 * time.Minute}, {Step: "fence", Of: 10 * time.Minute}, {Step: "last-copy", Of: 15 * time.Minute}, {Step: "database", Of: 40 * time.Minute}, {Step: "outside", Of: 10 * time.Minute}, {Step: "return", Of: time.Hour}},
			Region:  home, DRRegion: dr, Database: "db", Via: r.via, Cluster: restoredAt + "-" + q.Operation,
			PrimaryCluster: "main", PrimaryServices: []system.ServiceTarget{{Name: "web", Service: "gzs-web"}, {Name: "batch", Service: "gzs-batch"}},
			PrimaryJobs: []system.JobTarget{{Name: "nightly"}}, Pipeline: "gzs-dr", ECSCluster: "main-dr",
			Services: []system.DisasterServiceTarget{{Name: "web", Service: "gzs-web-dr", Desired: 2}, {Name: "api", Service: "gzs-api-dr", Desired: 2}},
			Zone:     "Z1", RecordName: "drill.example.jp", WatchFor: 2 * time.Minute, WatchEvery: 30 * time.Second,
		}
		if q.DisasterAt != "" {
			at, err := time.Parse(time.RFC3339, q.DisasterAt)
			require.NoError(r.t, err)
			on.DisasterAt = at.UTC()
		}
		if q.Mode == system.DisasterReal {
			on.RecordName = "www.example.jp"
		} else {
			on.Via = system.ViaSnapshot
		}
		return on, nil
	})
	stub(r.world, "OpenDisaster", func(d records.Disaster) (records.Disaster, error) {
		r.rows = append(r.rows, d)
		return d, nil
	})
	stub(r.world, "FinishDisaster", func(d records.Disaster) (records.Disaster, error) {
		r.rows = append(r.rows, d)
		return d, nil
	})
	stub(r.world, "ListEarlierDisasters", func(activities.EarlierQuestion) (activities.EarlierAnswer, error) {
		return activities.EarlierAnswer{Earlier: []records.Disaster{}}, nil
	})
	stub(r.world, "PutS3DisasterReport", func(in activities.DisasterReport) (activities.DisasterReportKept, error) {
		require.NoError(r.t, in.Report.Check())
		r.reports = append(r.reports, in)
		return activities.DisasterReportKept{HTML: records.Document{Location: "s3://b/report.html", SHA256: "h"}}, nil
	})
}

// drillInput is a drill; realInput a disaster.
func drillInput(manner string) map[string]any {
	return map[string]any{"mode": "drill", "manner": manner, "title": "訓練", "reason": "手順の確認", "requester": "takahashi", "operator": "tanaka"}
}

func realInput(manner string) map[string]any {
	in := drillInput(manner)
	in["mode"], in["ticket"] = "real", "INC-1"
	return in
}

// recover runs the recovery with an input.
func (r *regions) recover(in any) error {
	r.env.ExecuteWorkflow("DisasterRecovery", in)
	require.True(r.t, r.env.IsWorkflowCompleted())
	return r.env.GetWorkflowError()
}

func (r *regions) result() workflows.DisasterRecoveryResult {
	var out workflows.DisasterRecoveryResult
	require.NoError(r.t, r.env.GetWorkflowResult(&out))
	return out
}

// answers answers every question of the run as a table says, by kind and gate, a minute after it is asked. What the table does not
// have is left open.
func (r *regions) answers(table map[string][2]string) {
	seen := map[string]int{}
	var look func()
	look = func() {
		if r.env.IsWorkflowCompleted() {
			return
		}
		s := r.status()
		if w := s.WaitingFor; w != nil {
			key := w.Kind + " " + w.Gate
			if answer, ok := table[key]; ok && seen[key] < 3 {
				seen[key]++
				message := by(answer[1])
				message["plan"] = w.Plan
				if r.life != "" {
					message["run"] = r.life
				}
				r.env.SignalWorkflow(answer[0], message)
			}
		}
		every := time.Minute
		if r.env.Now().Sub(start) > 48*time.Hour { // a run that stays waits for weeks
			every = time.Hour
		}
		r.env.RegisterDelayedCallback(look, every)
	}
	r.env.RegisterDelayedCallback(look, time.Minute)
}

// through are the answers of a run to which nothing happens.
func through(more ...string) map[string][2]string {
	table := map[string][2]string{"approval declare": {"approve", "ito"}, "approval return": {"approve", "suzuki"}}
	for i := 0; i+2 < len(more); i += 3 {
		table[more[i]] = [2]string{more[i+1], more[i+2]}
	}
	return table
}

// row is how the run stands in the register at its end.
func (r *regions) row() records.Disaster {
	require.NotEmpty(r.t, r.rows)
	return r.rows[len(r.rows)-1]
}

// made are the changing calls, without waits and looks.
func (r *regions) made() []string {
	return slices.DeleteFunc(r.effects(), func(c string) bool {
		return strings.HasPrefix(c, "mail:") || c == "ReleaseResources" || c == "CheckDisasterOutside" || c == "SmokeDisasterSite"
	})
}
