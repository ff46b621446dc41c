package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"tejun/internal/plan"
	"tejun/internal/system"
)

// Jobs names EventBridge Scheduler schedules. None at all is a change that does nothing.
type Jobs struct {
	Jobs []system.JobTarget `json:"jobs"`
}

// JobsChange pauses jobs as planned, or lets them run again.
type JobsChange struct {
	Operation string `json:"operation"`
	Jobs
	Change ChangeRef `json:"change"`
}

// schedulerAPI is the calls used.
type schedulerAPI interface {
	GetSchedule(context.Context, *scheduler.GetScheduleInput, ...func(*scheduler.Options)) (*scheduler.GetScheduleOutput, error)
	UpdateSchedule(context.Context, *scheduler.UpdateScheduleInput, ...func(*scheduler.Options)) (*scheduler.UpdateScheduleOutput, error)
}

// Scheduler pauses schedules. UpdateSchedule erases what is left out, so the whole body goes back each time.
type Scheduler struct {
	client  schedulerAPI
	changes changer
}

// schedule is all that UpdateSchedule can set.
type schedule struct {
	Name                       string
	GroupName                  string
	State                      types.ScheduleState
	ScheduleExpression         string
	ScheduleExpressionTimezone string
	Description                *string
	StartDate                  *time.Time
	EndDate                    *time.Time
	KmsKeyArn                  *string
	ActionAfterCompletion      types.ActionAfterCompletion
	FlexibleTimeWindow         *types.FlexibleTimeWindow
	Target                     *types.Target
}

// PlanSchedulerPause plans that none of the jobs is started.
func (a *Scheduler) PlanSchedulerPause(ctx context.Context, in Jobs) (plan.Change, error) {
	title := fmt.Sprintf("EventBridge Scheduler %d 件: 定期ジョブを一時停止", len(in.Jobs))
	return a.object(in, "").makePlan(ctx, title, func(parts map[string]schedule) any {
		lines := map[string]any{}
		for name, s := range parts {
			lines[name] = map[string]any{"State": s.State, "ScheduleExpression": s.ScheduleExpression, "Timezone": s.ScheduleExpressionTimezone}
		}
		return lines
	})
}

// PauseSchedulerJobs carries the plan out.
func (a *Scheduler) PauseSchedulerJobs(ctx context.Context, in JobsChange) (struct{}, error) {
	return struct{}{}, a.object(in.Jobs, in.Operation+"/pause").apply(ctx, in.Operation, in.Change)
}

// ResumeSchedulerJobs puts the saved bodies back: a job that had been paused before stays so.
func (a *Scheduler) ResumeSchedulerJobs(ctx context.Context, in JobsChange) (struct{}, error) {
	return struct{}{}, a.object(in.Jobs, in.Operation+"/resume").revert(ctx, in.Operation, in.Change)
}

// object builds client tokens from the change's name, what is written, and when the schedule was modified last: the same
// in every attempt at one change, and another one when the same change is made anew later.
func (a *Scheduler) object(in Jobs, change string) object[schedule] {
	return object[schedule]{
		changer:  a.changes,
		resource: "scheduler:schedules",
		read: func(ctx context.Context) (map[string]schedule, map[string]string, error) {
			all, modified := map[string]schedule{}, map[string]string{}
			for _, job := range in.Jobs {
				name := job.Group + "/" + job.Schedule
				out, err := a.client.GetSchedule(ctx, &scheduler.GetScheduleInput{Name: &job.Schedule, GroupName: &job.Group})
				if err != nil {
					return nil, nil, Classify(err, "read the schedule "+name)
				}
				all[name] = fromAWS(out)
				modified[name] = aws.ToTime(out.LastModificationDate).UTC().Format(time.RFC3339Nano)
			}
			return all, modified, nil
		},
		change: func(s schedule) (schedule, error) {
			s.State = types.ScheduleStateDisabled
			return s, nil
		},
		write: func(ctx context.Context, parts map[string]schedule, modified map[string]string) error {
			for name, s := range parts {
				hash, err := plan.Hash(s)
				if err != nil {
					return err
				}
				token := sha256.Sum256([]byte(strings.Join([]string{change, name, modified[name], hash}, "\n")))
				if _, err := a.client.UpdateSchedule(ctx, s.toAWS(hex.EncodeToString(token[:]))); err != nil {
					return Classify(err, fmt.Sprintf("set the schedule %s to %s", name, s.State))
				}
			}
			return nil
		},
		show: func(s schedule) any { // what a job is called with may hold secrets
			if s.Target != nil && s.Target.Input != nil {
				target := *s.Target
				target.Input = aws.String(hidden(*target.Input))
				s.Target = &target
			}
			return s
		},
	}
}

func fromAWS(out *scheduler.GetScheduleOutput) schedule {
	return schedule{
		Name: aws.ToString(out.Name), GroupName: aws.ToString(out.GroupName), State: out.State,
		ScheduleExpression: aws.ToString(out.ScheduleExpression), ScheduleExpressionTimezone: aws.ToString(out.ScheduleExpressionTimezone),
		Description: out.Description, StartDate: out.StartDate, EndDate: out.EndDate, KmsKeyArn: out.KmsKeyArn,
		ActionAfterCompletion: out.ActionAfterCompletion, FlexibleTimeWindow: out.FlexibleTimeWindow, Target: out.Target,
	}
}

func (s schedule) toAWS(token string) *scheduler.UpdateScheduleInput {
	in := &scheduler.UpdateScheduleInput{
		Name: &s.Name, GroupName: &s.GroupName, State: s.State, ScheduleExpression: &s.ScheduleExpression,
		Description: s.Description, StartDate: s.StartDate, EndDate: s.EndDate, KmsKeyArn: s.KmsKeyArn,
		ActionAfterCompletion: s.ActionAfterCompletion, FlexibleTimeWindow: s.FlexibleTimeWindow, Target: s.Target,
		ClientToken: &token,
	}
	if s.ScheduleExpressionTimezone != "" {
		in.ScheduleExpressionTimezone = &s.ScheduleExpressionTimezone
	}
	return in
}
