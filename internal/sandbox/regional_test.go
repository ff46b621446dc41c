package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func describe(t *testing.T, c *ecs.Client, name string) ecstypes.Service {
	t.Helper()
	out, err := c.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("gzs"), Services: []string{name}})
	require.NoError(t, err)
	require.Len(t, out.Services, 1)
	return out.Services[0]
}

func TestServiceReachesItsDesiredCountOverTime(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	require.NoError(t, s.SetTimeScale(1))
	c := ecs.NewFromConfig(cfg)
	first := describe(t, c, "gzs-web")
	assert.EqualValues(t, 3, first.RunningCount)

	_, err := c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(0)})
	require.NoError(t, err)
	assert.True(t, lastEntry(t, s).Effect)
	var counts []int32
	for range 5 {
		counts = append(counts, describe(t, c, "gzs-web").RunningCount)
		now.move(10 * time.Second)
	}
	assert.Equal(t, []int32{3, 3, 2, 1, 0}, counts)

	_, err = c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(3)})
	require.NoError(t, err)
	starting := describe(t, c, "gzs-web")
	assert.EqualValues(t, 3, starting.PendingCount)
	assert.Equal(t, ecstypes.DeploymentRolloutStateInProgress, starting.Deployments[0].RolloutState)
	now.move(90 * time.Second)
	back := describe(t, c, "gzs-web")
	assert.EqualValues(t, 3, back.RunningCount)
	assert.Equal(t, ecstypes.DeploymentRolloutStateCompleted, back.Deployments[0].RolloutState)
	assert.Equal(t, *first.TaskDefinition, *back.TaskDefinition)

	_, err = c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(3)})
	require.NoError(t, err)
	assert.False(t, lastEntry(t, s).Effect, "it already had that count")
}

func TestMissingServicesAndClusters(t *testing.T) {
	_, cfg := seeded(t)
	c := ecs.NewFromConfig(cfg)
	out, err := c.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("gzs"), Services: []string{"gzs-web", "none"}})
	require.NoError(t, err)
	assert.Len(t, out.Services, 1)
	require.Len(t, out.Failures, 1)
	assert.Equal(t, "MISSING", *out.Failures[0].Reason)
	_, err = c.DescribeServices(t.Context(), &ecs.DescribeServicesInput{Cluster: aws.String("none"), Services: []string{"x"}})
	var noCluster *ecstypes.ClusterNotFoundException
	require.ErrorAs(t, err, &noCluster)
	_, err = c.UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("none"), DesiredCount: aws.Int32(0)})
	var noService *ecstypes.ServiceNotFoundException
	require.ErrorAs(t, err, &noService)
	clusters, err := c.DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"gzs", "none"}})
	require.NoError(t, err)
	require.Len(t, clusters.Clusters, 1)
	assert.EqualValues(t, 6, clusters.Clusters[0].RunningTasksCount)
	assert.Len(t, clusters.Failures, 1)
	elsewhere, err := ecs.NewFromConfig(in(cfg, "eu-west-1")).DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"gzs"}})
	require.NoError(t, err)
	assert.Empty(t, elsewhere.Clusters, "another region has nothing")
}

func TestSnapshotIsCreatedOnceAndBecomesAvailable(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	require.NoError(t, s.SetTimeScale(1))
	c := rds.NewFromConfig(cfg)
	create := func(name string) (*rds.CreateDBClusterSnapshotOutput, error) {
		return c.CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{
			DBClusterIdentifier: aws.String("gzs-db"), DBClusterSnapshotIdentifier: aws.String(name),
			Tags: []rdstypes.Tag{{Key: aws.String("tejun:operation"), Value: aws.String("op-1")}},
		})
	}
	made, err := create("Outage-1")
	require.NoError(t, err)
	assert.Equal(t, "outage-1", *made.DBClusterSnapshot.DBClusterSnapshotIdentifier, "kept in lower case")
	assert.Equal(t, "creating", *made.DBClusterSnapshot.Status)
	_, err = create("outage-1")
	var clash *rdstypes.DBClusterSnapshotAlreadyExistsFault
	require.ErrorAs(t, err, &clash)
	for _, bad := range []string{"1st", "a--b", "a-", "a_b"} {
		_, err = create(bad)
		require.ErrorContains(t, err, "InvalidParameterValue", bad)
	}
	now.move(3 * time.Minute)
	got, err := c.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String("outage-1")})
	require.NoError(t, err)
	require.Len(t, got.DBClusterSnapshots, 1)
	assert.Equal(t, "available", *got.DBClusterSnapshots[0].Status)
	assert.Equal(t, "op-1", *got.DBClusterSnapshots[0].TagList[0].Value)
	tags, err := c.ListTagsForResource(t.Context(), &rds.ListTagsForResourceInput{ResourceName: made.DBClusterSnapshot.DBClusterSnapshotArn})
	require.NoError(t, err)
	assert.Equal(t, "op-1", *tags.TagList[0].Value)
	_, err = c.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String("none")})
	var none *rdstypes.DBClusterSnapshotNotFoundFault
	require.ErrorAs(t, err, &none)
	_, err = c.CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: aws.String("none"), DBClusterSnapshotIdentifier: aws.String("x")})
	var noCluster *rdstypes.DBClusterNotFoundFault
	require.ErrorAs(t, err, &noCluster)
	clusters, err := c.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("gzs-db")})
	require.NoError(t, err)
	assert.Equal(t, "available", *clusters.DBClusters[0].Status)
}

