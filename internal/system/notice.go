package system

import (
	"time"

	"tejun/internal/calendar"
)

// AnnounceBy is the last moment at which an announcement keeps this notice for an outage that starts at start: 23:59:59 in
// Japan on the last business day that leaves BusinessDays full business days between itself and the day of start, neither
// of the two counted. Without business days it is start itself. It fails outside the calendar's years.
func (n Notice) AnnounceBy(cal *calendar.Calendar, start time.Time) (time.Time, error) {
	if n.BusinessDays == 0 {
		return start, nil
	}
	day, err := cal.AddBusinessDays(cal.Midnight(start), -(n.BusinessDays + 1))
	if err != nil {
		return time.Time{}, err
	}
	return cal.Midnight(day.AddDate(0, 0, 1)).Add(-time.Second), nil
}

// EarliestStart is the earliest start whose AnnounceBy is not before now: the midnight in Japan after the last full
// business day of the notice. Without business days it is now. It fails outside the calendar's years.
func (n Notice) EarliestStart(cal *calendar.Calendar, now time.Time) (time.Time, error) {
	if n.BusinessDays == 0 {
		return now, nil
	}
	announced := cal.Midnight(now)
	open, err := cal.IsBusinessDay(announced)
	if err != nil {
		return time.Time{}, err
	}
	days := n.BusinessDays
	if !open || now.After(announced.AddDate(0, 0, 1).Add(-time.Second)) {
		days++ // the announcement counts from the next business day
	}
	last, err := cal.AddBusinessDays(announced, days)
	if err != nil {
		return time.Time{}, err
	}
	return last.AddDate(0, 0, 1), nil
}
