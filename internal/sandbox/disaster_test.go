package sandbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	codepipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

const (
	tokyo = "ap-northeast-1"
	osaka = "ap-northeast-3"
	www   = "www.gzs.example.go.jp"
	drill = "drill.gzs.example.go.jp"
)

// disasterExample is the small system with a DR region. The DR cluster has the name of the primary one, as AWS allows.
func disasterExample(changes ...func(*system.Disaster)) *system.System {
	s := example()
	s.Database.Backup = system.DatabaseBackup{Prefix: "backup", DRKMSKey: "arn:aws:kms:ap-northeast-3:123456789012:key/1"}
	s.Disaster = system.Disaster{
		RTO: system.Duration(time.Hour), Reports: system.DisasterReports{Bucket: "gzs-disaster", Prefix: "reports/"},
		ProductionTag: system.DisasterTag{Key: "Environment", Value: "production"},
		Database:      system.DisasterDatabase{Via: system.ViaSnapshot, InstanceClass: "db.serverless"},
		Pipeline:      "gzs-web",
		ECS:           system.DisasterECS{Cluster: "gzs", Services: []system.DisasterService{{Name: "web", Service: "gzs-web", Desired: 2, Repository: "gzs/web"}}},
		Redirect:      system.DisasterRedirect{Zone: "Z1", Kind: system.RedirectWeighted, Production: www, Rehearsal: drill, Primary: "tokyo", DR: "osaka"},
	}
	for _, change := range changes {
		change(&s.Disaster)
	}
	return s
}

// withDisaster is a sandbox seeded with it, whose clock the test moves, as slow as AWS.
func withDisaster(t *testing.T, changes ...func(*system.Disaster)) (*sandbox.Sandbox, aws.Config, *clock) {
	t.Helper()
	s := open(t, t.TempDir())
	now := newClock(s)
	require.NoError(t, s.Seed(t.Context(), disasterExample(changes...)))
	require.NoError(t, s.SetTimeScale(1))
	return s, config(s), now
}

func TestNamesOfTwoRegionsAreApart(t *testing.T) {
	s, cfg, _ := withDisaster(t)
	read := func(region string) ecstypes.Service {
		out, err := ecs.NewFromConfig(in(cfg, region)).DescribeServices(t.Context(), &ecs.DescribeServicesInput{
			Cluster: aws.String("gzs"), Services: []string{"gzs-web"}, Include: []ecstypes.ServiceField{ecstypes.ServiceFieldTags},
		})
		require.NoError(t, err)
		require.Len(t, out.Services, 1)
		return out.Services[0]
	}
	assert.EqualValues(t, 3, read(tokyo).DesiredCount)
	assert.Equal(t, "production", *read(tokyo).Tags[0].Value)
	there := read(osaka)
	assert.Zero(t, there.DesiredCount, "a pilot light")
	assert.Empty(t, there.Tags)
	assert.Contains(t, *there.ServiceArn, osaka)
	_, err := ecs.NewFromConfig(in(cfg, osaka)).UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(2)})
	require.NoError(t, err)
	assert.Equal(t, osaka, lastEntry(t, s).Region)
	assert.EqualValues(t, 3, read(tokyo).DesiredCount)
	assert.EqualValues(t, 2, read(osaka).DesiredCount)

	images := func(region string) int {
		out, err := ecr.NewFromConfig(in(cfg, region)).DescribeImages(t.Context(), &ecr.DescribeImagesInput{RepositoryName: aws.String("gzs/web")})
		require.NoError(t, err)
		return len(out.ImageDetails)
	}
	assert.Equal(t, 5, images(tokyo))
	assert.Equal(t, 1, images(osaka), "only what runs is copied")
	require.NoError(t, s.PushImage(sandbox.Image{Repository: "gzs/web", Region: osaka, Digest: "sha256:new"}))
	assert.Equal(t, 2, images(osaka))
	assert.Equal(t, 5, images(tokyo))
}

