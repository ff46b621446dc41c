package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"tejun/internal/plan"
	"tejun/internal/system"
)

// DisasterServiceRef names a service of the DR region.
type DisasterServiceRef struct {
	Name string `json:"name"` // logical, as disaster.ecs.services has it
}

// DisasterServiceChange scales a service of the DR region up as planned, or puts it back.
type DisasterServiceChange struct {
	Operation string `json:"operation"`
	DisasterServiceRef
	Change ChangeRef `json:"change"`
}

// DisasterServiceCheck waits for a service of the DR region.
type DisasterServiceCheck struct {
	DisasterServiceRef
	Digest string `json:"digest"` // that its tasks have to run; "": that of its own task definition
}

// DisasterECS scales the services of the DR region, which run no tasks when nothing happens (pilot light).
type DisasterECS struct {
	elsewhere
	changes changer
}

// disasterService is a service of the DR region, with the means to work on it.
type disasterService struct {
	system  *system.System
	service system.DisasterService
	ref     ServiceRef
	client  *ecs.Client
}

func (a *DisasterECS) find(in DisasterServiceRef) (disasterService, error) {
	s, cfg, err := a.there()
	if err != nil {
		return disasterService{}, err
	}
	v, ok := s.Disaster.ECS.Service(in.Name)
	if !ok {
		return disasterService{}, fail(InvalidInput, "system.yaml has no service %q in the DR region: add it under disaster.ecs.services", in.Name)
	}
	return disasterService{s, v, ServiceRef{s.Disaster.ECS.Cluster, v.Service}, ecs.NewFromConfig(cfg)}, nil
}

// describeIn reads a service where the configuration is.
func describeIn(ctx context.Context, cfg aws.Config, ref ServiceRef) (types.Service, error) {
	return (&ECS{client: ecs.NewFromConfig(cfg)}).describe(ctx, ref)
}

// PlanDisasterService plans that the service runs as many tasks as system.yaml says.
func (a *DisasterECS) PlanDisasterService(ctx context.Context, in DisasterServiceRef) (plan.Change, error) {
	v, err := a.find(in)
	if err != nil {
		return plan.Change{}, err
	}
	title := fmt.Sprintf("ECS サービス %s/%s（%s）: タスク数を %d に増やす", v.ref.Cluster, v.ref.Service, v.system.AWS.DRRegion, v.service.Desired)
	return a.object(v).makePlan(ctx, title, func(parts map[string]serviceState) any {
		return map[string]any{"desiredCount": parts[v.ref.Service].DesiredCount}
	})
}

// ScaleDisasterService carries the plan out. It does not wait for the tasks: see AwaitDisasterService.
func (a *DisasterECS) ScaleDisasterService(ctx context.Context, in DisasterServiceChange) (struct{}, error) {
	v, err := a.find(in.DisasterServiceRef)
	if err != nil {
		return struct{}{}, err
	}
	o := a.object(v)
	if err := o.begin(ctx, in.Operation, in.Change, as); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, o.apply(ctx, in.Operation, in.Change)
}

// AwaitDisasterService waits until as many tasks run as are desired, all of them with the expected image. A stable service with
// another image is an error (Unfit): its deployment was rolled back.
func (a *DisasterECS) AwaitDisasterService(ctx context.Context, in DisasterServiceCheck) (Running, error) {
	v, err := a.find(in.DisasterServiceRef)
	if err != nil {
		return Running{}, err
	}
	releases := &ECSReleases{client: v.client}
	container, image, err := v.container(ctx)
	if err != nil {
		return Running{}, err
	}
	digest := in.Digest
	if digest == "" {
		digest = digestOf(image)
	}
	return releases.AwaitECSRelease(ctx, ContainerCheck{ContainerRef{v.ref, container}, digest})
}

