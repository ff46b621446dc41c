package sandbox

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

func setAlarmStateOperation() operation {
	return handle(writes, "AlarmName StateValue StateReason", func(in *cloudwatch.SetAlarmStateInput) about { return about{alarmKey(val(in.AlarmName)), ""} }, setAlarmState)
}

// setAlarmState lets an alarm change its state, as its metric would. It stays so: the sandbox has no metrics that would bring it
// back.
func setAlarmState(c *call, in *cloudwatch.SetAlarmStateInput) (*cloudwatch.SetAlarmStateOutput, error) {
	key := alarmKey(val(in.AlarmName))
	a, ok, err := get[Alarm](c, key)
	if err != nil {
		return nil, err
	}
	if !ok || a.Region != c.region {
		return nil, fail(http.StatusNotFound, &types.ResourceNotFound{Message: ptr("Unknown alarm " + val(in.AlarmName))})
	}
	if a.Metric.StateValue != in.StateValue {
		a.Metric.StateTransitionedTimestamp = ptr(c.at)
	}
	a.Metric.StateValue, a.Metric.StateReason, a.Metric.StateUpdatedTimestamp = in.StateValue, in.StateReason, ptr(c.at)
	return &cloudwatch.SetAlarmStateOutput{}, c.put(key, a)
}
