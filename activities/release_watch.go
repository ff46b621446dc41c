package activities

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"tejun/internal/system"
)

// ReleaseLook looks at what a release may have done to the system.
type ReleaseLook struct {
	Alarms    []string         `json:"alarms"`
	Ringing   []string         `json:"ringing"` // alarms that rang before the release: they do not count
	ErrorRate system.ErrorRate `json:"errorRate"`
	Since     time.Time        `json:"since"` // from when requests count; zero: none are counted
}

// ReleaseSeen is what was seen.
type ReleaseSeen struct {
	Good     bool     `json:"good"`
	Says     string   `json:"says"`
	Ringing  []string `json:"ringing"` // every alarm that rings, sorted
	Requests float64  `json:"requests"`
	Errors   float64  `json:"errors"`
}

// watchAPI is the calls used.
type watchAPI interface {
	DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
	GetMetricData(context.Context, *cloudwatch.GetMetricDataInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricDataOutput, error)
}

// Watches looks at alarms and at the error rate.
type Watches struct {
	client watchAPI
	now    func() time.Time
}

// LookAtRelease reads alarms and error rate. It is good if no alarm has begun to ring and the share of failed requests is not above
// its limit. An alarm that is not there is an error: what is not measured is not watched.
func (a *Watches) LookAtRelease(ctx context.Context, in ReleaseLook) (ReleaseSeen, error) {
	seen := ReleaseSeen{Good: true, Ringing: []string{}}
	states, err := a.states(ctx, in.Alarms)
	if err != nil {
		return ReleaseSeen{}, err
	}
	var began []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		if states[name] != types.StateValueAlarm {
			continue
		}
		seen.Ringing = append(seen.Ringing, name)
		if !slices.Contains(in.Ringing, name) {
			began = append(began, name)
		}
	}
	says := []string{"alarms: none rings"}
	if len(seen.Ringing) > 0 {
		says[0] = "alarms: " + strings.Join(seen.Ringing, ", ") + " rang before already"
	}
	if len(began) > 0 {
		seen.Good, says[0] = false, "alarms: "+strings.Join(began, ", ")+" began to ring"
	}
	if !in.Since.IsZero() {
		if seen.Errors, seen.Requests, err = a.counts(ctx, in); err != nil {
			return ReleaseSeen{}, err
		}
		percent := 0.0
		if seen.Requests > 0 {
			percent = 100 * seen.Errors / seen.Requests
		}
		seen.Good = seen.Good && percent <= in.ErrorRate.LimitPercent
		says = append(says, fmt.Sprintf("errors: %.2f %% of %.0f requests, at most %g %% are allowed", percent, seen.Requests, in.ErrorRate.LimitPercent))
	}
	seen.Says = strings.Join(says, "; ")
	return seen, nil
}

func (a *Watches) states(ctx context.Context, names []string) (map[string]types.StateValue, error) {
	states := map[string]types.StateValue{}
	if len(names) == 0 {
		return states, nil
	}
	pages := cloudwatch.NewDescribeAlarmsPaginator(a.client, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: names, MaxRecords: aws.Int32(mostAlarms), AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err, "read the alarms "+strings.Join(names, ", "))
		}
		for _, alarm := range out.MetricAlarms {
			states[aws.ToString(alarm.AlarmName)] = alarm.StateValue
		}
		for _, alarm := range out.CompositeAlarms {
			states[aws.ToString(alarm.AlarmName)] = alarm.StateValue
		}
	}
	for _, name := range names {
		if _, there := states[name]; !there {
			return nil, fail(NotFound, "there is no alarm %s; %s", name, classes[NotFound].advice)
		}
	}
	return states, nil
}

// counts sums up failed and all requests, by whole minutes.
func (a *Watches) counts(ctx context.Context, in ReleaseLook) (errors, requests float64, err error) {
	var dimensions []types.Dimension
	for _, name := range slices.Sorted(maps.Keys(in.ErrorRate.Dimensions)) {
		dimensions = append(dimensions, types.Dimension{Name: aws.String(name), Value: aws.String(in.ErrorRate.Dimensions[name])})
	}
	sum := func(id, metric string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: &in.ErrorRate.Namespace, MetricName: &metric, Dimensions: dimensions}, Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	from := in.Since.Truncate(time.Minute)
	until := a.now().Truncate(time.Minute).Add(time.Minute)
	if !from.Before(until) {
		from = until.Add(-time.Minute) // the clocks differ
	}
	pages := cloudwatch.NewGetMetricDataPaginator(a.client, &cloudwatch.GetMetricDataInput{
		StartTime: &from, EndTime: &until, MetricDataQueries: []types.MetricDataQuery{sum("errors", in.ErrorRate.Errors), sum("requests", in.ErrorRate.Requests)},
	})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return 0, 0, Classify(err, "read the error rate")
		}
		for _, result := range out.MetricDataResults {
			for _, value := range result.Values {
				if aws.ToString(result.Id) == "errors" {
					errors += value
				} else {
					requests += value
				}
			}
		}
	}
	return errors, requests, nil
}