func TestPipelineWithoutApprovalDeploysByItself(t *testing.T) {
	_, cfg, now := withDisaster(t)
	c, ctx := codepipeline.NewFromConfig(in(cfg, osaka)), t.Context()
	shape, err := c.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("gzs-web")})
	require.NoError(t, err)
	assert.Len(t, shape.Pipeline.Stages, 2)
	assert.Equal(t, "database", *shape.Pipeline.Variables[0].Name)
	start := func(token string, variables ...codepipelinetypes.PipelineVariable) (string, error) {
		out, err := c.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: aws.String("gzs-web"), ClientRequestToken: aws.String(token), Variables: variables})
		if err != nil {
			return "", err
		}
		return *out.PipelineExecutionId, nil
	}
	var invalid *codepipelinetypes.ValidationException
	_, err = start("a")
	require.ErrorAs(t, err, &invalid, "the variable has no default")
	variable := func(name, value string) codepipelinetypes.PipelineVariable {
		return codepipelinetypes.PipelineVariable{Name: &name, Value: &value}
	}
	_, err = start("a", variable("other", "x"))
	require.ErrorAs(t, err, &invalid)
	stopped, err := start("s", variable("database", "never:5432"))
	require.NoError(t, err)
	_, err = c.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: aws.String("gzs-web"), PipelineExecutionId: &stopped, Abandon: true})
	require.NoError(t, err)
	id, err := start("a", variable("database", "db:5432"))
	require.NoError(t, err)
	again, err := start("a", variable("database", "db:5432"))
	require.NoError(t, err)
	assert.Equal(t, id, again)

	environment := func() []ecstypes.KeyValuePair {
		e := ecs.NewFromConfig(in(cfg, osaka))
		s, err := e.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("gzs"), Services: []string{"gzs-web"}})
		require.NoError(t, err)
		d, err := e.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: s.Services[0].TaskDefinition})
		require.NoError(t, err)
		return d.TaskDefinition.ContainerDefinitions[0].Environment
	}
	status := func(id string) string {
		out, err := c.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: aws.String("gzs-web"), PipelineExecutionId: &id})
		require.NoError(t, err)
		return string(out.PipelineExecution.Status)
	}
	assert.Empty(t, environment())
	now.move(30 * time.Second)
	require.Len(t, environment(), 1)
	assert.Equal(t, "DATABASE=db:5432", *environment()[0].Name+"="+*environment()[0].Value)
	assert.Equal(t, "InProgress", status(id))
	now.move(4 * time.Minute)
	assert.Equal(t, "Succeeded", status(id))
	assert.Equal(t, "Stopped", status(stopped))
	tags, err := codepipeline.NewFromConfig(in(cfg, tokyo)).ListTagsForResource(ctx, &codepipeline.ListTagsForResourceInput{ResourceArn: aws.String("arn:aws:codepipeline:ap-northeast-1:123456789012:gzs-web")})
	require.NoError(t, err)
	assert.Equal(t, "production", *tags.Tags[0].Value)
}

func TestLostRegionAnswersNothing(t *testing.T) {
	s, cfg, _ := withDisaster(t)
	ctx := t.Context()
	require.Error(t, s.LoseRegion("moon"))
	require.NoError(t, s.LoseRegion(tokyo))
	_, err := ecs.NewFromConfig(in(cfg, tokyo)).DescribeClusters(ctx, &ecs.DescribeClustersInput{})
	require.ErrorContains(t, err, "connection reset")
	_, err = ecs.NewFromConfig(in(cfg, tokyo)).UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(0)})
	require.ErrorContains(t, err, "connection reset")
	entry := lastEntry(t, s)
	assert.Equal(t, sandbox.OutcomeLost, entry.Outcome)
	assert.False(t, entry.Effect)
	_, err = s3.NewFromConfig(in(cfg, tokyo)).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String("gzs-disaster")})
	require.Error(t, err)
	_, err = ecs.NewFromConfig(in(cfg, osaka)).DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{"gzs"}})
	require.NoError(t, err)
	_, err = cloudfront.NewFromConfig(in(cfg, tokyo)).ListDistributions(ctx, &cloudfront.ListDistributionsInput{})
	require.NoError(t, err, "CloudFront is in no region")
	other := open(t, s.Dir())
	lost, err := other.LostRegions()
	require.NoError(t, err)
	assert.Contains(t, lost, tokyo, "for all processes")
	require.NoError(t, other.RestoreRegion(tokyo))
	_, err = ecs.NewFromConfig(in(cfg, tokyo)).DescribeClusters(ctx, &ecs.DescribeClustersInput{})
	require.NoError(t, err)
}

