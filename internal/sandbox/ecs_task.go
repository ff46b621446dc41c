package sandbox

import (
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// How long Fargate takes at time scale 1 to bring a task to RUNNING, and to take its network away after its end.
const (
	taskStartTime = 45 * time.Second
	taskStopTime  = 20 * time.Second
)

const taskKind = "ecs:task"

// Task is a Fargate task that runs by itself, not for a service.
type Task struct {
	ID         string
	ARN        string
	Cluster    string
	ClusterARN string
	Region     string
	Definition string // ARN
	Container  string // whose command is overridden
	Command    []string
	StartedBy  string
	Tags       []types.Tag
	Created    time.Time
	Real       bool        // a process of this machine is the task
	Version    TaskVersion `json:"version"`
}

// TaskVersion is what moves in a task's life.
type TaskVersion struct {
	Started *time.Time `json:",omitempty"` // its process runs; only of real ones
	Asked   *time.Time `json:",omitempty"` // StopTask was called
	Reason  string     `json:",omitempty"` // that StopTask was given, or why the task could not start
	Ended   *time.Time `json:",omitempty"` // its process has ended; only of real ones
	Exit    *int32     `json:",omitempty"` // its process's exit code; nil if it never ran
}

func taskKey(cluster, task *string) string {
	return taskKind + "/" + clusterName(cluster) + "/" + lastPart(val(task))
}

func ecsTaskOperations() []operation {
	return []operation{
		handle(writes, "Cluster TaskDefinition LaunchType NetworkConfiguration Overrides ClientToken StartedBy Tags", func(in *ecs.RunTaskInput) about {
			return about{taskKind + "/" + clusterName(in.Cluster) + "/new", val(in.ClientToken)}
		}, runTask),
		handle(writes, "Cluster Task Reason", func(in *ecs.StopTaskInput) about { return about{taskKey(in.Cluster, in.Task), ""} }, stopTask),
		handle(reads, "Cluster Tasks Include", func(in *ecs.DescribeTasksInput) about {
			if len(in.Tasks) != 1 {
				return about{}
			}
			return about{taskKey(in.Cluster, &in.Tasks[0]), ""}
		}, describeTasks),
		// AWS takes no other filter beside StartedBy.
		handle(reads, "Cluster ServiceName StartedBy Family MaxResults NextToken", func(*ecs.ListTasksInput) about { return about{} }, listTasks),
		handle(reads, "TaskDefinition Include", func(in *ecs.DescribeTaskDefinitionInput) about {
			return about{definitionKind + "/" + lastPart(val(in.TaskDefinition)), ""}
		}, describeTaskDefinition),
	}
}

func invalidECS(words string) error {
	return fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr(words)})
}

// state is a task's last and desired status.
func (t Task) state(c *call) (last, desired string, err error) {
	begun, err := c.elapsed(t.Created, taskStartTime)
	if err != nil {
		return "", "", err
	}
	ended := t.Version.Ended
	if !t.Real {
		ended = t.Version.Asked
	}
	switch {
	case ended != nil:
		over, err := c.elapsed(*ended, taskStopTime)
		if over < 1 {
			return "DEPROVISIONING", "STOPPED", err
		}
		return "STOPPED", "STOPPED", err
	case t.Version.Asked != nil:
		return "STOPPING", "STOPPED", nil
	case begun < 1.0/3:
		return "PROVISIONING", "RUNNING", nil
	case begun < 1 || t.Real && t.Version.Started == nil:
		return "PENDING", "RUNNING", nil
	}
	return "RUNNING", "RUNNING", nil
}

// show is the task as AWS describes it.
func (t Task) show(c *call) (types.Task, error) {
	last, desired, err := t.state(c)
	if err != nil {
		return types.Task{}, err
	}
	v := t.Version
	shown := types.Task{
		TaskArn: ptr(t.ARN), ClusterArn: ptr(t.ClusterARN), TaskDefinitionArn: ptr(t.Definition), LastStatus: ptr(last), DesiredStatus: ptr(desired),
		LaunchType: types.LaunchTypeFargate, StartedBy: ptrUnlessEmpty(t.StartedBy), CreatedAt: ptr(t.Created), StartedAt: v.Started, Tags: t.Tags,
		Overrides:  &types.TaskOverride{ContainerOverrides: []types.ContainerOverride{{Name: ptr(t.Container), Command: t.Command}}},
		Containers: []types.Container{{Name: ptr(t.Container), LastStatus: ptr(last), TaskArn: ptr(t.ARN), ExitCode: v.Exit}},
	}
	if desired == "RUNNING" {
		return shown, nil
	}
	switch {
	case v.Asked != nil:
		shown.StopCode, shown.StoppedReason = types.TaskStopCodeUserInitiated, ptr(v.Reason)
	case v.Exit == nil:
		shown.StopCode, shown.StoppedReason = types.TaskStopCodeTaskFailedToStart, ptr(v.Reason)
	default:
		shown.StopCode, shown.StoppedReason = types.TaskStopCodeEssentialContainerExited, ptr("Essential container in task exited")
	}
	if shown.StoppingAt = v.Asked; shown.StoppingAt == nil {
		shown.StoppingAt = v.Ended
	}
	if last == "STOPPED" {
		shown.StoppedAt = shown.StoppingAt
	}
	return shown, nil
}

