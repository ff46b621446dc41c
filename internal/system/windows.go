package system

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tejun/internal/calendar"
)

// inWindows says whether start to end lies within the weekly windows. Windows that touch or overlap count as one.
func (s *System) inWindows(start, end time.Time) (bool, error) {
	type interval struct{ from, until time.Time }
	var open []interval
	zone := s.Location()
	// A window lasts at most a week, so one that holds start begins within the eight days before it.
	for day := start.In(zone).AddDate(0, 0, -8); !day.After(end.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		for _, w := range s.Windows {
			if !slices.Contains(w.Weekdays, weekdays[day.Weekday()]) {
				continue
			}
			clock, err := calendar.ParseTimeOfDay(w.Start)
			if err != nil {
				return false, fmt.Errorf("allowed window: %w", err)
			}
			from := clock.On(day)
			open = append(open, interval{from, from.Add(w.Duration.D())})
		}
	}
	slices.SortFunc(open, func(a, b interval) int { return a.from.Compare(b.from) })
	covered := start
	for _, w := range open {
		if !w.from.After(covered) && w.until.After(covered) {
			covered = w.until
		}
	}
	return !covered.Before(end), nil
}

func (s *System) windowWords() string {
	var all []string
	for _, w := range s.Windows {
		all = append(all, fmt.Sprintf("%s from %s for %s", strings.Join(w.Weekdays, ", "), w.Start, words(w.Duration.D())))
	}
	return strings.Join(all, "; ") + " (" + s.TimeZone + ")"
}
