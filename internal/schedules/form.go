package schedules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tejun/internal/plan"
)

// form is a schedule in the shape in which ours and Temporal's can be compared: defaults filled in, ranges spelled
// out, the input as canonical JSON.
type form struct {
	runbook, queue, summary string
	input                   string
	times                   []string
	zone                    string
	jitter, catchup         time.Duration
	overlap                 enumspb.ScheduleOverlapPolicy
	failurePause            bool
	foreign                 bool // intervals, skips or an end date, which we never write
}

func formOf(s *client.Schedule) form {
	f := form{}
	if action, ok := s.Action.(*client.ScheduleWorkflowAction); ok {
		f.runbook, _ = action.Workflow.(string)
		f.queue, f.summary = action.TaskQueue, action.StaticSummary
		f.input = inputOf(action.Args)
	}
	if s.Spec != nil {
		for _, c := range s.Spec.Calendars {
			f.times = append(f.times, calendarText(c))
		}
		slices.Sort(f.times)
		f.zone, f.jitter = s.Spec.TimeZoneName, s.Spec.Jitter
		f.foreign = len(s.Spec.Intervals) > 0 || len(s.Spec.Skip) > 0 || !s.Spec.StartAt.IsZero() || !s.Spec.EndAt.IsZero()
	}
	if s.Policy != nil {
		f.overlap, f.catchup, f.failurePause = s.Policy.Overlap, s.Policy.CatchupWindow, s.Policy.PauseOnFailure
	}
	return f
}

// differences says in words how f must change to become want.
func (f form) differences(want form) []string {
	var out []string
	differ := func(name string, have, want any) {
		if have != want {
			out = append(out, fmt.Sprintf("%s: %v → %v", name, have, want))
		}
	}
	differ("runbook", f.runbook, want.runbook)
	differ("task queue", f.queue, want.queue)
	differ("summary", f.summary, want.summary)
	differ("input", f.input, want.input)
	if !slices.Equal(f.times, want.times) {
		out = append(out, timesDifference(f.times, want.times))
	}
	differ("zone", f.zone, want.zone)
	differ("jitter", f.jitter, want.jitter)
	differ("catch-up", f.catchup, want.catchup)
	differ("overlap", f.overlap, want.overlap)
	differ("pause on failure", f.failurePause, want.failurePause)
	if f.foreign && !want.foreign {
		out = append(out, "intervals, skips or limits that the description does not hold: removed")
	}
	return out
}

func timesDifference(have, want []string) string {
	if len(have) == 1 && len(want) == 1 {
		return fmt.Sprintf("times: %s → %s", have[0], want[0])
	}
	var gone, added int
	for _, t := range have {
		if !slices.Contains(want, t) {
			gone++
		}
	}
	for _, t := range want {
		if !slices.Contains(have, t) {
			added++
		}
	}
	return fmt.Sprintf("times: %d dates go, %d come", gone, added)
}

// inputOf is the workflow's input as canonical JSON. Temporal gives arguments back as payloads; one that cannot be
// read here (encrypted) counts as different, so it is written again, which does no harm.
func inputOf(args []any) string {
	if len(args) != 1 {
		return fmt.Sprintf("(%d arguments)", len(args))
	}
	v := args[0]
	if payload, ok := v.(*commonpb.Payload); ok {
		v = nil
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &v); err != nil {
			return "(not readable here)"
		}
	}
	text, err := plan.Canonical(v)
	if err != nil {
		return "(not JSON)"
	}
	return string(text)
}

// calendarText spells a calendar out: "minute=30 hour=9 day=* month=* weekday=1-5".
func calendarText(c client.ScheduleCalendarSpec) string {
	parts := []string{
		"minute=" + rangesText(c.Minute, 0, 0),
		"hour=" + rangesText(c.Hour, 0, 0),
		"day=" + rangesText(c.DayOfMonth, 1, 31),
		"month=" + rangesText(c.Month, 1, 12),
		"weekday=" + rangesText(c.DayOfWeek, 0, 6),
	}
	if len(c.Year) > 0 {
		parts = append(parts, "year="+rangesText(c.Year, 0, 0))
	}
	if second := rangesText(c.Second, 0, 0); second != "0" {
		parts = append(parts, "second="+second)
	}
	return strings.Join(parts, " ")
}

// rangesText writes ranges with the server's defaults: no range means min to max, no end means the start.
func rangesText(ranges []client.ScheduleRange, lowest, highest int) string {
	if len(ranges) == 0 {
		ranges = []client.ScheduleRange{{Start: lowest, End: highest}}
	}
	var parts []string
	for _, r := range ranges {
		end, step := max(r.Start, r.End), max(1, r.Step)
		var text string
		switch {
		case r.Start == lowest && end == highest && highest > 0:
			text = "*"
		case end == r.Start:
			text = fmt.Sprint(r.Start)
		default:
			text = fmt.Sprintf("%d-%d", r.Start, end)
		}
		if step > 1 && end > r.Start {
			text += fmt.Sprintf("/%d", step)
		}
		parts = append(parts, text)
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}
