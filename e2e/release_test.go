package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// releases is a world whose function and files are its own, with a short watch.
func releases(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	own := func(s *system.System) {
		n := s.ECS.Cluster[strings.LastIndex(s.ECS.Cluster, "-"):]
		for _, p := range s.Releases.Parts {
			if p.Lambda != nil {
				p.Lambda.Function += n
			}
			if p.Static != nil {
				p.Static.Bucket += n
			}
		}
		s.Releases.Watch.Duration, s.Releases.Watch.Every = system.Duration(time.Second), system.Duration(200*time.Millisecond)
	}
	return newWorld(t, append([]func(*system.System){own}, changes...)...)
}

// wanted is the example's release: web, index, guide. An image other than the next one may be named.
func wanted(t *testing.T, image string) workflows.ReleaseInput {
	t.Helper()
	file, err := scene.SystemFile()
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(file), "release.json"))
	require.NoError(t, err)
	var in workflows.ReleaseInput
	require.NoError(t, json.Unmarshal(raw, &in))
	in.Parts[0].Digest = sandbox.Digest("gzs/web", image)
	return in
}

// made lists the writes that had an effect, mail left out, by operation and the last part of the resource.
func (w *world) made() []string {
	w.t.Helper()
	var list []string
	for _, e := range w.journal() {
		if !e.Effect || e.Service == "sesv2" {
			continue
		}
		name := e.Operation
		if strings.HasSuffix(name, "Object") {
			name += " " + e.Resource[strings.LastIndex(e.Resource, "/")+1:]
		}
		list = append(list, name)
	}
	return list
}

// The writes of the example's release on its way in, and the way back.
var (
	broughtIn = []string{
		"StartPipelineExecution", "PutApprovalResult", "UpdateFunctionCode", "PublishVersion", "UpdateAlias", "PutObject faq.html", "PutObject index.html", "CreateInvalidation",
	}
	takenBack = []string{"DeleteObject faq.html", "PutObject index.html", "CreateInvalidation", "UpdateAlias", "UpdateService"}
)

// isReleased makes sure that the new versions are there, or the old ones.
func (w *world) isReleased(is bool) {
	w.t.Helper()
	sys := w.system()
	state, err := w.box.World()
	require.NoError(w.t, err)
	definition := state.Services[sys.ECS.Cluster+"/gzs-web"].TaskDefinition
	require.Equal(w.t, !is, strings.HasSuffix(definition, "gzs-web:7"), definition)
	part, _ := sys.Releases.Part("index")
	alias, err := lambda.NewFromConfig(w.aws).GetAlias(w.t.Context(), &lambda.GetAliasInput{FunctionName: &part.Lambda.Function, Name: aws.String("live")})
	require.NoError(w.t, err)
	require.Equal(w.t, is, aws.ToString(alias.FunctionVersion) == "2")
	guide, _ := sys.Releases.Part("guide")
	page, found, err := w.box.Object(guide.Static.Bucket, "guide/index.html")
	require.NoError(w.t, err)
	require.True(w.t, found)
	require.Equal(w.t, is, strings.Contains(string(page.Body), "第2版"))
	_, found, err = w.box.Object(guide.Static.Bucket, "guide/faq.html")
	require.NoError(w.t, err)
	require.Equal(w.t, is, found)
}

func TestAReleaseOfThreePartsIsApprovedWatchedAndStays(t *testing.T) {
	t.Parallel()
	w := releases(t)
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	s := r.asks("approval", "release")
	require.Contains(t, s.Markdown(), sandbox.Digest("gzs/web", sandbox.ImageNext))
	require.Contains(t, s.Markdown(), sandbox.Digest("gzs/web", sandbox.ImageStable))
	r.answer(s, runbook.Approve, "sato")
	r.done()
	require.Equal(t, broughtIn, w.made())
	w.isReleased(true)
	require.Zero(t, r.kinds("held"))
	function := w.system().Releases.Parts[2].Lambda.Function
	require.Equal(t, []string{
		"scan of the image of web", "pipeline gzs-web", "service gzs-web", "new code of the function " + function, "function " + function, "files of the site guide",
	}, r.read()[:6])
	var result workflows.ReleaseResult
	require.NoError(t, r.client.GetWorkflow(t.Context(), r.id, "").Get(t.Context(), &result))
	require.Equal(t, sandbox.Digest("gzs/web", sandbox.ImageStable), result.Parts[0].Before)
	require.Equal(t, sandbox.Digest("gzs/web", sandbox.ImageNext), result.Parts[0].After)
	require.Equal(t, []string{"1", "2"}, []string{result.Parts[1].Before, result.Parts[1].After})
	require.Contains(t, result.Watched, "alarms: none rings; errors: 0.00 %")
	require.Equal(t, []string{"【リリース完了】申請画面の改善（第2版）"}, w.mails("operators"))
}

