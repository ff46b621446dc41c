package sandbox_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func sendOne(t *testing.T, cfg aws.Config, subject string) {
	t.Helper()
	_, err := sesv2.NewFromConfig(cfg).SendEmail(t.Context(), message(subject, "本文", ""))
	require.NoError(t, err)
}

// stop is a write that the fault tests use: 3 tasks to 0.
func stop(ctx context.Context, cfg aws.Config) error {
	_, err := ecs.NewFromConfig(cfg).UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(0)})
	return err
}

func TestFaultsOnAWrite(t *testing.T) {
	for _, tc := range []struct {
		kind     string
		executed bool
		outcome  string
		check    func(*testing.T, error)
	}{
		{sandbox.FaultThrottle, false, sandbox.OutcomeThrottled, func(t *testing.T, err error) {
			assert.Equal(t, aws.TrueTernary, retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err))
			assert.Equal(t, 400, status(t, err))
		}},
		{sandbox.Fault500, false, "error:ServerException", func(t *testing.T, err error) {
			assert.Equal(t, 500, status(t, err))
			assert.Equal(t, aws.TrueTernary, retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err))
		}},
		{sandbox.FaultDenied, false, "error:AccessDeniedException", func(t *testing.T, err error) {
			assert.Equal(t, aws.UnknownTernary, retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err))
			require.ErrorContains(t, err, "is not authorized to perform: ecs:UpdateService")
		}},
		{sandbox.FaultLostRequest, false, sandbox.OutcomeLost, func(t *testing.T, err error) {
			assert.False(t, isTimeout(t, err))
			require.ErrorContains(t, err, "connection reset by peer")
		}},
		{sandbox.FaultExecutedThenTimeout, true, sandbox.OutcomeTimedOut, func(t *testing.T, err error) {
			assert.True(t, isTimeout(t, err))
		}},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			s, cfg := seeded(t)
			require.NoError(t, s.AddFault(sandbox.Fault{Service: "ecs", Operation: "UpdateService", Kind: tc.kind, Times: 1}))
			err := stop(t.Context(), cfg)
			require.Error(t, err)
			tc.check(t, err)
			entry := lastEntry(t, s)
			assert.Equal(t, tc.outcome, entry.Outcome)
			assert.Equal(t, tc.executed, entry.Effect)
			want := int32(3)
			if tc.executed {
				want = 0
			}
			assert.Equal(t, want, describe(t, ecs.NewFromConfig(cfg), "gzs-web").DesiredCount)
			require.NoError(t, stop(t.Context(), cfg), "it struck once")
			assert.Equal(t, !tc.executed, lastEntry(t, s).Effect)
			faults, err := s.Faults()
			require.NoError(t, err)
			assert.Empty(t, faults)
		})
	}
}

func status(t *testing.T, err error) int {
	t.Helper()
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.NotEmpty(t, response.ServiceRequestID())
	return response.HTTPStatusCode()
}

func isTimeout(t *testing.T, err error) bool {
	t.Helper()
	var api smithy.APIError
	require.False(t, errors.As(err, &api), "no answer came")
	var network net.Error
	require.ErrorAs(t, err, &network)
	return network.Timeout()
}

func TestStaleReadSeesTheStateBeforeTheLastChange(t *testing.T) {
	s, cfg := seeded(t)
	c := cloudfront.NewFromConfig(cfg)
	before, oldTag := distributionConfig(t, c)
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "cloudfront", Operation: "GetDistributionConfig", Kind: sandbox.FaultStaleRead}))
	got, tag := distributionConfig(t, c)
	assert.Equal(t, before, got, "what was never changed reads as it is")
	assert.Equal(t, oldTag, tag)

	_, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: withErrorPage(before, "/maintenance/x"), IfMatch: aws.String(oldTag)})
	require.NoError(t, err)
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "cloudfront", Kind: sandbox.FaultStaleRead}))
	got, tag = distributionConfig(t, c)
	assert.Equal(t, before, got)
	assert.Equal(t, oldTag, tag)
	_, tag = distributionConfig(t, c)
	assert.NotEqual(t, oldTag, tag)
}

// What is read before the write that a test is about does not use the fault up.
func TestAFaultWaitsForAWriteToTakeEffect(t *testing.T) {
	s, cfg := seeded(t)
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "ecs", Operation: "DescribeServices", Kind: sandbox.FaultStaleRead, After: "UpdateService"}))
	tasks := func() int32 {
		out, err := ecs.NewFromConfig(cfg).DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("gzs"), Services: []string{"gzs-web"}})
		require.NoError(t, err)
		return out.Services[0].DesiredCount
	}
	require.EqualValues(t, 3, tasks())
	require.EqualValues(t, 3, tasks())
	require.NoError(t, stop(t.Context(), cfg))
	require.EqualValues(t, 3, tasks(), "what was there before the write")
	require.EqualValues(t, 0, tasks())
	left, err := s.Faults()
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestStaleListMissesWhatIsNew(t *testing.T) {
	s, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("new")})
	require.NoError(t, err)
	count := func() int {
		out, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket})
		require.NoError(t, err)
		return len(out.Contents)
	}
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "s3", Kind: sandbox.FaultStaleRead}))
	assert.Equal(t, 0, count())
	assert.Equal(t, 1, count())
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("new")})
	require.NoError(t, err)
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "s3", Kind: sandbox.FaultStaleRead}))
	assert.Equal(t, 1, count(), "what is deleted is still there")
	assert.Equal(t, 0, count())
}

