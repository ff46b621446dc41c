package sandbox_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	cfgtypes "github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var mode = aws.String("/gzs/web/mode")

func TestAParameterKeepsItsVersionsAndItsRules(t *testing.T) {
	_, cfg := seeded(t)
	c, ctx := ssm.NewFromConfig(cfg), t.Context()
	_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: mode, Value: aws.String("x")})
	var there *ssmtypes.ParameterAlreadyExists
	require.ErrorAs(t, err, &there)
	out, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: mode, Value: aws.String("on"), Overwrite: aws.Bool(true), AllowedPattern: aws.String("^(on|off)$")})
	require.NoError(t, err)
	assert.Equal(t, int64(2), out.Version)
	got, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: mode})
	require.NoError(t, err)
	assert.Equal(t, "on", *got.Parameter.Value)
	history, err := c.GetParameterHistory(ctx, &ssm.GetParameterHistoryInput{Name: mode})
	require.NoError(t, err)
	require.Len(t, history.Parameters, 2)
	assert.Equal(t, "normal", *history.Parameters[0].Value)
	assert.Nil(t, history.Parameters[1].Description, "what is left out is not carried over")

	for code, in := range map[string]*ssm.PutParameterInput{
		"ParameterPatternMismatchException": {Name: mode, Value: aws.String("maybe"), Overwrite: aws.Bool(true), AllowedPattern: aws.String("^(on|off)$")},
		"HierarchyTypeMismatchException":    {Name: mode, Value: aws.String("on"), Overwrite: aws.Bool(true), Type: ssmtypes.ParameterTypeSecureString},
		"InvalidAllowedPatternException":    {Name: mode, Value: aws.String("on"), Overwrite: aws.Bool(true), AllowedPattern: aws.String("(")},
		"ValidationException":               {Name: aws.String("/new"), Value: aws.String("on")},
	} {
		_, err := c.PutParameter(ctx, in)
		assert.ErrorContains(t, err, code)
	}
	_, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/none")})
	var none *ssmtypes.ParameterNotFound
	require.ErrorAs(t, err, &none)
}

func TestASecureStringIsSealedAndNotInTheJournal(t *testing.T) {
	s, cfg := seeded(t)
	c, ctx := ssm.NewFromConfig(cfg), t.Context()
	_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/secret"), Value: aws.String("hunter2"), Type: ssmtypes.ParameterTypeSecureString})
	require.NoError(t, err)
	assert.NotContains(t, string(lastEntry(t, s).Params), "hunter2")
	got, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/secret")})
	require.NoError(t, err)
	assert.NotContains(t, *got.Parameter.Value, "hunter2")
	got, err = c.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String("/secret"), WithDecryption: aws.Bool(true)})
	require.NoError(t, err)
	assert.Equal(t, "hunter2", *got.Parameter.Value)
}

func TestLogRetentionTakesFixedSpansOnly(t *testing.T) {
	_, cfg := seeded(t)
	c, ctx, group := cloudwatchlogs.NewFromConfig(cfg), t.Context(), aws.String("/gzs/web")
	days := func() *int32 {
		out, err := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
		require.NoError(t, err)
		require.Len(t, out.LogGroups, 1)
		return out.LogGroups[0].RetentionInDays
	}
	assert.Equal(t, int32(365), *days())
	_, err := c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(31)})
	var invalid *logtypes.InvalidParameterException
	require.ErrorAs(t, err, &invalid)
	_, err = c.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(30)})
	require.NoError(t, err)
	assert.Equal(t, int32(30), *days())
	_, err = c.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: group})
	require.NoError(t, err)
	assert.Nil(t, days(), "without a policy logs are kept for ever")
	_, err = c.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: aws.String("/none")})
	var none *logtypes.ResourceNotFoundException
	require.ErrorAs(t, err, &none)
}

func TestAnIPSetIsReplacedWithTheNewestLockTokenOnly(t *testing.T) {
	_, cfg := seeded(t)
	c, ctx := wafv2.NewFromConfig(in(cfg, "us-east-1")), t.Context()
	read := func() *wafv2.GetIPSetOutput {
		out, err := c.GetIPSet(ctx, &wafv2.GetIPSetInput{Id: aws.String("set-2"), Name: aws.String("gzs-blocked"), Scope: waftypes.ScopeCloudfront})
		require.NoError(t, err)
		return out
	}
	write := func(token *string, addresses ...string) error {
		_, err := c.UpdateIPSet(ctx, &wafv2.UpdateIPSetInput{Id: aws.String("set-2"), Name: aws.String("gzs-blocked"), Scope: waftypes.ScopeCloudfront, LockToken: token, Addresses: addresses})
		return err
	}
	before := read()
	require.NoError(t, write(before.LockToken, "198.51.100.0/24"))
	assert.Equal(t, []string{"198.51.100.0/24"}, read().IPSet.Addresses)
	var locked *waftypes.WAFOptimisticLockException
	require.ErrorAs(t, write(before.LockToken, "192.0.2.0/24"), &locked)
	var invalid *waftypes.WAFInvalidParameterException
	require.ErrorAs(t, write(read().LockToken, "0.0.0.0/0"), &invalid)
	require.ErrorAs(t, write(read().LockToken, "2001:db8::/32"), &invalid)
}