func TestAlarmActionsAreSwitchedAndUnknownAlarmsPassedOver(t *testing.T) {
	s, cfg := seeded(t)
	c := cloudwatch.NewFromConfig(cfg)
	names := []string{"a-unhealthy", "b-5xx", "no-such-alarm"}
	enabled := func() map[string]bool {
		got := map[string]bool{}
		pages := cloudwatch.NewDescribeAlarmsPaginator(c, &cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(2)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, a := range page.MetricAlarms {
				got[*a.AlarmName] = *a.ActionsEnabled
			}
		}
		return got
	}
	assert.Equal(t, map[string]bool{"a-unhealthy": true, "b-5xx": true, "c-batch": true}, enabled())
	for _, effect := range []bool{true, false} {
		_, err := c.DisableAlarmActions(t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: names})
		require.NoError(t, err)
		assert.Equal(t, effect, lastEntry(t, s).Effect)
	}
	assert.Equal(t, map[string]bool{"a-unhealthy": false, "b-5xx": false, "c-batch": true}, enabled())
	_, err := c.EnableAlarmActions(t.Context(), &cloudwatch.EnableAlarmActionsInput{AlarmNames: names})
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"a-unhealthy": true, "b-5xx": true, "c-batch": true}, enabled())
	one, err := c.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: names, AlarmTypes: []cloudwatchtypes.AlarmType{cloudwatchtypes.AlarmTypeMetricAlarm}})
	require.NoError(t, err)
	assert.Len(t, one.MetricAlarms, 2)
	_, err = c.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{NextToken: aws.String("!")})
	var bad *cloudwatchtypes.InvalidNextToken
	require.ErrorAs(t, err, &bad)
}

func TestCallerAndItsPermissions(t *testing.T) {
	s, cfg := seeded(t)
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, "123456789012", *who.Account)
	c := iam.NewFromConfig(cfg)
	role, err := c.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String(sandbox.CallerRole)})
	require.NoError(t, err)
	simulate := func(source string) (map[string]iamtypes.PolicyEvaluationDecisionType, error) {
		got := map[string]iamtypes.PolicyEvaluationDecisionType{}
		pages := iam.NewSimulatePrincipalPolicyPaginator(c, &iam.SimulatePrincipalPolicyInput{
			PolicySourceArn: aws.String(source), ActionNames: []string{"cloudfront:UpdateDistribution", "ses:SendEmail", "iam:CreateUser"}, MaxItems: aws.Int32(1),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				return nil, err
			}
			for _, r := range page.EvaluationResults {
				got[*r.EvalActionName] = r.EvalDecision
			}
		}
		return got, nil
	}
	got, err := simulate(*role.Role.Arn)
	require.NoError(t, err)
	assert.Equal(t, map[string]iamtypes.PolicyEvaluationDecisionType{"cloudfront:UpdateDistribution": "allowed", "ses:SendEmail": "allowed", "iam:CreateUser": "implicitDeny"}, got)
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	got, err = simulate(*role.Role.Arn)
	require.NoError(t, err)
	assert.EqualValues(t, "explicitDeny", got["ses:SendEmail"])
	_, err = simulate(*who.Arn)
	var invalid *iamtypes.InvalidInputException
	require.ErrorAs(t, err, &invalid, "a session is not a role")
	_, err = simulate("arn:aws:iam::123456789012:role/other")
	var none *iamtypes.NoSuchEntityException
	require.ErrorAs(t, err, &none)
}
