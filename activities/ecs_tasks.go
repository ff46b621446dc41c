package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"tejun/internal/load"
	"tejun/internal/system"
)

// LoadTaskOrder asks for the task that does the heavy part of a run's load.
type LoadTaskOrder struct {
	Operation string          `json:"operation"`
	Try       int             `json:"try"` // counts the tasks of the run from 1: the same try is the same task
	Task      system.LoadTask `json:"task"`
}

// LoadTaskRef names a task.
type LoadTaskRef struct {
	Cluster string `json:"cluster"`
	ARN     string `json:"arn"`
}

// LoadTaskEnd asks for the end of all tasks of a run.
type LoadTaskEnd struct {
	Operation string `json:"operation"`
	Cluster   string `json:"cluster"`
	ARN       string `json:"arn"` // of the one that is known, "" if none is
	Reason    string `json:"reason"`
}

// LoadTask is a task as ECS shows it.
type LoadTask struct {
	ARN    string `json:"arn"`
	Status string `json:"status"` // such as RUNNING
	Ended  string `json:"ended"`  // why it ends or has ended; "" while it is meant to run
}

// LoadTasks are tasks as ECS shows them.
type LoadTasks struct {
	Tasks []LoadTask `json:"tasks"`
}

// TaskRunning is the status of a task whose process runs.
const TaskRunning = "RUNNING"

// ecsTaskAPI is the calls used.
type ecsTaskAPI interface {
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
	RunTask(context.Context, *ecs.RunTaskInput, ...func(*ecs.Options)) (*ecs.RunTaskOutput, error)
	StopTask(context.Context, *ecs.StopTaskInput, ...func(*ecs.Options)) (*ecs.StopTaskOutput, error)
}

// ECSTasks runs the Fargate tasks in which loads do their heavy part.
type ECSTasks struct {
	client  ecsTaskAPI
	records fenceStore
}

// RunECSLoadTask makes sure that a task of the run is there, and does not wait for it to run: see AwaitECSLoadTask. A task of
// the run that is meant to run is found and taken; else one is started under a client token of the run and the try, so that
// whatever becomes of the answer the try starts one task. The task that a try has started may have ended meanwhile: then
// that is what comes back.
func (a *ECSTasks) RunECSLoadTask(ctx context.Context, in LoadTaskOrder) (LoadTask, error) {
	if err := checkOperation(in.Operation); err != nil {
		return LoadTask{}, err
	}
	if in.Try < 1 {
		return LoadTask{}, fail(InvalidInput, "try is %d: want 1 or more", in.Try)
	}
	if there, err := a.meantToRun(ctx, in.Task.Cluster, in.Operation); err != nil || len(there) > 0 {
		if err != nil {
			return LoadTask{}, err
		}
		return there[0], nil
	}
	if err := a.fence(ctx, in.Operation); err != nil {
		return LoadTask{}, err
	}
	doing := fmt.Sprintf("start the task %s on cluster %s", in.Task.TaskDefinition, in.Task.Cluster)
	out, err := a.client.RunTask(ctx, runTaskInput(in))
	switch {
	case errorCode(err) == "ConflictException": // after a Reset of the run, with another system.yaml than before
		return LoadTask{}, fail(TaskEnded, "%s: task %d of this run was ordered otherwise before; the next one is started", doing, in.Try)
	case err != nil:
		return LoadTask{}, Classify(err, doing)
	case len(out.Tasks) != 1:
		return LoadTask{}, notStarted(doing, out.Failures)
	}
	seen, err := a.describe(ctx, in.Task.Cluster, aws.ToString(out.Tasks[0].TaskArn))
	if isType(err, NotFound) {
		err = unseen(out.Tasks[0], doing)
	}
	return seen, err
}

// settledAfter is how long after its start a task must show: reads lag behind for seconds, not for minutes.
const settledAfter = 10 * time.Minute

// unseen is the error for a task that RunTask names and that cannot be described. A client token names its task for a day, and ECS
// forgets a task about an hour after its end: such a task has ended long ago.
func unseen(t types.Task, doing string) error {
	if aws.ToString(t.LastStatus) == taskStopped || t.CreatedAt != nil && time.Since(*t.CreatedAt) > settledAfter {
		return fail(TaskEnded, "%s: the task %s has ended, and ECS does not know it any more; the next one is started", doing, aws.ToString(t.TaskArn))
	}
	return fail(NotYet, "%s: it was accepted and does not show yet; it is looked at again", doing)
}

func runTaskInput(in LoadTaskOrder) *ecs.RunTaskInput {
	public := types.AssignPublicIpDisabled
	if in.Task.AssignPublicIP {
		public = types.AssignPublicIpEnabled
	}
	return &ecs.RunTaskInput{
		Cluster: &in.Task.Cluster, TaskDefinition: &in.Task.TaskDefinition, LaunchType: types.LaunchTypeFargate,
		ClientToken: aws.String(fmt.Sprintf("%s-%d", in.Operation, in.Try)), StartedBy: &in.Operation,
		NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
			Subnets: in.Task.Subnets, SecurityGroups: in.Task.SecurityGroups, AssignPublicIp: public,
		}},
		Overrides: &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{
			Name: &in.Task.Container, Command: []string{"load", "--task-queue", load.TaskQueue(in.Operation)},
		}}},
		Tags: []types.Tag{{Key: aws.String(ownerTag), Value: &in.Operation}},
	}
}

// notStarted is the error for an answer without a task: RunTask answers 200 with a list of failures.
func notStarted(doing string, failures []types.Failure) error {
	var why []string
	kind := Unavailable // no room on Fargate, above all; the policy's limited attempts end it
	for _, f := range failures {
		reason := aws.ToString(f.Reason)
		if reason == "MISSING" {
			kind = NotFound
		}
		why = append(why, strings.TrimSpace(reason+" "+aws.ToString(f.Detail)))
	}
	return fail(kind, "%s: no task was started: %s", doing, strings.Join(why, "; "))
}

