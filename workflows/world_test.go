package workflows_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// start is when the tests' runs start: a Monday morning in Japan.
var start = time.Date(2027, 1, 18, 10, 0, 0, 0, time.FixedZone("JST", 9*60*60))

// world stands for everything outside a workflow in the time-skipping tests. It keeps the order of the calls and the
// evidence, and fails where it is told to. The real outside is tested in the integration tests.
type world struct {
	t        *testing.T
	env      *testsuite.TestWorkflowEnvironment
	mu       sync.Mutex
	calls    []string                   // activities that change something, in order
	fail     map[string]func(int) error // by activity name; the argument counts the calls from 1
	tries    map[string]int             //
	evidence []records.Evidence         //
	mail     []activities.Mail          // in order
	drift    int                        // raising it changes every plan
	eligible []string                   // officers
	conflict string                     // who holds the resources, "" for nobody
	closed   bool                       // the site, as the public sees it
	begins   time.Time                  // when the run starts: start, unless it goes on from another one
	late     time.Duration              // of gates that open after the effect; 0: there are none
	missing  []string                   // activities that a test registers itself
}

func newWorld(t *testing.T) *world { return newWorldWithout(t) }

// newWorldWithout is a world in which some activities are missing, for a test that has its own.
func newWorldWithout(t *testing.T, missing ...string) *world {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w := &world{t: t, begins: start, env: suite.NewTestWorkflowEnvironment(), fail: map[string]func(int) error{}, tries: map[string]int{}, missing: missing, eligible: []string{"ito", "sato", "suzuki"}}
	w.env.SetStartTime(start)
	w.env.SetTestTimeout(time.Minute)
	w.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // the machine may be busy
	workflows.Register(w.env)
	w.plans()
	w.changes()
	w.ours()
	w.missing = nil
	return w
}

// knows makes sure that mail has no key of which no template knows: it would not be sent.
func (w *world) knows(m activities.Mail) {
	for key := range m.Data {
		assert.Contains(w.t, activities.MailKeys, key, m.Template)
	}
}

// stub registers one activity under its permanent name.
func stub[I, O any](w *world, name string, do func(I) (O, error)) {
	if slices.Contains(w.missing, name) {
		return
	}
	w.env.RegisterActivityWithOptions(func(_ context.Context, in I) (O, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.tries[name]++
		if fail := w.fail[name]; fail != nil {
			if err := fail(w.tries[name]); err != nil {
				var none O
				return none, err
			}
		}
		return do(in)
	}, activity.RegisterOptions{Name: name})
}

// change registers an activity that changes something.
func change[I any](w *world, name string, and ...func()) {
	stub(w, name, func(I) (struct{}, error) {
		w.calls = append(w.calls, name)
		for _, f := range and {
			f()
		}
		return struct{}{}, nil
	})
}

func planOf[I any](w *world, name, resource string) {
	stub(w, name, func(I) (plan.Change, error) {
		return plan.NewChange(resource, name, map[string]int{"v": w.drift}, map[string]int{"v": w.drift + 1}, w.drift, w.drift+1)
	})
}

func (w *world) plans() {
	planOf[activities.MaintenanceRouting](w, "PlanCloudFrontMaintenance", "cloudfront:distribution/E1")
	planOf[activities.MaintenanceRule](w, "PlanWAFMaintenanceRule", "wafv2:webacl/acl")
	planOf[activities.MaintenancePage](w, "PlanS3MaintenancePage", "s3:object/page")
	planOf[activities.ServiceRef](w, "PlanECSServiceStop", "ecs:service/api")
	planOf[activities.Alarms](w, "PlanCloudWatchAlarmMute", "cloudwatch:alarms")
	planOf[activities.Jobs](w, "PlanSchedulerPause", "scheduler:jobs")
}

