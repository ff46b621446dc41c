package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/plan"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// webRelease is the release of an image of web, as far as its plan.
func (b *bench) webRelease(image string) (ContainerChange, PipelineRun) {
	b.t.Helper()
	digest := sandbox.Digest("gzs/web", image)
	checked := must(b, b.set.ECR.CheckECRImage, ImageRef{"gzs/web", digest})
	shape := must(b, b.set.CodePipeline.ReadCodePipeline, PipelineRef{Pipeline: "gzs-web", Repository: "gzs/web", Cluster: b.system.ECS.Cluster, Service: "gzs-web"})
	in := ContainerRelease{ContainerRef{ServiceRef{b.system.ECS.Cluster, "gzs-web"}, "web"}, checked.Image}
	change := must(b, b.set.ECSReleases.PlanECSRelease, ContainerPlan{b.operation, in}).Change
	return ContainerChange{b.operation, in, Ref(change)}, PipelineRun{Operation: b.operation, Pipeline: "gzs-web", Shape: shape, Digest: digest, Plan: "p1"}
}

func TestAPipelineIsStartedApprovedAndAwaitedOnceHoweverOftenItIsAsked(t *testing.T) {
	b := newBench(t)
	change, run := b.webRelease(sandbox.ImageNext)
	for range 2 {
		must(b, b.set.ECSReleases.KeepECSService, change)
	}
	b.fault("codepipeline", "StartPipelineExecution", sandbox.FaultExecutedThenTimeout)
	_, err := try(b, b.set.CodePipeline.StartCodePipelineExecution, run)
	requireType(t, err, Unavailable)
	run.ExecutionID = must(b, b.set.CodePipeline.StartCodePipelineExecution, run).ExecutionID
	require.Equal(t, run.ExecutionID, must(b, b.set.CodePipeline.StartCodePipelineExecution, run).ExecutionID)
	b.fault("codepipeline", "PutApprovalResult", sandbox.FaultExecutedThenTimeout)
	for range 2 {
		must(b, b.set.CodePipeline.ApproveCodePipelineExecution, run)
		must(b, b.set.CodePipeline.AwaitCodePipelineExecution, run)
	}
	running := must(b, b.set.ECSReleases.AwaitECSRelease, ContainerCheck{change.ContainerRef, run.Digest})
	assert.Equal(t, 3, running.Tasks)
	assert.Equal(t, []string{"StartPipelineExecution", "PutApprovalResult"}, b.effects())

	for range 2 {
		must(b, b.set.CodePipeline.StopCodePipelineExecutions, run)
		must(b, b.set.ECSReleases.RevertECSService, change)
	}
	must(b, b.set.ECSReleases.AwaitECSRelease, ContainerCheck{change.ContainerRef, sandbox.Digest("gzs/web", sandbox.ImageStable)})
	assert.Equal(t, []string{"StartPipelineExecution", "PutApprovalResult", "UpdateService"}, b.effects(), "a pipeline at its end is not stopped")
	_, err = try(b, b.set.ECSReleases.AwaitECSRelease, ContainerCheck{change.ContainerRef, run.Digest})
	requireType(t, err, Unfit)
}

func TestAnExecutionThatIsStoppedOrRefusedIsUnfit(t *testing.T) {
	b := newBench(t)
	_, run := b.webRelease(sandbox.ImageNext)
	run.ExecutionID = must(b, b.set.CodePipeline.StartCodePipelineExecution, run).ExecutionID
	must(b, b.set.CodePipeline.StopCodePipelineExecutions, run)
	_, err := try(b, b.set.CodePipeline.ApproveCodePipelineExecution, run)
	requireType(t, err, Unfit)
	_, err = try(b, b.set.CodePipeline.AwaitCodePipelineExecution, run)
	requireType(t, err, Unfit)
	require.ErrorContains(t, err, "Stopped: tejun "+b.operation+" is given up")
	assert.Equal(t, []string{"StartPipelineExecution", "StopPipelineExecution"}, b.effects())
}

func TestAPipelineThatDoesNotFitIsRefused(t *testing.T) {
	b := newBench(t)
	ref := PipelineRef{Pipeline: "gzs-web", Repository: "gzs/web", Cluster: b.system.ECS.Cluster, Service: "gzs-web"}
	for says, change := range map[string]func(*PipelineRef){
		"has no ECR source of the repository gzs/api": func(p *PipelineRef) { p.Repository = "gzs/api" },
		"does not deploy to the ECS service":          func(p *PipelineRef) { p.Service = "gzs-api" },
	} {
		in := ref
		change(&in)
		_, err := try(b, b.set.CodePipeline.ReadCodePipeline, in)
		requireType(t, err, Refused)
		require.ErrorContains(t, err, says)
	}
	ref.Pipeline = "none"
	_, err := try(b, b.set.CodePipeline.ReadCodePipeline, ref)
	requireType(t, err, NotFound)
}

