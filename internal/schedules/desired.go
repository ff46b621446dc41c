package schedules

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

// target is one schedule as it should be.
type target struct {
	id       string
	runbook  string
	schedule *client.Schedule
	next     []time.Time
	lastDay  string
}

// desired turns an entry of the description into a Temporal Schedule: the system's zone, overlaps skipped, late
// starts made up for within minutes only.
func desired(s system.Schedule, sys *system.System, cal *calendar.Calendar, now time.Time) (target, error) {
	t := target{id: Prefix + s.ID, runbook: s.Runbook}
	spec := &client.ScheduleSpec{TimeZoneName: sys.TimeZone, Jitter: s.Jitter.D()}
	switch {
	case s.Cron != "" && s.BusinessDay != nil:
		return target{}, errors.New("has both cron and businessDay: keep one")
	case s.Cron != "":
		c, err := parseCron(s.Cron)
		if err != nil {
			return target{}, err
		}
		spec.Calendars = []client.ScheduleCalendarSpec{c}
	case s.BusinessDay != nil:
		starts, err := businessDays(*s.BusinessDay, cal, sys.Location(), now)
		if err != nil {
			return target{}, err
		}
		for _, at := range starts {
			spec.Calendars = append(spec.Calendars, exactly(at))
			if at.After(now) && len(t.next) < 5 {
				t.next = append(t.next, at)
			}
		}
		t.lastDay = starts[len(starts)-1].Format(time.DateOnly)
	default:
		return target{}, errors.New("has neither cron nor businessDay: give one")
	}

	input := s.Input
	if input == nil {
		input = map[string]any{}
	}
	if _, err := json.Marshal(input); err != nil {
		return target{}, fmt.Errorf("input cannot be written as JSON: %w", err)
	}
	catchup := s.Catchup.D()
	if catchup == 0 {
		catchup = defaultCatchup
	}
	state := &client.ScheduleState{Note: s.Note}
	if s.Paused {
		state.Paused, state.Note = true, pausedHere
		if s.Note != "" {
			state.Note += ": " + s.Note
		}
	}
	t.schedule = &client.Schedule{
		Spec: spec,
		Action: &client.ScheduleWorkflowAction{
			ID:            t.id, // Temporal appends the scheduled time
			Workflow:      s.Runbook,
			Args:          []any{input},
			TaskQueue:     TaskQueue,
			StaticSummary: summary(s),
			StaticDetails: fmt.Sprintf("Started by the schedule `%s` of system `%s`.", s.ID, sys.ID),
		},
		Policy: &client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchup},
		State:  state,
	}
	return t, nil
}

func summary(s system.Schedule) string {
	if s.Note != "" {
		return s.Note
	}
	return "schedule " + s.ID
}

// exactly is the one minute that at names.
func exactly(at time.Time) client.ScheduleCalendarSpec {
	one := func(n int) []client.ScheduleRange { return []client.ScheduleRange{{Start: n}} }
	return client.ScheduleCalendarSpec{
		Year: one(at.Year()), Month: one(int(at.Month())), DayOfMonth: one(at.Day()),
		Hour: one(at.Hour()), Minute: one(at.Minute()),
	}
}
