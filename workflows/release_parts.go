package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// container is an image that a pipeline rolls out to an ECS service.
type container struct {
	piece
	shape     activities.PipelineShape
	before    string // digest that runs
	image     string // as the task definition is going to name it
	change    plan.Change
	execution string
}

func (c *container) ref() activities.ContainerRef {
	return activities.ContainerRef{ServiceRef: activities.ServiceRef{Cluster: c.of.on.Cluster, Service: c.on.Service}, Container: c.on.Container}
}

func (c *container) service() activities.ContainerChange {
	return activities.ContainerChange{
		Operation: c.of.Operation(), ContainerRelease: activities.ContainerRelease{ContainerRef: c.ref(), Image: c.image}, Change: activities.Ref(c.change),
	}
}

func (c *container) pipeline() activities.PipelineRun {
	return activities.PipelineRun{
		Operation: c.of.Operation(), Pipeline: c.on.Pipeline, Shape: c.shape, Digest: c.in.Digest, ExecutionID: c.execution, Plan: c.of.PlanDigest(),
	}
}

// plan judges the image by its scan, looks whether its pipeline waits for an approval, and reads what runs.
func (c *container) plan(ctx workflow.Context) ([]plan.Change, error) {
	checked, err := runbook.Call(reading(ctx, "scan of the image of "+c.on.Name), runbook.Read, ecr.CheckECRImage, activities.ImageRef{Repository: c.on.Repository, Digest: c.in.Digest})
	if err != nil {
		return nil, err
	}
	c.image = checked.Image
	c.shape, err = runbook.Call(reading(ctx, "pipeline "+c.on.Pipeline), runbook.Read, codePipeline.ReadCodePipeline, activities.PipelineRef{
		Pipeline: c.on.Pipeline, Repository: c.on.Repository, Cluster: c.of.on.Cluster, Service: c.on.Service,
	})
	if err != nil {
		return nil, err
	}
	planned, err := runbook.Call(reading(ctx, "service "+c.on.Service), runbook.Read, ecsReleases.PlanECSRelease, activities.ContainerPlan{
		Operation: c.of.Operation(), ContainerRelease: c.service().ContainerRelease,
	})
	if err != nil {
		return nil, err
	}
	c.change, c.before, c.result.Before = planned.Change, planned.Before, planned.Before
	scanned := map[string]any{"image": checked.Image, "findings": checked.Counts, "excepted": checked.Excepted}
	scan, err := plan.NewChange("ecr:"+c.on.Repository, "ECR 脆弱性検査: "+c.on.Repository, nil, scanned, nil, scanned)
	if err != nil {
		return nil, err
	}
	starts := map[string]any{"version": c.shape.Version, "digest": c.in.Digest}
	start, err := plan.NewChange("codepipeline:"+c.on.Pipeline, "CodePipeline "+c.on.Pipeline+": 実行し、手動承認に回答", nil, starts, nil, starts)
	return []plan.Change{scan, start, c.change}, err
}

// steps start the pipeline, give its approval and wait. The way back stops the pipeline first, so that nothing is deployed any
// more, and then brings the old revision back.
func (c *container) steps() []runbook.StepSpec {
	start, approve, roll := c.step("start", "パイプライン開始 · Start the pipeline"), c.step("approve", "パイプラインの承認 · Approve the pipeline's execution"),
		c.step("rollout", "展開・稼働イメージの照合 · Roll out, and compare what runs")
	start.Do = func(ctx workflow.Context) error {
		if _, err := runbook.Call(ctx, runbook.Change, ecsReleases.KeepECSService, c.service()); err != nil {
			return err
		}
		started, err := runbook.Call(ctx, runbook.Change, codePipeline.StartCodePipelineExecution, c.pipeline())
		c.execution = started.ExecutionID
		return err
	}
	start.Undo = func(ctx workflow.Context) error {
		if _, err := runbook.Call(ctx, runbook.Settle, codePipeline.StopCodePipelineExecutions, c.pipeline()); err != nil {
			return err
		}
		if _, err := runbook.Call(ctx, runbook.Change, ecsReleases.RevertECSService, c.service()); err != nil {
			return err
		}
		return c.runs(ctx, c.before)
	}
	start.UndoTitle = "旧リビジョンへ戻す · Stop the pipeline and bring the old revision back (" + c.on.Name + ")"
	approve.Do = func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, runbook.Settle, codePipeline.ApproveCodePipelineExecution, c.pipeline())
		return err
	}
	roll.Do = func(ctx workflow.Context) error {
		if _, err := runbook.Call(ctx, runbook.Settle, codePipeline.AwaitCodePipelineExecution, c.pipeline()); err != nil {
			return err
		}
		return c.read(ctx)
	}
	return []runbook.StepSpec{start, approve, roll}
}

func (c *container) read(ctx workflow.Context) error { return c.runs(ctx, c.in.Digest) }

// runs waits until all tasks run the digest, and notes it.
func (c *container) runs(ctx workflow.Context, digest string) error {
	running, err := runbook.Call(ctx, runbook.Settle, ecsReleases.AwaitECSRelease, activities.ContainerCheck{ContainerRef: c.ref(), Digest: digest})
	if err == nil {
		c.result.After = running.Digest
	}
	return err
}

// function is code of a Lambda function that an alias is to run.
type function struct {
	piece
	release activities.LambdaRelease
	planned activities.LambdaPlanned
	version string // that was published
}

// plan finds the code, pins its version in S3, and reads where the alias points.
func (f *function) plan(ctx workflow.Context) ([]plan.Change, error) {
	found, err := runbook.Call(reading(ctx, "new code of the function "+f.on.Function), runbook.Read, s3Releases.HashS3Build, activities.BuildRef{Bucket: f.of.on.Builds, Key: f.in.Object})
	if err != nil {
		return nil, err
	}
	if found.SHA256 != f.in.CodeSHA256 {
		return nil, runbook.End(runbook.ErrRefused, "s3://%s/%s has the SHA-256 %s, and the release is for %s: it was built anew; ask for a release of what is there",
			f.of.on.Builds, f.in.Object, found.SHA256, f.in.CodeSHA256)
	}
	f.release = activities.LambdaRelease{
		Function: f.on.Function, Alias: f.on.Alias, CodeSHA256: f.in.CodeSHA256,
		Code: activities.Archive{Bucket: f.of.on.Builds, Key: f.in.Object, Version: found.Version},
	}
	f.planned, err = runbook.Call(reading(ctx, "function "+f.on.Function), runbook.Read, lambdas.PlanLambdaRelease, activities.LambdaPlan{Operation: f.of.Operation(), LambdaRelease: f.release})
	f.result.Before = f.planned.Version
	return []plan.Change{f.planned.Change}, err
}

func (f *function) target() activities.LambdaChange {
	return activities.LambdaChange{
		Operation: f.of.Operation(), LambdaRelease: f.release, Latest: f.planned.Latest, Version: f.version, Change: activities.Ref(f.planned.Change),
	}
}

// steps bring the code into $LATEST, which nobody calls, from there into a version, and let the alias point to it.
func (f *function) steps() []runbook.StepSpec {
	code, publish, point := f.step("code", "コード更新 · Update the code"), f.step("publish", "版の発行 · Publish a version"), f.step("alias", "エイリアス切替 · Point the alias to it")
	code.Do = func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, runbook.Change, lambdas.UpdateLambdaCode, f.target())
		return err
	}
	code.Lasts = "the new code of " + f.on.Function + " in $LATEST and in a version of it, to which the alias " + f.on.Alias + " does not point"
	publish.Do = func(ctx workflow.Context) error {
		published, err := runbook.Call(ctx, runbook.Change, lambdas.PublishLambdaVersion, f.target())
		f.version = published.Version
		return err
	}
	point.Do = func(ctx workflow.Context) error {
		if _, err := runbook.Call(ctx, runbook.Change, lambdas.PointLambdaAlias, f.target()); err != nil {
			return err
		}
		return f.read(ctx)
	}
	point.Undo = func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, runbook.Change, lambdas.RevertLambdaAlias, f.target())
		if err == nil {
			f.result.After = f.result.Before
		}
		return err
	}
	point.UndoTitle = "エイリアスを元の版へ戻す · Point the alias to the old version (" + f.on.Name + ")"
	return []runbook.StepSpec{code, publish, point}
}

func (f *function) read(ctx workflow.Context) error {
	_, err := runbook.Call(ctx, runbook.Change, lambdas.CheckLambdaAlias, f.target())
	if err == nil {
		f.result.After = f.version
	}
	return err
}

// static is files of the site in a versioned bucket.
type static struct {
	piece
	change plan.Change
}

func (s *static) release() activities.StaticRelease {
	return activities.StaticRelease{Bucket: s.on.Bucket, Prefix: s.on.Prefix, Builds: s.of.on.Builds, Source: s.in.Source, Files: s.in.Files}
}

func (s *static) target() activities.StaticChange {
	return activities.StaticChange{Operation: s.of.Operation(), StaticRelease: s.release(), Change: activities.Ref(s.change)}
}

// plan compares the files that were built with the manifest, and reads what is there.
func (s *static) plan(ctx workflow.Context) (changes []plan.Change, err error) {
	s.change, err = runbook.Call(reading(ctx, "files of the site "+s.on.Name), runbook.Read, s3Releases.PlanS3Static, activities.StaticPlan{Operation: s.of.Operation(), StaticRelease: s.release()})
	return []plan.Change{s.change}, err
}

// steps put the files in place and let CloudFront fetch them anew; so does the way back.
func (s *static) steps() []runbook.StepSpec {
	put := s.step("files", "静的コンテンツ配置 · Put the files in place")
	fetched := func(step string, change runbook.Activity[activities.StaticChange, struct{}]) func(workflow.Context) error {
		return func(ctx workflow.Context) error {
			if _, err := runbook.Call(ctx, runbook.Change, change, s.target()); err != nil {
				return err
			}
			_, err := runbook.Call(ctx, runbook.Settle, cloudFront.InvalidateCloudFrontPaths, activities.Invalidation{
				Operation: s.of.Operation(), Step: step, DistributionID: s.of.on.Distribution, Paths: s.on.Invalidate,
			})
			return err
		}
	}
	bring, back := fetched(put.Name, s3Releases.PutS3Static), fetched("undo-"+put.Name, s3Releases.RevertS3Static)
	put.Do = func(ctx workflow.Context) error {
		if err := bring(ctx); err != nil {
			return err
		}
		return s.read(ctx)
	}
	put.Undo = func(ctx workflow.Context) error {
		s.result.After = ""
		return back(ctx)
	}
	put.UndoTitle = "元の版の内容へ戻す · Bring the earlier versions back (" + s.on.Name + ")"
	return []runbook.StepSpec{put}
}

func (s *static) read(ctx workflow.Context) error {
	_, err := runbook.Call(ctx, runbook.Change, s3Releases.CheckS3Static, s.target())
	if err == nil {
		s.result.After = plan.Short(s.change.AfterHash)
	}
	return err
}
