package activities

import (
	"context"
	"fmt"

	"tejun/internal/plan"
)

// halt is the change by which a service of the DR region runs no task any more. It is another one than scaling it up: what it had when
// it was halted comes back, whatever people have made of it since.
func (a *DisasterECS) halt(v disasterService) object[serviceState] {
	o := (&ECS{client: v.client, changes: a.changes}).object(v.ref)
	o.resource = "ecs:" + v.system.AWS.DRRegion + "/" + v.ref.Cluster + "/" + v.ref.Service + "/halt"
	o.whole = func(s serviceState) any { return s.DesiredCount } // its version is no matter of the halt
	return o
}

// PlanDisasterServiceHalt plans that no task of the service runs.
func (a *DisasterECS) PlanDisasterServiceHalt(ctx context.Context, in DisasterServiceRef) (plan.Change, error) {
	v, err := a.find(in)
	if err != nil {
		return plan.Change{}, err
	}
	title := fmt.Sprintf("ECS サービス %s/%s（%s）: タスク数を 0 にして停止", v.ref.Cluster, v.ref.Service, v.system.AWS.DRRegion)
	return a.halt(v).makePlan(ctx, title, func(parts map[string]serviceState) any {
		return map[string]any{"desiredCount": parts[v.ref.Service].DesiredCount}
	})
}

// HaltDisasterService carries the plan out. It does not wait for the tasks to end: see AwaitDisasterServiceHalted. No old attempt of
// scaling the service up writes after it.
func (a *DisasterECS) HaltDisasterService(ctx context.Context, in DisasterServiceChange) (struct{}, error) {
	v, err := a.find(in.DisasterServiceRef)
	if err != nil {
		return struct{}{}, err
	}
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	if err := a.object(v).fence(ctx, in.Operation); err != nil {
		return struct{}{}, err
	}
	o := a.halt(v)
	if err := o.begin(ctx, in.Operation, in.Change, as); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, o.apply(ctx, in.Operation, in.Change)
}

// AwaitDisasterServiceHalted waits until no task of the service runs or starts.
func (a *DisasterECS) AwaitDisasterServiceHalted(ctx context.Context, in DisasterServiceRef) (struct{}, error) {
	v, err := a.find(in)
	if err != nil {
		return struct{}{}, err
	}
	return (&ECS{client: v.client}).AwaitECSService(ctx, ServiceCheck{v.ref, ServiceStopped})
}

// ResumeDisasterService brings back how many tasks the service had when it was halted. It does not wait for them: see
// AwaitDisasterService. It is harmless when the service was never halted. A halt that found no task, as after a Reset, comes back to
// what the run's first one found.
func (a *DisasterECS) ResumeDisasterService(ctx context.Context, in DisasterServiceChange) (struct{}, error) {
	v, err := a.find(in.DisasterServiceRef)
	if err != nil {
		return struct{}{}, err
	}
	o, change := a.halt(v), in.Change
	if change.BeforeHash == change.AfterHash {
		if change, err = o.original(ctx, in.Operation, change); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, o.revert(ctx, in.Operation, change)
}

// CheckDisasterHalt looks whether any service of the DR region runs, or is to run, tasks. What cannot be looked at is a doubt.
func (a *DisasterECS) CheckDisasterHalt(ctx context.Context, _ FenceCheck) (FenceSeen, error) {
	s, _, err := a.there()
	if err != nil {
		return FenceSeen{}, err
	}
	doubts := []string{}
	for _, service := range s.Disaster.ECS.Services {
		v, err := a.find(DisasterServiceRef{service.Name})
		if err != nil {
			return FenceSeen{}, err
		}
		found, err := (&ECS{client: v.client}).describe(ctx, v.ref)
		switch {
		case ctx.Err() != nil:
			return FenceSeen{}, Classify(ctx.Err(), "look whether the DR region writes")
		case err != nil:
			doubts = append(doubts, fmt.Sprintf("service %s in %s: %s", service.Name, s.AWS.DRRegion, reason(err)))
		case !settledAs(found, ServiceStopped) || found.RunningCount > 0:
			doubts = append(doubts, fmt.Sprintf("service %s in %s: %d of %d tasks run, %d are starting", service.Name, s.AWS.DRRegion, found.RunningCount, found.DesiredCount, found.PendingCount))
		}
	}
	return FenceSeen{Fenced: len(doubts) == 0, Doubts: doubts}, nil
}