func TestAServiceThatSomebodyElseDeployedIsNotReleasedAndNotTakenBack(t *testing.T) {
	b := newBench(t)
	change, _ := b.webRelease(sandbox.ImageNext)
	other, run := b.webRelease(sandbox.ImageFaulty) // somebody releases by hand
	run.ExecutionID = must(b, b.set.CodePipeline.StartCodePipelineExecution, run).ExecutionID
	must(b, b.set.CodePipeline.ApproveCodePipelineExecution, run)
	must(b, b.set.ECSReleases.AwaitECSRelease, ContainerCheck{other.ContainerRef, run.Digest})
	_, err := try(b, b.set.ECSReleases.KeepECSService, change)
	requireType(t, err, Drifted)
	b.since()
	must(b, b.set.ECSReleases.RevertECSService, change) // it never released anything
	assert.Empty(t, b.effects())
}

func TestScansAreJudgedByThresholdAndExceptions(t *testing.T) {
	b := newBench(t)
	push := func(sign string, scanned bool, findings ...sandbox.Finding) ImageRef {
		digest := "sha256:" + strings.Repeat(sign, 64)
		require.NoError(t, b.box.PushImage(sandbox.Image{Repository: "gzs/web", Digest: digest, Scanned: scanned, Findings: findings}))
		return ImageRef{"gzs/web", digest}
	}
	excepted := push("1", true, sandbox.Finding{Name: "CVE-2026-20001", Severity: "HIGH"}, sandbox.Finding{Name: "CVE-1", Severity: "MEDIUM"})
	checked := must(b, b.set.ECR.CheckECRImage, excepted)
	assert.Equal(t, map[string]int{"HIGH": 1, "MEDIUM": 1}, checked.Counts)
	assert.Equal(t, []FindingExcused{{"CVE-2026-20001", "HIGH", "2027-03-31", "ito"}}, checked.Excepted)
	assert.True(t, strings.HasSuffix(checked.Image, ".dkr.ecr.ap-northeast-1.amazonaws.com/gzs/web@"+excepted.Digest))

	b.set.ECR.now = func() time.Time { return time.Date(2027, 3, 31, 14, 59, 0, 0, time.UTC) } // 23:59 in Japan
	must(b, b.set.ECR.CheckECRImage, excepted)
	b.set.ECR.now = func() time.Time { return time.Date(2027, 3, 31, 15, 0, 0, 0, time.UTC) }
	for says, in := range map[string]ImageRef{
		"CVE-2026-20001 (HIGH)":     excepted,
		"CVE-2 (CRITICAL)":          push("2", true, sandbox.Finding{Name: "CVE-2", Severity: "CRITICAL"}),
		"CVE-3 (UNDEFINED)":         push("3", true, sandbox.Finding{Name: "CVE-3", Severity: "UNDEFINED"}),
		"it has never been scanned": push("4", false),
		"push it first":             {"gzs/web", "sha256:" + strings.Repeat("9", 64)},
	} {
		_, err := try(b, b.set.ECR.CheckECRImage, in)
		requireType(t, err, Refused)
		require.ErrorContains(t, err, says)
	}
}

func (b *bench) indexRelease() LambdaChange {
	b.t.Helper()
	found := must(b, b.set.S3Releases.HashS3Build, BuildRef{b.system.Releases.Builds, sandbox.SeedCode})
	in := LambdaRelease{"gzs-index", "live", found.SHA256, Archive{b.system.Releases.Builds, sandbox.SeedCode, found.Version}}
	planned := must(b, b.set.Lambda.PlanLambdaRelease, LambdaPlan{b.operation, in})
	require.Equal(b.t, "1", planned.Version)
	return LambdaChange{Operation: b.operation, LambdaRelease: in, Latest: planned.Latest, Change: Ref(planned.Change)}
}

func TestCodeOfAFunctionIsReleasedOnceAndTheAliasTakenBack(t *testing.T) {
	b := newBench(t)
	in := b.indexRelease()
	b.since()
	for range 2 {
		must(b, b.set.Lambda.UpdateLambdaCode, in)
		in.Version = must(b, b.set.Lambda.PublishLambdaVersion, in).Version
		must(b, b.set.Lambda.PointLambdaAlias, in)
		must(b, b.set.Lambda.CheckLambdaAlias, in)
	}
	assert.Equal(t, "2", in.Version)
	assert.Equal(t, []string{"UpdateFunctionCode", "PublishVersion", "UpdateAlias"}, b.effects())
	for range 2 {
		must(b, b.set.Lambda.RevertLambdaAlias, in)
	}
	assert.Equal(t, []string{"UpdateFunctionCode", "PublishVersion", "UpdateAlias", "UpdateAlias"}, b.effects())
	_, err := try(b, b.set.Lambda.CheckLambdaAlias, in)
	requireType(t, err, Drifted)
}

