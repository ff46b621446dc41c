package sandbox_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

// pipelines drives the pipeline of the example.
type pipelines struct {
	t *testing.T
	*codepipeline.Client
	ecs *ecs.Client
}

func (p pipelines) start(token, image string) string {
	p.t.Helper()
	out, err := p.StartPipelineExecution(p.t.Context(), &codepipeline.StartPipelineExecutionInput{
		Name: aws.String("gzs-web"), ClientRequestToken: &token, SourceRevisions: []cptypes.SourceRevisionOverride{{
			ActionName: aws.String("Image"), RevisionType: cptypes.SourceRevisionTypeImageDigest, RevisionValue: aws.String(sandbox.Digest("gzs/web", image)),
		}},
	})
	require.NoError(p.t, err)
	return aws.ToString(out.PipelineExecutionId)
}

func (p pipelines) approval() (id, token string) {
	p.t.Helper()
	out, err := p.GetPipelineState(p.t.Context(), &codepipeline.GetPipelineStateInput{Name: aws.String("gzs-web")})
	require.NoError(p.t, err)
	stage := out.StageStates[1]
	if stage.LatestExecution == nil {
		return "", ""
	}
	return aws.ToString(stage.LatestExecution.PipelineExecutionId), aws.ToString(stage.ActionStates[0].LatestExecution.Token)
}

func (p pipelines) answer(token string, status cptypes.ApprovalStatus) error {
	_, err := p.PutApprovalResult(p.t.Context(), &codepipeline.PutApprovalResultInput{
		PipelineName: aws.String("gzs-web"), StageName: aws.String("Approval"), ActionName: aws.String("Approve"), Token: &token,
		Result: &cptypes.ApprovalResult{Status: status, Summary: aws.String("ok")},
	})
	return err
}

func (p pipelines) status(id string) cptypes.PipelineExecutionStatus {
	p.t.Helper()
	out, err := p.GetPipelineExecution(p.t.Context(), &codepipeline.GetPipelineExecutionInput{PipelineName: aws.String("gzs-web"), PipelineExecutionId: &id})
	require.NoError(p.t, err)
	return out.PipelineExecution.Status
}

// digests counts the running tasks by the image that they run.
func (p pipelines) digests() map[string]int {
	p.t.Helper()
	list, err := p.ecs.ListTasks(p.t.Context(), &ecs.ListTasksInput{Cluster: aws.String("gzs"), ServiceName: aws.String("gzs-web")})
	require.NoError(p.t, err)
	out, err := p.ecs.DescribeTasks(p.t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("gzs"), Tasks: list.TaskArns})
	require.NoError(p.t, err)
	require.Empty(p.t, out.Failures)
	counts := map[string]int{}
	for _, task := range out.Tasks {
		counts[aws.ToString(task.Containers[0].ImageDigest)]++
	}
	return counts
}

func newPipelines(t *testing.T) (*sandbox.Sandbox, *clock, pipelines) {
	t.Helper()
	s := open(t, t.TempDir())
	c := newClock(s)
	require.NoError(t, s.Seed(t.Context(), example()))
	require.NoError(t, s.SetTimeScale(1))
	cfg := config(s)
	return s, c, pipelines{t, codepipeline.NewFromConfig(cfg), ecs.NewFromConfig(cfg)}
}

