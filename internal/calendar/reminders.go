package calendar

import (
	"fmt"
	"regexp"
	"time"
)

// MaxReminders is the most times that Reminders gives: whoever ignored a hundred mails is reached by escalation only, and
// each reminder is a timer in a run's history.
const MaxReminders = 100

// TimeOfDay is hours and minutes since midnight.
type TimeOfDay time.Duration

var timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// ParseTimeOfDay reads "00:00" to "23:59".
func ParseTimeOfDay(s string) (TimeOfDay, error) {
	if !timeOfDay.MatchString(s) {
		return 0, fmt.Errorf("time of day %q: want hours and minutes from 00:00 to 23:59, such as 09:30", s)
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("time of day %q: %w", s, err)
	}
	return TimeOfDay(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute), nil
}

// On is that time on the day of t, in t's zone.
func (d TimeOfDay) On(t time.Time) time.Time {
	minutes := int(time.Duration(d) / time.Minute)
	year, month, date := t.Date()
	return time.Date(year, month, date, minutes/60, minutes%60, 0, 0, t.Location())
}

// Reminders gives the times between from and until at which people are reminded, both excluded. The clock runs in
// business hours only, from start to end ("09:30", "18:15") on business days: with every = 4h, a question asked on Friday
// at 17:15 is first repeated on Monday at 12:30. Every = 0 means never. At most MaxReminders times are given.
func (c *Calendar) Reminders(from, until time.Time, every time.Duration, start, end string) ([]time.Time, error) {
	opens, err := ParseTimeOfDay(start)
	if err != nil {
		return nil, fmt.Errorf("business hours' start: %w", err)
	}
	closes, err := ParseTimeOfDay(end)
	if err != nil {
		return nil, fmt.Errorf("business hours' end: %w", err)
	}
	if closes <= opens {
		return nil, fmt.Errorf("business hours %s to %s: the end must be after the start", start, end)
	}
	if every < 0 {
		return nil, fmt.Errorf("remind every %s: must not be negative", every)
	}
	if every == 0 {
		return nil, nil
	}

	var times []time.Time
	left := every // business time until the next reminder
	for d := c.Midnight(from); d.Before(until); d = d.AddDate(0, 0, 1) {
		open, err := c.IsBusinessDay(d)
		if err != nil {
			return nil, err
		}
		if !open {
			continue
		}
		at, closing := opens.On(d), closes.On(d)
		if from.After(at) {
			at = from.In(c.loc)
		}
		for closing.Sub(at) >= left {
			at = at.Add(left)
			left = every
			if !at.Before(until) || len(times) == MaxReminders {
				return times, nil
			}
			times = append(times, at)
		}
		if closing.After(at) {
			left -= closing.Sub(at)
		}
	}
	return times, nil
}
