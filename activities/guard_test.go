package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// modes is a register of disasters: what the one run of the test was opened as; "" for a run that was not.
type modes struct {
	mode string
	err  error
}

func (m modes) DisasterModeOfRun(context.Context, string) (string, error) {
	switch {
	case m.err != nil:
		return "", m.err
	case m.mode == "":
		return "", records.ErrNotFound
	}
	return m.mode, nil
}

// guardedRun lets a workflow of a type call one activity, once, with the guard in place as in a worker.
func guardedRun[I, O any](b *bench, runbook string, store modeStore, do func(context.Context, I) (O, error), in I) (O, error) {
	b.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Now())
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&GuardInterceptor{store: store}}})
	env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: "TheActivity"})
	env.RegisterWorkflowWithOptions(func(ctx workflow.Context, in I) (out O, err error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
		return out, workflow.ExecuteActivity(ctx, "TheActivity", in).Get(ctx, &out)
	}, workflow.RegisterOptions{Name: runbook})
	env.ExecuteWorkflow(runbook, in)
	var out O
	if err := env.GetWorkflowError(); err != nil {
		return out, err
	}
	return out, env.GetWorkflowResult(&out)
}

// clients are those of the activities, by hand.
type clients struct {
	rds       *rds.Client
	ecs       *ecs.Client
	pipelines *codepipeline.Client
	route53   *route53.Client
	s3        *s3.Client
	cfg       aws.Config
}

func (b *bench) clients() clients {
	cfg := guarded(withoutRetries(b.cfg), func() (*system.System, error) { return b.system, nil })
	return clients{rds.NewFromConfig(cfg), ecs.NewFromConfig(cfg), codepipeline.NewFromConfig(cfg), route53.NewFromConfig(cfg), s3.NewFromConfig(cfg), cfg}
}

// call makes one call of AWS from an activity of a workflow.
func (b *bench) call(runbook string, store modeStore, do func(context.Context, clients) error) error {
	c := b.clients()
	_, err := guardedRun(b, runbook, store, func(ctx context.Context, _ struct{}) (struct{}, error) {
		return struct{}{}, Classify(do(ctx, c), "attack")
	}, struct{}{})
	return err
}

const home, dr = "ap-northeast-1", "ap-northeast-3"

func upsert(zone string, names ...string) *route53.ChangeResourceRecordSetsInput {
	in := &route53.ChangeResourceRecordSetsInput{HostedZoneId: &zone, ChangeBatch: &route53types.ChangeBatch{}}
	for _, name := range names {
		in.ChangeBatch.Changes = append(in.ChangeBatch.Changes, route53types.Change{Action: route53types.ChangeActionUpsert, ResourceRecordSet: &route53types.ResourceRecordSet{
			Name: &name, Type: route53types.RRTypeA, SetIdentifier: aws.String("osaka"), Weight: aws.Int64(100), TTL: aws.Int64(5),
			ResourceRecords: []route53types.ResourceRecord{{Value: aws.String("203.0.113.1")}},
		}})
	}
	return in
}

func rdsIn(region string) func(*rds.Options) { return func(o *rds.Options) { o.Region = region } }
func ecsIn(region string) func(*ecs.Options) { return func(o *ecs.Options) { o.Region = region } }
func pipelineIn(region string) func(*codepipeline.Options) {
	return func(o *codepipeline.Options) { o.Region = region }
}

// attack is a call that no drill may make.
type attack struct {
	name, says string
	do         func(context.Context, clients) error
}