func TestPutMetricAlarmErasesWhatIsLeftOut(t *testing.T) {
	_, cfg := seeded(t)
	c, ctx := cloudwatch.NewFromConfig(cfg), t.Context()
	_, err := c.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("b-5xx"), ComparisonOperator: cwtypes.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: aws.Int32(1),
		Threshold: aws.Float64(7), MetricName: aws.String("M"), Namespace: aws.String("N"), Period: aws.Int32(60), Statistic: cwtypes.StatisticSum,
	})
	require.NoError(t, err)
	out, err := c.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"b-5xx"}})
	require.NoError(t, err)
	alarm := out.MetricAlarms[0]
	assert.Equal(t, 7.0, *alarm.Threshold)
	assert.Empty(t, alarm.AlarmActions, "nobody is told any more")
	assert.Nil(t, alarm.AlarmDescription)
	assert.Equal(t, cwtypes.StateValueOk, alarm.StateValue, "the state stays until it is evaluated")
}

func TestServiceLimitsChangeWithoutADeployment(t *testing.T) {
	_, cfg := seeded(t)
	c, ctx := ecs.NewFromConfig(cfg), t.Context()
	out, err := c.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: aws.String("gzs"), Service: aws.String("gzs-web"),
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(50), MaximumPercent: aws.Int32(150)},
	})
	require.NoError(t, err)
	assert.Equal(t, int32(50), *out.Service.DeploymentConfiguration.MinimumHealthyPercent)
	assert.Equal(t, out.Service.DesiredCount, out.Service.RunningCount)
	_, err = c.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: aws.String("gzs"), Service: aws.String("gzs-web"),
		DeploymentConfiguration: &ecstypes.DeploymentConfiguration{MinimumHealthyPercent: aws.Int32(100), MaximumPercent: aws.Int32(100)},
	})
	var invalid *ecstypes.InvalidParameterException
	require.ErrorAs(t, err, &invalid)
}

// An evaluation takes time, judges what it found when it began, and there is one at a time.
func TestConfigRulesAreEvaluatedOneAfterAnother(t *testing.T) {
	s, cfg := seeded(t)
	clock := newClock(s)
	require.NoError(t, s.SetTimeScale(1))
	c, logs, ctx := configservice.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg), t.Context()
	set := func(days int32) {
		_, err := logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/gzs/web"), RetentionInDays: &days})
		require.NoError(t, err)
	}
	begin := func() error {
		_, err := c.StartConfigRulesEvaluation(ctx, &configservice.StartConfigRulesEvaluationInput{ConfigRuleNames: []string{"retention"}})
		return err
	}
	verdicts := func() []string {
		out, err := c.GetComplianceDetailsByConfigRule(ctx, &configservice.GetComplianceDetailsByConfigRuleInput{ConfigRuleName: aws.String("retention")})
		require.NoError(t, err)
		found := []string{}
		for _, e := range out.EvaluationResults {
			found = append(found, *e.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId+" "+string(e.ComplianceType))
		}
		return found
	}
	set(7)
	require.NoError(t, begin())
	var busy *cfgtypes.LimitExceededException
	require.ErrorAs(t, begin(), &busy)
	assert.Empty(t, verdicts(), "it is going on")
	clock.move(time.Minute)
	set(365)
	assert.Equal(t, []string{"/gzs/web NON_COMPLIANT"}, verdicts())
	status, err := c.DescribeConfigRuleEvaluationStatus(ctx, &configservice.DescribeConfigRuleEvaluationStatusInput{ConfigRuleNames: []string{"retention"}})
	require.NoError(t, err)
	first := status.ConfigRulesEvaluationStatus[0].LastSuccessfulEvaluationTime
	require.NotNil(t, first)
	require.NoError(t, begin())
	assert.Equal(t, []string{"/gzs/web NON_COMPLIANT"}, verdicts(), "the old verdict until the new one is there")
	clock.move(time.Minute)
	assert.Equal(t, []string{"/gzs/web COMPLIANT"}, verdicts())

	_, err = c.StartConfigRulesEvaluation(ctx, &configservice.StartConfigRulesEvaluationInput{ConfigRuleNames: []string{"none"}})
	var none *cfgtypes.NoSuchConfigRuleException
	require.ErrorAs(t, err, &none)
	rules, err := c.DescribeConfigRules(ctx, &configservice.DescribeConfigRulesInput{ConfigRuleNames: []string{"retention"}})
	require.NoError(t, err)
	assert.Equal(t, `{"MinRetentionTime":`+strconv.Quote("30")+`}`, *rules.ConfigRules[0].InputParameters)
}

func TestConfigRecordsWhatItKnowsOfOnly(t *testing.T) {
	_, cfg := seeded(t)
	c, ctx := configservice.NewFromConfig(cfg), t.Context()
	item, err := c.GetResourceConfigHistory(ctx, &configservice.GetResourceConfigHistoryInput{
		ResourceType: cfgtypes.ResourceTypeIPSetV2, ResourceId: aws.String("arn:aws:wafv2:us-east-1:123456789012:global/ipset/gzs-blocked/set-2"),
	})
	require.NoError(t, err)
	require.Len(t, item.ConfigurationItems, 1)
	assert.Contains(t, *item.ConfigurationItems[0].Configuration, "203.0.113.128/25")
	_, err = c.GetResourceConfigHistory(ctx, &configservice.GetResourceConfigHistoryInput{ResourceType: cfgtypes.ResourceTypeAlarm, ResourceId: aws.String("none")})
	var none *cfgtypes.ResourceNotDiscoveredException
	require.ErrorAs(t, err, &none)
}
