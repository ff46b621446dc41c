package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
)

const (
	scheduleKind      = "scheduler:schedule"
	scheduleTokenKind = "sandbox:scheduler-token"
)

// Schedule is an EventBridge Scheduler schedule.
type Schedule struct {
	Name                  string
	Group                 string
	ARN                   string
	Region                string
	Created               time.Time
	State                 types.ScheduleState
	Expression            string
	TimeZone              string
	Description           *string
	Start, End            *time.Time
	FlexibleTimeWindow    *types.FlexibleTimeWindow
	Target                *types.Target
	ActionAfterCompletion types.ActionAfterCompletion
	KMSKey                *string
	Version               ScheduleVersion `json:"version"`
}

// ScheduleVersion is what moves with every update.
type ScheduleVersion struct{ Modified time.Time }

func schedulerOperations() map[string]operation {
	return byName(
		handle(reads, "Name GroupName", func(in *scheduler.GetScheduleInput) about { return about{scheduleKey(in.GroupName, in.Name), ""} }, getSchedule),
		handle(reads, "GroupName NamePrefix State MaxResults NextToken", func(*scheduler.ListSchedulesInput) about { return about{} }, listSchedules),
		handle(writes, "Name GroupName ActionAfterCompletion ClientToken Description EndDate FlexibleTimeWindow KmsKeyArn ScheduleExpression ScheduleExpressionTimezone StartDate State Target",
			func(in *scheduler.UpdateScheduleInput) about {
				return about{scheduleKey(in.GroupName, in.Name), val(in.ClientToken)}
			}, updateSchedule),
	)
}

func scheduleKey(group, name *string) string {
	return scheduleKind + "/" + orElse(val(group), "default") + "/" + val(name)
}

func (c *call) schedule(group, name *string) (Schedule, error) {
	s, ok, err := get[Schedule](c, scheduleKey(group, name))
	if err == nil && (!ok || s.Region != c.region) {
		err = fail(http.StatusNotFound, &types.ResourceNotFoundException{Message: ptr("Schedule " + val(name) + " does not exist.")})
	}
	return s, err
}

func getSchedule(c *call, in *scheduler.GetScheduleInput) (*scheduler.GetScheduleOutput, error) {
	s, err := c.schedule(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	return &scheduler.GetScheduleOutput{
		Name: ptr(s.Name), GroupName: ptr(s.Group), Arn: ptr(s.ARN), State: s.State, CreationDate: ptr(s.Created), LastModificationDate: ptr(s.Version.Modified),
		ScheduleExpression: ptr(s.Expression), ScheduleExpressionTimezone: ptr(s.TimeZone), Description: s.Description, StartDate: s.Start, EndDate: s.End,
		FlexibleTimeWindow: s.FlexibleTimeWindow, Target: s.Target, ActionAfterCompletion: s.ActionAfterCompletion, KmsKeyArn: s.KMSKey,
	}, nil
}

var scheduleExpression = regexp.MustCompile(`^(cron\(([^() ]+ ){5}[^() ]+\)|rate\([1-9][0-9]* (minutes?|hours?|days?)\)|at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\))$`)

func invalidSchedule(words string) error {
	return fail(http.StatusBadRequest, &types.ValidationException{Message: ptr(words)})
}

func checkSchedule(in *scheduler.UpdateScheduleInput) error {
	if !scheduleExpression.MatchString(val(in.ScheduleExpression)) {
		return invalidSchedule("Invalid Schedule Expression " + val(in.ScheduleExpression) + ".")
	}
	if zone := val(in.ScheduleExpressionTimezone); zone != "" {
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return invalidSchedule("Invalid ScheduleExpressionTimezone " + zone + ".")
		}
	}
	flexible := in.FlexibleTimeWindow.Mode == types.FlexibleTimeWindowModeFlexible
	if flexible != (in.FlexibleTimeWindow.MaximumWindowInMinutes != nil) {
		return invalidSchedule("MaximumWindowInMinutes must be given for the mode FLEXIBLE, and only for it.")
	}
	if !strings.HasPrefix(val(in.Target.Arn), "arn:") || !strings.HasPrefix(val(in.Target.RoleArn), "arn:") {
		return invalidSchedule("Provided Arn is not in correct format.")
	}
	return nil
}

// updateSchedule replaces the whole schedule: what the input leaves out goes back to its default. The same client token
// with the same input again is a success without effect; with another input it is a conflict.
func updateSchedule(c *call, in *scheduler.UpdateScheduleInput) (*scheduler.UpdateScheduleOutput, error) {
	s, err := c.schedule(in.GroupName, in.Name)
	if err != nil {
		return nil, err
	}
	if err := checkSchedule(in); err != nil {
		return nil, err
	}
	out := &scheduler.UpdateScheduleOutput{ScheduleArn: ptr(s.ARN)}
	body, err := json.Marshal(in) //nolint:gosec // the token is an idempotency token, no secret
	if err != nil {
		return nil, err
	}
	tokenKey := scheduleTokenKind + "/" + s.Group + "/" + s.Name + "/" + val(in.ClientToken)
	used, replay, err := get[string](c, tokenKey)
	if err != nil {
		return nil, err
	}
	fingerprint := hashID("", string(body))
	if replay && used != fingerprint {
		return nil, fail(http.StatusConflict, &types.ConflictException{Message: ptr("The client token was used for another request.")})
	}
	if replay {
		return out, nil
	}
	s.Expression, s.TimeZone = val(in.ScheduleExpression), orElse(val(in.ScheduleExpressionTimezone), "UTC")
	s.State, s.ActionAfterCompletion = in.State, in.ActionAfterCompletion
	if s.State == "" {
		s.State = types.ScheduleStateEnabled
	}
	if s.ActionAfterCompletion == "" {
		s.ActionAfterCompletion = types.ActionAfterCompletionNone
	}
	s.Description, s.Start, s.End, s.KMSKey = in.Description, in.StartDate, in.EndDate, in.KmsKeyArn
	s.FlexibleTimeWindow, s.Target = in.FlexibleTimeWindow, in.Target
	s.Version.Modified = c.at
	if err := c.put(tokenKey, fingerprint); err != nil {
		return nil, err
	}
	return out, c.put(scheduleKey(in.GroupName, in.Name), s)
}

func listSchedules(c *call, in *scheduler.ListSchedulesInput) (*scheduler.ListSchedulesOutput, error) {
	all, err := list[Schedule](c, scheduleKind)
	if err != nil {
		return nil, err
	}
	var found []types.ScheduleSummary
	for _, s := range all {
		if s.Region == c.region && (in.GroupName == nil || *in.GroupName == s.Group) && strings.HasPrefix(s.Name, val(in.NamePrefix)) && (in.State == "" || in.State == s.State) {
			found = append(found, types.ScheduleSummary{
				Name: ptr(s.Name), GroupName: ptr(s.Group), Arn: ptr(s.ARN), State: s.State, CreationDate: ptr(s.Created),
				LastModificationDate: ptr(s.Version.Modified), Target: &types.TargetSummary{Arn: s.Target.Arn},
			})
		}
	}
	items, next, err := page(found, val(in.NextToken), int(val(in.MaxResults)), 100, invalidSchedule)
	return &scheduler.ListSchedulesOutput{Schedules: items, NextToken: ptrUnlessEmpty(next)}, err
}
