package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"tejun/internal/system"
)

// alarm is the threshold of a metric alarm. PutMetricAlarm erases what is left out, so the alarm is written as a whole.
func (a *Settings) alarm(in system.SettingResolved) changeable {
	return newSetting(a, in, fmt.Sprintf("CloudWatch アラーム %s: しきい値を変更", in.Resource),
		func(m types.MetricAlarm) any { return m.Threshold },
		func(m *types.MetricAlarm, to json.RawMessage) error { return json.Unmarshal(to, m.Threshold) },
		func(ctx context.Context) (types.MetricAlarm, string, error) {
			m, err := a.readAlarm(ctx, in.Resource)
			return configured(m), "", err
		},
		// There is no precondition; the fence before it keeps old attempts out.
		func(ctx context.Context, m types.MetricAlarm, _ string) error {
			_, err := a.cloudwatch.PutMetricAlarm(ctx, wholeAlarm(m))
			return Classify(err, "change the alarm "+in.Resource)
		},
		func(m types.MetricAlarm) any { return visible(m) })
}

func (a *Settings) readAlarm(ctx context.Context, name string) (types.MetricAlarm, error) {
	out, err := a.cloudwatch.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm}})
	if err != nil {
		return types.MetricAlarm{}, Classify(err, "read the alarm "+name)
	}
	if len(out.MetricAlarms) != 1 {
		return types.MetricAlarm{}, fail(NotFound, "there is no metric alarm %s; %s", name, classes[NotFound].advice)
	}
	if m := out.MetricAlarms[0]; m.Threshold == nil || m.EvaluationCriteria != nil || m.EvaluationWindow != nil {
		return m, fail(Refused, "the alarm %s is no metric with a threshold that is a number (but an anomaly detector, a query, or one with an evaluation window): it cannot be changed as one", aws.ToString(m.AlarmName))
	}
	return out.MetricAlarms[0], nil
}

// configured is an alarm without what CloudWatch computes or keeps of its state.
func configured(m types.MetricAlarm) types.MetricAlarm {
	m.AlarmArn, m.AlarmConfigurationUpdatedTimestamp, m.EvaluationState = nil, nil, ""
	m.StateReason, m.StateReasonData, m.StateValue, m.StateTransitionedTimestamp, m.StateUpdatedTimestamp = nil, nil, "", nil, nil
	return m
}

// wholeAlarm is the alarm as PutMetricAlarm takes it. Tags of an alarm that is there stay as they are.
func wholeAlarm(m types.MetricAlarm) *cloudwatch.PutMetricAlarmInput {
	return &cloudwatch.PutMetricAlarmInput{
		AlarmName: m.AlarmName, ActionConfiguration: m.ActionConfiguration, ActionsEnabled: m.ActionsEnabled, AlarmActions: m.AlarmActions,
		AlarmDescription: m.AlarmDescription, ComparisonOperator: m.ComparisonOperator, DatapointsToAlarm: m.DatapointsToAlarm, Dimensions: m.Dimensions,
		EvaluateLowSampleCountPercentile: m.EvaluateLowSampleCountPercentile, EvaluationCriteria: m.EvaluationCriteria, EvaluationInterval: m.EvaluationInterval,
		EvaluationPeriods: m.EvaluationPeriods, EvaluationWindow: m.EvaluationWindow, ExtendedStatistic: m.ExtendedStatistic,
		InsufficientDataActions: m.InsufficientDataActions, MetricName: m.MetricName, Metrics: m.Metrics, Namespace: m.Namespace, OKActions: m.OKActions,
		Period: m.Period, Statistic: m.Statistic, Threshold: m.Threshold, ThresholdMetricId: m.ThresholdMetricId, TreatMissingData: m.TreatMissingData,
		Unit: m.Unit, WarmUpConfiguration: m.WarmUpConfiguration,
	}
}