func TestFaultsFitByResourceAndCountDown(t *testing.T) {
	s, cfg := seeded(t)
	c := ecs.NewFromConfig(cfg)
	set := func(name string) error {
		_, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String(name), DesiredCount: aws.Int32(1)})
		return err
	}
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "ECS", Kind: sandbox.FaultThrottle, Times: 2, Resource: "gzs-api"}))
	require.NoError(t, set("gzs-web"))
	require.Error(t, set("gzs-api"))
	require.Error(t, set("gzs-api"))
	require.NoError(t, set("gzs-api"))

	require.NoError(t, s.AddFault(sandbox.Fault{Kind: sandbox.FaultDenied, Times: sandbox.Forever, Resource: "ecs:service/gzs/gzs-web"}))
	for range 3 {
		require.Error(t, set("gzs-web"))
	}
	require.NoError(t, set("gzs-api"))
	require.NoError(t, s.ClearFaults())
	require.NoError(t, set("gzs-web"))
}

func TestFaultsThatMakeNoSenseAreRefused(t *testing.T) {
	s, _ := seeded(t)
	for want, f := range map[string]sandbox.Fault{
		"want one of throttle":    {Kind: "slow"},
		"want one of cloudfront":  {Kind: sandbox.Fault500, Service: "ec2"},
		"the sandbox knows of s3": {Kind: sandbox.Fault500, Service: "s3", Operation: "CopyObject"},
		"is a write":              {Kind: sandbox.FaultStaleRead, Service: "s3", Operation: "PutObject"},
		"name its service":        {Kind: sandbox.Fault500, Operation: "PutObject"},
		"want 1 or more":          {Kind: sandbox.Fault500, Times: -2},
		"name an operation that":  {Kind: sandbox.Fault500, After: "DescribeServices"},
	} {
		require.ErrorContains(t, s.AddFault(f), want)
	}
	faults, err := s.Faults()
	require.NoError(t, err)
	assert.Empty(t, faults)
}

func TestEveryServiceThrottlesFailsAndDeniesInItsOwnWords(t *testing.T) {
	s, cfg := seeded(t)
	ctx := t.Context()
	reads := map[string]func() error{
		"cloudfront": func() error {
			_, err := cloudfront.NewFromConfig(cfg).GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: distribution})
			return err
		},
		"cloudwatch": func() error {
			_, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{})
			return err
		},
		"cloudwatch logs": func() error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
			return err
		},
		"config service": func() error {
			_, err := configservice.NewFromConfig(cfg).DescribeConfigRules(ctx, &configservice.DescribeConfigRulesInput{})
			return err
		},
		"ssm": func() error {
			_, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/gzs/web/mode")})
			return err
		},
		"codepipeline": func() error {
			_, err := codepipeline.NewFromConfig(cfg).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("gzs-web")})
			return err
		},
		"ecr": func() error {
			_, err := ecr.NewFromConfig(cfg).DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: aws.String("gzs/web")})
			return err
		},
		"lambda": func() error {
			_, err := lambda.NewFromConfig(cfg).GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String("gzs-index"), Name: aws.String("live")})
			return err
		},
		"ecs": func() error {
			_, err := ecs.NewFromConfig(cfg).DescribeClusters(ctx, &ecs.DescribeClustersInput{})
			return err
		},
		"iam": func() error {
			_, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(sandbox.CallerRole)})
			return err
		},
		"rds": func() error {
			_, err := rds.NewFromConfig(cfg).DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{})
			return err
		},
		"route 53": func() error {
			_, err := route53.NewFromConfig(cfg).ListHostedZones(ctx, &route53.ListHostedZonesInput{})
			return err
		},
		"s3": func() error {
			_, err := s3.NewFromConfig(cfg).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: bucket})
			return err
		},
		"scheduler": func() error {
			_, err := scheduler.NewFromConfig(cfg).ListSchedules(ctx, &scheduler.ListSchedulesInput{})
			return err
		},
		"sesv2": func() error {
			_, err := sesv2.NewFromConfig(cfg).GetAccount(ctx, &sesv2.GetAccountInput{})
			return err
		},
		"sts": func() error {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		},
		"wafv2": func() error {
			_, err := wafv2.NewFromConfig(in(cfg, "us-east-1")).ListWebACLs(ctx, &wafv2.ListWebACLsInput{Scope: "CLOUDFRONT"})
			return err
		},
	}
	require.ElementsMatch(t, sandbox.Services(), keys(reads))
	for service, read := range reads {
		require.NoError(t, read(), service)
		for kind, check := range map[string]func(error) bool{
			sandbox.FaultThrottle: func(err error) bool {
				return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
			},
			sandbox.Fault500:    func(err error) bool { return status(t, err) == 500 },
			sandbox.FaultDenied: func(err error) bool { return status(t, err) == 403 || status(t, err) == 400 },
		} {
			require.NoError(t, s.AddFault(sandbox.Fault{Service: service, Kind: kind}))
			err := read()
			require.Error(t, err)
			assert.True(t, check(err), "%s %s: %v", service, kind, err)
			require.NoError(t, read(), service)
		}
	}
	entries, err := s.Journal()
	require.NoError(t, err)
	assert.Empty(t, entries, "reads are not journalled")
}

func keys[V any](m map[string]V) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestCancelledCallDoesNothing(t *testing.T) {
	s, cfg := seeded(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := stop(ctx, cfg)
	require.ErrorIs(t, err, context.Canceled)
	entries, err := s.Journal()
	require.NoError(t, err)
	assert.Empty(t, entries)
}
