package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"tejun/internal/plan"
)

// ContainerRef names a container of a service.
type ContainerRef struct {
	ServiceRef
	Container string `json:"container"` // in the task definition
}

// ContainerRelease is an image that a container is to run. A pipeline brings it there.
type ContainerRelease struct {
	ContainerRef
	Image string `json:"image"` // with its digest, as a task definition names it
}

// ContainerChange keeps what a service was before a release, or brings it back.
type ContainerChange struct {
	Operation string `json:"operation"`
	ContainerRelease
	Change ChangeRef `json:"change"`
}

// ContainerPlan asks for the plan of a release.
type ContainerPlan struct {
	Operation string `json:"operation"`
	ContainerRelease
}

// ContainerPlanned is the planned change of a container, and what all tasks run before it.
type ContainerPlanned struct {
	Change plan.Change `json:"change"`
	Before string      `json:"before"` // digest
}

// ContainerCheck waits until all tasks of a service run an image.
type ContainerCheck struct {
	ContainerRef
	Digest string `json:"digest"`
}

// Running is what the tasks of a service run.
type Running struct {
	Digest         string `json:"digest"`
	TaskDefinition string `json:"taskDefinition"`
	Tasks          int    `json:"tasks"`
}

// ecsReleaseAPI is the calls used.
type ecsReleaseAPI interface {
	ecsAPI
	DescribeTaskDefinition(context.Context, *ecs.DescribeTaskDefinitionInput, ...func(*ecs.Options)) (*ecs.DescribeTaskDefinitionOutput, error)
	ListTasks(context.Context, *ecs.ListTasksInput, ...func(*ecs.Options)) (*ecs.ListTasksOutput, error)
	DescribeTasks(context.Context, *ecs.DescribeTasksInput, ...func(*ecs.Options)) (*ecs.DescribeTasksOutput, error)
}

// ECSReleases looks at what services run, and brings back what they ran before.
type ECSReleases struct {
	client  ecsReleaseAPI
	changes changer
}

// containerState is the revision that a service deploys, and the image that it names for the container.
type containerState struct {
	TaskDefinition string `json:"taskDefinition"`
	Image          string `json:"image"`
	Digest         string `json:"digest,omitempty"` // that its tasks ran, in the state that a release began with
}

// PlanECSRelease plans that the container runs the image.
func (a *ECSReleases) PlanECSRelease(ctx context.Context, in ContainerPlan) (ContainerPlanned, error) {
	o := a.object(in.ContainerRelease)
	planned := ContainerPlanned{}
	if began, begun, err := o.begun(ctx, in.Operation); err != nil {
		return planned, err
	} else if begun {
		planned.Before = began[in.Service].Digest
	} else {
		running, err := a.ReadECSRunning(ctx, in.ContainerRef)
		if err != nil {
			return planned, err
		}
		planned.Before = running.Digest
	}
	title := fmt.Sprintf("ECS サービス %s/%s: コンテナ %s のイメージを更新", in.Cluster, in.Service, in.Container)
	var err error
	planned.Change, err = o.planAgain(ctx, in.Operation, title, func(parts map[string]containerState) any {
		shown := map[string]string{"image": parts[in.Service].Image, "digest": digestOf(in.Image)}
		if parts[in.Service].Image != in.Image {
			shown["digest"], shown["taskDefinition"] = planned.Before, parts[in.Service].TaskDefinition
		}
		return shown
	})
	return planned, err
}

func digestOf(image string) string { return image[strings.LastIndex(image, "@")+1:] }

// KeepECSService keeps what the service is before the release, so that it can be brought back. A service that is neither as planned
// before nor as planned after is an error (Drifted).
func (a *ECSReleases) KeepECSService(ctx context.Context, in ContainerChange) (struct{}, error) {
	running, err := a.ReadECSRunning(ctx, in.ContainerRef)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, a.object(in.ContainerRelease).begin(ctx, in.Operation, in.Change, func(s containerState) containerState {
		s.Digest = running.Digest
		return s
	})
}

// RevertECSService lets the service deploy again what it was before the release. It does not wait for the tasks: see
// AwaitECSRelease. A service that is on it already, because ECS has rolled back by itself, stays as it is.
func (a *ECSReleases) RevertECSService(ctx context.Context, in ContainerChange) (struct{}, error) {
	return struct{}{}, a.object(in.ContainerRelease).revert(ctx, in.Operation, in.Change)
}

// ReadECSRunning says which image all tasks of the service run. As long as they differ the answer is NotYet.
func (a *ECSReleases) ReadECSRunning(ctx context.Context, in ContainerRef) (Running, error) {
	s, err := a.describe(ctx, in.ServiceRef)
	if err != nil {
		return Running{}, err
	}
	digests, err := a.digests(ctx, in)
	if err != nil {
		return Running{}, err
	}
	if len(digests) != 1 {
		return Running{}, fail(NotYet, "the %d tasks of service %s/%s run %s: wait until its deployment has ended, or start the service", s.RunningCount, in.Cluster, in.Service, listed(digests))
	}
	running := Running{TaskDefinition: aws.ToString(s.TaskDefinition)}
	for digest, n := range digests {
		running.Digest, running.Tasks = digest, n
	}
	return running, nil
}

