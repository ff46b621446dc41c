package sandbox_test

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

// tasks is a sandbox with a task definition for loads, a client, and a clock that the test moves.
func tasks(t *testing.T) (*sandbox.Sandbox, *ecs.Client, *clock) {
	t.Helper()
	s := open(t, t.TempDir())
	sys := example()
	sys.Loads.Task = &system.LoadTask{Cluster: "loads", TaskDefinition: "tejun-load", Container: "worker", Subnets: []string{"subnet-1"}}
	at := newClock(s)
	require.NoError(t, s.Seed(t.Context(), sys))
	require.NoError(t, s.SetTimeScale(1))
	return s, ecs.NewFromConfig(config(s)), at
}

func order(token string) *ecs.RunTaskInput {
	return &ecs.RunTaskInput{
		Cluster: aws.String("loads"), TaskDefinition: aws.String("tejun-load"), LaunchType: types.LaunchTypeFargate, StartedBy: aws.String("op"), ClientToken: &token,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
		Overrides:            &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("worker"), Command: []string{"load"}}}},
	}
}

func started(t *testing.T, client *ecs.Client, token string) string {
	t.Helper()
	out, err := client.RunTask(t.Context(), order(token))
	require.NoError(t, err)
	require.Len(t, out.Tasks, 1)
	return *out.Tasks[0].TaskArn
}

func described(t *testing.T, client *ecs.Client, task string) types.Task {
	t.Helper()
	out, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("loads"), Tasks: []string{task}})
	require.NoError(t, err)
	require.Len(t, out.Tasks, 1)
	return out.Tasks[0]
}

func listed(t *testing.T, client *ecs.Client) []string {
	t.Helper()
	out, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("loads"), StartedBy: aws.String("op")})
	require.NoError(t, err)
	return out.TaskArns
}

func TestECSTaskLivesThroughItsStates(t *testing.T) {
	s, client, at := tasks(t)
	task := started(t, client, "t-1")
	require.Equal(t, []string{task}, listed(t, client))
	for family, want := range map[string][]string{"tejun-load": {task}, "tejun-loa": nil, "other": nil} {
		out, err := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("loads"), Family: &family})
		require.NoError(t, err)
		require.Equal(t, want, out.TaskArns)
	}
	_, both := client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("loads"), Family: aws.String("x"), StartedBy: aws.String("op")})
	require.ErrorContains(t, both, "cannot specify startedBy with other filters")
	for _, want := range []string{"PROVISIONING", "PENDING", "PENDING", "RUNNING"} {
		require.Equal(t, want, *described(t, client, task).LastStatus)
		at.move(15 * time.Second)
	}
	_, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("loads"), Task: &task, Reason: aws.String("enough")})
	require.NoError(t, err)
	require.True(t, lastEntry(t, s).Effect)
	stopping := described(t, client, task)
	require.Equal(t, "DEPROVISIONING STOPPED", *stopping.LastStatus+" "+*stopping.DesiredStatus)
	require.Empty(t, listed(t, client), "only what is meant to run is listed")
	at.move(time.Minute)
	stopped := described(t, client, task)
	require.Equal(t, "STOPPED", *stopped.LastStatus)
	require.Equal(t, "enough", *stopped.StoppedReason)
	require.Equal(t, types.TaskStopCodeUserInitiated, stopped.StopCode)

	_, err = client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("loads"), Task: &task, Reason: aws.String("again")})
	require.NoError(t, err)
	require.False(t, lastEntry(t, s).Effect, "it had stopped")
	require.Equal(t, "enough", *described(t, client, task).StoppedReason)
}

func TestECSClientTokenStartsOneTask(t *testing.T) {
	s, client, at := tasks(t)
	first := started(t, client, "t-1")
	require.Equal(t, first, started(t, client, "t-1"))
	require.False(t, lastEntry(t, s).Effect)
	require.NotEqual(t, first, started(t, client, "t-2"))

	_, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("loads"), Task: &first})
	require.NoError(t, err)
	at.move(time.Hour)
	again, err := client.RunTask(t.Context(), order("t-1"))
	require.NoError(t, err)
	require.Equal(t, first, *again.Tasks[0].TaskArn, "the task that the token has started, although it has stopped")
	require.Equal(t, "STOPPED", *again.Tasks[0].LastStatus)

	other := order("t-1")
	other.Overrides.ContainerOverrides[0].Command = []string{"else"}
	_, err = client.RunTask(t.Context(), other)
	var conflict *types.ConflictException
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, []string{first}, conflict.ResourceIds)
}

func TestECSTaskThatFindsNoRoomIsAFailureAndNoError(t *testing.T) {
	s, client, _ := tasks(t)
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "ecs", Operation: "RunTask", Kind: sandbox.FaultNoCapacity}))
	out, err := client.RunTask(t.Context(), order("t-1"))
	require.NoError(t, err)
	require.Empty(t, out.Tasks)
	require.Contains(t, *out.Failures[0].Reason, "Capacity is unavailable")
	require.False(t, lastEntry(t, s).Effect)
	require.Empty(t, listed(t, client))
	started(t, client, "t-1")
	require.ErrorContains(t, s.AddFault(sandbox.Fault{Service: "ecs", Kind: sandbox.FaultNoCapacity}), "RunTask")
	require.ErrorContains(t, s.AddFault(sandbox.Fault{Service: "ecs", Operation: "StopTask", Kind: sandbox.FaultNoCapacity}), "RunTask")
}

