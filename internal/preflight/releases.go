package preflight

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tejun/internal/system"
)

// releases: everything that a release of any part touches is there.
func (c *checker) releases(ctx context.Context) {
	if c.sys.Releases.Builds == "" {
		return
	}
	c.versioned(ctx, c.sys.Releases.Builds, "releases.builds")
	for _, part := range c.sys.Releases.Parts {
		switch {
		case part.Container != nil:
			c.pipeline(ctx, part.Container)
			c.repository(ctx, part.Container.Repository)
		case part.Lambda != nil:
			c.alias(ctx, part.Lambda)
		case part.Static != nil:
			c.versioned(ctx, part.Static.Bucket, "releases.parts")
		}
	}
	c.watchedAlarms(ctx)
}

// versioned: the bucket keeps versions, or nothing in it could be brought back.
func (c *checker) versioned(ctx context.Context, bucket, where string) {
	const area = "s3"
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client := s3.NewFromConfig(c.cfg, func(o *s3.Options) { o.UsePathStyle = c.cfg.BaseEndpoint != nil })
	out, err := client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket})
	switch {
	case err != nil:
		c.failed(err, area, bucket, "s3:GetBucketVersioning")
	case out.Status != s3types.BucketVersioningStatusEnabled:
		c.bad(Wrong, area, bucket, "the bucket keeps no versions, so no release could be taken back", "enable versioning, or mend "+where)
	default:
		c.ok(area, bucket)
	}
}

// pipeline: it waits for a manual approval before it deploys.
func (c *checker) pipeline(ctx context.Context, part *system.ContainerPart) {
	const area = "codepipeline"
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := codepipeline.NewFromConfig(c.cfg).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &part.Pipeline})
	if err != nil {
		c.failed(err, area, part.Pipeline, "codepipeline:GetPipeline")
		return
	}
	approved := false
	for _, stage := range out.Pipeline.Stages {
		for _, action := range stage.Actions {
			switch action.ActionTypeId.Category {
			case cptypes.ActionCategoryApproval:
				approved = true
			case cptypes.ActionCategoryDeploy:
				if !approved {
					c.bad(Wrong, area, part.Pipeline, "its stage "+aws.ToString(stage.Name)+" deploys without a manual approval before it", "add an approval, which the release answers")
					return
				}
			}
		}
	}
	c.ok(area, part.Pipeline)
}

func (c *checker) repository(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := ecr.NewFromConfig(c.cfg).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{name}}); err != nil {
		c.failed(err, "ecr", name, "ecr:DescribeRepositories")
		return
	}
	c.ok("ecr", name)
}

func (c *checker) alias(ctx context.Context, part *system.LambdaPart) {
	name := part.Function + ":" + part.Alias
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := lambda.NewFromConfig(c.cfg).GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &part.Function, Name: &part.Alias}); err != nil {
		c.failed(err, "lambda", name, "lambda:GetAlias")
		return
	}
	c.ok("lambda", name)
}

// watchedAlarms: what is not measured is not watched.
func (c *checker) watchedAlarms(ctx context.Context) {
	const area = "cloudwatch"
	names := c.sys.Releases.Watch.Alarms
	if len(names) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := cloudwatch.NewFromConfig(c.cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: names, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm}, MaxRecords: aws.Int32(100),
	})
	if err != nil {
		c.failed(err, area, "releases.watch.alarms", "cloudwatch:DescribeAlarms")
		return
	}
	there := map[string]bool{}
	for _, a := range out.MetricAlarms {
		there[aws.ToString(a.AlarmName)] = true
	}
	for _, a := range out.CompositeAlarms {
		there[aws.ToString(a.AlarmName)] = true
	}
	for _, name := range names {
		if !there[name] {
			c.bad(Missing, area, name, "there is no such alarm, so no release could be watched", "create it, or take it out of releases.watch.alarms")
		}
	}
}

// releaseGrants are what releases call.
func releaseGrants(sys *system.System) []grant {
	v := sys.Releases
	if v.Builds == "" {
		return nil
	}
	arn := func(service, rest string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, sys.AWS.Region, sys.AWS.Account, rest)
	}
	grants := []grant{
		{[]string{"s3:GetBucketVersioning"}, []string{"arn:aws:s3:::" + v.Builds}},
		{[]string{"s3:GetObject", "s3:GetObjectVersion"}, []string{"arn:aws:s3:::" + v.Builds + "/*"}},
		{[]string{"cloudwatch:GetMetricData", "ecs:DescribeTaskDefinition", "ecs:ListTasks"}, []string{"*"}},
	}
	if len(v.Watch.Alarms) > 0 {
		var alarms []string
		for _, name := range v.Watch.Alarms {
			alarms = append(alarms, arn("cloudwatch", "alarm:"+name))
		}
		grants = append(grants, grant{[]string{"cloudwatch:DescribeAlarms"}, alarms})
	}
	for _, p := range v.Parts {
		switch {
		case p.Container != nil:
			pipeline := arn("codepipeline", p.Container.Pipeline)
			grants = append(grants,
				grant{[]string{
					"codepipeline:GetPipeline", "codepipeline:GetPipelineState", "codepipeline:GetPipelineExecution", "codepipeline:ListPipelineExecutions",
					"codepipeline:StartPipelineExecution", "codepipeline:StopPipelineExecution",
				}, []string{pipeline}},
				grant{[]string{"codepipeline:PutApprovalResult"}, []string{pipeline + "/*"}}, // of its stages' actions
				grant{[]string{"ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:DescribeImageScanFindings"}, []string{arn("ecr", "repository/"+p.Container.Repository)}},
				grant{[]string{"ecs:DescribeTasks"}, []string{arn("ecs", "task/"+sys.ECS.Cluster+"/*")}})
		case p.Lambda != nil:
			function := arn("lambda", "function:"+p.Lambda.Function)
			grants = append(grants, grant{[]string{
				"lambda:GetFunctionConfiguration", "lambda:GetAlias", "lambda:UpdateFunctionCode", "lambda:PublishVersion", "lambda:UpdateAlias",
			}, []string{function, function + ":*"}})
		case p.Static != nil:
			grants = append(grants,
				grant{[]string{"s3:GetBucketVersioning", "s3:ListBucket"}, []string{"arn:aws:s3:::" + p.Static.Bucket}},
				grant{[]string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject"}, []string{"arn:aws:s3:::" + p.Static.Bucket + "/" + p.Static.Prefix + "*"}})
		}
	}
	return grants
}
