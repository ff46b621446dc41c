package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"tejun/internal/plan"
)

// Alarms names CloudWatch alarms, metric and composite ones. None at all is a change that does nothing.
type Alarms struct {
	Names []string `json:"names"`
}

// AlarmChange mutes alarms as planned, or lets them speak again.
type AlarmChange struct {
	Operation string `json:"operation"`
	Alarms
	Change ChangeRef `json:"change"`
}

// mostAlarms is how many alarms one call takes.
const mostAlarms = 100

// cloudWatchAPI is the calls used.
type cloudWatchAPI interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
	DisableAlarmActions(context.Context, *cloudwatch.DisableAlarmActionsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DisableAlarmActionsOutput, error)
	EnableAlarmActions(context.Context, *cloudwatch.EnableAlarmActionsInput, ...func(*cloudwatch.Options)) (*cloudwatch.EnableAlarmActionsOutput, error)
}

// CloudWatch mutes alarms: they go on measuring, and call nobody.
type CloudWatch struct {
	client  cloudWatchAPI
	changes changer
}

type alarmState struct {
	ActionsEnabled bool `json:"actionsEnabled"`
}

// PlanCloudWatchAlarmMute plans that none of the alarms calls anybody.
func (a *CloudWatch) PlanCloudWatchAlarmMute(ctx context.Context, in Alarms) (plan.Change, error) {
	title := fmt.Sprintf("CloudWatch アラーム %d 件: 通知を一時停止", len(in.Names))
	return a.object(in).makePlan(ctx, title, func(parts map[string]alarmState) any { return parts })
}

// MuteCloudWatchAlarms carries the plan out.
func (a *CloudWatch) MuteCloudWatchAlarms(ctx context.Context, in AlarmChange) (struct{}, error) {
	return struct{}{}, a.object(in.Alarms).apply(ctx, in.Operation, in.Change)
}

// UnmuteCloudWatchAlarms enables the actions again of those alarms whose actions had been enabled.
func (a *CloudWatch) UnmuteCloudWatchAlarms(ctx context.Context, in AlarmChange) (struct{}, error) {
	return struct{}{}, a.object(in.Alarms).revert(ctx, in.Operation, in.Change)
}

func (a *CloudWatch) object(in Alarms) object[alarmState] {
	return object[alarmState]{
		changer:  a.changes,
		resource: "cloudwatch:alarms",
		batch:    mostAlarms,
		read: func(ctx context.Context) (map[string]alarmState, map[string]string, error) {
			states, err := a.read(ctx, in.Names)
			return states, nil, err
		},
		change: func(s alarmState) (alarmState, error) {
			s.ActionsEnabled = false
			return s, nil
		},
		// There is no precondition; each call sets one switch, so it cannot overwrite anything else.
		write: func(ctx context.Context, parts map[string]alarmState, _ map[string]string) error {
			var on, off []string
			for _, name := range slices.Sorted(maps.Keys(parts)) {
				if parts[name].ActionsEnabled {
					on = append(on, name)
				} else {
					off = append(off, name)
				}
			}
			if len(off) > 0 {
				if _, err := a.client.DisableAlarmActions(ctx, &cloudwatch.DisableAlarmActionsInput{AlarmNames: off}); err != nil {
					return Classify(err, "disable the actions of alarms "+strings.Join(off, ", "))
				}
			}
			if len(on) > 0 {
				if _, err := a.client.EnableAlarmActions(ctx, &cloudwatch.EnableAlarmActionsInput{AlarmNames: on}); err != nil {
					return Classify(err, "enable the actions of alarms "+strings.Join(on, ", "))
				}
			}
			return nil
		},
	}
}

func (a *CloudWatch) read(ctx context.Context, names []string) (map[string]alarmState, error) {
	states := map[string]alarmState{}
	for group := range slices.Chunk(names, mostAlarms) {
		in := &cloudwatch.DescribeAlarmsInput{
			AlarmNames: group, MaxRecords: aws.Int32(mostAlarms),
			AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
		}
		for pages := cloudwatch.NewDescribeAlarmsPaginator(a.client, in); pages.HasMorePages(); {
			out, err := pages.NextPage(ctx)
			if err != nil {
				return nil, Classify(err, "read the alarms "+strings.Join(group, ", "))
			}
			for _, alarm := range out.MetricAlarms {
				states[aws.ToString(alarm.AlarmName)] = alarmState{aws.ToBool(alarm.ActionsEnabled)}
			}
			for _, alarm := range out.CompositeAlarms {
				states[aws.ToString(alarm.AlarmName)] = alarmState{aws.ToBool(alarm.ActionsEnabled)}
			}
		}
	}
	for _, name := range names {
		if _, there := states[name]; !there {
			return nil, fail(NotFound, "there is no alarm %s; %s", name, classes[NotFound].advice)
		}
	}
	return states, nil
}