func (w *world) changes() {
	change[activities.CloudFrontChange](w, "ApplyCloudFrontMaintenance")
	change[activities.CloudFrontChange](w, "RevertCloudFrontMaintenance")
	change[activities.DistributionRef](w, "AwaitCloudFrontDeployed")
	change[activities.Invalidation](w, "InvalidateCloudFrontPaths")
	change[activities.WAFChange](w, "ApplyWAFMaintenanceRule", func() { w.closed = true })
	change[activities.WAFChange](w, "RevertWAFMaintenanceRule", func() { w.closed = false })
	change[activities.PageChange](w, "PutS3MaintenancePage")
	change[activities.PageChange](w, "DeleteS3MaintenancePage")
	change[activities.ServiceChange](w, "StopECSService")
	change[activities.ServiceChange](w, "StartECSService")
	change[activities.ServiceCheck](w, "AwaitECSService")
	change[activities.AlarmChange](w, "MuteCloudWatchAlarms")
	change[activities.AlarmChange](w, "UnmuteCloudWatchAlarms")
	change[activities.JobsChange](w, "PauseSchedulerJobs")
	change[activities.JobsChange](w, "ResumeSchedulerJobs")
	stub(w, "CreateRDSClusterSnapshot", func(activities.Snapshot) (activities.SnapshotResult, error) {
		w.calls = append(w.calls, "CreateRDSClusterSnapshot")
		return activities.SnapshotResult{ARN: "arn", CreatedAt: start}, nil
	})
	change[activities.SnapshotRef](w, "AwaitRDSClusterSnapshot")
	stub(w, "SendSESMail", func(m activities.Mail) (activities.MailResult, error) {
		w.knows(m)
		call := "mail:" + m.Template
		if m.Resend {
			call += ":again"
		}
		w.calls, w.mail = append(w.calls, call), append(w.mail, m)
		return activities.MailResult{MessageIDs: []string{"m"}}, nil
	})
	stub(w, "CheckSite", func(c activities.SiteCheck) (activities.SiteSeen, error) {
		status := 200
		if w.closed && c.Vantage == "public" {
			status = 503
		}
		if status != c.WantStatus {
			return activities.SiteSeen{}, fmt.Errorf("the site shows %d to the %s, want %d", status, c.Vantage, c.WantStatus)
		}
		return activities.SiteSeen{Status: status}, nil
	})
}

func (w *world) ours() {
	stub(w, "AppendEvidence", func(e records.Evidence) (activities.EvidenceHead, error) {
		w.evidence = append(w.evidence, e)
		return activities.EvidenceHead{Count: len(w.evidence), Hash: fmt.Sprint(len(w.evidence))}, nil
	})
	stub(w, "ReserveResources", func(activities.Reserve) (struct{}, error) {
		if w.conflict != "" {
			return struct{}{}, temporal.NewNonRetryableApplicationError("cloudfront:distribution/E1 is held by "+w.conflict, "Locked", nil)
		}
		return struct{}{}, nil
	})
	stub(w, "TakeResources", func(activities.Take) (struct{}, error) { return struct{}{}, nil })
	change[struct{}](w, "ReleaseResources")
	stub(w, "ResolvePerson", func(c activities.Claim) (activities.Person, error) {
		switch c.By {
		case "ito", "sato", "suzuki":
			roles := []string{}
			if slices.Contains(w.eligible, c.By) {
				roles = append(roles, system.RoleOfficer)
			}
			return activities.Person{ID: c.By, Organisation: "meti", Roles: roles, Known: true}, nil
		case "m-sato": // a second account of sato
			return activities.Person{ID: "sato", Organisation: "meti", Roles: []string{system.RoleOfficer}, Known: true}, nil
		case "tanaka", "kato":
			return activities.Person{ID: c.By, Organisation: "vendor", Roles: []string{system.RoleOperator}, Known: true}, nil
		}
		return activities.Person{}, nil
	})
	stub(w, "ResolveMoments", func(m activities.Moments) (out activities.MomentsResolved, err error) {
		for _, text := range m.Texts {
			t, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return out, err
			}
			out.Times = append(out.Times, t)
		}
		return out, nil
	})
	stub(w, "ResolvePlannedOutage", func(r system.OutageRequest) (system.OutageTarget, error) {
		on := system.OutageTarget{
			SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator,
			AnnounceBy: r.Start.Add(-48 * time.Hour), NoticeList: "users",
			GoNoGoAt: r.Start.Add(-2 * time.Hour), LatestStart: r.Start.Add(15 * time.Minute),
			DecideAt: r.Start.Add(r.End.Sub(r.Start) * 7 / 10), OverrunEnd: r.End.Add(10 * time.Minute),
			Distribution: "E1", Bucket: "pages", PathPrefix: "/maintenance/", WebACLID: "1", WebACLName: "acl",
			Cluster: "main", Database: "db", SnapshotStem: "outage", Alarms: []string{"cpu"},
			Jobs: []system.JobTarget{{Name: "nightly"}},
		}
		for _, name := range r.Services {
			on.Services = append(on.Services, system.ServiceTarget{Name: name, Service: name})
		}
		return on, nil
	})
	stub(w, "GateTerms", func(q activities.GateQuestion) (activities.Terms, error) {
		deadline := q.OpenedAt.Add(5 * 24 * time.Hour)
		if !q.NotAfter.IsZero() && q.NotAfter.Before(deadline) {
			deadline = q.NotAfter
		}
		if q.Gate == "review" || q.Gate == "check" { // the second pair of eyes, of the other organisation
			return activities.Terms{Role: system.RoleOperator, Organisation: "vendor", Quorum: 1, Eligible: []string{"tanaka", "kato"}, Deadline: deadline, NotifyList: "operators"}, nil
		}
		terms := activities.Terms{
			Role: system.RoleOfficer, Organisation: "meti", Quorum: 1, Eligible: w.eligible, Deadline: deadline,
			Reminders: []time.Time{q.OpenedAt.Add(time.Hour)}, NotifyList: "officers",
		}
		if w.late > 0 {
			terms.LateAt, terms.EscalateList = q.OpenedAt.Add(w.late), "managers"
		}
		return terms, nil
	})
	stub(w, "AnswerTerms", func(q activities.AnswerQuestion) (activities.Terms, error) {
		t := activities.Terms{Role: system.RoleOperator, Eligible: []string{"tanaka", "kato"}, Deadline: q.OpenedAt.Add(4 * time.Hour), NotifyList: "operators"}
		if q.Kind == "decide" {
			t.Role, t.Organisation, t.Eligible, t.NotifyList = system.RoleOfficer, "meti", w.eligible, "officers"
		}
		return t, nil
	})
	stub(w, "ResolveExtension", func(q activities.ExtensionQuestion) (activities.Extension, error) {
		if !q.Until.After(q.End) {
			return activities.Extension{}, temporal.NewNonRetryableApplicationError("the new end is not after the old one", "Refused", nil)
		}
		return activities.Extension{End: q.Until, DecideAt: q.Until.Add(-10 * time.Minute), OverrunEnd: q.Until.Add(10 * time.Minute)}, nil
	})
}

