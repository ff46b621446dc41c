package system

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tejun/internal/calendar"
)

var businessDayTerm = regexp.MustCompile(`^\+([0-9]{1,3})bd$`)

// Moment reads a time in the input of a scheduled run, which cannot know dates. It is RFC 3339 with a zone, or terms that
// move from one after the other, in System.TimeZone:
//
//	+2h            two hours later
//	+10bd          ten business days later, the first day not counted
//	22:00          that time of day
//	+10bd 22:00    ten business days later at 22:00
//	+10bd 22:00 +4h    four hours after that
//
// Terms only move forward: a result before from is an error.
func (s *System) Moment(text string, from time.Time, cal *calendar.Calendar) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	zone := s.Location()
	terms := strings.Fields(text)
	if len(terms) == 0 {
		return time.Time{}, fmt.Errorf("the time is empty: write RFC 3339 with a zone, or terms such as +2h or +10bd 22:00")
	}
	at := from.In(zone)
	for _, term := range terms {
		moved, err := move(at, term, cal)
		if err != nil {
			return time.Time{}, fmt.Errorf("time %q: %w", text, err)
		}
		at = moved.In(zone)
	}
	if at.Before(from) {
		return time.Time{}, fmt.Errorf("time %q, counted from %s, is %s: that is in the past, so add a day such as +1bd before it",
			text, from.In(zone).Format(time.RFC3339), at.Format(time.RFC3339))
	}
	return at, nil
}

// Deadline reads a moment, or a day such as 2027-01-29: then it is the end of that day's business hours.
func (s *System) Deadline(text string, from time.Time, cal *calendar.Calendar) (time.Time, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, s.Location())
	if err != nil {
		return s.Moment(text, from, cal)
	}
	closing, err := calendar.ParseTimeOfDay(s.BusinessHours.End)
	if err != nil {
		return time.Time{}, fmt.Errorf("businessHours.end of system.yaml: %w", err)
	}
	return closing.On(day), nil
}

func move(at time.Time, term string, cal *calendar.Calendar) (time.Time, error) {
	if m := businessDayTerm.FindStringSubmatch(term); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return time.Time{}, err
		}
		return cal.AddBusinessDays(at, n)
	}
	if clock, err := calendar.ParseTimeOfDay(term); err == nil {
		return clock.On(at), nil
	}
	if d, err := time.ParseDuration(term); err == nil && strings.HasPrefix(term, "+") {
		return at.Add(d), nil
	}
	return time.Time{}, fmt.Errorf("cannot read %q: want a span such as +2h, business days such as +10bd, or a time of day such as 22:00", term)
}