// attacks on production, and on what else a drill has no business with.
func attacks() []attack {
	const offList = "not on the list"
	s := aws.String
	drill := s("tejun-drill-0123456789ab")
	return []attack{
		{"delete production's cluster", "none of the clusters that drills restore", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: s("gzs-infra-db"), SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		}},
		{"delete production's cluster at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: s("gzs-infra-db"), SkipFinalSnapshot: aws.Bool(true)})
			return err
		}},
		{"a drill's name at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: drill, SkipFinalSnapshot: aws.Bool(true)}, rdsIn(home))
			return err
		}},
		{"delete production's instance", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: s("gzs-infra-db-1"), SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		}},
		{"an instance into production's cluster", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: drill, DBClusterIdentifier: s("gzs-infra-db"), DBInstanceClass: s("db.serverless"), Engine: s(engine)}, rdsIn(dr))
			return err
		}},
		{"a real disaster's cluster", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: s("tejun-dr-0123456789ab"), SnapshotIdentifier: s("x"), Engine: s(engine)}, rdsIn(dr))
			return err
		}},
		{"the prefix without its hyphen", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: s("tejun-drillmaster"), SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		}},
		{"delete a backup", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"snapshot production", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: s("gzs-infra-db"), DBClusterSnapshotIdentifier: drill})
			return err
		}},
		{"modify production's cluster", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"switch the global cluster over", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.SwitchoverGlobalCluster(ctx, &rds.SwitchoverGlobalClusterInput{GlobalClusterIdentifier: s("gzs-infra-global"), TargetDbClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"fail the global cluster over", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.FailoverGlobalCluster(ctx, &rds.FailoverGlobalClusterInput{GlobalClusterIdentifier: s("gzs-infra-global"), TargetDbClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"detach the global cluster", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.RemoveFromGlobalCluster(ctx, &rds.RemoveFromGlobalClusterInput{GlobalClusterIdentifier: s("gzs-infra-global"), DbClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"tag a cluster", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{ResourceName: drill, TagKeys: []string{"Environment"}}, rdsIn(dr))
			return err
		}},
		{"stop production's service", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra"), Service: s("gzs-web"), DesiredCount: aws.Int32(0)})
			return err
		}},
		{"production's service by the DR region", "none of disaster.ecs", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra"), Service: s("gzs-web"), DesiredCount: aws.Int32(0)}, ecsIn(dr))
			return err
		}},
		{"a service that is not declared", "none of disaster.ecs", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-batch"), DesiredCount: aws.Int32(0)}, ecsIn(dr))
			return err
		}},
		{"the DR service at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1)})
			return err
		}},
		{"another role and network for the DR service", "and nothing else of it", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1), EnableExecuteCommand: aws.Bool(true)}, ecsIn(dr))
			return err
		}},
		{"a task of one's own", offList, func(ctx context.Context, c clients) error {
			_, err := c.ecs.RunTask(ctx, &ecs.RunTaskInput{Cluster: s("gzs-infra-dr"), TaskDefinition: s("gzs-tejun-load")}, ecsIn(dr))
			return err
		}},
		{"production's pipeline", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-web")})
			return err
		}},
		{"another pipeline of the DR region", "is not disaster.pipeline", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-web")}, pipelineIn(dr))
			return err
		}},
		{"the DR pipeline's name at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: s("gzs-dr"), PipelineExecutionId: drill})
			return err
		}},
		{"production's record", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "www.gzs.example.go.jp"))
			return err
		}},
		{"production's record beside the rehearsal's", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp", "WWW.gzs.example.go.jp."))
			return err
		}},
		{"production's record in another spelling", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", `\167ww.gzs.example.go.jp`))
			return err
		}},
		{"every name at once", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "*.gzs.example.go.jp"))
			return err
		}},
		{"the rehearsal's name in another zone", "is not disaster.redirect.zone", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0OTHER", "drill.gzs.example.go.jp"))
			return err
		}},
		{"delete the rehearsal's record", "takes one away", func(ctx context.Context, c clients) error {
			in := upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp")
			in.ChangeBatch.Changes[0].Action = route53types.ChangeActionDelete
			_, err := c.route53.ChangeResourceRecordSets(ctx, in)
			return err
		}},
		{"delete one record and make the other twice", "takes one away", func(ctx context.Context, c clients) error {
			in := upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp", "drill.gzs.example.go.jp")
			in.ChangeBatch.Changes[0].Action, in.ChangeBatch.Changes[1].Action = route53types.ChangeActionDelete, route53types.ChangeActionCreate
			in.ChangeBatch.Changes[1].ResourceRecordSet.SetIdentifier = s("tokyo")
			_, err := c.route53.ChangeResourceRecordSets(ctx, in)
			return err
		}},
		{"delete the zone", offList, func(ctx context.Context, c clients) error {
			_, err := c.route53.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: s("Z0EXAMPLEGZS")})
			return err
		}},
		{"the maintenance page", "under disaster.reports", func(ctx context.Context, c clients) error {
			_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: s("gzs-infra-maintenance"), Key: s("maintenance/x.html"), Body: strings.NewReader("x")})
			return err
		}},
		{"beside the reports", "under disaster.reports", func(ctx context.Context, c clients) error {
			_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: s("gzs-infra-disaster"), Key: s("x.html"), Body: strings.NewReader("x")})
			return err
		}},
		{"delete a report", offList, func(ctx context.Context, c clients) error {
			_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: s("gzs-infra-disaster"), Key: s("reports/x.html")})
			return err
		}},
		{"the public's distribution", offList, func(ctx context.Context, c clients) error {
			_, err := cloudfront.NewFromConfig(c.cfg).CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{DistributionId: s("E2EXAMPLE1TEJUN"), InvalidationBatch: &cftypes.InvalidationBatch{
				CallerReference: s("x"), Paths: &cftypes.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}},
			}})
			return err
		}},
		{"code", offList, func(ctx context.Context, c clients) error {
			_, err := lambda.NewFromConfig(c.cfg).UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: s("gzs-index")})
			return err
		}},
		{"a parameter", offList, func(ctx context.Context, c clients) error {
			_, err := ssm.NewFromConfig(c.cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: s("/gzs/x"), Value: s("y")})
			return err
		}},
	}
}