// input is an outage from 22:00 to 24:00 JST five days later.
func input() map[string]any {
	return map[string]any{
		"title": "計画停止", "reason": "更新", "requester": "ito", "operator": "tanaka",
		"window":   map[string]any{"start": "2027-01-23T22:00:00+09:00", "end": "2027-01-24T00:00:00+09:00"},
		"services": []string{"api", "batch"}, "notice": map[string]any{"class": "standard"},
	}
}

var (
	windowStart = time.Date(2027, 1, 23, 22, 0, 0, 0, start.Location())
	windowEnd   = windowStart.Add(2 * time.Hour)
)

// run executes the workflow with an input and returns what went wrong with it, or nil.
func (w *world) run(in any) error {
	w.env.ExecuteWorkflow("PlannedOutage", in)
	require.True(w.t, w.env.IsWorkflowCompleted())
	return w.env.GetWorkflowError()
}

// at sends a signal at a moment.
func (w *world) at(when time.Time, signal string, message any) {
	w.env.RegisterDelayedCallback(func() { w.env.SignalWorkflow(signal, message) }, when.Sub(w.begins))
}

// approveAsSeen approves the plan in force at a moment, by name, as the command line does.
func (w *world) approveAsSeen(when time.Time, person string) {
	w.env.RegisterDelayedCallback(func() {
		message := by(person)
		message["plan"] = w.status().Plan.Digest
		w.env.SignalWorkflow("approve", message)
	}, when.Sub(w.begins))
}

func by(person string) map[string]any { return map[string]any{"by": person, "reason": "checked"} }

// approveBoth lets both gates pass in good time.
func (w *world) approveBoth() {
	w.at(start.Add(time.Hour), "approve", by("sato"))
	w.at(windowStart.Add(-time.Hour), "approve", by("suzuki"))
}

func (w *world) status() runbook.Status {
	value, err := w.env.QueryWorkflow("status")
	require.NoError(w.t, err)
	var s runbook.Status
	require.NoError(w.t, value.Get(&s))
	return s
}

// effects are the changing calls, without waits and mail about approvals.
func (w *world) effects() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kept []string
	for _, c := range w.calls {
		if !strings.HasPrefix(c, "Await") && !strings.HasPrefix(c, "mail:approval") {
			kept = append(kept, c)
		}
	}
	return kept
}

func (w *world) kinds() []string {
	var kinds []string
	for _, e := range w.evidence {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// newest decodes the newest evidence of a kind.
func (w *world) newest(kind string, into any) {
	w.t.Helper()
	for _, e := range slices.Backward(w.evidence) {
		if e.Kind == kind {
			require.NoError(w.t, json.Unmarshal(e.Body, into))
			return
		}
	}
	require.Fail(w.t, "no evidence of the kind "+kind)
}
