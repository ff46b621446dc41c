package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

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

// longestLook is how long one look may take: a region that hangs must not use up the time in which people could decide.
const longestLook = 5 * time.Second

// fenceLook is one look at what may still write.
type fenceLook struct {
	at, asks string // what is looked at, and who is asked
	look     func(context.Context) ([]string, error)
}

// CheckDisasterFence looks at every service and every schedule of the primary region, at the runs that hold tables of its database, and
// at the tasks of loads: at all of them at once, each for a few seconds at most. Only a broken description is an error.
func (a *DisasterFence) CheckDisasterFence(ctx context.Context, _ FenceCheck) (FenceSeen, error) {
	s, err := disasterOf(a.system)
	if err != nil {
		return FenceSeen{}, err
	}
	looks := a.looks(s)
	found := make([][]string, len(looks))
	var all errgroup.Group
	for i, l := range looks {
		all.Go(func() error {
			found[i] = l.doubts(ctx)
			return nil
		})
	}
	if err := errors.Join(all.Wait(), ctx.Err()); err != nil {
		return FenceSeen{}, Classify(err, "look whether the primary region writes")
	}
	doubts := append([]string{}, slices.Concat(found...)...)
	return FenceSeen{Fenced: len(doubts) == 0, Doubts: doubts}, nil
}

// looks are what there is to look at, in the order in which people are told.
func (a *DisasterFence) looks(s *system.System) (all []fenceLook) {
	region := s.AWS.Region
	services, jobs := &ECS{client: ecs.NewFromConfig(a.cfg)}, scheduler.NewFromConfig(a.cfg)
	for _, v := range s.ECS.Services {
		all = append(all, fenceLook{fmt.Sprintf("service %s in %s", v.Name, region), "ECS", func(ctx context.Context) ([]string, error) {
			found, err := services.describe(ctx, ServiceRef{s.ECS.Cluster, v.Service})
			if err == nil && (found.DesiredCount > 0 || found.RunningCount > 0 || found.PendingCount > 0) {
				return []string{fmt.Sprintf("service %s in %s: %d of %d tasks run", v.Name, region, found.RunningCount, found.DesiredCount)}, nil
			}
			return nil, err
		}})
	}
	for _, job := range s.Jobs {
		all = append(all, fenceLook{fmt.Sprintf("job %s in %s", job.Name, region), "EventBridge Scheduler", func(ctx context.Context) ([]string, error) {
			out, err := jobs.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: aws.String(job.Schedule), GroupName: aws.String(job.Group)})
			if err == nil && out.State != types.ScheduleStateDisabled {
				return []string{fmt.Sprintf("job %s in %s is %s", job.Name, region, out.State)}, nil
			}
			return nil, err
		}})
	}
	all = append(all, fenceLook{"the runs that hold tables of " + s.Database.Cluster, "the records database", func(ctx context.Context) ([]string, error) { return a.holders(ctx, s) }})
	if s.Loads.Task != nil {
		all = append(all, fenceLook{fmt.Sprintf("tasks of loads on %s in %s", s.Loads.Task.Cluster, region), "ECS", func(ctx context.Context) ([]string, error) { return a.loadTasks(ctx, s) }})
	}
	return all
}

// doubts are what is found, and why it is not certain if not all could be looked at.
func (l fenceLook) doubts(ctx context.Context) []string {
	ctx, stop := context.WithTimeout(ctx, longestLook)
	defer stop()
	found, err := l.look(ctx)
	var typed *temporal.ApplicationError
	switch {
	case err == nil:
		return found
	case ctx.Err() != nil:
		return append(found, fmt.Sprintf("%s: %s did not answer within %s", l.at, l.asks, longestLook))
	case errors.As(err, &typed):
		return append(found, l.at+": "+typed.Message())
	}
	return append(found, l.at+": "+reason(err))
}

// holders are the runs of this product that hold tables of the primary's database: they write, or will while this run goes on. A hold
// whose time is over and that was never released counts: its run has overrun.
func (a *DisasterFence) holders(ctx context.Context, s *system.System) (doubts []string, err error) {
	all, err := a.records.AllReservations(ctx, time.Time{})
	if err != nil {
		return nil, err
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
	client := ecs.NewFromConfig(a.cfg)
	family, _, _ := strings.Cut(familyOf(task.TaskDefinition), ":")
	for pages := ecs.NewListTasksPaginator(client, &ecs.ListTasksInput{Cluster: &task.Cluster, Family: &family}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return doubts, err
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		out, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &task.Cluster, Tasks: page.TaskArns})
		if err != nil {
			return doubts, err
		}
		for _, t := range out.Tasks {
			if seen := taskSeen(t); seen.Status != taskStopped { // one that was told to end may write until it has
				doubts = append(doubts, fmt.Sprintf("the task of a load %s in %s is %s, started by the run with the key %s: stop it, or let it end", seen.ARN, s.AWS.Region, seen.Status, aws.ToString(t.StartedBy)))
			}
		}
	}
	return doubts, nil
}