func TestPipelineWaitsForItsApprovalAndRollsTheServiceOut(t *testing.T) {
	_, clock, p := newPipelines(t)
	stable, next := sandbox.Digest("gzs/web", sandbox.ImageStable), sandbox.Digest("gzs/web", sandbox.ImageNext)
	id := p.start("one", sandbox.ImageNext)
	require.Equal(t, id, p.start("one", sandbox.ImageNext), "the same token begins nothing new")
	_, token := p.approval()
	require.Empty(t, token, "the source is fetched first")
	clock.move(time.Minute)
	other := p.start("two", sandbox.ImageSick)
	clock.move(time.Minute)
	at, token := p.approval()
	require.Equal(t, id, at, "a later execution waits before the stage")
	require.Error(t, p.answer("no-token", cptypes.ApprovalStatusApproved))
	require.NoError(t, p.answer(token, cptypes.ApprovalStatusApproved))
	var done *cptypes.ApprovalAlreadyCompletedException
	require.ErrorAs(t, p.answer(token, cptypes.ApprovalStatusApproved), &done)
	clock.move(3 * time.Minute)
	require.Equal(t, map[string]int{stable: 1, next: 2}, p.digests())
	require.Equal(t, cptypes.PipelineExecutionStatusInProgress, p.status(id))
	clock.move(2 * time.Minute)
	require.Equal(t, map[string]int{next: 3}, p.digests())
	require.Equal(t, cptypes.PipelineExecutionStatusSucceeded, p.status(id))
	at, token = p.approval()
	require.Equal(t, other, at)
	_, err := p.StopPipelineExecution(t.Context(), &codepipeline.StopPipelineExecutionInput{PipelineName: aws.String("gzs-web"), PipelineExecutionId: &other, Abandon: true})
	require.NoError(t, err)
	require.ErrorAs(t, p.answer(token, cptypes.ApprovalStatusApproved), &done)
	list, err := p.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: aws.String("gzs-web"), MaxResults: aws.Int32(1)})
	require.NoError(t, err)
	require.Equal(t, other, aws.ToString(list.PipelineExecutionSummaries[0].PipelineExecutionId))
	require.NotEmpty(t, list.NextToken)
}

func TestRolloutThatFailsItsHealthCheckIsRolledBackAndLooksStable(t *testing.T) {
	_, clock, p := newPipelines(t)
	id := p.start("sick", sandbox.ImageSick)
	clock.move(time.Minute)
	_, token := p.approval()
	require.NoError(t, p.answer(token, cptypes.ApprovalStatusApproved))
	clock.move(time.Minute)
	require.Equal(t, map[string]int{sandbox.Digest("gzs/web", sandbox.ImageStable): 3}, p.digests(), "no new task is healthy")
	clock.move(5 * time.Minute)
	out, err := p.ecs.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("gzs"), Services: []string{"gzs-web"}})
	require.NoError(t, err)
	service := out.Services[0]
	require.Len(t, service.Deployments, 1)
	require.EqualValues(t, "COMPLETED", service.Deployments[0].RolloutState)
	require.Contains(t, aws.ToString(service.TaskDefinition), "gzs-web:7")
	require.Equal(t, cptypes.PipelineExecutionStatusSucceeded, p.status(id))
	require.Equal(t, map[string]int{sandbox.Digest("gzs/web", sandbox.ImageStable): 3}, p.digests())
}

func TestScanFindingsComeInPagesAndOnlyOfScannedImages(t *testing.T) {
	s, cfg := seeded(t)
	client := ecr.NewFromConfig(cfg)
	id := &ecrtypes.ImageIdentifier{ImageDigest: aws.String(sandbox.Digest("gzs/web", sandbox.ImageVulnerable))}
	seen, pages := []string{}, 0
	for p := ecr.NewDescribeImageScanFindingsPaginator(client, &ecr.DescribeImageScanFindingsInput{
		RepositoryName: aws.String("gzs/web"), ImageId: id, MaxResults: aws.Int32(3),
	}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		require.NoError(t, err)
		for _, f := range out.ImageScanFindings.Findings {
			seen = append(seen, aws.ToString(f.Name)+" "+string(f.Severity))
		}
	}
	assert.Equal(t, 2, pages)
	assert.Equal(t, []string{"CVE-2026-10001 LOW", "CVE-2026-10002 MEDIUM", "CVE-2026-20001 HIGH", "CVE-2026-30001 CRITICAL"}, seen)

	unscanned := "sha256:" + strings.Repeat("1", 64)
	require.NoError(t, s.PushImage(sandbox.Image{Repository: "gzs/web", Digest: unscanned}))
	_, err := client.DescribeImageScanFindings(t.Context(), &ecr.DescribeImageScanFindingsInput{RepositoryName: aws.String("gzs/web"), ImageId: &ecrtypes.ImageIdentifier{ImageDigest: &unscanned}})
	var none *ecrtypes.ScanNotFoundException
	require.ErrorAs(t, err, &none)
	_, err = client.DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("gzs/web"), ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: aws.String("sha256:none")}}})
	var missing *ecrtypes.ImageNotFoundException
	require.ErrorAs(t, err, &missing)
	require.Error(t, s.PushImage(sandbox.Image{Repository: "nowhere"}))
}