// A region that hangs answers nobody, keeps nobody else waiting, and lets go of whoever waits no longer.
func TestARegionThatHangsKeepsItsCallersWaiting(t *testing.T) {
	s, cfg, _ := withDisaster(t)
	require.Error(t, s.HangRegion("moon"))
	require.NoError(t, s.HangRegion(tokyo))
	lost, err := s.LostRegions()
	require.NoError(t, err)
	assert.Contains(t, lost, tokyo)
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	hung := make(chan error)
	go func() {
		_, err := ecs.NewFromConfig(in(cfg, tokyo)).DescribeClusters(ctx, &ecs.DescribeClustersInput{})
		hung <- err
	}()
	_, err = ecs.NewFromConfig(in(cfg, osaka)).DescribeClusters(t.Context(), &ecs.DescribeClustersInput{Clusters: []string{"gzs"}})
	require.NoError(t, err)
	require.ErrorIs(t, <-hung, context.DeadlineExceeded)
	require.NoError(t, s.RestoreRegion(tokyo))
	_, err = ecs.NewFromConfig(in(cfg, tokyo)).DescribeClusters(t.Context(), &ecs.DescribeClustersInput{})
	require.NoError(t, err)
}

func global(v *system.Disaster) {
	v.Database.Via, v.Database.GlobalCluster, v.Database.Secondary = system.ViaGlobalCluster, "gzs-global", "gzs-db-dr"
}

const (
	firstARN  = "arn:aws:rds:ap-northeast-1:123456789012:cluster:gzs-db"
	secondARN = "arn:aws:rds:ap-northeast-3:123456789012:cluster:gzs-db-dr"
)

// globalState reads the status, the writer and who does not follow.
func globalState(t *testing.T, cfg aws.Config) (status, writer string, apart []string) {
	t.Helper()
	out, err := rds.NewFromConfig(in(cfg, osaka)).DescribeGlobalClusters(t.Context(), &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: aws.String("gzs-global")})
	require.NoError(t, err)
	for _, m := range out.GlobalClusters[0].GlobalClusterMembers {
		if *m.IsWriter {
			writer = *m.DBClusterArn
		}
		if m.SynchronizationStatus != rdstypes.GlobalClusterMemberSynchronizationStatusConnected {
			apart = append(apart, *m.DBClusterArn)
		}
	}
	return *out.GlobalClusters[0].Status, writer, apart
}

func TestGlobalClusterSwitchesOverInItsTime(t *testing.T) {
	s, cfg, now := withDisaster(t, global)
	c := rds.NewFromConfig(in(cfg, osaka))
	move := func(to string) error {
		_, err := c.SwitchoverGlobalCluster(t.Context(), &rds.SwitchoverGlobalClusterInput{GlobalClusterIdentifier: aws.String("gzs-global"), TargetDbClusterIdentifier: &to})
		return err
	}
	var state *rdstypes.InvalidGlobalClusterStateFault
	require.ErrorAs(t, move(firstARN), &state, "it is the writer")
	var none *rdstypes.DBClusterNotFoundFault
	require.ErrorAs(t, move(firstARN+"-2"), &none)
	require.NoError(t, move(secondARN))
	assert.True(t, lastEntry(t, s).Effect)
	status, writer, _ := globalState(t, cfg)
	assert.Equal(t, "switching-over "+firstARN, status+" "+writer, "the old one writes until then")
	require.ErrorAs(t, move(firstARN), &state, "one move at a time")
	now.move(3 * time.Minute)
	status, writer, apart := globalState(t, cfg)
	assert.Equal(t, "available "+secondARN, status+" "+writer)
	assert.Empty(t, apart)
	require.NoError(t, move(firstARN))
}