// AwaitECSRelease waits until the service is stable, and compares what its tasks run with the digest. A deployment that ECS has
// rolled back is stable too: then the error is Unfit, and says what runs.
func (a *ECSReleases) AwaitECSRelease(ctx context.Context, in ContainerCheck) (Running, error) {
	var running Running
	other := 0 // readings in a row of a stable service that runs something else; reads may lag behind
	err := poll(ctx, func(ctx context.Context) (bool, string, error) {
		s, err := a.describe(ctx, in.ServiceRef)
		if err != nil {
			return false, "", err
		}
		digests, err := a.digests(ctx, in.ContainerRef)
		if err != nil {
			return false, "", err
		}
		words := fmt.Sprintf("service %s: %d of %d tasks run, %s", in.Service, s.RunningCount, s.DesiredCount, listed(digests))
		if !settledAs(s, ServiceStarted) || !rolledOut(s) || len(digests) != 1 {
			other = 0
			return false, words, nil
		}
		if n, runs := digests[in.Digest]; runs {
			running = Running{Digest: in.Digest, TaskDefinition: aws.ToString(s.TaskDefinition), Tasks: n}
			return true, words, nil
		}
		if other++; other < settleReads {
			return false, words, nil
		}
		return false, "", fail(Unfit, "service %s/%s is stable and runs %s, not %s as approved: its deployment did not get healthy and was rolled back, or somebody has deployed something else", in.Cluster, in.Service, listed(digests), in.Digest)
	})
	return running, err
}

// rolledOut tells whether no deployment is under way.
func rolledOut(s types.Service) bool {
	return !slices.ContainsFunc(s.Deployments, func(d types.Deployment) bool { return d.RolloutState == types.DeploymentRolloutStateInProgress })
}

func listed(digests map[string]int) string {
	var words []string
	for _, digest := range slices.Sorted(maps.Keys(digests)) {
		words = append(words, fmt.Sprintf("%d × %s", digests[digest], digest))
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func (a *ECSReleases) describe(ctx context.Context, in ServiceRef) (types.Service, error) {
	return (&ECS{client: a.client}).describe(ctx, in)
}

// digests counts the service's tasks by the digest that the container really runs. Its tag, if it has one, may have moved.
func (a *ECSReleases) digests(ctx context.Context, in ContainerRef) (map[string]int, error) {
	doing := "read the tasks of service " + in.Cluster + "/" + in.Service
	counts := map[string]int{}
	for pages := ecs.NewListTasksPaginator(a.client, &ecs.ListTasksInput{Cluster: &in.Cluster, ServiceName: &in.Service, MaxResults: aws.Int32(100)}); pages.HasMorePages(); {
		list, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err, doing)
		}
		if len(list.TaskArns) == 0 {
			continue
		}
		out, err := a.client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &in.Cluster, Tasks: list.TaskArns})
		if err != nil {
			return nil, Classify(err, doing)
		}
		for _, task := range out.Tasks {
			for _, c := range task.Containers {
				if aws.ToString(c.Name) == in.Container {
					counts[aws.ToString(c.ImageDigest)]++
				}
			}
		}
	}
	return counts, nil
}

func (a *ECSReleases) object(in ContainerRelease) object[containerState] {
	return object[containerState]{
		changer:  a.changes,
		resource: "ecs:" + in.Cluster + "/" + in.Service + "/" + in.Container,
		read: func(ctx context.Context) (map[string]containerState, map[string]string, error) {
			s, err := a.describe(ctx, in.ServiceRef)
			if err != nil {
				return nil, nil, err
			}
			definition := aws.ToString(s.TaskDefinition)
			image, err := a.image(ctx, definition, in.Container)
			if err != nil {
				return nil, nil, err
			}
			return single(in.Service, containerState{TaskDefinition: definition, Image: image}, "")
		},
		change: func(s containerState) (containerState, error) {
			s.Image = in.Image
			return s, nil
		},
		// UpdateService has no precondition; the fence before it keeps old attempts out.
		write: func(ctx context.Context, parts map[string]containerState, _ map[string]string) error {
			definition := parts[in.Service].TaskDefinition
			_, err := a.client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &in.Cluster, Service: &in.Service, TaskDefinition: &definition})
			return Classify(err, fmt.Sprintf("deploy %s to service %s/%s", definition, in.Cluster, in.Service))
		},
		whole: func(s containerState) any { return s.Image }, // the pipeline makes a revision whose number nobody knows before
		show:  func(s containerState) any { return s },
	}
}

func (a *ECSReleases) image(ctx context.Context, definition, container string) (string, error) {
	out, err := a.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition})
	if err != nil {
		return "", Classify(err, "read the task definition "+definition)
	}
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		if aws.ToString(c.Name) == container {
			return aws.ToString(c.Image), nil
		}
	}
	return "", fail(InvalidInput, "the task definition %s has no container %s: mend releases.parts in system.yaml", definition, container)
}
