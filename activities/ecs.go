package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"tejun/internal/plan"
)

// ServiceRef names an ECS service.
type ServiceRef struct {
	Cluster string `json:"cluster"`
	Service string `json:"service"` // ECS service name
}

// ServiceChange stops a service as planned, or starts it again.
type ServiceChange struct {
	Operation string `json:"operation"`
	ServiceRef
	Change ChangeRef `json:"change"`
}

// The states that a service is waited for.
const (
	ServiceStopped = "stopped" // no task runs or starts
	ServiceStarted = "started" // as many tasks run as are desired, all of the service's own task definition
	ServiceServing = "serving" // the same, and at least one is desired: that none is is an error at once, since nothing will change it
)

// ServiceCheck waits for a service.
type ServiceCheck struct {
	ServiceRef
	Want string `json:"want"` // ServiceStopped, ServiceStarted or ServiceServing
}

// ecsAPI is the calls used.
type ecsAPI interface {
	DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
	UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
}

// ECS stops and starts services by their desired count.
type ECS struct {
	client  ecsAPI
	changes changer
}

// serviceState is what a stop changes, and what must stay as it is meanwhile.
type serviceState struct {
	DesiredCount   int32  `json:"desiredCount"`
	TaskDefinition string `json:"taskDefinition"`
}

// PlanECSServiceStop plans that no task of the service runs.
func (a *ECS) PlanECSServiceStop(ctx context.Context, in ServiceRef) (plan.Change, error) {
	title := fmt.Sprintf("ECS サービス %s/%s: タスク数を 0 にして停止", in.Cluster, in.Service)
	return a.object(in).makePlan(ctx, title, func(parts map[string]serviceState) any { return parts[in.Service] })
}

// StopECSService carries the plan out. It does not wait for the tasks to end: see AwaitECSService.
func (a *ECS) StopECSService(ctx context.Context, in ServiceChange) (struct{}, error) {
	return struct{}{}, a.object(in.ServiceRef).apply(ctx, in.Operation, in.Change)
}

// StartECSService puts the saved desired count back.
func (a *ECS) StartECSService(ctx context.Context, in ServiceChange) (struct{}, error) {
	return struct{}{}, a.object(in.ServiceRef).revert(ctx, in.Operation, in.Change)
}

// AwaitECSService waits until the service is in the wanted state. A task definition that changes meanwhile is an error
// (Drifted): a deployment that was rolled back looks stable too, with another version than the one that was stopped.
func (a *ECS) AwaitECSService(ctx context.Context, in ServiceCheck) (struct{}, error) {
	if in.Want != ServiceStopped && in.Want != ServiceStarted && in.Want != ServiceServing {
		return struct{}{}, fail(InvalidInput, "want is %q: it must be %q, %q or %q", in.Want, ServiceStopped, ServiceStarted, ServiceServing)
	}
	definition := ""
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		s, err := a.describe(ctx, in.ServiceRef)
		if err != nil {
			return false, "", err
		}
		running := aws.ToString(s.TaskDefinition)
		if definition == "" {
			definition = running
		}
		words := fmt.Sprintf("service %s: %d of %d tasks run, %d are starting", in.Service, s.RunningCount, s.DesiredCount, s.PendingCount)
		if running != definition {
			return false, "", fail(Drifted, "%s; its task definition changed from %s to %s while it was waited for: somebody deployed. Check which version is right, then answer retry", words, definition, running)
		}
		if in.Want == ServiceServing && s.DesiredCount == 0 {
			return false, "", fail(InvalidInput, "%s: it is not meant to run. Set its desired count, then answer retry", words)
		}
		for _, d := range s.Deployments {
			if d.RolloutState == types.DeploymentRolloutStateFailed {
				return false, "", fail(InvalidInput, "%s; its deployment failed: %s. Mend the service, then answer retry", words, aws.ToString(d.RolloutStateReason))
			}
		}
		return settledAs(s, in.Want), words, nil
	})
}

func settledAs(s types.Service, want string) bool {
	if want == ServiceStopped && s.DesiredCount != 0 || s.PendingCount != 0 || s.RunningCount != s.DesiredCount {
		return false
	}
	for _, d := range s.Deployments { // an old version still drains
		if aws.ToString(d.TaskDefinition) != aws.ToString(s.TaskDefinition) && d.RunningCount+d.PendingCount > 0 {
			return false
		}
	}
	return true
}

func (a *ECS) object(in ServiceRef) object[serviceState] {
	return object[serviceState]{
		changer:  a.changes,
		resource: "ecs:" + in.Cluster + "/" + in.Service,
		read: func(ctx context.Context) (map[string]serviceState, map[string]string, error) {
			s, err := a.describe(ctx, in)
			if err != nil {
				return nil, nil, err
			}
			return single(in.Service, serviceState{s.DesiredCount, aws.ToString(s.TaskDefinition)}, "")
		},
		change: func(s serviceState) (serviceState, error) {
			s.DesiredCount = 0
			return s, nil
		},
		// UpdateService has no precondition; the fence before it keeps old attempts out.
		write: func(ctx context.Context, parts map[string]serviceState, _ map[string]string) error {
			_, err := a.client.UpdateService(ctx, &ecs.UpdateServiceInput{
				Cluster: &in.Cluster, Service: &in.Service, DesiredCount: aws.Int32(parts[in.Service].DesiredCount),
			})
			return Classify(err, fmt.Sprintf("set the desired count of service %s/%s to %d", in.Cluster, in.Service, parts[in.Service].DesiredCount))
		},
	}
}

// describe reads one service. DescribeServices answers 200 with a list of failures for what is not there.
func (a *ECS) describe(ctx context.Context, in ServiceRef) (types.Service, error) {
	doing := "read service " + in.Cluster + "/" + in.Service
	out, err := a.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &in.Cluster, Services: []string{in.Service}})
	if err != nil {
		return types.Service{}, Classify(err, doing)
	}
	if len(out.Services) != 1 || aws.ToString(out.Services[0].Status) == "INACTIVE" {
		why := "it does not exist"
		if len(out.Failures) > 0 {
			why = aws.ToString(out.Failures[0].Reason)
		}
		return types.Service{}, fail(NotFound, "%s: %s; %s", doing, why, classes[NotFound].advice)
	}
	return out.Services[0], nil
}
