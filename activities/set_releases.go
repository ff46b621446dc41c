package activities

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.temporal.io/sdk/worker"
)

// Releases is the activities by which releases are made.
type Releases struct {
	CodePipeline *CodePipeline
	ECR          *ECR
	ECSReleases  *ECSReleases
	Lambda       *Lambda
	S3Releases   *S3Releases
	Watches      *Watches
}

func newReleases(d Deps, cfg aws.Config, changes changer, objects *s3.Client) Releases {
	return Releases{
		CodePipeline: &CodePipeline{client: codepipeline.NewFromConfig(cfg), records: d.Records},
		ECR:          &ECR{client: ecr.NewFromConfig(cfg), system: d.System, now: time.Now},
		ECSReleases:  &ECSReleases{client: ecs.NewFromConfig(cfg), changes: changes},
		Lambda:       &Lambda{client: lambda.NewFromConfig(cfg), changes: changes},
		S3Releases:   &S3Releases{client: objects, changes: changes},
		Watches:      &Watches{client: cloudwatch.NewFromConfig(cfg), now: time.Now},
	}
}

func (s Set) registerReleases(r worker.ActivityRegistry) {
	for _, activity := range []any{
		s.Directory.ResolveRelease,
		s.ECR.CheckECRImage,
		s.CodePipeline.ReadCodePipeline,
		s.CodePipeline.StartCodePipelineExecution,
		s.CodePipeline.ApproveCodePipelineExecution,
		s.CodePipeline.AwaitCodePipelineExecution,
		s.CodePipeline.StopCodePipelineExecutions,
		s.ECSReleases.PlanECSRelease,
		s.ECSReleases.KeepECSService,
		s.ECSReleases.RevertECSService,
		s.ECSReleases.ReadECSRunning,
		s.ECSReleases.AwaitECSRelease,
		s.Lambda.PlanLambdaRelease,
		s.Lambda.UpdateLambdaCode,
		s.Lambda.PublishLambdaVersion,
		s.Lambda.PointLambdaAlias,
		s.Lambda.RevertLambdaAlias,
		s.Lambda.CheckLambdaAlias,
		s.S3Releases.HashS3Build,
		s.S3Releases.PlanS3Static,
		s.S3Releases.PutS3Static,
		s.S3Releases.RevertS3Static,
		s.S3Releases.CheckS3Static,
		s.Watches.LookAtRelease,
	} {
		r.RegisterActivity(activity)
	}
}
