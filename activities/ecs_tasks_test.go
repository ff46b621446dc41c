package activities

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// loadTask is a task as system.yaml names it.
func loadTask(s *system.System) {
	s.Loads.Task = &system.LoadTask{
		Cluster: s.ECS.Cluster, TaskDefinition: "gzs-tejun-load", Container: "worker",
		Subnets: []string{"subnet-0a1b2c3d4e5f60718"}, SecurityGroups: []string{"sg-0c1d2e3f405162738"},
	}
}

func (b *bench) loadTask(try int) LoadTaskOrder {
	return LoadTaskOrder{Operation: b.operation, Try: try, Task: *b.system.Loads.Task}
}

func (b *bench) loadTaskEnd(arn string) LoadTaskEnd {
	return LoadTaskEnd{Operation: b.operation, Cluster: b.system.Loads.Task.Cluster, ARN: arn, Reason: "the load is over"}
}

// taskDies ends the task's process as a kill does.
func (b *bench) taskDies(exit int) {
	b.t.Helper()
	processes, err := b.box.TaskProcesses()
	require.NoError(b.t, err)
	require.Len(b.t, processes, 1)
	require.NoError(b.t, b.box.TaskEnded(processes[0].Task, exit))
}

// A client token names its task for a day, and ECS forgets the task an hour after its end: then the next one is due, while a task that
// was started just now is waited for.
func TestLoadTaskThatECSHasForgotten(t *testing.T) {
	now, long := time.Now(), time.Now().Add(-2*time.Hour)
	for name, c := range map[string]struct {
		task types.Task
		want string
	}{
		"started just now":     {types.Task{CreatedAt: &now, LastStatus: aws.String("PROVISIONING")}, NotYet},
		"started long ago":     {types.Task{CreatedAt: &long, LastStatus: aws.String("PROVISIONING")}, TaskEnded},
		"said to have stopped": {types.Task{CreatedAt: &now, LastStatus: aws.String("STOPPED")}, TaskEnded},
		"of unknown age":       {types.Task{}, NotYet},
	} {
		t.Run(name, func(t *testing.T) { requireType(t, unseen(c.task, "start the task"), c.want) })
	}
}

func TestLoadTaskIsStartedAndStoppedOnce(t *testing.T) {
	for kind, want := range map[string]string{
		"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.Fault500: Unavailable,
		sandbox.FaultThrottle: Throttled, sandbox.FaultDenied: Denied,
	} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t, loadTask)
			if kind != "" {
				b.fault("ecs", "RunTask", kind)
				_, err := try(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
				requireType(t, err, want)
			}
			first := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
			require.Equal(t, first, must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1)))
			require.Equal(t, first, must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(2)), "the one that runs is taken")
			require.Equal(t, []string{"RunTask"}, b.effects())
			require.Contains(t, string(b.writes()[0].Params), `"Command":["load","--task-queue","tejun-load-`+b.operation+`"]`)
			running := must(b, b.set.ECSTasks.AwaitECSLoadTask, LoadTaskRef{b.system.Loads.Task.Cluster, first.ARN})
			require.Equal(t, TaskRunning, running.Status)

			b.since()
			if kind != "" {
				b.fault("ecs", "StopTask", kind)
				_, err := try(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd(""))
				if kind == sandbox.FaultDenied {
					requireType(t, err, want)
				} else {
					require.NoError(t, err, "the wait goes on")
				}
			}
			ended := must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd(first.ARN))
			require.Equal(t, []LoadTask{{first.ARN, "STOPPED", "UserInitiated, the load is over, exit code 0"}}, ended.Tasks)
			require.Equal(t, []string{"StopTask"}, b.effects())
			require.Equal(t, ended, must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd(first.ARN)))
			require.Equal(t, []string{"StopTask"}, b.effects())
		})
	}
}