func describeTasks(c *call, in *ecs.DescribeTasksInput) (*ecs.DescribeTasksOutput, error) {
	cl, err := c.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Tasks) == 0 || len(in.Tasks) > 100 {
		return nil, invalidECS("Tasks must have 1 to 100 entries.")
	}
	out := &ecs.DescribeTasksOutput{}
	for _, name := range in.Tasks {
		t, ok, err := get[Task](c, taskKey(in.Cluster, &name))
		if err != nil {
			return nil, err
		}
		if !ok {
			if shown, runs, err := c.serviceTask(cl, lastPart(name)); err != nil {
				return nil, err
			} else if runs {
				out.Tasks = append(out.Tasks, shown)
				continue
			}
			out.Failures = append(out.Failures, types.Failure{Arn: ptr(c.missingARN("task/" + cl.Name + "/" + lastPart(name))), Reason: ptr("MISSING")})
			continue
		}
		shown, err := t.show(c)
		if err != nil {
			return nil, err
		}
		out.Tasks = append(out.Tasks, shown)
	}
	return out, nil
}

// listTasks lists the tasks that are meant to run, as AWS does where no status is asked for. By family it finds those that no service runs.
func listTasks(c *call, in *ecs.ListTasksInput) (*ecs.ListTasksOutput, error) {
	cl, err := c.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if service := in.ServiceName; service != nil {
		if in.Family != nil {
			return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox lists tasks by one of ServiceName, StartedBy and Family"))
		}
		if in.StartedBy != nil {
			return nil, invalidECS("cannot specify startedBy with other filters.")
		}
		tasks, err := c.tasksOf(cl, service)
		if err != nil {
			return nil, err
		}
		var found []string
		for _, t := range tasks {
			found = append(found, val(t.TaskArn))
		}
		items, next, err := page(found, val(in.NextToken), int(val(in.MaxResults)), 100, invalidECS)
		return &ecs.ListTasksOutput{TaskArns: items, NextToken: ptrUnlessEmpty(next)}, err
	}
	if in.Family != nil && in.StartedBy != nil {
		return nil, invalidECS("cannot specify startedBy with other filters.")
	}
	if val(in.StartedBy) == "" && val(in.Family) == "" {
		return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox lists tasks by one of ServiceName, StartedBy and Family"))
	}
	all, err := listUnder[Task](c, taskKind, cl.Name+"/")
	if err != nil {
		return nil, err
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Created.Before(all[j].Created) })
	var found []string
	for _, t := range all {
		_, desired, err := t.state(c)
		if err != nil {
			return nil, err
		}
		family, _, _ := strings.Cut(lastPart(t.Definition), ":")
		if (in.StartedBy == nil || t.StartedBy == *in.StartedBy) && (in.Family == nil || family == *in.Family) && desired == "RUNNING" {
			found = append(found, t.ARN)
		}
	}
	items, next, err := page(found, val(in.NextToken), int(val(in.MaxResults)), 100, invalidECS)
	return &ecs.ListTasksOutput{TaskArns: items, NextToken: ptrUnlessEmpty(next)}, err
}

// stopTask asks the task to end. One that ends or has ended is a success without effect.
func stopTask(c *call, in *ecs.StopTaskInput) (*ecs.StopTaskOutput, error) {
	if _, err := c.cluster(in.Cluster); err != nil {
		return nil, err
	}
	key := taskKey(in.Cluster, in.Task)
	t, ok, err := get[Task](c, key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, invalidECS("The referenced task was not found.")
	}
	if len(val(in.Reason)) > 255 {
		return nil, invalidECS("reason must be at most 255 characters.")
	}
	if t.Version.Asked == nil && t.Version.Ended == nil {
		t.Version.Asked, t.Version.Reason = ptr(c.at), orElse(val(in.Reason), "Task stopped by user")
		if !t.Real {
			t.Version.Exit = ptr(int32(0))
		}
		if err := c.put(key, t); err != nil {
			return nil, err
		}
	}
	shown, err := t.show(c)
	return &ecs.StopTaskOutput{Task: &shown}, err
}
