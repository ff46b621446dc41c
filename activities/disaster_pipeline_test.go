package activities

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/plan"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

const someDatabase = "db.example:5432"

func pipelineRun(b *bench) DisasterPipelineRun { return DisasterPipelineRun{b.operation, someDatabase} }

// standby reads a service of the DR region.
func standby(b *bench, name string) (desired, running int32, definition string) {
	b.t.Helper()
	v, err := b.set.DisasterECS.find(DisasterServiceRef{name})
	require.NoError(b.t, err)
	s, err := (&ECS{client: v.client}).describe(b.t.Context(), v.ref)
	require.NoError(b.t, err)
	return s.DesiredCount, s.RunningCount, *s.TaskDefinition
}

// withoutHistory leaves out what AWS keeps of what has been: executions of pipelines and revisions of task definitions.
func withoutHistory(all map[string]string) map[string]string {
	for key := range all {
		if hasAnyPrefix(key, "codepipeline:execution/", "ecs:task-definition/") {
			delete(all, key)
		}
	}
	return all
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if len(s) >= len(p) && s[:len(p)] == p {
			return true
		}
	}
	return false
}

func TestDRPipelineDeploysOnceWithTheDatabase(t *testing.T) {
	for kind, want := range map[string]string{
		"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.Fault500: Unavailable, sandbox.FaultThrottle: Throttled,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if kind != "" {
				b.fault("codepipeline", "StartPipelineExecution", kind)
				_, err := try(b, b.set.DisasterPipeline.StartDisasterPipeline, pipelineRun(b))
				requireType(t, err, want)
			}
			first := must(b, b.set.DisasterPipeline.StartDisasterPipeline, pipelineRun(b))
			assert.Equal(t, first, must(b, b.set.DisasterPipeline.StartDisasterPipeline, pipelineRun(b)))
			assert.Equal(t, []string{"StartPipelineExecution"}, b.effects())
			assert.Equal(t, b.system.AWS.DRRegion, b.writes()[0].Region)
			done := must(b, b.set.DisasterPipeline.AwaitDisasterPipeline, first)
			require.Len(t, done.Digests, 2)
			assert.Equal(t, DisasterImage{"web", sandbox.Digest("gzs/web", sandbox.ImageStable)}, done.Digests[0])
			_, _, definition := standby(b, "web")
			v, err := b.set.DisasterECS.find(DisasterServiceRef{"web"})
			require.NoError(t, err)
			out, err := v.client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition})
			require.NoError(t, err)
			assert.Equal(t, someDatabase, *out.TaskDefinition.ContainerDefinitions[0].Environment[0].Value)
		})
	}
}

func TestDRPipelineIsStoppedBeforeItDeploys(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	before := withoutHistory(contentOf(b))
	require.NoError(t, b.box.SetTimeScale(1))
	must(b, b.set.DisasterPipeline.StopDisasterPipeline, pipelineRun(b)) // harmless when none was started
	assert.Empty(t, b.writes())

	b.fault("codepipeline", "StartPipelineExecution", sandbox.FaultExecutedThenTimeout)
	_, err := try(b, b.set.DisasterPipeline.StartDisasterPipeline, pipelineRun(b))
	requireType(t, err, Unavailable)
	must(b, b.set.DisasterPipeline.StopDisasterPipeline, pipelineRun(b)) // one whose ID nobody knows, too
	assert.Equal(t, []string{"StartPipelineExecution", "StopPipelineExecution"}, b.effects())
	require.NoError(t, b.box.SetTimeScale(0))
	assert.Equal(t, before, withoutHistory(contentOf(b)))
}

func TestPipelineThatAsksPeopleOrTakesNoDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := try(b, b.set.DisasterPipeline.StartDisasterPipeline, DisasterPipelineRun{Operation: b.operation})
	requireType(t, err, InvalidInput)
	b.system.AWS.DRRegion, b.system.Disaster.Pipeline = b.system.AWS.Region, "gzs-web"
	_, err = try(b, b.set.DisasterPipeline.StartDisasterPipeline, pipelineRun(b))
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), "approval")
	assert.Empty(t, b.writes())
}

func scaled(b *bench, name string, change plan.Change) DisasterServiceChange {
	return DisasterServiceChange{b.operation, DisasterServiceRef{name}, Ref(change)}
}

