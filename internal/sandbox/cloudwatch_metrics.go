package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

const metricKind = "cloudwatch:metric"

// Metric is a metric that counts something, steadily.
type Metric struct {
	Region    string
	Namespace string
	Name      string
	PerMinute float64
	Failures  bool // counts those of PerMinute requests that fail, as the images that run have it
	Gauge     bool `json:",omitempty"` // measures PerMinute, rather than counts it: how far a secondary lags behind its writer
}

func metricKey(namespace, name *string) string {
	return metricKind + "/" + val(namespace) + "/" + val(name)
}

// RingAlarm lets an alarm ring, or be quiet again.
func (s *Sandbox) RingAlarm(name string, rings bool) error {
	return s.change(context.Background(), func(c *call) error {
		a, ok, err := get[Alarm](c, alarmKey(name))
		if err != nil || !ok {
			return fmt.Errorf("sandbox: alarm %s: it is not there: %w", name, err)
		}
		a.Metric.StateValue, a.Metric.StateReason = types.StateValueOk, ptr("Threshold not crossed")
		if rings {
			a.Metric.StateValue, a.Metric.StateReason = types.StateValueAlarm, ptr("Threshold crossed")
		}
		a.Metric.StateUpdatedTimestamp = ptr(c.at)
		return c.put(alarmKey(name), a)
	})
}

// getMetricData gives the sums of metrics, the newest period first.
func getMetricData(c *call, in *cloudwatch.GetMetricDataInput) (*cloudwatch.GetMetricDataOutput, error) {
	if !in.StartTime.Before(*in.EndTime) {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterValueException{Message: ptr("The parameter StartTime must be less than the parameter EndTime.")})
	}
	out := &cloudwatch.GetMetricDataOutput{}
	for _, q := range in.MetricDataQueries {
		if q.MetricStat == nil {
			return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox gives metrics only, no expressions"))
		}
		m, ok, err := get[Metric](c, c.local(metricKey(q.MetricStat.Metric.Namespace, q.MetricStat.Metric.MetricName)))
		if err != nil {
			return nil, err
		}
		if stat := val(q.MetricStat.Stat); (stat == "Sum") == m.Gauge || m.Gauge && stat != "Maximum" && stat != "Average" {
			return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox gives sums of what is counted, and the maximum or average of what is measured"))
		}
		result := types.MetricDataResult{Id: q.Id, Label: q.MetricStat.Metric.MetricName, StatusCode: types.StatusCodeComplete}
		period := time.Duration(val(q.MetricStat.Period)) * time.Second
		if period <= 0 || period%time.Minute != 0 {
			return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox knows periods of whole minutes only"))
		}
		if ok && m.Region == c.region {
			perMinute, err := c.perMinute(m)
			if err != nil {
				return nil, err
			}
			until, each := *in.EndTime, perMinute*period.Minutes()
			if m.Gauge {
				until, each = c.measuredUntil(until), perMinute
			}
			for at := in.StartTime.Truncate(period); at.Before(until); at = at.Add(period) {
				result.Timestamps, result.Values = append(result.Timestamps, at), append(result.Values, each)
			}
			if in.ScanBy != types.ScanByTimestampAscending {
				slices.Reverse(result.Timestamps)
			}
		}
		out.MetricDataResults = append(out.MetricDataResults, result)
	}
	return out, nil
}

// measuredUntil is up to when a secondary has heard of its writer: until the home region was lost.
func (c *call) measuredUntil(end time.Time) time.Time {
	set, err := c.settings()
	if err != nil {
		return end
	}
	if since, lost, err := get[time.Time](c, lostKind+"/"+set.Region); err == nil && lost && since.Before(end) {
		return since
	}
	return end
}

// perMinute is what the metric counts now. CloudWatch leaves a metric of failures without a point where nothing fails; here it is 0.
func (c *call) perMinute(m Metric) (float64, error) {
	if !m.Failures {
		return m.PerMinute, nil
	}
	services, err := list[Service](c, serviceKind)
	if err != nil {
		return 0, err
	}
	worst := 0.0
	for _, s := range services {
		if s.Region != m.Region {
			continue
		}
		if s, err = c.settled(s); err != nil {
			return 0, err
		}
		d, ok, err := c.definition(&s.TaskDefinition)
		if err != nil {
			return 0, err
		}
		repository, digest, pinned := splitImage(d.Image)
		if !ok || !pinned {
			continue
		}
		image, err := c.image(repository, ecrtypes.ImageIdentifier{ImageDigest: &digest})
		if err != nil {
			return 0, err
		}
		worst = max(worst, image.ErrorPercent)
	}
	return m.PerMinute * worst / 100, nil
}