func TestCodeThatThePlanDoesNotKnowIsNotOverwritten(t *testing.T) {
	b := newBench(t)
	in := b.indexRelease()
	_, err := lambda.NewFromConfig(b.cfg).UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: aws.String("gzs-index"), S3Bucket: &b.system.Releases.Builds, S3Key: aws.String(sandbox.SeedGuide + "faq.html"),
	})
	require.NoError(t, err)
	b.since()
	_, err = try(b, b.set.Lambda.UpdateLambdaCode, in)
	requireType(t, err, Drifted)
	assert.Empty(t, b.effects())
}

func (b *bench) guideRelease() (StaticChange, plan.Change) {
	b.t.Helper()
	in := StaticRelease{Bucket: "gzs-infra-static", Prefix: "guide/", Builds: b.system.Releases.Builds, Source: sandbox.SeedGuide, Files: map[string]string{
		"index.html": "d6c7cc6b82a99b39cd59dc1c9a6a2c70a7ea3e8a5c17b6200b4caf066ef2dfef", "faq.html": "41777b2e73c43e1fa099ae4ec0ff6a8c88f85c344dcdcb2557107de7ec76f57e",
	}}
	change := must(b, b.set.S3Releases.PlanS3Static, StaticPlan{b.operation, in})
	return StaticChange{b.operation, in, Ref(change)}, change
}

func TestFilesArePutOnceAndTheOldOnesBroughtBack(t *testing.T) {
	b := newBench(t)
	in, change := b.guideRelease()
	assert.NotContains(t, string(change.Before), "faq.html", "it is not there yet")
	b.since()
	for range 2 {
		must(b, b.set.S3Releases.PutS3Static, in)
		must(b, b.set.S3Releases.CheckS3Static, in)
	}
	assert.Equal(t, []string{"PutObject", "PutObject"}, b.effects())
	for range 2 {
		must(b, b.set.S3Releases.RevertS3Static, in)
	}
	assert.Equal(t, []string{"PutObject", "PutObject", "DeleteObject", "PutObject"}, b.effects())
	page, found, err := b.box.Object("gzs-infra-static", "guide/index.html")
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, "<title>利用の手引き</title>\n", string(page.Body))
	assert.Equal(t, "text/html; charset=utf-8", page.ContentType)
}

func TestWhatWasBuiltAnewIsNotReleased(t *testing.T) {
	b := newBench(t)
	in, _ := b.guideRelease()
	in.Files["index.html"] = strings.Repeat("0", 64)
	_, err := try(b, b.set.S3Releases.PlanS3Static, StaticPlan{b.operation, in.StaticRelease})
	requireType(t, err, InvalidInput)
	in.Files = map[string]string{"none.html": strings.Repeat("0", 64)}
	_, err = try(b, b.set.S3Releases.PlanS3Static, StaticPlan{b.operation, in.StaticRelease})
	requireType(t, err, NotFound)
	in.Bucket = b.system.Repairs.Bucket
	_, err = try(b, b.set.S3Releases.PlanS3Static, StaticPlan{b.operation, in.StaticRelease})
	require.ErrorContains(t, err, "keeps no versions")
}

func TestALookSaysWhatIsBad(t *testing.T) {
	b := newBench(t)
	in := ReleaseLook{Alarms: b.system.Releases.Watch.Alarms, ErrorRate: b.system.Releases.Watch.ErrorRate, Since: time.Now().Add(-3 * time.Minute)}
	seen := must(b, b.set.Watches.LookAtRelease, in)
	assert.True(t, seen.Good, seen.Says)
	assert.Positive(t, seen.Requests)
	require.NoError(t, b.box.RingAlarm("gzs-api-5xx", true))
	seen = must(b, b.set.Watches.LookAtRelease, in)
	assert.False(t, seen.Good)
	assert.Contains(t, seen.Says, "gzs-api-5xx began to ring")
	in.Ringing = seen.Ringing
	assert.True(t, must(b, b.set.Watches.LookAtRelease, in).Good)
	in.Alarms = append(in.Alarms, "none")
	_, err := try(b, b.set.Watches.LookAtRelease, in)
	requireType(t, err, NotFound)
}

func TestSeverityThatNobodyHasJudgedIsGrave(t *testing.T) {
	assert.True(t, system.Severe("HIGH", "HIGH"))
	assert.False(t, system.Severe("MEDIUM", "HIGH"))
	assert.True(t, system.Severe("UNTRIAGED", "CRITICAL"))
}