func TestDRServiceIsScaledUpWithTheImageAndBroughtBackAsItWas(t *testing.T) {
	for kind, want := range map[string]string{"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.FaultThrottle: Throttled} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			before := withoutHistory(contentOf(b))
			_, _, original := standby(b, "web")
			change := must(b, b.set.DisasterECS.PlanDisasterService, DisasterServiceRef{"web"})
			execution := must(b, b.set.DisasterPipeline.StartDisasterPipeline, pipelineRun(b))
			must(b, b.set.DisasterPipeline.AwaitDisasterPipeline, execution)
			require.NoError(t, b.box.SetTimeScale(0.01))
			b.since()
			if kind != "" {
				b.fault("ecs", "UpdateService", kind)
				_, err := try(b, b.set.DisasterECS.ScaleDisasterService, scaled(b, "web", change))
				requireType(t, err, want)
			}
			must(b, b.set.DisasterECS.ScaleDisasterService, scaled(b, "web", change))
			must(b, b.set.DisasterECS.ScaleDisasterService, scaled(b, "web", change))
			assert.Equal(t, []string{"UpdateService"}, b.effects())
			running := must(b, b.set.DisasterECS.AwaitDisasterService, DisasterServiceCheck{DisasterServiceRef{"web"}, sandbox.Digest("gzs/web", sandbox.ImageStable)})
			assert.Equal(t, 2, running.Tasks)
			must(b, b.set.DisasterECS.AwaitDisasterService, DisasterServiceCheck{DisasterServiceRef: DisasterServiceRef{"web"}})
			_, err := try(b, b.set.DisasterECS.AwaitDisasterService, DisasterServiceCheck{DisasterServiceRef{"web"}, "sha256:another"})
			requireType(t, err, Unfit)

			if kind != "" {
				b.fault("ecs", "UpdateService", kind)
				_, err := try(b, b.set.DisasterECS.RevertDisasterService, scaled(b, "web", change))
				requireType(t, err, want)
			}
			must(b, b.set.DisasterECS.RevertDisasterService, scaled(b, "web", change))
			must(b, b.set.DisasterECS.RevertDisasterService, scaled(b, "web", change))
			desired, runs, definition := standby(b, "web")
			assert.Equal(t, original, definition)
			assert.Zero(t, desired+runs)

			api := must(b, b.set.DisasterECS.PlanDisasterService, DisasterServiceRef{"api"})
			must(b, b.set.DisasterECS.RevertDisasterService, scaled(b, "api", api)) // deployed to, and never scaled
			require.NoError(t, b.box.SetTimeScale(0))
			assert.Equal(t, before, withoutHistory(contentOf(b)))
		})
	}
}

func TestDRServiceThatIsNotDescribedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := try(b, b.set.DisasterECS.PlanDisasterService, DisasterServiceRef{"batch"})
	requireType(t, err, InvalidInput)
}

func TestFenceIsDoubtedUntilEverythingStands(t *testing.T) {
	t.Parallel()
	b := newBench(t, ownDatabase)
	seen := must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	assert.False(t, seen.Fenced)
	assert.Len(t, seen.Doubts, len(b.system.ECS.Services)+len(b.system.Jobs))
	for _, v := range b.system.ECS.Services {
		ref := ServiceRef{b.system.ECS.Cluster, v.Service}
		change := must(b, b.set.ECS.PlanECSServiceStop, ref)
		must(b, b.set.ECS.StopECSService, ServiceChange{b.operation, ref, Ref(change)})
	}
	jobs := Jobs{}
	for _, j := range b.system.Jobs {
		jobs.Jobs = append(jobs.Jobs, system.JobTarget{Name: j.Name, Group: j.Group, Schedule: j.Schedule})
	}
	change := must(b, b.set.Scheduler.PlanSchedulerPause, jobs)
	must(b, b.set.Scheduler.PauseSchedulerJobs, JobsChange{b.operation, jobs, Ref(change)})
	seen = must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	assert.Equal(t, FenceSeen{true, []string{}}, seen)

	require.NoError(t, b.box.LoseRegion(b.system.AWS.Region))
	began := time.Now()
	seen = must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	assert.False(t, seen.Fenced, "what cannot be looked at may go on writing")
	assert.Len(t, seen.Doubts, len(b.system.ECS.Services)+len(b.system.Jobs))
	assert.Contains(t, seen.Doubts[0], "no answer")
	assert.Less(t, time.Since(began), time.Minute)
}
