package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

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
	cfg    aws.Config
	system func() (*system.System, error)
}

// CheckDisasterFence looks at every service and every schedule of the primary region. Only a broken description is an error.
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
	return FenceSeen{Fenced: len(doubts) == 0, Doubts: doubts}, nil
}
