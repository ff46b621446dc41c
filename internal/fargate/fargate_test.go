package fargate

import (
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

const cluster = "loads"

type field struct {
	t      *testing.T
	box    *sandbox.Sandbox
	client *ecs.Client
}

func newField(t *testing.T) *field {
	t.Helper()
	sys, err := system.Load("../../examples/system.yaml")
	require.NoError(t, err)
	sys.Loads.Task = &system.LoadTask{Cluster: cluster, TaskDefinition: "shell", Container: "sh"}
	box, err := sandbox.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, box.Close()) })
	require.NoError(t, box.Seed(t.Context(), sys))
	require.NoError(t, box.SetTimeScale(0))
	var cfg aws.Config
	box.Configure(&cfg)
	return &field{t: t, box: box, client: ecs.NewFromConfig(cfg)}
}

// runner runs tasks whose command is a shell's.
func (f *field) runner(program string) *Runner {
	f.t.Helper()
	r, err := Start(f.box, Options{Dir: f.t.TempDir(), Command: func(t sandbox.Task) *exec.Cmd { return exec.Command(program, t.Command...) }})
	require.NoError(f.t, err)
	return r
}

func (f *field) order(token, script string) (arn string) {
	f.t.Helper()
	out, err := f.client.RunTask(f.t.Context(), &ecs.RunTaskInput{
		Cluster: aws.String(cluster), TaskDefinition: aws.String("shell"), LaunchType: types.LaunchTypeFargate, ClientToken: &token, StartedBy: aws.String("op"),
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{Subnets: []string{"subnet-1"}}},
		Overrides:            &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: aws.String("sh"), Command: []string{"-c", script}}}},
	})
	require.NoError(f.t, err)
	return *out.Tasks[0].TaskArn
}

func (f *field) until(arn, status string) types.Task {
	f.t.Helper()
	var seen types.Task
	require.Eventually(f.t, func() bool {
		out, err := f.client.DescribeTasks(f.t.Context(), &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: []string{arn}})
		require.NoError(f.t, err)
		seen = out.Tasks[0]
		return *seen.LastStatus == status
	}, time.Minute, 20*time.Millisecond, "it is not %s", status)
	return seen
}

func exitCode(t types.Task) int { return int(aws.ToInt32(t.Containers[0].ExitCode)) }

const forever = "while :; do sleep 0.1; done"

func TestTasksRunAsProcessesUntilTheyEndOrAreEnded(t *testing.T) {
	f := newField(t)
	r := f.runner("sh")
	ends := f.order("t-1", "exit 3")
	require.Equal(t, 3, exitCode(f.until(ends, "STOPPED")))

	dies := f.order("t-2", forever)
	f.until(dies, "RUNNING")
	require.Len(t, r.Running(), 1)
	for _, pid := range r.Running() {
		require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	}
	require.Equal(t, 137, exitCode(f.until(dies, "STOPPED")))

	asked := f.order("t-3", "trap 'exit 0' TERM; "+forever)
	f.until(asked, "RUNNING")
	_, err := f.client.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: aws.String(cluster), Task: &asked, Reason: aws.String("enough")})
	require.NoError(t, err)
	require.Equal(t, "enough", *f.until(asked, "STOPPED").StoppedReason)

	left := f.order("t-4", forever)
	f.until(left, "RUNNING")
	require.NoError(t, r.Close())
	require.Empty(t, r.Running())
	f.until(left, "STOPPED")
}

func TestTaskThatCannotStartSaysWhy(t *testing.T) {
	f := newField(t)
	r := f.runner("no-such-program")
	seen := f.until(f.order("t-1", ""), "STOPPED")
	require.Equal(t, types.TaskStopCodeTaskFailedToStart, seen.StopCode)
	require.Contains(t, *seen.StoppedReason, "no-such-program")
	require.NoError(t, r.Close())
}

// A runner that was killed took its tasks with it. The next one says so.
func TestTasksOfARunnerThatWasKilledHaveEnded(t *testing.T) {
	f := newField(t)
	require.NoError(t, f.box.UseTaskProcesses(true))
	arn := f.order("t-1", forever)
	waiting, err := f.box.TaskProcesses()
	require.NoError(t, err)
	require.NoError(t, f.box.TaskStarted(waiting[0].Task))
	r := f.runner("sh")
	require.Equal(t, 137, exitCode(f.until(arn, "STOPPED")))
	require.NoError(t, r.Close())
}
