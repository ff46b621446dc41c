package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
	"tejun/internal/system"
)

// ownSystem is a system of which the register of disasters knows nothing.
func ownSystem(s *system.System) { s.ID = "standing-" + uuid.NewString() }

// serveFromDR sends the public to the DR region, as a real run does.
func (b *bench) serveFromDR() {
	b.t.Helper()
	to := b.system.Disaster.Redirect
	b.rewriteOf(to.Production, func(r *types.ResourceRecordSet) { *r = towardsDR(to, *r) })
}

// ended registers a real run of the system that has ended.
func (b *bench) ended(outcome string, ago time.Duration) records.Disaster {
	b.t.Helper()
	at := time.Now().Add(-ago).UTC()
	row := records.Disaster{
		Operation: uuid.NewString(), WorkflowID: "real-" + uuid.NewString(), System: b.system.ID, Mode: records.ModeReal, Manner: records.MannerUngraceful, Title: "震災", StartedAt: at.Add(-time.Hour),
	}
	_, err := database.OpenDisaster(b.t.Context(), row)
	require.NoError(b.t, err)
	row.Outcome, row.EndedAt = outcome, &at
	_, err = database.FinishDisaster(b.t.Context(), row)
	require.NoError(b.t, err)
	return row
}

// onTheList are calls that a drill may make otherwise, and that would hurt a DR region that serves.
func onTheList(b *bench) map[string]func(context.Context, clients) error {
	s := aws.String
	return map[string]func(context.Context, clients) error{
		"scale": func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(0)}, ecsIn(dr))
			return err
		},
		"stop what deploys": func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: s("gzs-dr"), PipelineExecutionId: s("x")}, pipelineIn(dr))
			return err
		},
		"restore": func(ctx context.Context, c clients) error {
			_, err := c.rds.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: s("tejun-drill-" + b.operation), SnapshotIdentifier: s("x"), Engine: s(engine)}, rdsIn(dr))
			return err
		},
	}
}

func TestNoDrillBeginsWhileTheDRRegionServes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*system.System)
		stand  func(*bench)
		says   string // "" for a drill that may begin
	}{
		"by weights":  {ownSystem, (*bench).serveFromDR, "osaka of www.gzs.example.go.jp is in force"},
		"by failover": {func(s *system.System) { ownSystem(s); withFailover(s) }, (*bench).serveFromDR, "osaka of www.gzs.example.go.jp is in force"},
		"stays":       {ownSystem, func(b *bench) { b.ended(records.DisasterStays, time.Hour) }, "ended as stays"},
		"failed":      {ownSystem, func(b *bench) { b.ended(records.DisasterFailed, time.Hour) }, "ended as failed"},
		"given up after it stayed": {ownSystem, func(b *bench) {
			b.ended(records.DisasterStays, 2*time.Hour)
			b.ended(records.DisasterUndone, time.Hour)
		}, "ended as stays"},
		"nobody can tell": {ownSystem, func(b *bench) { b.system.Disaster.Redirect.Production = "other.gzs.example.go.jp" }, "no records of other.gzs.example.go.jp"},
		"at rest":         {ownSystem, func(*bench) {}, ""},
		"stayed and returned": {ownSystem, func(b *bench) {
			b.ended(records.DisasterStays, 2*time.Hour)
			b.ended(records.DisasterReturned, time.Hour)
		}, ""},
		"another system stays": {ownSystem, func(b *bench) {
			id := b.system.ID
			ownSystem(b.system)
			b.ended(records.DisasterStays, time.Hour)
			b.system.ID = id
		}, ""},
		"the rehearsal's name leads on": {ownSystem, func(b *bench) {
			b.rewrite(func(r *types.ResourceRecordSet) { *r = towardsDR(b.system.Disaster.Redirect, *r) })
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.change)
			b.copyTaken(time.Hour)
			c.stand(b)
			_, err := try(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterDrill})
			_, ofReal := try(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterReal})
			require.NoError(t, ofReal, "a real one may begin, whatever stands")
			if c.says == "" {
				require.NoError(t, err)
			} else {
				requireType(t, err, Refused)
				require.ErrorContains(t, err, c.says)
				require.ErrorContains(t, err, "docs/disaster.md")
			}
			b.since()
			for what, do := range onTheList(b) {
				err := b.call(disasterRunbook, registered{mode: records.ModeDrill, Store: database}, do)
				if c.says != "" {
					requireRefusedByGuard(t, err)
					require.ErrorContains(t, err, c.says, what)
					require.Empty(t, b.writes(), what)
				} else if err != nil {
					require.NotContains(t, err.Error(), "did not leave the worker", what)
				}
				if err := b.call(disasterRunbook, modes{mode: records.ModeReal}, do); err != nil {
					require.NotContains(t, err.Error(), "did not leave the worker", what)
				}
				b.since()
			}
		})
	}
}

// registered is the real register, in which the one run of the test is a drill.
type registered struct {
	*records.Store
	mode string
}

func (r registered) DisasterModeOfRun(context.Context, string, string) (string, error) {
	return r.mode, nil
}

// While nobody knows whether the DR region serves, nothing is let through, and the attempt is made again.
func TestWhileNobodyCanSayWhoServesADrillWaits(t *testing.T) {
	b := newBench(t)
	b.since()
	for what, do := range onTheList(b) {
		err := b.call(disasterRunbook, modes{mode: records.ModeDrill, standing: errors.New("no connection")}, do)
		var typed *temporal.ApplicationError
		require.ErrorAs(t, err, &typed, what)
		require.Equal(t, Unavailable, typed.Type())
		require.False(t, typed.NonRetryable())
	}
	require.Empty(t, b.writes())
}
