package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tejun/internal/readiness"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// readyWorld is a world in which a disaster could be met.
func readyWorld(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	id := "ready-" + uuid.NewString()[:8] // what people know is kept by it
	w := newWorld(t, append(changes, func(s *system.System) {
		s.ID = id
		s.Disaster.Readiness.RepeatAfter = system.Duration(time.Hour)
	})...)
	require.NoError(t, w.box.SeedCopy(t.Context(), w.system(), time.Now().Add(-time.Hour)))
	return w
}

func (w *world) readiness() (r workflows.DisasterReadinessResult) {
	w.t.Helper()
	w.begin("DisasterReadiness", workflows.DisasterReadinessInput{Reason: "点検", Requester: "takahashi", Operator: "tanaka"}).finished(&r)
	return r
}

// rest brings the number of tasks of a DR service to n, as somebody does by hand.
func (w *world) rest(service string, n int32) {
	w.t.Helper()
	cfg := w.aws.Copy()
	cfg.Region = w.system().AWS.DRRegion
	_, err := ecs.NewFromConfig(cfg).UpdateService(w.t.Context(), &ecs.UpdateServiceInput{Cluster: &w.system().Disaster.ECS.Cluster, Service: &service, DesiredCount: &n})
	require.NoError(w.t, err)
}

// The story of a check that runs every half hour: it is silent while all is well, tells when something stands in the way, stays
// silent while people know, tells when there is more, and tells when it is well again. It writes nothing but mail.
func TestReadinessIsToldWhenItChanges(t *testing.T) {
	t.Parallel()
	w := readyWorld(t)
	before := w.snapshot()
	r := w.readiness()
	require.True(t, r.Ready, "%v", r.Findings)
	require.WithinDuration(t, time.Now().Add(27*time.Hour), *r.FreshUntil, 10*time.Minute, "the RPO of 28h, an hour after the data were taken")
	require.Empty(t, w.mails("officers"))
	require.Equal(t, before.Resources, w.snapshot().Resources, "nothing was changed")
	require.Empty(t, effects(w.journal()))

	w.rest("gzs-web-dr", 1)
	mark := len(w.journal())
	first := w.readiness()
	require.False(t, first.Ready)
	require.Equal(t, []string{"service-not-at-rest/web"}, readiness.Keys(first.Findings))
	require.Equal(t, readiness.Changed, first.Told)
	const warning = "【要対応】大規模災害時対応の準備状況に変化（不備1件）"
	require.Equal(t, []string{warning}, w.mails("officers"))
	require.Equal(t, []string{warning}, w.mails("operators"))

	again := w.readiness()
	require.Equal(t, readiness.Keys(first.Findings), readiness.Keys(again.Findings))
	require.Empty(t, again.Told, "they know")

	w.fault(sandbox.Fault{Service: "route 53", Operation: "ListResourceRecordSets", Kind: sandbox.FaultDenied})
	more := w.readiness()
	require.Equal(t, []string{"service-not-at-rest/web", "unseen/Route 53"}, readiness.Keys(more.Findings))
	require.Equal(t, readiness.Changed, more.Told)
	require.NoError(t, w.box.ClearFaults())

	w.rest("gzs-web-dr", 0)
	well := w.readiness()
	require.True(t, well.Ready)
	require.Equal(t, readiness.Well, well.Told)
	mails := w.mails("officers")
	require.Len(t, mails, 3)
	require.Contains(t, mails[2], "準備が整いました")
	for _, e := range w.journal()[mark:] {
		require.Contains(t, []string{"sesv2", "ecs"}, e.Service, "%s: a check writes nothing but mail", e.Operation)
	}
	known, err := w.records.LastReadiness(t.Context(), w.system().ID)
	require.NoError(t, err)
	require.Equal(t, readiness.Well, known.Kind)
}

// What people were told some time ago, and what has not changed, is told again.
func TestReadinessIsToldAgainAfterAWhile(t *testing.T) {
	t.Parallel()
	w := readyWorld(t)
	w.rest("gzs-api-dr", 1)
	first := w.readiness()
	require.Equal(t, []string{"service-not-at-rest/api"}, readiness.Keys(first.Findings))
	require.Empty(t, w.readiness().Told)

	findings, err := json.Marshal(first.Findings)
	require.NoError(t, err)
	_, err = w.records.RecordReadiness(t.Context(), records.ReadinessTold{
		System: w.system().ID, WorkflowID: "earlier", RunID: "earlier", ToldAt: time.Now().Add(-2 * time.Hour), Kind: readiness.Changed, Findings: findings,
	})
	require.NoError(t, err)
	require.Equal(t, readiness.Repeated, w.readiness().Told)
	require.True(t, strings.HasPrefix(w.mails("operators")[1], "【要対応・継続】"), "%v", w.mails("operators"))
}

// The evidence of a check holds what was found and what to do.
func TestReadinessLeavesEvidence(t *testing.T) {
	t.Parallel()
	w := readyWorld(t)
	w.rest("gzs-api-dr", 2)
	r := w.begin("DisasterReadiness", workflows.DisasterReadinessInput{Reason: "点検", Requester: "takahashi", Operator: "tanaka"})
	var result workflows.DisasterReadinessResult
	r.finished(&result)
	found := false
	for _, row := range r.evidence() {
		if row.Kind == "readiness" {
			found = true
			require.Contains(t, string(row.Body), "service-not-at-rest/api")
			require.Contains(t, string(row.Body), result.Findings[0].Do.En)
		}
	}
	require.True(t, found)
}

// While a drill has the DR environment up and the rehearsal's name redirected, the check sees whose work that is and warns nobody. After
// the drill everything rests again.
func TestReadinessDoesNotJudgeWhatADrillMoves(t *testing.T) {
	t.Parallel()
	w := disasterWorld(t)
	drill := w.drill()
	waits := drill.asks("approval", "return")
	during := w.readiness()
	require.True(t, during.Ready, "%v", during.Findings)
	require.Equal(t, drill.id, during.HeldBy)

	drill.answer(waits, runbook.Approve, "suzuki")
	drill.recovered()
	after := w.readiness()
	require.True(t, after.Ready, "%v", after.Findings)
	require.Empty(t, after.HeldBy)
	require.Empty(t, after.Told)
}
