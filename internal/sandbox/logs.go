package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"tejun/internal/system"
)

const (
	eventStreamKind = "logs:stream"
	eventBatchKind  = "logs:events"
)

// mostLogEvents is how many events one call answers, and takes.
const mostLogEvents = 10000

type eventStream struct {
	Group, Name string
	Batches     int
}

// eventBatch is the events of one PutLogEvents.
type eventBatch struct {
	Stream   string
	Ingested int64
	Events   []types.InputLogEvent
}

func logEventOperations() []operation {
	return []operation{
		handle(writes, "LogGroupName LogStreamName", func(in *cloudwatchlogs.CreateLogStreamInput) about {
			return about{eventStreamKey(val(in.LogGroupName), val(in.LogStreamName)), ""}
		}, createLogStream),
		handle(writes, "LogGroupName LogStreamName LogEvents SequenceToken", func(in *cloudwatchlogs.PutLogEventsInput) about {
			return about{eventStreamKey(val(in.LogGroupName), val(in.LogStreamName)), ""}
		}, putLogEvents),
		handle(reads, "LogGroupName StartTime EndTime FilterPattern Limit NextToken", func(in *cloudwatchlogs.FilterLogEventsInput) about {
			return about{logGroupKey(in.LogGroupName), ""}
		}, filterLogEvents),
	}
}

func eventStreamKey(group, stream string) string {
	return eventStreamKind + "/" + group + ":" + stream
}

func (c *call) eventLog(name *string) error {
	g, ok, err := get[LogGroup](c, logGroupKey(name))
	if err == nil && (!ok || g.Region != c.region) {
		err = fail(http.StatusBadRequest, &types.ResourceNotFoundException{Message: ptr("The specified log group does not exist.")})
	}
	return err
}

func createLogStream(c *call, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	if err := c.eventLog(in.LogGroupName); err != nil {
		return nil, err
	}
	key := eventStreamKey(*in.LogGroupName, *in.LogStreamName)
	if _, there, err := get[eventStream](c, key); err != nil || there {
		if err == nil {
			err = fail(http.StatusBadRequest, &types.ResourceAlreadyExistsException{Message: ptr("The specified log stream already exists")})
		}
		return nil, err
	}
	return &cloudwatchlogs.CreateLogStreamOutput{}, c.put(key, eventStream{Group: *in.LogGroupName, Name: *in.LogStreamName})
}

func putLogEvents(c *call, in *cloudwatchlogs.PutLogEventsInput) (*cloudwatchlogs.PutLogEventsOutput, error) {
	if err := c.eventLog(in.LogGroupName); err != nil {
		return nil, err
	}
	key := eventStreamKey(*in.LogGroupName, *in.LogStreamName)
	stream, there, err := get[eventStream](c, key)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fail(http.StatusBadRequest, &types.ResourceNotFoundException{Message: ptr("The specified log stream does not exist.")})
	}
	if n := len(in.LogEvents); n == 0 || n > mostLogEvents {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("LogEvents must have 1 to 10000 entries.")})
	}
	if !slices.IsSortedFunc(in.LogEvents, func(a, b types.InputLogEvent) int { return cmp.Compare(*a.Timestamp, *b.Timestamp) }) {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("Log events in a single PutLogEvents request must be in chronological order.")})
	}
	stream.Batches++
	batch := eventBatch{Stream: stream.Name, Ingested: c.at.UnixMilli(), Events: in.LogEvents}
	if err := c.put(fmt.Sprintf("%s/%s:%s:%06d", eventBatchKind, stream.Group, stream.Name, stream.Batches), batch); err != nil {
		return nil, err
	}
	return &cloudwatchlogs.PutLogEventsOutput{}, c.put(key, stream)
}