// AwaitECSLoadTask waits until the task runs. That it ends instead is an error (TaskEnded) with the reason.
func (a *ECSTasks) AwaitECSLoadTask(ctx context.Context, in LoadTaskRef) (LoadTask, error) {
	var seen LoadTask
	err := poll(ctx, func(ctx context.Context) (done bool, words string, err error) {
		if seen, err = a.describe(ctx, in.Cluster, in.ARN); err != nil {
			if isType(err, NotFound) { // it was there when it was started; reads lag behind
				err = fail(NotYet, "the task %s does not show", in.ARN)
			}
			return false, "", err
		}
		if seen.Ended != "" {
			return false, "", fail(TaskEnded, "the task %s ended before it ran: %s. Its log says more", in.ARN, seen.Ended)
		}
		return seen.Status == TaskRunning, fmt.Sprintf("task %s is %s", in.ARN, seen.Status), nil
	})
	return seen, err
}

// StopECSLoadTask ends every task of the run and waits until none runs. It is harmless when there is none. It says of each task
// why it ended: one that had ended by itself keeps its own reason.
func (a *ECSTasks) StopECSLoadTask(ctx context.Context, in LoadTaskEnd) (LoadTasks, error) {
	if err := checkOperation(in.Operation); err != nil {
		return LoadTasks{}, err
	}
	// First of all, so that an old attempt cannot start a task after this has looked.
	if err := a.fence(ctx, in.Operation); err != nil {
		return LoadTasks{}, err
	}
	var known []string
	if in.ARN != "" {
		known = append(known, in.ARN)
	}
	var seen []LoadTask
	looks := 0
	err := poll(ctx, func(ctx context.Context) (bool, string, error) {
		there, err := a.meantToRun(ctx, in.Cluster, in.Operation)
		if err != nil {
			return false, "", err
		}
		looks++
		for _, t := range there {
			if !slices.Contains(known, t.ARN) {
				known = append(known, t.ARN)
			}
		}
		running := 0
		seen = []LoadTask{}
		for _, arn := range known {
			t, err := a.end(ctx, in, arn)
			if err != nil {
				return false, "", err
			}
			if t.Status != taskStopped {
				running++
			}
			seen = append(seen, t)
		}
		// A task that was started a moment ago may be missing in the list at first.
		return running == 0 && looks >= settleReads, fmt.Sprintf("%d tasks of the load still end", running), nil
	})
	return LoadTasks{Tasks: seen}, err
}

const taskStopped = "STOPPED"

// end looks at a task, and tells it to end if it is meant to run.
func (a *ECSTasks) end(ctx context.Context, in LoadTaskEnd, arn string) (LoadTask, error) {
	t, err := a.describe(ctx, in.Cluster, arn)
	if isType(err, NotFound) { // ECS forgets a task some time after its end
		return LoadTask{ARN: arn, Status: taskStopped, Ended: "ECS does not know it any more"}, nil
	}
	if err != nil || t.Ended != "" {
		return t, err
	}
	if err := a.fence(ctx, in.Operation); err != nil {
		return t, err
	}
	if _, err := a.client.StopTask(ctx, &ecs.StopTaskInput{Cluster: &in.Cluster, Task: &arn, Reason: &in.Reason}); err != nil {
		return t, Classify(err, "stop the task "+arn)
	}
	return a.describe(ctx, in.Cluster, arn)
}

func (a *ECSTasks) fence(ctx context.Context, operation string) error {
	return fence(ctx, a.records, operation+"/ecs:task")
}

// meantToRun lists the tasks of a run that run, or are going to.
func (a *ECSTasks) meantToRun(ctx context.Context, cluster, operation string) ([]LoadTask, error) {
	doing := fmt.Sprintf("list the tasks of the load %s on cluster %s", operation, cluster)
	out, err := a.client.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &cluster, StartedBy: &operation})
	if err != nil || len(out.TaskArns) == 0 {
		return nil, Classify(err, doing)
	}
	all, err := a.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: out.TaskArns})
	if err != nil {
		return nil, Classify(err, doing)
	}
	var found []LoadTask
	for _, t := range all.Tasks {
		if seen := taskSeen(t); seen.Ended == "" { // the list lags behind
			found = append(found, seen)
		}
	}
	return found, nil
}

func (a *ECSTasks) describe(ctx context.Context, cluster, arn string) (LoadTask, error) {
	doing := "read the task " + arn
	out, err := a.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &cluster, Tasks: []string{arn}})
	if err != nil {
		return LoadTask{}, Classify(err, doing)
	}
	if len(out.Tasks) != 1 {
		return LoadTask{}, fail(NotFound, "%s: it does not exist", doing)
	}
	return taskSeen(out.Tasks[0]), nil
}

func taskSeen(t types.Task) LoadTask {
	seen := LoadTask{ARN: aws.ToString(t.TaskArn), Status: aws.ToString(t.LastStatus)}
	if seen.Status != taskStopped && aws.ToString(t.DesiredStatus) != taskStopped {
		return seen
	}
	words := []string{}
	for _, s := range []string{string(t.StopCode), aws.ToString(t.StoppedReason)} {
		if s != "" {
			words = append(words, s)
		}
	}
	for _, c := range t.Containers {
		if c.ExitCode != nil {
			words = append(words, fmt.Sprintf("exit code %d", *c.ExitCode))
		}
		if c.Reason != nil {
			words = append(words, *c.Reason)
		}
	}
	if len(words) == 0 {
		words = append(words, "ECS gives no reason")
	}
	seen.Ended = strings.Join(words, ", ")
	return seen
}
