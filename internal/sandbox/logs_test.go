package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

const logGroup = "/ecs/gzs-api"

// logged is a sandbox with a log group.
func logged(t *testing.T) (*sandbox.Sandbox, *cloudwatchlogs.Client) {
	t.Helper()
	s := open(t, t.TempDir())
	sys := example()
	sys.Incidents.Evidence.LogGroups = []string{logGroup, "/ecs/gzs-web"}
	require.NoError(t, s.Seed(t.Context(), sys))
	return s, cloudwatchlogs.NewFromConfig(config(s))
}

// found are the messages that a pattern finds between two moments, three a page.
func found(t *testing.T, c *cloudwatchlogs.Client, pattern string, from, until time.Time) (messages []string) {
	t.Helper()
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: aws.String(logGroup), FilterPattern: aws.String(pattern), Limit: aws.Int32(3), StartTime: aws.Int64(from.UnixMilli()), EndTime: aws.Int64(until.UnixMilli()),
	}
	for pages := cloudwatchlogs.NewFilterLogEventsPaginator(c, in); pages.HasMorePages(); {
		out, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		require.LessOrEqual(t, len(out.Events), 3)
		for _, e := range out.Events {
			messages = append(messages, *e.Message)
		}
	}
	return messages
}

func TestLogEventsAreFoundByTimeAndPatternPageByPage(t *testing.T) {
	s, c := logged(t)
	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	var events []sandbox.LogEvent
	for i := range 7 {
		events = append(events, sandbox.LogEvent{At: at.Add(time.Duration(i) * time.Minute), Message: fmt.Sprintf("ERROR pool exhausted %d", i)})
	}
	require.NoError(t, s.WriteLog(logGroup, "task-1", events...))
	require.NoError(t, s.WriteLog(logGroup, "task-2", sandbox.LogEvent{At: at.Add(90 * time.Second), Message: "INFO 正常"}, sandbox.LogEvent{At: at.Add(2 * time.Minute), Message: "WARN slow"}))
	require.NoError(t, s.WriteLog("/ecs/gzs-web", "task-1", sandbox.LogEvent{At: at, Message: "ERROR elsewhere"}))

	all := found(t, c, "", at, at.Add(time.Hour))
	require.Len(t, all, 9)
	require.Equal(t, []string{"ERROR pool exhausted 1", "INFO 正常", "ERROR pool exhausted 2", "WARN slow"}, all[1:5], "in the order of time, over streams")
	require.Len(t, found(t, c, "ERROR", at, at.Add(time.Hour)), 7)
	require.Equal(t, []string{"ERROR pool exhausted 2", "ERROR pool exhausted 3"}, found(t, c, "ERROR exhausted", at.Add(2*time.Minute), at.Add(3*time.Minute)), "both ends are in")
	require.Equal(t, []string{"INFO 正常", "WARN slow"}, found(t, c, "-ERROR", at, at.Add(time.Hour)))
	require.Equal(t, []string{"INFO 正常", "WARN slow"}, found(t, c, "?INFO ?WARN", at, at.Add(time.Hour)))
	require.Equal(t, []string{"ERROR pool exhausted 4"}, found(t, c, `"exhausted 4"`, at, at.Add(time.Hour)))
}

func TestWhatLogsCannotDoIsAnError(t *testing.T) {
	s, c := logged(t)
	_, err := c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/none")})
	var missing *logstypes.ResourceNotFoundException
	require.ErrorAs(t, err, &missing)
	for _, pattern := range []string{"{ $.level = \"error\" }", "[ip, user]"} {
		_, err = c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(logGroup), FilterPattern: &pattern})
		require.ErrorContains(t, err, "does not model the filter pattern")
	}
	var invalid *logstypes.InvalidParameterException
	_, err = c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(logGroup), FilterPattern: aws.String(`"open`)})
	require.ErrorAs(t, err, &invalid)
	_, err = c.FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(logGroup), NextToken: aws.String("x")})
	require.ErrorAs(t, err, &invalid)

	_, err = c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String(logGroup), LogStreamName: aws.String("none"), LogEvents: []logstypes.InputLogEvent{{Timestamp: aws.Int64(1), Message: aws.String("a")}},
	})
	require.ErrorAs(t, err, &missing, "no stream")
	_, err = c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(logGroup), LogStreamName: aws.String("one")})
	require.NoError(t, err)
	_, err = c.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(logGroup), LogStreamName: aws.String("one")})
	var there *logstypes.ResourceAlreadyExistsException
	require.ErrorAs(t, err, &there)
	_, err = c.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(logGroup), LogStreamName: aws.String("one"), LogEvents: []logstypes.InputLogEvent{
		{Timestamp: aws.Int64(2), Message: aws.String("a")}, {Timestamp: aws.Int64(1), Message: aws.String("b")},
	}})
	require.ErrorAs(t, err, &invalid, "out of order")
	require.Error(t, s.WriteLog("/none", "task", sandbox.LogEvent{At: time.Now(), Message: "x"}))
}

func TestAnAlarmRingsAndRecovers(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	c := cloudwatch.NewFromConfig(cfg)
	read := func() cloudwatchtypes.MetricAlarm {
		out, err := c.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"b-5xx"}})
		require.NoError(t, err)
		return out.MetricAlarms[0]
	}
	set := func(value cloudwatchtypes.StateValue, reason string) {
		_, err := c.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("b-5xx"), StateValue: value, StateReason: &reason})
		require.NoError(t, err)
	}
	now.move(time.Minute)
	set(cloudwatchtypes.StateValueAlarm, "5 of 5 datapoints")
	rang := read()
	require.Equal(t, cloudwatchtypes.StateValueAlarm, rang.StateValue)
	require.Equal(t, "5 of 5 datapoints", *rang.StateReason)
	now.move(time.Minute)
	set(cloudwatchtypes.StateValueAlarm, "still")
	require.Equal(t, *rang.StateTransitionedTimestamp, *read().StateTransitionedTimestamp, "the same state is no transition")
	require.True(t, read().StateUpdatedTimestamp.After(*rang.StateUpdatedTimestamp))
	set(cloudwatchtypes.StateValueOk, "over")
	require.True(t, read().StateTransitionedTimestamp.After(*rang.StateTransitionedTimestamp))
	assert.True(t, lastEntry(t, s).Effect)
	_, err := c.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("none"), StateValue: cloudwatchtypes.StateValueOk, StateReason: aws.String("x")})
	var missing *cloudwatchtypes.ResourceNotFound
	require.ErrorAs(t, err, &missing)
}