func TestGlobalClusterFailsOverWithoutItsWriter(t *testing.T) {
	s, cfg, now := withDisaster(t, global)
	c := rds.NewFromConfig(in(cfg, osaka))
	lag := func() []time.Time {
		out, err := cloudwatch.NewFromConfig(in(cfg, osaka)).GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
			StartTime: aws.Time(now.now.Add(-time.Hour)), EndTime: aws.Time(now.now), MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{
				Id: aws.String("lag"), MetricStat: &cloudwatchtypes.MetricStat{Period: aws.Int32(60), Stat: aws.String("Maximum"), Metric: &cloudwatchtypes.Metric{
					Namespace: aws.String("AWS/RDS"), MetricName: aws.String("AuroraGlobalDBReplicationLag"),
				}},
			}},
		})
		require.NoError(t, err)
		return out.MetricDataResults[0].Timestamps
	}
	require.NoError(t, s.LoseRegion(tokyo))
	lostAt := now.now
	now.move(10 * time.Minute)
	assert.WithinDuration(t, lostAt, lag()[0], time.Minute, "nothing is measured any more")
	fail := func(in rds.FailoverGlobalClusterInput) error {
		in.GlobalClusterIdentifier, in.TargetDbClusterIdentifier = aws.String("gzs-global"), aws.String(secondARN)
		_, err := c.FailoverGlobalCluster(t.Context(), &in)
		return err
	}
	var state *rdstypes.InvalidGlobalClusterStateFault
	require.ErrorAs(t, fail(rds.FailoverGlobalClusterInput{}), &state, "without the writer only with loss")
	require.ErrorContains(t, fail(rds.FailoverGlobalClusterInput{AllowDataLoss: aws.Bool(true), Switchover: aws.Bool(true)}), "InvalidParameterCombination")
	require.NoError(t, fail(rds.FailoverGlobalClusterInput{AllowDataLoss: aws.Bool(true)}))
	status, _, _ := globalState(t, cfg)
	assert.Equal(t, "failing-over", status)
	now.move(2 * time.Minute)
	_, writer, apart := globalState(t, cfg)
	assert.Equal(t, secondARN, writer)
	assert.Equal(t, []string{firstARN}, apart)

	require.NoError(t, s.RestoreRegion(tokyo))
	back := func() error {
		_, err := c.SwitchoverGlobalCluster(t.Context(), &rds.SwitchoverGlobalClusterInput{GlobalClusterIdentifier: aws.String("gzs-global"), TargetDbClusterIdentifier: aws.String(firstARN)})
		return err
	}
	require.ErrorAs(t, back(), &state, "it must be built anew first")
	now.move(10 * time.Minute)
	require.NoError(t, back())
}

func TestCopyIsRestoredWithoutInstancesAndQuotasAreCounted(t *testing.T) {
	s, cfg, now := withDisaster(t)
	c, ctx := rds.NewFromConfig(in(cfg, osaka)), t.Context()
	taken := now.now.Add(-2 * time.Hour)
	for range 2 {
		require.NoError(t, s.SeedCopy(ctx, disasterExample(), taken))
	}
	list, err := c.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterIdentifier: aws.String("gzs-db")})
	require.NoError(t, err)
	require.Len(t, list.DBClusterSnapshots, 1)
	assert.Equal(t, "available", *list.DBClusterSnapshots[0].Status)
	made, err := c.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: aws.String("tejun-drill-1"), SnapshotIdentifier: list.DBClusterSnapshots[0].DBClusterSnapshotIdentifier, Engine: aws.String("aurora-postgresql"),
	})
	require.NoError(t, err)
	assert.Equal(t, "creating", *made.DBCluster.Status)
	assert.Empty(t, made.DBCluster.DBClusterMembers)
	quotas, err := c.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	require.NoError(t, err)
	used := map[string]int64{}
	for _, q := range quotas.AccountQuotas {
		used[*q.AccountQuotaName] = *q.Used
		assert.Positive(t, *q.Max)
	}
	assert.Equal(t, map[string]int64{"DBClusters": 1, "DBInstances": 0, "ManualClusterSnapshots": 1}, used)
}
