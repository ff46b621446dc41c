package activities

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// What carries production's tag is not touched, though it has a name that drills give.
func TestADrillDoesNotTouchWhatIsTaggedAsProduction(t *testing.T) {
	b := newBench(t, func(s *system.System) { // here all of the DR region is production
		s.Disaster.ProductionTag = system.DisasterTag{Key: "tejun:operation", Value: "0123456789ab"}
	})
	s := aws.String
	name := s("tejun-drill-0123456789ab")
	require.NoError(t, b.box.SeedCopy(t.Context(), b.system, time.Now().Add(-time.Hour)))
	copies, err := rds.NewFromConfig(b.cfg).DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{}, rdsIn(dr))
	require.NoError(t, err)
	_, err = rds.NewFromConfig(b.cfg).RestoreDBClusterFromSnapshot(t.Context(), &rds.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: name, SnapshotIdentifier: copies.DBClusterSnapshots[0].DBClusterSnapshotIdentifier, Engine: s(engine), Tags: snapshotTags("0123456789ab", ""),
	}, rdsIn(dr))
	require.NoError(t, err)
	for what, do := range map[string]func(context.Context, clients) error{
		"delete it": func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: name, SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		},
		"add an instance": func(ctx context.Context, c clients) error {
			_, err := c.rds.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: s(*name + "-1"), DBClusterIdentifier: name, DBInstanceClass: s("db.serverless"), Engine: s(engine)}, rdsIn(dr))
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			b.t = t
			b.since()
			err := b.call(disasterRunbook, modes{mode: records.ModeDrill}, do)
			requireRefusedByGuard(t, err)
			require.ErrorContains(t, err, "carries the tag tejun:operation=0123456789ab")
			require.Empty(t, b.writes())
		})
	}
}

// Tags of services and pipelines are read where the call goes. While they cannot be read, nothing passes.
func TestADrillReadsTheTagsOfServicesAndPipelinesFirst(t *testing.T) {
	s := aws.String
	scale := func(ctx context.Context, c clients) error {
		_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1)}, ecsIn(dr))
		return err
	}
	stop := func(ctx context.Context, c clients) error {
		_, err := c.pipelines.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: s("gzs-dr"), PipelineExecutionId: s("x")}, pipelineIn(dr))
		return err
	}
	for what, c := range map[string]struct {
		do                 func(context.Context, clients) error
		service, operation string
	}{"service": {scale, "ecs", "DescribeServices"}, "pipeline": {stop, "codepipeline", "ListTagsForResource"}} {
		t.Run(what, func(t *testing.T) {
			b := newBench(t)
			b.fault(c.service, c.operation, sandbox.FaultThrottle)
			b.since()
			err := b.call(disasterRunbook, modes{mode: records.ModeDrill}, c.do)
			var typed *temporal.ApplicationError
			require.ErrorAs(t, err, &typed)
			require.Equal(t, Throttled, typed.Type(), "the attempt is made again")
			require.Empty(t, b.writes())
			if err := b.call(disasterRunbook, modes{mode: records.ModeDrill}, c.do); err != nil {
				require.NotContains(t, err.Error(), "did not leave the worker")
			}
			require.NotEmpty(t, b.writes())
		})
	}
	t.Run("tagged", func(t *testing.T) {
		b := newBench(t)
		// Production's own names, as if somebody had put them under disaster.
		b.system.AWS.DRRegion, b.system.Disaster.ECS.Cluster, b.system.Disaster.Pipeline = b.system.AWS.Region, b.system.ECS.Cluster, "gzs-web"
		b.system.Disaster.ECS.Services = []system.DisasterService{{Name: "web", Service: "gzs-web", Desired: 1, Repository: "gzs/web"}}
		for _, do := range []func(context.Context, clients) error{
			func(ctx context.Context, c clients) error {
				_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra"), Service: s("gzs-web"), DesiredCount: aws.Int32(0)})
				return err
			},
			func(ctx context.Context, c clients) error {
				_, err := c.pipelines.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: s("gzs-web"), PipelineExecutionId: s("x")})
				return err
			},
		} {
			b.since()
			err := b.call(disasterRunbook, modes{mode: records.ModeDrill}, do)
			requireRefusedByGuard(t, err)
			require.ErrorContains(t, err, "carries the tag Environment=production")
			require.Empty(t, b.writes())
		}
	})
}

// One ID is for drills or for real disasters: else the guard could not tell them apart.
func TestAnIDOfADrillTakesNoRealDisaster(t *testing.T) {
	b, other := newBench(t), newBench(t)
	other.started = records.ModeReal
	run := records.Disaster{
		Operation: b.operation, System: "gzs-infra", Mode: records.ModeDrill, Manner: records.MannerGraceful, Title: "訓練", StartedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
	must(b, b.set.Disasters.OpenDisaster, run)
	run.Operation, run.Mode = other.operation, records.ModeReal
	_, err := try(other, other.set.Disasters.OpenDisaster, run)
	requireType(t, err, Refused)
	require.ErrorContains(t, err, "start it under an ID of its own")
}