func TestLoadTaskThatAStaleReadHidesIsFoundByItsToken(t *testing.T) {
	b := newBench(t, loadTask)
	first := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	b.fault("ecs", "ListTasks", sandbox.FaultStaleRead)
	require.Equal(t, first, must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1)))
	require.Equal(t, []string{"RunTask"}, b.effects())

	// Nobody learned of the task, and the list does not show it at first: it is stopped all the same.
	b.fault("ecs", "ListTasks", sandbox.FaultStaleRead)
	require.Len(t, must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd("")).Tasks, 1)
	require.Equal(t, []string{"RunTask", "StopTask"}, b.effects())
}

func TestLoadTaskThatFindsNoRoomIsTriedAgain(t *testing.T) {
	b := newBench(t, loadTask)
	b.fault("ecs", "RunTask", sandbox.FaultNoCapacity)
	_, err := try(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	requireType(t, err, Unavailable)
	require.ErrorContains(t, err, "Capacity is unavailable")
	must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	require.Equal(t, []string{"RunTask"}, b.effects())
}

func TestLoadTaskThatEndsSaysWhyAndIsFollowedByAnother(t *testing.T) {
	b := newBench(t, loadTask)
	require.NoError(t, b.box.UseTaskProcesses(true))
	first := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	require.Equal(t, "PENDING", first.Status)
	b.taskDies(137)
	_, err := try(b, b.set.ECSTasks.AwaitECSLoadTask, LoadTaskRef{b.system.Loads.Task.Cluster, first.ARN})
	requireType(t, err, TaskEnded)
	require.ErrorContains(t, err, "Essential container in task exited, exit code 137")

	again := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	require.Equal(t, first.ARN, again.ARN, "the same try is the same task")
	require.NotEmpty(t, again.Ended)
	b.since()
	ended := must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd(first.ARN))
	require.Contains(t, ended.Tasks[0].Ended, "exit code 137", "its own reason")
	require.Empty(t, b.effects())
	second := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(2))
	require.NotEqual(t, first.ARN, second.ARN)
	require.Empty(t, second.Ended)
}

func TestLoadTaskOrderedOtherwiseUnderTheSameTryIsNotStarted(t *testing.T) {
	b := newBench(t, loadTask)
	require.NoError(t, b.box.UseTaskProcesses(true))
	must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	b.taskDies(0)
	in := b.loadTask(1)
	in.Task.Subnets = []string{"subnet-0ffffffffffffffff"}
	_, err := try(b, b.set.ECSTasks.RunECSLoadTask, in)
	requireType(t, err, TaskEnded)
	in.Try = 2
	must(b, b.set.ECSTasks.RunECSLoadTask, in)
	require.Equal(t, []string{"RunTask", "RunTask"}, b.effects())
}

func TestLoadTasksOfOtherRunsAreLeftAlone(t *testing.T) {
	b := newBench(t, loadTask)
	other := b.loadTask(1)
	other.Operation = "somebodyelse"
	theirs := must(b, b.set.ECSTasks.RunECSLoadTask, other)
	require.Empty(t, must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd("")).Tasks)
	ours := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	require.NotEqual(t, theirs.ARN, ours.ARN)
	must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd(ours.ARN))
	out, err := ecs.NewFromConfig(b.cfg).ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: &other.Task.Cluster, StartedBy: aws.String(other.Operation)})
	require.NoError(t, err)
	require.Equal(t, []string{theirs.ARN}, out.TaskArns)
}

func TestLoadTaskRefusesWhatCannotBeMeant(t *testing.T) {
	b := newBench(t, loadTask)
	for _, spoil := range []func(*LoadTaskOrder){
		func(in *LoadTaskOrder) { in.Operation = "x" },
		func(in *LoadTaskOrder) { in.Try = 0 },
		func(in *LoadTaskOrder) { in.Task.TaskDefinition = "nobody" },
		func(in *LoadTaskOrder) { in.Task.Container = "nobody" },
	} {
		in := b.loadTask(1)
		spoil(&in)
		_, err := try(b, b.set.ECSTasks.RunECSLoadTask, in)
		requireType(t, err, InvalidInput)
	}
	in := b.loadTask(1)
	in.Task.Cluster = "nobody"
	_, err := try(b, b.set.ECSTasks.RunECSLoadTask, in)
	requireType(t, err, NotFound)
	require.Empty(t, b.effects())
}
