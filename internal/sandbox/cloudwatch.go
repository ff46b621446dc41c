package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const alarmKind = "cloudwatch:alarm"

// Alarm is a CloudWatch metric alarm.
type Alarm struct {
	Region  string
	Metric  types.MetricAlarm
	Version AlarmVersion `json:"version"`
}

// AlarmVersion is what moves with every change of the alarm.
type AlarmVersion struct{ Updated time.Time }

func cloudwatchOperations() map[string]operation {
	return byName(
		putMetricAlarmOperation(),
		handle(reads, "MetricDataQueries StartTime EndTime ScanBy MaxDatapoints NextToken", func(*cloudwatch.GetMetricDataInput) about { return about{} }, getMetricData),
		setAlarmStateOperation(),
		handle(reads, "AlarmNames AlarmNamePrefix AlarmTypes ActionPrefix StateValue MaxRecords NextToken", func(in *cloudwatch.DescribeAlarmsInput) about {
			return about{alarmKey(in.AlarmNames...), ""}
		}, describeAlarms),
		handle(writes, "AlarmNames", func(in *cloudwatch.DisableAlarmActionsInput) about { return about{alarmKey(in.AlarmNames...), ""} },
			func(c *call, in *cloudwatch.DisableAlarmActionsInput) (*cloudwatch.DisableAlarmActionsOutput, error) {
				return &cloudwatch.DisableAlarmActionsOutput{}, setAlarmActions(c, in.AlarmNames, false)
			}),
		handle(writes, "AlarmNames", func(in *cloudwatch.EnableAlarmActionsInput) about { return about{alarmKey(in.AlarmNames...), ""} },
			func(c *call, in *cloudwatch.EnableAlarmActionsInput) (*cloudwatch.EnableAlarmActionsOutput, error) {
				return &cloudwatch.EnableAlarmActionsOutput{}, setAlarmActions(c, in.AlarmNames, true)
			}),
	)
}

// alarmKey names several alarms of one call as one resource, with commas.
func alarmKey(names ...string) string { return alarmKind + "/" + strings.Join(names, ",") }

func describeAlarms(c *call, in *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterCombinationException{Message: ptr("AlarmNames and AlarmNamePrefix cannot be given together.")})
	}
	if len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, types.AlarmTypeMetricAlarm) {
		return &cloudwatch.DescribeAlarmsOutput{}, nil
	}
	all, err := list[Alarm](c, alarmKind)
	if err != nil {
		return nil, err
	}
	var found []types.MetricAlarm
	for _, a := range all {
		name := val(a.Metric.AlarmName)
		if a.Region == c.region &&
			(len(in.AlarmNames) == 0 || slices.Contains(in.AlarmNames, name)) &&
			strings.HasPrefix(name, val(in.AlarmNamePrefix)) &&
			(in.StateValue == "" || in.StateValue == a.Metric.StateValue) &&
			(in.ActionPrefix == nil || slices.ContainsFunc(a.Metric.AlarmActions, func(s string) bool { return strings.HasPrefix(s, *in.ActionPrefix) })) {
			a.Metric.AlarmConfigurationUpdatedTimestamp = ptr(a.Version.Updated)
			found = append(found, a.Metric)
		}
	}
	limit := int(val(in.MaxRecords))
	if limit == 0 {
		limit = 50
	}
	items, next, err := page(found, val(in.NextToken), limit, 100, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidNextToken{Message: ptr(words)})
	})
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: items, NextToken: ptrUnlessEmpty(next)}, err
}

// setAlarmActions passes over alarms that do not exist, as CloudWatch does: whoever mutes an alarm has to look whether it
// was there.
func setAlarmActions(c *call, names []string, enabled bool) error {
	if len(names) > 100 {
		return fail(http.StatusBadRequest, generic("ValidationError", "AlarmNames must have at most 100 entries."))
	}
	for _, name := range names {
		a, ok, err := get[Alarm](c, alarmKey(name))
		if err != nil {
			return err
		}
		if !ok || a.Region != c.region || val(a.Metric.ActionsEnabled) == enabled {
			continue
		}
		a.Metric.ActionsEnabled = ptr(enabled)
		a.Version.Updated = c.at
		if err := c.put(alarmKey(name), a); err != nil {
			return err
		}
	}
	return nil
}
