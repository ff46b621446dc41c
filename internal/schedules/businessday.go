package schedules

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

// businessDays computes the rule's starts as dates, from January of this year to the last month that the holiday
// calendar covers. Temporal knows no holidays, so it is given the dates themselves; beginning with January keeps the
// schedule the same all year. A month whose date would fall outside the calendar is left out, never guessed.
func businessDays(rule system.BusinessDay, cal *calendar.Calendar, zone *time.Location, now time.Time) ([]time.Time, error) {
	if rule.N == 0 {
		return nil, errors.New("businessDay.n is 0: use 1 for the first business day of the month, -1 for the last")
	}
	clock, err := time.Parse("15:04", rule.Time)
	if err != nil {
		return nil, fmt.Errorf("businessDay.time %q: write hours and minutes, such as 09:30", rule.Time)
	}
	now = now.In(zone)
	var starts []time.Time
	for month := time.Date(now.Year(), time.January, 1, 0, 0, 0, 0, zone); cal.Covers(month.AddDate(0, 1, -1)); month = month.AddDate(0, 1, 0) {
		if len(rule.Months) > 0 && !slices.Contains(rule.Months, int(month.Month())) {
			continue
		}
		day, err := cal.NthBusinessDay(month.Year(), month.Month(), rule.N)
		if err != nil {
			return nil, fmt.Errorf("business day %d of %s: %w", rule.N, month.Format("2006-01"), err)
		}
		if rule.Shift != 0 {
			day, err = cal.AddBusinessDays(day, rule.Shift)
			var outside *calendar.OutsideError
			if errors.As(err, &outside) {
				continue // shifted over the calendar's edge
			}
			if err != nil {
				return nil, fmt.Errorf("business day %d of %s, shifted by %d: %w", rule.N, month.Format("2006-01"), rule.Shift, err)
			}
		}
		starts = append(starts, time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, zone))
	}
	if len(starts) == 0 || !starts[len(starts)-1].After(now) {
		return nil, fmt.Errorf("the holiday calendar ends before %s: update it, then apply again", now.Format(time.DateOnly))
	}
	return starts, nil
}
