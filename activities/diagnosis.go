package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.temporal.io/sdk/activity"

	"tejun/internal/records"
)

// IncidentSources says where a diagnosis looks, and for which time.
type IncidentSources struct {
	Cluster   string    `json:"cluster"`
	Services  []string  `json:"services"` // ECS service names
	Alarms    []string  `json:"alarms"`
	LogGroups []string  `json:"logGroups"`
	Pattern   string    `json:"pattern"` // of what is an error
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`
}

// IncidentFacts is what a diagnosis has read.
type IncidentFacts struct {
	Facts []records.Fact `json:"facts"`
	More  int            `json:"more"` // that were left out
}

const (
	mostFacts      = 120
	longestFact    = 400
	serviceEvents  = 3
	patientReads   = 3 // attempts in which a source that does not answer lets the whole diagnosis be tried again
	mostECSAtATime = 10
)

// Diagnosis reads what may explain an incident. It changes nothing.
type Diagnosis struct {
	services ecsAPI
	alarms   cloudWatchAPI
	logs     logsAPI
	site     *Site
}

// CollectIncidentFacts reads services and their deployments, alarms, and errors in the logs. A source that cannot be read is a
// fact too: an incident is not kept waiting for what may be its own cause.
func (a *Diagnosis) CollectIncidentFacts(ctx context.Context, in IncidentSources) (IncidentFacts, error) {
	if !in.From.Before(in.Until) {
		return IncidentFacts{}, fail(InvalidInput, "diagnose from %s until %s: want an end after the start", in.From.Format(time.RFC3339), in.Until.Format(time.RFC3339))
	}
	c := &factCollector{until: in.Until, patient: activity.GetInfo(ctx).Attempt < patientReads}
	for group := range slices.Chunk(in.Services, mostECSAtATime) {
		c.read("ecs:"+in.Cluster, a.readServices(ctx, c, in, group))
	}
	for group := range slices.Chunk(in.Alarms, mostAlarms) {
		c.read("cloudwatch", a.readAlarms(ctx, c, in, group))
	}
	for _, group := range in.LogGroups {
		c.read("logs:"+group, a.readErrors(ctx, c, in, group))
	}
	if err := ctx.Err(); err != nil {
		return IncidentFacts{}, err
	}
	return c.result()
}

// factCollector takes facts down, and what could not be read.
type factCollector struct {
	facts   []records.Fact
	until   time.Time
	patient bool
	again   error // a source that may answer if it is asked again
}

func (c *factCollector) add(source string, at time.Time, bad bool, format string, args ...any) {
	c.facts = append(c.facts, records.Fact{Source: source, What: clipText(mask(fmt.Sprintf(format, args...)), longestFact), At: at.UTC(), Bad: bad})
}

func (c *factCollector) read(source string, err error) {
	switch {
	case err == nil:
	case c.patient && transient(err):
		c.again = err
	default:
		message, _ := wordsOf(err)
		c.add(source, c.until, true, "読み取れません · could not be read: %s", message)
	}
}

// result puts what is wrong first, so that it is not what is left out.
func (c *factCollector) result() (IncidentFacts, error) {
	if c.again != nil {
		return IncidentFacts{}, c.again
	}
	slices.SortStableFunc(c.facts, func(a, b records.Fact) int {
		switch {
		case a.Bad == b.Bad:
			return 0
		case a.Bad:
			return -1
		}
		return 1
	})
	kept := c.facts[:min(len(c.facts), mostFacts)]
	return IncidentFacts{Facts: append([]records.Fact{}, kept...), More: len(c.facts) - len(kept)}, nil
}

func (a *Diagnosis) readServices(ctx context.Context, c *factCollector, in IncidentSources, names []string) error {
	out, err := a.services.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &in.Cluster, Services: names})
	if err != nil {
		return Classify(err, "read the services "+strings.Join(names, ", "))
	}
	for _, s := range out.Services {
		a.service(c, in, s)
	}
	for _, f := range out.Failures {
		c.add("ecs:"+in.Cluster+"/"+lastOf(aws.ToString(f.Arn)), in.Until, true, "%s", aws.ToString(f.Reason))
	}
	return nil
}

func (a *Diagnosis) service(c *factCollector, in IncidentSources, s ecstypes.Service) {
	source := "ecs:" + in.Cluster + "/" + aws.ToString(s.ServiceName)
	c.add(source, in.Until, s.RunningCount != s.DesiredCount || s.PendingCount != 0 || s.DesiredCount == 0,
		"稼働中 %[1]d／%[2]d、起動中 %[3]d (%[4]s) · %[1]d of %[2]d tasks run, %[3]d are starting", s.RunningCount, s.DesiredCount, s.PendingCount, lastOf(aws.ToString(s.TaskDefinition)))
	for _, d := range s.Deployments {
		at := aws.ToTime(d.UpdatedAt)
		recent := !at.Before(in.From)
		words := "デプロイ %[1]s %[2]s: %[3]s、最終更新 %[4]s · deployment, last changed at that time"
		if recent {
			words = "デプロイ %[1]s %[2]s: %[3]s、調査対象の時間内に更新 %[4]s · deployment, changed within the time looked at"
		}
		c.add(source, at, d.RolloutState == ecstypes.DeploymentRolloutStateFailed || recent, words,
			aws.ToString(d.Status), lastOf(aws.ToString(d.TaskDefinition)), d.RolloutState, inJapan(at))
	}
	for _, e := range s.Events[:min(len(s.Events), serviceEvents)] {
		c.add(source, aws.ToTime(e.CreatedAt), false, "イベント · event: %s", aws.ToString(e.Message))
	}
}

func (a *Diagnosis) readAlarms(ctx context.Context, c *factCollector, in IncidentSources, names []string) error {
	states, err := alarmStates(ctx, a.alarms, names)
	if err != nil {
		return err
	}
	for _, s := range states {
		c.add("cloudwatch:alarm/"+s.name, s.since, s.state != cwtypes.StateValueOk, "%s、%s から · since then: %s", s.state, inJapan(s.since), s.reason)
	}
	for _, name := range names {
		if !slices.ContainsFunc(states, func(s alarmSeen) bool { return s.name == name }) {
			c.add("cloudwatch:alarm/"+name, in.Until, true, "アラームがありません · there is no such alarm")
		}
	}
	return nil
}

// alarmSeen is an alarm's state and since when it has been in it.
type alarmSeen struct {
	name, reason string
	state        cwtypes.StateValue
	since        time.Time
}

// alarmStates reads alarms by name; those that do not exist are left out.
func alarmStates(ctx context.Context, client cloudWatchAPI, names []string) (states []alarmSeen, err error) {
	in := &cloudwatch.DescribeAlarmsInput{
		AlarmNames: names, MaxRecords: aws.Int32(mostAlarms),
		AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm, cwtypes.AlarmTypeCompositeAlarm},
	}
	for pages := cloudwatch.NewDescribeAlarmsPaginator(client, in); pages.HasMorePages(); {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err, "read the alarms "+strings.Join(names, ", "))
		}
		for _, m := range out.MetricAlarms {
			states = append(states, alarmSeen{aws.ToString(m.AlarmName), aws.ToString(m.StateReason), m.StateValue, since(m.StateTransitionedTimestamp, m.StateUpdatedTimestamp)})
		}
		for _, m := range out.CompositeAlarms {
			states = append(states, alarmSeen{aws.ToString(m.AlarmName), aws.ToString(m.StateReason), m.StateValue, since(m.StateTransitionedTimestamp, m.StateUpdatedTimestamp)})
		}
	}
	return states, nil
}

// since is when an alarm came into its state. An update within the same state moves the other time only.
func since(transitioned, updated *time.Time) time.Time {
	if transitioned != nil {
		return *transitioned
	}
	return aws.ToTime(updated)
}

func lastOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }
