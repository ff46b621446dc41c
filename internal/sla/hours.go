package sla

import (
	"fmt"
	"time"

	"tejun/internal/calendar"
)

// Hours are the business hours of business days. Clocks of the kind Always do not look at them.
type Hours struct {
	calendar      *calendar.Calendar
	opens, closes calendar.TimeOfDay
}

// NewHours are the hours from start to end ("09:30", "18:15") of the calendar's business days.
func NewHours(cal *calendar.Calendar, start, end string) (Hours, error) {
	opens, err := calendar.ParseTimeOfDay(start)
	if err != nil {
		return Hours{}, fmt.Errorf("business hours' start: %w", err)
	}
	closes, err := calendar.ParseTimeOfDay(end)
	if err != nil {
		return Hours{}, fmt.Errorf("business hours' end: %w", err)
	}
	if closes <= opens {
		return Hours{}, fmt.Errorf("business hours %s to %s: the end must be after the start", start, end)
	}
	return Hours{calendar: cal, opens: opens, closes: closes}, nil
}

// between is how much of the time from from until until counts.
func (h Hours) between(kind Kind, from, until time.Time) (time.Duration, error) {
	if !until.After(from) {
		return 0, nil
	}
	if kind == Always {
		return until.Sub(from), nil
	}
	var total time.Duration
	for d := h.calendar.Midnight(from); d.Before(until); d = d.AddDate(0, 0, 1) {
		opens, closes, err := h.day(d)
		if err != nil {
			return 0, err
		}
		if from.After(opens) {
			opens = from
		}
		if until.Before(closes) {
			closes = until
		}
		if closes.After(opens) {
			total += closes.Sub(opens)
		}
	}
	return total, nil
}

// after is the moment at which left has counted since from. Nothing left is from itself.
func (h Hours) after(kind Kind, from time.Time, left time.Duration) (time.Time, error) {
	if kind == Always || left <= 0 {
		return from.Add(left), nil
	}
	for d := h.calendar.Midnight(from); ; d = d.AddDate(0, 0, 1) {
		opens, closes, err := h.day(d)
		if err != nil {
			return time.Time{}, err
		}
		if from.After(opens) {
			opens = from
		}
		if !closes.After(opens) {
			continue
		}
		if closes.Sub(opens) >= left {
			return opens.Add(left), nil
		}
		left -= closes.Sub(opens)
	}
}

// day is when the day of d opens and closes; on a closed day the two are the same.
func (h Hours) day(d time.Time) (opens, closes time.Time, err error) {
	works, err := h.calendar.IsBusinessDay(d)
	if err != nil || !works {
		return d, d, err
	}
	return h.opens.On(d), h.closes.On(d), nil
}