// container is the one that runs the service's repository, and its image, as the task definition names them.
func (v disasterService) container(ctx context.Context) (name, image string, err error) {
	found, err := (&ECS{client: v.client}).describe(ctx, v.ref)
	if err != nil {
		return "", "", err
	}
	out, err := v.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: found.TaskDefinition})
	if err != nil {
		return "", "", Classify(err, "read the task definition "+aws.ToString(found.TaskDefinition))
	}
	for _, c := range out.TaskDefinition.ContainerDefinitions {
		if repositoryOf(aws.ToString(c.Image)) == v.service.Repository {
			return aws.ToString(c.Name), aws.ToString(c.Image), nil
		}
	}
	return "", "", fail(InvalidInput, "the task definition %s has no container of the repository %s: mend disaster.ecs in system.yaml", aws.ToString(found.TaskDefinition), v.service.Repository)
}

// RevertDisasterService brings back how many tasks the service had, and the task definition that it had before the DR pipeline. It
// waits until no task is left that should not be. It is harmless when nothing was changed, and safe to repeat.
func (a *DisasterECS) RevertDisasterService(ctx context.Context, in DisasterServiceChange) (struct{}, error) {
	v, err := a.find(in.DisasterServiceRef)
	if err != nil {
		return struct{}{}, err
	}
	o := a.object(v)
	if err := o.check(in.Operation, in.Change); err != nil {
		return struct{}{}, err
	}
	if err := o.fence(ctx, in.Operation); err != nil {
		return struct{}{}, err
	}
	change, err := o.original(ctx, in.Operation, in.Change)
	if err != nil {
		return struct{}{}, err
	}
	if err := o.revert(ctx, in.Operation, change); err != nil {
		return struct{}{}, err
	}
	kept, deployed, err := keptState(ctx, a.changes.records, in.Operation, keptDefinition(v.system, v.service.Service))
	if err != nil {
		return struct{}{}, err
	}
	if deployed {
		if err := a.redefine(ctx, v, in.Operation, kept.TaskDefinition); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		s, err := (&ECS{client: v.client}).describe(ctx, v.ref)
		if err != nil {
			return false, "", err
		}
		if deployed && aws.ToString(s.TaskDefinition) != kept.TaskDefinition {
			return false, "", fail(NotYet, "service %s/%s is on %s, not on %s as before", v.ref.Cluster, v.ref.Service, familyOf(aws.ToString(s.TaskDefinition)), familyOf(kept.TaskDefinition))
		}
		words := fmt.Sprintf("service %s: %d of %d tasks run", v.ref.Service, s.RunningCount, s.DesiredCount)
		return settledAs(s, ServiceStarted) && rolledOut(s), words, nil
	})
}

// redefine lets the service have the task definition. UpdateService has no precondition; the fence keeps old attempts out.
func (a *DisasterECS) redefine(ctx context.Context, v disasterService, operation, definition string) error {
	s, err := (&ECS{client: v.client}).describe(ctx, v.ref)
	if err != nil || aws.ToString(s.TaskDefinition) == definition {
		return err
	}
	if err := a.object(v).fence(ctx, operation); err != nil {
		return err
	}
	_, err = v.client.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &v.ref.Cluster, Service: &v.ref.Service, DesiredCount: &s.DesiredCount, TaskDefinition: &definition})
	return Classify(err, fmt.Sprintf("bring service %s/%s back to %s", v.ref.Cluster, v.ref.Service, definition))
}

func (a *DisasterECS) object(v disasterService) object[serviceState] {
	o := (&ECS{client: v.client, changes: a.changes}).object(v.ref)
	o.resource = "ecs:" + v.system.AWS.DRRegion + "/" + v.ref.Cluster + "/" + v.ref.Service
	o.change = func(s serviceState) (serviceState, error) {
		s.DesiredCount = v.service.Desired
		return s, nil
	}
	o.whole = func(s serviceState) any { return s.DesiredCount } // the pipeline gives it another task definition meanwhile
	return o
}