func TestLambdaKeepsRevisionsVersionsAndAliases(t *testing.T) {
	_, cfg := seeded(t)
	ctx, client, name := t.Context(), lambda.NewFromConfig(cfg), aws.String("gzs-index")
	before, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: name})
	require.NoError(t, err)
	update := &lambda.UpdateFunctionCodeInput{FunctionName: name, S3Bucket: aws.String("gzs-builds"), S3Key: aws.String(sandbox.SeedCode), RevisionId: before.RevisionId}
	updated, err := client.UpdateFunctionCode(ctx, update)
	require.NoError(t, err)
	_, err = client.UpdateFunctionCode(ctx, update)
	var stale *lambdatypes.PreconditionFailedException
	require.ErrorAs(t, err, &stale)
	_, err = client.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: name, CodeSha256: before.CodeSha256})
	require.ErrorContains(t, err, "different from current CodeSHA256")
	for range 2 { // the second time finds the version that is there
		published, err := client.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: name, CodeSha256: updated.CodeSha256})
		require.NoError(t, err)
		require.Equal(t, "2", aws.ToString(published.Version))
	}
	alias, err := client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: name, Name: aws.String("live")})
	require.NoError(t, err)
	require.Equal(t, "1", aws.ToString(alias.FunctionVersion))
	point := &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("2"), RevisionId: alias.RevisionId}
	_, err = client.UpdateAlias(ctx, point)
	require.NoError(t, err)
	_, err = client.UpdateAlias(ctx, point)
	require.ErrorAs(t, err, &stale)
	live, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: aws.String("live")})
	require.NoError(t, err)
	require.Equal(t, aws.ToString(updated.CodeSha256), aws.ToString(live.CodeSha256))
	_, err = client.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: aws.String("9")})
	var missing *lambdatypes.ResourceNotFoundException
	require.ErrorAs(t, err, &missing)
}

func TestVersionedBucketKeepsEveryVersionAndHidesWhatIsDeleted(t *testing.T) {
	_, cfg := seeded(t)
	ctx, client := t.Context(), s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	where, key := aws.String("gzs-static"), aws.String("guide/new.html")
	put := func(text string) string {
		out, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: where, Key: key, Body: strings.NewReader(text)})
		require.NoError(t, err)
		return aws.ToString(out.VersionId)
	}
	first, second := put("one"), put("two")
	require.NotEqual(t, first, second)
	_, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: where, Key: key})
	require.NoError(t, err)
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: where, Key: key})
	require.ErrorContains(t, err, "NoSuchKey")
	old, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: where, Key: key, VersionId: &first})
	require.NoError(t, err)
	body, err := io.ReadAll(old.Body)
	require.NoError(t, err)
	require.Equal(t, "one", string(body))
	list, err := client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: where, Prefix: key})
	require.NoError(t, err)
	require.Len(t, list.Versions, 2)
	require.Len(t, list.DeleteMarkers, 1)
	require.True(t, aws.ToBool(list.DeleteMarkers[0].IsLatest))
	require.False(t, aws.ToBool(list.Versions[0].IsLatest))
	require.Equal(t, second, aws.ToString(list.Versions[0].VersionId))
}

func TestErrorRateFollowsTheImagesThatRun(t *testing.T) {
	box, clock, p := newPipelines(t)
	rate := func(client *cloudwatch.Client) float64 {
		stat := func(id, name string) cwtypes.MetricDataQuery {
			return cwtypes.MetricDataQuery{Id: &id, MetricStat: &cwtypes.MetricStat{
				Metric: &cwtypes.Metric{Namespace: aws.String("AWS/ApplicationELB"), MetricName: &name}, Period: aws.Int32(60), Stat: aws.String("Sum"),
			}}
		}
		out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(clock.now.Add(-2 * time.Minute)), EndTime: aws.Time(clock.now), MetricDataQueries: []cwtypes.MetricDataQuery{stat("e", "5XX"), stat("r", "RequestCount")},
		})
		require.NoError(t, err)
		require.Len(t, out.MetricDataResults[1].Values, 3)
		return 100 * out.MetricDataResults[0].Values[0] / out.MetricDataResults[1].Values[0]
	}
	client := cloudwatch.NewFromConfig(config(box))
	require.Zero(t, rate(client))
	p.start("faulty", sandbox.ImageFaulty)
	clock.move(time.Minute)
	_, token := p.approval()
	require.NoError(t, p.answer(token, cptypes.ApprovalStatusApproved))
	require.InDelta(t, 12.5, rate(client), 0.01)
}