func TestNobodyWhoHadAHandInAReleaseApprovesIt(t *testing.T) {
	t.Parallel()
	w := releases(t)
	in := wanted(t, sandbox.ImageNext)
	in.Builder = "suzuki" // an officer, who could approve otherwise
	r := w.begin("Release", in)
	s := r.asks("approval", "release")
	for _, by := range []string{"suzuki", "SUZUKI@example.go.jp", "takahashi", "tanaka"} {
		a := r.try(s, runbook.Approve, by)
		require.False(t, a.Accepted, by)
	}
	require.Contains(t, r.decisions()[0].Refusal, "suzuki made what this change brings in")
	r.answer(s, runbook.Reject, "sato")
	r.ends(runbook.ErrRejected)
	require.Empty(t, w.made())
}

func TestAnImageWithGraveFindingsIsRefusedBeforeAnyEffect(t *testing.T) {
	t.Parallel()
	w := releases(t)
	r := w.begin("Release", wanted(t, sandbox.ImageVulnerable))
	s := r.ends(runbook.ErrRefused)
	require.Contains(t, s.Says, "CVE-2026-30001 (CRITICAL)")
	require.NotContains(t, s.Says, "CVE-2026-20001", "it has an exception")
	require.Empty(t, w.made())
}

// excepted pushes an image whose one grave finding has an exception in the example.
func (w *world) excepted() string {
	w.t.Helper()
	digest := "sha256:" + strings.Repeat("5", 64)
	require.NoError(w.t, w.box.PushImage(sandbox.Image{Repository: "gzs/web", Digest: digest, Scanned: true, Findings: []sandbox.Finding{{Name: "CVE-2026-20001", Severity: "HIGH"}}}))
	return digest
}

func TestAFindingWithAnExceptionPassesUntilTheExceptionEnds(t *testing.T) {
	t.Parallel()
	w := releases(t)
	in := wanted(t, sandbox.ImageNext)
	in.Parts = in.Parts[:1]
	in.Parts[0].Digest = w.excepted()
	r := w.begin("Release", in)
	s := r.asks("approval", "release")
	require.Contains(t, s.Markdown(), "CVE-2026-20001")
	r.answer(s, runbook.Approve, "suzuki")
	r.done()

	w = releases(t, func(s *system.System) { s.Releases.Scan.Exceptions[0].Until = "2026-01-31" })
	in.Parts[0].Digest = w.excepted()
	s = w.begin("Release", in).ends(runbook.ErrRefused)
	require.Contains(t, s.Says, "CVE-2026-20001 (HIGH)")
	require.Empty(t, w.made())
}

// A deployment that ECS has rolled back is stable, and the pipeline calls it a success.
func TestARolledBackDeploymentIsNotTakenForTheRelease(t *testing.T) {
	t.Parallel()
	w := releases(t)
	in := wanted(t, sandbox.ImageSick)
	slices.Reverse(in.Parts) // guide, index, web
	r := w.begin("Release", in)
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	s := r.ends(runbook.ErrRolledBack)
	require.Contains(t, s.Says, "not "+sandbox.Digest("gzs/web", sandbox.ImageSick)+" as approved")
	require.Zero(t, r.kinds("held"), "nobody is asked")
	require.Equal(t, []string{
		"PutObject faq.html", "PutObject index.html", "CreateInvalidation", "UpdateFunctionCode", "PublishVersion", "UpdateAlias", "StartPipelineExecution", "PutApprovalResult",
		"UpdateAlias", "DeleteObject faq.html", "PutObject index.html", "CreateInvalidation", // ECS has put the service back itself
	}, w.made())
	w.isReleased(false)
	require.Equal(t, runbook.StepUndone, step(t, s, "alias-index").State)
}

func TestAReleaseThatFailsItsWatchTakesItselfBackInReverse(t *testing.T) {
	t.Parallel()
	w := releases(t)
	r := w.begin("Release", wanted(t, sandbox.ImageFaulty))
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	s := r.ends(runbook.ErrRolledBack)
	require.Contains(t, s.Says, "errors: 12.50 %")
	require.Equal(t, runbook.StepFailed, step(t, s, "watch").State)
	require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
	w.isReleased(false)
	require.Zero(t, r.kinds("held"))
	require.Equal(t, []string{"【要確認】リリースの切り戻し（申請画面の改善（第2版））"}, w.mails("operators"))
}

func TestAnAlarmThatBeginsToRingTakesAReleaseBackAndOneThatRangDoesNot(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
	require.NoError(t, w.box.RingAlarm("gzs-api-5xx", true))
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	r.until("a look that is good", func(s runbook.Status) bool { return strings.Contains(s.Says, "gzs-api-5xx rang before already") })
	require.NoError(t, w.box.RingAlarm("gzs-web-unhealthy-hosts", true))
	s := r.ends(runbook.ErrRolledBack)
	require.Contains(t, s.Says, "gzs-web-unhealthy-hosts began to ring")
	require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
	w.isReleased(false)
}