func TestADrillReachesNothingOfProduction(t *testing.T) {
	b := newBench(t)
	for _, a := range attacks() {
		for name, store := range map[string]modes{"drill": {mode: records.ModeDrill}, "not registered": {}} {
			t.Run(a.name+"/"+name, func(t *testing.T) {
				b.t = t
				b.since()
				err := b.call(disasterRunbook, store, a.do)
				requireRefusedByGuard(t, err)
				require.ErrorContains(t, err, a.says)
				require.Empty(t, b.writes(), "nothing may even be tried")
			})
		}
	}
}

func requireRefusedByGuard(t *testing.T, err error) {
	t.Helper()
	var typed *temporal.ApplicationError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, Refused, typed.Type())
	require.True(t, typed.NonRetryable())
	require.Contains(t, typed.Message(), "did not leave the worker")
}

// Without the guard of a drill each of these calls would reach AWS: so the attacks above try what they say.
func TestWhatADrillIsRefusedReachesAWSOtherwise(t *testing.T) {
	b := newBench(t)
	for _, a := range attacks() {
		for runbook, store := range map[string]modes{disasterRunbook: {mode: records.ModeReal}, "PlannedOutage": {mode: records.ModeDrill}} {
			t.Run(a.name+"/"+runbook, func(t *testing.T) {
				b.t = t
				if err := b.call(runbook, store, a.do); err != nil {
					require.NotContains(t, err.Error(), "did not leave the worker")
				}
			})
		}
	}
}

func TestAReadinessCheckChangesNothing(t *testing.T) {
	b := newBench(t)
	attacks := append(attacks(), attack{"the rehearsal's record", "changes nothing", func(ctx context.Context, c clients) error {
		_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp"))
		return err
	}})
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			b.t = t
			b.since()
			err := b.call(readinessRunbook, modes{mode: records.ModeReal}, a.do)
			requireRefusedByGuard(t, err)
			require.ErrorContains(t, err, "changes nothing")
			require.Empty(t, b.writes())
		})
	}
}

// The activities of other runbooks, named in a drill by a workflow that lies about what it is.
func TestADrillCannotUseTheActivitiesOfOtherRunbooksAgainstProduction(t *testing.T) {
	b := newBench(t)
	drill := modes{mode: records.ModeDrill}
	refuse := func(name string, err error) {
		t.Helper()
		requireRefusedByGuard(t, err)
		require.Empty(t, b.writes(), name)
	}
	b.since()
	_, err := guardedRun(b, disasterRunbook, drill, b.set.RDS.CreateRDSClusterSnapshot, Snapshot{Operation: b.operation, Cluster: b.system.Database.Cluster, SnapshotID: "x"})
	refuse("snapshot", err)
	web := ServiceRef{Cluster: b.system.ECS.Cluster, Service: "gzs-web"}
	change := must(b, b.set.ECS.PlanECSServiceStop, web)
	_, err = guardedRun(b, disasterRunbook, drill, b.set.ECS.StopECSService, ServiceChange{Operation: b.operation, ServiceRef: web, Change: Ref(change)})
	refuse("stop", err)
	jobs := Jobs{}
	for _, j := range b.system.Jobs {
		jobs.Jobs = append(jobs.Jobs, system.JobTarget{Name: j.Name, Group: j.Group, Schedule: j.Schedule})
	}
	paused := must(b, b.set.Scheduler.PlanSchedulerPause, jobs)
	_, err = guardedRun(b, disasterRunbook, drill, b.set.Scheduler.PauseSchedulerJobs, JobsChange{Operation: b.operation, Jobs: jobs, Change: Ref(paused)})
	refuse("pause", err)
	_, err = guardedRun(b, disasterRunbook, drill, b.set.RDSCopies.RestoreRDSCluster, Restore{Operation: b.operation, Cluster: "tejun-drill-" + b.operation, Source: b.system.Database.Cluster})
	refuse("restore at home", err)
	_, err = guardedRun(b, disasterRunbook, drill, b.set.CodePipeline.StartCodePipelineExecution, PipelineRun{
		Operation: b.operation, Pipeline: "gzs-web", Digest: sandbox.Digest("gzs/web", sandbox.ImageNext), Shape: PipelineShape{SourceAction: "Source"},
	})
	refuse("pipeline", err)
}

func TestADrillDoesNotReachTheOperatedDatabase(t *testing.T) {
	b := newBench(t)
	data, err := operated.Open("postgres://nobody@127.0.0.1:1/x?sslmode=disable")
	require.NoError(t, err)
	defer data.Close()
	for _, reach := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := data.Pool(ctx); return err },
		func(ctx context.Context) error { _, err := data.At(ctx, "127.0.0.1", 1); return err },
	} {
		try := func(store modes) error {
			_, err := guardedRun(b, disasterRunbook, store, func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, reach(ctx) }, struct{}{})
			return err
		}
		requireRefusedByGuard(t, try(modes{mode: records.ModeDrill}))
		require.NoError(t, try(modes{mode: records.ModeReal}))
	}
}

// An activity that takes a refusal for nothing fails all the same.
func TestARefusalThatAnActivitySwallowsFailsItAllTheSame(t *testing.T) {
	b := newBench(t)
	c := b.clients()
	_, err := guardedRun(b, disasterRunbook, modes{mode: records.ModeDrill}, func(ctx context.Context, _ struct{}) (struct{}, error) {
		_ = attacks()[0].do(ctx, c)
		return struct{}{}, nil
	}, struct{}{})
	requireRefusedByGuard(t, err)
}

// While nobody knows whether it is a drill, nothing is let through, and the attempt is made again.
func TestWhileTheRegisterDoesNotAnswerNothingIsLetThrough(t *testing.T) {
	b := newBench(t)
	b.since()
	err := b.call(disasterRunbook, modes{err: errors.New("no connection")}, func(ctx context.Context, c clients) error {
		_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "www.gzs.example.go.jp"))
		return err
	})
	require.Error(t, err)
	var typed *temporal.ApplicationError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, Unavailable, typed.Type())
	require.False(t, typed.NonRetryable())
	require.Empty(t, b.writes())
}

