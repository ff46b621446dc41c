package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"tejun/internal/records"
	"tejun/internal/system"
)

// FenceCheck asks whether the primary region can still write.
type FenceCheck struct{}

// FenceSeen says whether it is certain that the primary region writes no more. What cannot be looked at is a doubt: a region that is
// not reached may go on writing.
type FenceSeen struct {
	Fenced bool     `json:"fenced"`
	Doubts []string `json:"doubts"` // why not, in words; none when Fenced
}

// DisasterFence looks whether the primary region can still write. It changes nothing: services and schedules are stopped by the
// activities that stop them in an outage.
type DisasterFence struct {
	cfg     aws.Config
	system  func() (*system.System, error)
	records holdStore
}

// holdStore is what the fence needs of the database.
type holdStore interface {
	AllReservations(ctx context.Context, at time.Time) ([]records.Reservation, error)
}

// CheckDisasterFence looks at every service and every schedule of the primary region, at the runs that hold tables of its database, and
// at the tasks of loads. Only a broken description is an error.
func (a *DisasterFence) CheckDisasterFence(ctx context.Context, _ FenceCheck) (FenceSeen, error) {
	s, err := disasterOf(a.system)
	if err != nil {
		return FenceSeen{}, err
	}
	doubts := []string{}
	services := &ECS{client: ecs.NewFromConfig(a.cfg)}
	for _, v := range s.ECS.Services {
		found, err := services.describe(ctx, ServiceRef{s.ECS.Cluster, v.Service})
		switch {
		case ctx.Err() != nil:
			return FenceSeen{}, Classify(ctx.Err(), "look whether the primary region writes")
		case err != nil:
			doubts = append(doubts, fmt.Sprintf("service %s in %s: %s", v.Name, s.AWS.Region, reason(err)))
		case found.DesiredCount > 0 || found.RunningCount > 0 || found.PendingCount > 0:
			doubts = append(doubts, fmt.Sprintf("service %s in %s: %d of %d tasks run", v.Name, s.AWS.Region, found.RunningCount, found.DesiredCount))
		}
	}
	jobs := scheduler.NewFromConfig(a.cfg)
	for _, job := range s.Jobs {
		out, err := jobs.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String(job.Schedule), GroupName: aws.String(job.Group)})
		switch {
		case ctx.Err() != nil:
			return FenceSeen{}, Classify(ctx.Err(), "look whether the primary region writes")
		case err != nil:
			doubts = append(doubts, fmt.Sprintf("job %s in %s: %s", job.Name, s.AWS.Region, reason(err)))
		case out.State != types.ScheduleStateDisabled:
			doubts = append(doubts, fmt.Sprintf("job %s in %s is %s", job.Name, s.AWS.Region, out.State))
		}
	}
	for _, look := range []func(context.Context, *system.System) ([]string, error){a.holders, a.loadTasks} {
		found, err := look(ctx, s)
		if ctx.Err() != nil {
			return FenceSeen{}, Classify(ctx.Err(), "look whether the primary region writes")
		}
		if err != nil {
			found = append(found, reason(err))
		}
		doubts = append(doubts, found...)
	}
	return FenceSeen{Fenced: len(doubts) == 0, Doubts: doubts}, nil
}

// holders are the runs of this product that hold tables of the primary's database: they write, or will while this run goes on. A hold
// whose time is over and that was never released counts: its run has overrun.
func (a *DisasterFence) holders(ctx context.Context, s *system.System) (doubts []string, err error) {
	all, err := a.records.AllReservations(ctx, time.Time{})
	if err != nil {
		return nil, fail(Unavailable, "which runs hold tables of %s: %v", s.Database.Cluster, err)
	}
	for _, r := range all {
		if strings.HasPrefix(r.Resource, "database:"+s.Database.Cluster+"/") && r.From.Before(time.Now().Add(s.Disaster.MaxDuration.D())) {
			doubts = append(doubts, fmt.Sprintf("%s is held by %s (%s, requested by %s) from %s until %s: let it end, or cancel it (`starter cancel %s`)",
				r.Resource, r.WorkflowID, r.Runbook, r.Requester, inJapan(r.From), inJapan(r.Until), r.WorkflowID))
		}
	}
	return doubts, nil
}

// loadTasks are the tasks of loads that run, or are going to, whoever started them: one whose run was lost writes on.
func (a *DisasterFence) loadTasks(ctx context.Context, s *system.System) (doubts []string, err error) {
	task := s.Loads.Task
	if task == nil {
		return nil, nil
	}
	client := ecs.NewFromConfig(a.cfg)
	family, _, _ := strings.Cut(familyOf(task.TaskDefinition), ":")
	for pages := ecs.NewListTasksPaginator(client, &ecs.ListTasksInput{Cluster: &task.Cluster, Family: &family}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return doubts, fail(Unavailable, "tasks of loads on %s in %s: %s", task.Cluster, s.AWS.Region, reason(err))
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		out, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &task.Cluster, Tasks: page.TaskArns})
		if err != nil {
			return doubts, fail(Unavailable, "tasks of loads on %s in %s: %s", task.Cluster, s.AWS.Region, reason(err))
		}
		for _, t := range out.Tasks {
			if seen := taskSeen(t); seen.Status != taskStopped { // one that was told to end may write until it has
				doubts = append(doubts, fmt.Sprintf("the task of a load %s in %s is %s, started by the run with the key %s: stop it, or let it end", seen.ARN, s.AWS.Region, seen.Status, aws.ToString(t.StartedBy)))
			}
		}
	}
	return doubts, nil
}