// filterLogEvents answers the events of a group from StartTime on and up to EndTime, both included, in the order of time.
func filterLogEvents(c *call, in *cloudwatchlogs.FilterLogEventsInput) (*cloudwatchlogs.FilterLogEventsOutput, error) {
	if err := c.eventLog(in.LogGroupName); err != nil {
		return nil, err
	}
	matches, err := logPattern(val(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	batches, err := listUnder[eventBatch](c, eventBatchKind, *in.LogGroupName+":")
	if err != nil {
		return nil, err
	}
	var found []types.FilteredLogEvent
	for i, batch := range batches {
		for j, e := range batch.Events {
			at := val(e.Timestamp)
			if in.StartTime != nil && at < *in.StartTime || in.EndTime != nil && at > *in.EndTime || !matches(val(e.Message)) {
				continue
			}
			found = append(found, types.FilteredLogEvent{
				EventId: ptr(fmt.Sprintf("%056d", i*mostLogEvents+j)), LogStreamName: ptr(batch.Stream), Timestamp: ptr(at), IngestionTime: ptr(batch.Ingested), Message: e.Message,
			})
		}
	}
	slices.SortStableFunc(found, func(a, b types.FilteredLogEvent) int { return cmp.Compare(*a.Timestamp, *b.Timestamp) })
	items, next, err := page(found, val(in.NextToken), int(val(in.Limit)), mostLogEvents, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr(words)})
	})
	return &cloudwatchlogs.FilterLogEventsOutput{Events: items, NextToken: ptrUnlessEmpty(next)}, err
}

// logPattern reads a filter pattern of plain terms: all of them must be in a message, those after a minus must not, and of those
// after a question mark one must. Patterns for JSON and for fields are not modelled.
func logPattern(pattern string) (func(string) bool, error) {
	if strings.ContainsAny(pattern, "{[%") {
		return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox does not model the filter pattern "+pattern+": use plain terms, or teach the sandbox"))
	}
	var all, some, none []string
	for rest := strings.TrimSpace(pattern); rest != ""; rest = strings.TrimSpace(rest) {
		into := &all
		switch rest[0] {
		case '-':
			into, rest = &none, rest[1:]
		case '?':
			into, rest = &some, rest[1:]
		}
		var term string
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			var closed bool
			if term, rest, closed = strings.Cut(quoted, `"`); !closed {
				return nil, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("Invalid filter pattern")})
			}
		} else {
			term, rest, _ = strings.Cut(rest, " ")
		}
		*into = append(*into, term)
	}
	return func(message string) bool {
		in := func(term string) bool { return strings.Contains(message, term) }
		return !slices.ContainsFunc(all, func(term string) bool { return !in(term) }) &&
			!slices.ContainsFunc(none, in) && (len(some) == 0 || slices.ContainsFunc(some, in))
	}, nil
}

// seedEventLogs makes the log groups that the diagnosis of incidents reads, unless something else has made them.
func seedEventLogs(c *call, sys *system.System) error {
	for _, name := range sys.Incidents.Evidence.LogGroups {
		if _, there, err := get[LogGroup](c, logGroupKey(&name)); err != nil || there {
			if err != nil {
				return err
			}
			continue
		}
		if err := seedLogGroup(c, sys.AWS.Account, sys.AWS.Region, name, 0); err != nil {
			return err
		}
	}
	return nil
}

// LogEvent is a line that a process of the operated system has written.
type LogEvent struct {
	At      time.Time
	Message string
}

// WriteLog lets a process of the operated system write into a log group; it is no AWS call of the caller's.
func (s *Sandbox) WriteLog(group, stream string, events ...LogEvent) error {
	return s.change(context.Background(), func(c *call) error {
		set, err := c.settings()
		if err != nil {
			return err
		}
		c.region = set.Region
		_, err = createLogStream(c, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
		if err != nil && !isCode(err, "ResourceAlreadyExistsException") {
			return err
		}
		in := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream}
		for _, e := range events {
			in.LogEvents = append(in.LogEvents, types.InputLogEvent{Timestamp: ptr(e.At.UnixMilli()), Message: ptr(e.Message)})
		}
		_, err = putLogEvents(c, in)
		return err
	})
}