func TestADescriptionThatCannotBeReadLetsNothingThrough(t *testing.T) {
	b := newBench(t)
	for name, describe := range map[string]func() (*system.System, error){
		"broken":     func() (*system.System, error) { return nil, errors.New("line 3: unknown key") },
		"no section": func() (*system.System, error) { s := *b.system; s.Disaster = system.Disaster{}; return &s, nil },
	} {
		t.Run(name, func(t *testing.T) {
			b.since()
			client := ecs.NewFromConfig(guarded(withoutRetries(b.cfg), describe))
			_, err := guardedRun(b, disasterRunbook, modes{mode: records.ModeDrill}, func(ctx context.Context, _ struct{}) (struct{}, error) {
				_, err := client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("gzs-infra-dr"), Service: aws.String("gzs-web-dr"), DesiredCount: aws.Int32(1)}, ecsIn(dr))
				return struct{}{}, Classify(err, "scale")
			}, struct{}{})
			requireRefusedByGuard(t, err)
			require.Empty(t, b.writes())
		})
	}
}

// A workflow that is guarded starts, cancels and signals no other one.
func TestAGuardedRunActsThroughNoOther(t *testing.T) {
	for name, act := range map[string]func(workflow.Context) error{
		"child": func(ctx workflow.Context) error {
			ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: "other"})
			future := workflow.ExecuteChildWorkflow(ctx, "Release")
			return errors.Join(future.GetChildWorkflowExecution().Get(ctx, nil), future.Get(ctx, nil))
		},
		"cancel": func(ctx workflow.Context) error {
			return workflow.RequestCancelExternalWorkflow(ctx, "other", "").Get(ctx, nil)
		},
		"signal": func(ctx workflow.Context) error {
			return workflow.SignalExternalWorkflow(ctx, "other", "", "approve", nil).Get(ctx, nil)
		},
	} {
		for _, runbook := range []string{disasterRunbook, readinessRunbook} {
			t.Run(name+"/"+runbook, func(t *testing.T) {
				var suite testsuite.WorkflowTestSuite
				suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
				env := suite.NewTestWorkflowEnvironment()
				env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&GuardInterceptor{store: modes{mode: records.ModeReal}}}})
				env.RegisterWorkflowWithOptions(act, workflow.RegisterOptions{Name: runbook})
				env.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "Release"})
				env.ExecuteWorkflow(runbook)
				require.ErrorContains(t, env.GetWorkflowError(), "acts by its own activities alone")
			})
		}
	}
}

// What a drill does need passes, and reaches AWS.
func TestWhatADrillNeedsPasses(t *testing.T) {
	b := newBench(t)
	s := aws.String
	name := s("tejun-drill-" + b.operation)
	for _, c := range []struct {
		name string
		do   func(context.Context, clients) error
	}{
		{"restore", func(ctx context.Context, c clients) error {
			_, err := c.rds.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: name, SnapshotIdentifier: s("x"), Engine: s(engine)}, rdsIn(dr))
			return err
		}},
		{"scale", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1)}, ecsIn(dr))
			return err
		}},
		{"redirect", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("/hostedzone/Z0EXAMPLEGZS", "Drill.gzs.example.go.jp."))
			return err
		}},
		{"report", func(ctx context.Context, c clients) error {
			_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: s("gzs-infra-disaster"), Key: s("reports/x.html"), Body: strings.NewReader("x")})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.since()
			if err := b.call(disasterRunbook, modes{mode: records.ModeDrill}, c.do); err != nil {
				require.NotContains(t, fmt.Sprint(err), "did not leave the worker")
			}
			require.NotEmpty(t, b.writes(), "AWS was asked")
		})
	}
}

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
	start := func(ctx context.Context, c clients) error {
		_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-dr"), ClientRequestToken: s("x")}, pipelineIn(dr))
		return err
	}
	for what, c := range map[string]struct {
		do                 func(context.Context, clients) error
		service, operation string
	}{"service": {scale, "ecs", "DescribeServices"}, "pipeline": {start, "codepipeline", "ListTagsForResource"}} {
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
				_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-web")})
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
