package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
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
	mode     string
	err      error
	standing error // why it cannot say whether a disaster stands
}

func (m modes) StandingDisaster(context.Context, string) (records.Disaster, error) {
	return records.Disaster{}, cmp.Or(m.standing, records.ErrNotFound)
}

func (modes) LoadState(context.Context, string, string) ([]byte, error) {
	return nil, records.ErrNotFound
}

func (m modes) DisasterModeOfRun(context.Context, string, string) (string, error) {
	switch {
	case m.err != nil:
		return "", m.err
	case m.mode == "":
		return "", records.ErrNotFound
	}
	return m.mode, nil
}

// guardedRun lets a workflow of a type call one activity, once, with the guard in place as in a worker. Its input asks for a real
// disaster, so that what the register says counts.
func guardedRun[I, O any](b *bench, runbook string, store modeStore, do func(context.Context, I) (O, error), in I) (O, error) {
	b.t.Helper()
	return startedRun(b, runbook, store, func(context.Context) (runStart, error) { return runStart{b.operation, records.ModeReal}, nil }, do, in)
}

// startedRun is a guardedRun of which Temporal says how it was started.
func startedRun[I, O any](b *bench, runbook string, store modeStore, start func(context.Context) (runStart, error), do func(context.Context, I) (O, error), in I) (O, error) {
	b.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Now())
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&GuardInterceptor{store: store, start: start}}})
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
			Name: &name, Type: route53types.RRTypeCname, SetIdentifier: aws.String("osaka"), Weight: aws.Int64(100), TTL: aws.Int64(5),
			ResourceRecords: []route53types.ResourceRecord{{Value: aws.String("other.gzs.example.go.jp")}},
		}})
	}
	return in
}

// deploy starts the DR pipeline with a database.
func (c clients) deploy(ctx context.Context, database string, more ...pipelinetypes.PipelineVariable) error {
	_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{
		Name: aws.String("gzs-dr"), Variables: append([]pipelinetypes.PipelineVariable{{Name: aws.String(databaseVariable), Value: &database}}, more...),
	}, pipelineIn(dr))
	return err
}

// drillDatabase restores a cluster as a drill does, and says where it answers.
func (b *bench) drillDatabase() string {
	b.t.Helper()
	b.copyTaken(time.Hour)
	data := must(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterReal})
	at := drillCluster(b)
	must(b, b.set.DisasterDatabase.RestoreDisasterCluster, DisasterRestore{at.Operation, at.Cluster, data.SnapshotID})
	must(b, b.set.DisasterDatabase.AwaitDisasterCluster, at)
	must(b, b.set.DisasterDatabase.AddDisasterInstance, at)
	return must(b, b.set.DisasterDatabase.AwaitDisasterInstance, at).Endpoint
}

func rdsIn(region string) func(*rds.Options) { return func(o *rds.Options) { o.Region = region } }
func ecsIn(region string) func(*ecs.Options) { return func(o *ecs.Options) { o.Region = region } }
func pipelineIn(region string) func(*codepipeline.Options) {
	return func(o *codepipeline.Options) { o.Region = region }
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
				b.since()
				err := b.call(runbook, store, a.do)
				if err != nil {
					require.NotContains(t, err.Error(), "did not leave the worker")
				}
				if len(b.writes()) == 0 { // what the sandbox does not model it does not write down
					require.ErrorContains(t, err, "the sandbox does not")
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

// A workflow that is guarded starts, cancels and signals no other one, and hands nothing over to what is not guarded.
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
		"continue": func(ctx workflow.Context) error { return workflow.NewContinueAsNewError(ctx, "Release") },
		"Nexus": func(ctx workflow.Context) error {
			return workflow.NewNexusClient("other", "service").ExecuteOperation(ctx, "release", nil, workflow.NexusOperationOptions{}).Get(ctx, nil)
		},
		"queue": func(ctx workflow.Context) error {
			ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, TaskQueue: "other"})
			return workflow.ExecuteActivity(ctx, "TheActivity").Get(ctx, nil)
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
				env.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "TheActivity"})
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
	endpoint := b.drillDatabase()
	_, _, was := standby(b, "web")
	must(b, b.set.DisasterPipeline.StartDisasterPipeline, DisasterPipelineRun{b.operation, endpoint}) // keeps which version the services had
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
		{"deploy", func(ctx context.Context, c clients) error { return c.deploy(ctx, endpoint) }},
		{"the version as before", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(0), TaskDefinition: &was}, ecsIn(dr))
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
			if err := b.call(disasterRunbook, registered{mode: records.ModeDrill, Store: database}, c.do); err != nil {
				require.NotContains(t, fmt.Sprint(err), "did not leave the worker")
			}
			require.NotEmpty(t, b.writes(), "AWS was asked")
		})
	}
}