func TestAnAlarmThatRangBeforeClearedAndRingsAgainTakesAReleaseBack(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
	require.NoError(t, w.box.RingAlarm("gzs-api-5xx", true))
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	r.until("a look at the alarm that rang", func(s runbook.Status) bool { return strings.Contains(s.Says, "gzs-api-5xx rang before already") })
	require.NoError(t, w.box.RingAlarm("gzs-api-5xx", false))
	r.until("a look at the cleared alarm", func(s runbook.Status) bool { return strings.Contains(s.Says, "alarms: none rings") })
	require.NoError(t, w.box.RingAlarm("gzs-api-5xx", true))
	require.Contains(t, r.ends(runbook.ErrRolledBack).Says, "gzs-api-5xx began to ring")
	require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
	w.isReleased(false)
}

func TestTheOperatorMayTakeAWatchedReleaseBackAndNobodyEndsItsWatch(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	s := r.asks("watch", "watch")
	require.False(t, r.try(s, runbook.Finished, "tanaka").Accepted)
	require.False(t, r.try(s, runbook.Rollback, "sato").Accepted)
	r.answer(s, runbook.Rollback, "kato")
	require.Contains(t, r.ends(runbook.ErrRolledBack).Says, "kato rolled it back")
	require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
	w.isReleased(false)
}

func TestASecondReleaseOfAPartIsToldWhoHoldsIt(t *testing.T) {
	t.Parallel()
	w := releases(t)
	first := w.begin("Release", wanted(t, sandbox.ImageNext))
	s := first.asks("approval", "release")
	in := wanted(t, sandbox.ImageNext)
	in.Parts = in.Parts[2:]
	second := w.begin("Release", in)
	says := second.ends(runbook.ErrRefused).Says
	require.Contains(t, says, "is held by "+first.id+" (Release, requested by takahashi)")
	require.Contains(t, says, "until "+runbook.JST(s.Holds[0].Until))
	first.answer(s, runbook.Reject, "sato")
	first.ends(runbook.ErrRejected)
	third := w.begin("Release", in)
	third.answer(third.asks("approval", "release"), runbook.Approve, "sato")
	third.done()
	require.Equal(t, broughtIn[5:], w.made())
}

func TestAReleaseThatNobodyApprovesExpiresWithoutEffect(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) {
		i := slices.IndexFunc(s.Gates, func(g system.Gate) bool { return g.Runbook == "Release" })
		s.Gates[i].Deadline = system.Duration(2 * time.Second)
	})
	w.begin("Release", wanted(t, sandbox.ImageNext)).ends(runbook.ErrExpired)
	require.Empty(t, w.made())
}

// Whoever answers the pipeline's approval by hand has not answered ours.
func TestAnApprovalOfThePipelineBySomebodyElseIsNotOurs(t *testing.T) {
	t.Parallel()
	w := releases(t)
	in := wanted(t, sandbox.ImageNext)
	in.Parts = in.Parts[:1]
	// The state cannot be read until somebody has approved in the console.
	w.fault(sandbox.Fault{Service: "codepipeline", Operation: "GetPipelineState", Kind: sandbox.FaultDenied, Times: 1})
	r := w.begin("Release", in)
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	held := r.asks("held", "approve-web")
	client := codepipeline.NewFromConfig(w.aws)
	state, err := client.GetPipelineState(t.Context(), &codepipeline.GetPipelineStateInput{Name: aws.String("gzs-web")})
	require.NoError(t, err)
	_, err = client.PutApprovalResult(t.Context(), &codepipeline.PutApprovalResultInput{
		PipelineName: aws.String("gzs-web"), StageName: aws.String("Approval"), ActionName: aws.String("Approve"), Token: state.StageStates[1].ActionStates[0].LatestExecution.Token,
		Result: &cptypes.ApprovalResult{Status: cptypes.ApprovalStatusApproved, Summary: aws.String("looks good to me")},
	})
	require.NoError(t, err)
	r.answer(held, runbook.Retry, "kato")
	again := r.until("held again", func(s runbook.Status) bool {
		return s.WaitingFor != nil && s.WaitingFor.Kind == "held" && s.Steps[2].Attempts == 2
	})
	require.Contains(t, step(t, again, "approve-web").Error, `somebody else has approved the execution`)
	r.answer(again, runbook.Rollback, "kato")
	r.ends(runbook.ErrRolledBack)
	require.Equal(t, []string{"StartPipelineExecution", "PutApprovalResult", "UpdateService"}, w.made())
	require.Equal(t, 1, r.kinds("gate-passed"))
}
