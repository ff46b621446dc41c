package sandbox

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func putMetricAlarmOperation() operation {
	return handle(writes, "AlarmName ActionsEnabled AlarmActions AlarmDescription ComparisonOperator DatapointsToAlarm Dimensions EvaluateLowSampleCountPercentile "+
		"EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName Namespace OKActions Period Statistic Threshold TreatMissingData Unit",
		func(in *cloudwatch.PutMetricAlarmInput) about { return about{alarmKey(val(in.AlarmName)), ""} }, putMetricAlarm)
}

// putMetricAlarm replaces the whole alarm but for its state: what is left out is gone.
func putMetricAlarm(c *call, in *cloudwatch.PutMetricAlarmInput) (*cloudwatch.PutMetricAlarmOutput, error) {
	a, there, err := get[Alarm](c, alarmKey(*in.AlarmName))
	if err != nil {
		return nil, err
	}
	if there && a.Region != c.region {
		return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox keeps one alarm of a name, and this one is in "+a.Region))
	}
	if (in.Threshold == nil) || (in.MetricName == nil) || (in.Period == nil) {
		return nil, fail(http.StatusBadRequest, &types.MissingRequiredParameterException{Message: ptr("At least one of the parameters Threshold, MetricName, Period must be specified.")})
	}
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	state := types.MetricAlarm{
		AlarmArn: ptr(arn("cloudwatch", c.region, set.Account, "alarm:"+*in.AlarmName)), StateValue: types.StateValueInsufficientData,
		StateReason: ptr("Unchecked: Initial alarm creation"), StateUpdatedTimestamp: ptr(c.at),
	}
	if there {
		state = a.Metric
	}
	enabled := in.ActionsEnabled
	if enabled == nil {
		enabled = ptr(true)
	}
	after := Alarm{Region: c.region, Version: a.Version, Metric: types.MetricAlarm{
		AlarmName: in.AlarmName, AlarmArn: state.AlarmArn, StateValue: state.StateValue, StateReason: state.StateReason, StateReasonData: state.StateReasonData,
		StateUpdatedTimestamp: state.StateUpdatedTimestamp, StateTransitionedTimestamp: state.StateTransitionedTimestamp,
		ActionsEnabled: enabled, AlarmActions: in.AlarmActions, AlarmDescription: in.AlarmDescription, ComparisonOperator: in.ComparisonOperator,
		DatapointsToAlarm: in.DatapointsToAlarm, Dimensions: in.Dimensions, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
		EvaluationPeriods: in.EvaluationPeriods, ExtendedStatistic: in.ExtendedStatistic, InsufficientDataActions: in.InsufficientDataActions,
		MetricName: in.MetricName, Namespace: in.Namespace, OKActions: in.OKActions, Period: in.Period, Statistic: in.Statistic,
		Threshold: in.Threshold, TreatMissingData: in.TreatMissingData, Unit: in.Unit,
	}}
	if err := c.put(alarmKey(*in.AlarmName), after); err != nil || !c.effect {
		return &cloudwatch.PutMetricAlarmOutput{}, err
	}
	after.Version.Updated = c.at
	return &cloudwatch.PutMetricAlarmOutput{}, c.put(alarmKey(*in.AlarmName), after)
}