func TestECSTasksRefuseWhatAWSRefuses(t *testing.T) {
	_, client, _ := tasks(t)
	for says, spoil := range map[string]func(*ecs.RunTaskInput){
		"Cluster not found":              func(in *ecs.RunTaskInput) { in.Cluster = aws.String("none") },
		"TaskDefinition not found":       func(in *ecs.RunTaskInput) { in.TaskDefinition = aws.String("tejun-load:99") },
		"Network Configuration must be":  func(in *ecs.RunTaskInput) { in.NetworkConfiguration = nil },
		"subnets can not be empty":       func(in *ecs.RunTaskInput) { in.NetworkConfiguration.AwsvpcConfiguration.Subnets = []string{} },
		"startedBy must be":              func(in *ecs.RunTaskInput) { in.StartedBy = aws.String("a b") },
		"is not a container in the Task": func(in *ecs.RunTaskInput) { in.Overrides.ContainerOverrides[0].Name = aws.String("other") },
		"on Fargate only":                func(in *ecs.RunTaskInput) { in.LaunchType = types.LaunchTypeEc2 },
		"does not model Count":           func(in *ecs.RunTaskInput) { in.Count = aws.Int32(2) },
	} {
		in := order("t")
		spoil(in)
		_, err := client.RunTask(t.Context(), in)
		require.ErrorContains(t, err, says)
	}
	none := "arn:aws:ecs:ap-northeast-1:123456789012:task/loads/none"
	_, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("loads"), Task: &none})
	require.ErrorContains(t, err, "The referenced task was not found")
	out, err := client.DescribeTasks(t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String("loads"), Tasks: []string{none}})
	require.NoError(t, err)
	require.Equal(t, "MISSING", *out.Failures[0].Reason)
	_, err = client.ListTasks(t.Context(), &ecs.ListTasksInput{Cluster: aws.String("loads"), StartedBy: aws.String("op"), DesiredStatus: types.DesiredStatusStopped})
	require.ErrorContains(t, err, "does not model DesiredStatus", "AWS takes no other filter beside startedBy")

	definition, err := client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("tejun-load")})
	require.NoError(t, err)
	require.Equal(t, "worker", *definition.TaskDefinition.ContainerDefinitions[0].Name)
	_, err = client.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("none")})
	require.ErrorContains(t, err, "Unable to describe task definition")
}

// A real task runs when its process does, and stops when its process has ended.
func TestECSTaskFollowsItsProcess(t *testing.T) {
	s, client, at := tasks(t)
	require.NoError(t, s.UseTaskProcesses(true))
	task := started(t, client, "t-1")
	process := func() sandbox.TaskProcess {
		found, err := s.TaskProcesses()
		require.NoError(t, err)
		require.Len(t, found, 1)
		return found[0]
	}
	require.False(t, process().Due)
	require.Equal(t, []string{"load"}, process().Command)
	at.move(time.Minute)
	require.True(t, process().Due)
	require.Equal(t, "PENDING", *described(t, client, task).LastStatus)
	require.NoError(t, s.TaskStarted(process().Task))
	require.Equal(t, "RUNNING", *described(t, client, task).LastStatus)

	killed := process().Task
	require.NoError(t, s.TaskEnded(killed, 137))
	require.Equal(t, "DEPROVISIONING", *described(t, client, task).LastStatus)
	at.move(time.Minute)
	seen := described(t, client, task)
	require.Equal(t, "STOPPED", *seen.LastStatus)
	require.Equal(t, types.TaskStopCodeEssentialContainerExited, seen.StopCode)
	require.EqualValues(t, 137, *seen.Containers[0].ExitCode)
	require.NoError(t, s.TaskEnded(killed, 0))
	require.EqualValues(t, 137, *described(t, client, task).Containers[0].ExitCode, "the first ending counts")

	task = started(t, client, "t-2")
	_, err := client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String("loads"), Task: &task, Reason: aws.String("enough")})
	require.NoError(t, err)
	at.move(time.Hour)
	require.Equal(t, "STOPPING", *described(t, client, task).LastStatus, "until the process ends")
	require.True(t, process().Stop)
	require.NoError(t, s.TaskFailed(process().Task, "it was not started"))
	at.move(time.Minute)
	seen = described(t, client, task)
	require.Equal(t, "STOPPED enough", *seen.LastStatus+" "+*seen.StoppedReason)
	require.Nil(t, seen.Containers[0].ExitCode)

	task = started(t, client, "t-3")
	require.NoError(t, s.TaskFailed(process().Task, "no such image"))
	at.move(time.Minute)
	seen = described(t, client, task)
	require.Equal(t, types.TaskStopCodeTaskFailedToStart, seen.StopCode)
	require.Equal(t, "no such image", *seen.StoppedReason)
}
