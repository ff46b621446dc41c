package calendar

import (
	"errors"
	"fmt"
	"time"
)

// AddBusinessDays moves t by n business days and keeps its time of day. The first day is not counted (初日不算入): one
// business day after a Monday is the Tuesday, one after a Sunday is the Monday. Negative n goes back. With n zero t
// stays, whether or not it is a business day. The result is in Asia/Tokyo.
func (c *Calendar) AddBusinessDays(t time.Time, n int) (time.Time, error) {
	t = t.In(c.loc)
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	for n > 0 {
		t = t.AddDate(0, 0, step)
		open, err := c.IsBusinessDay(t)
		if err != nil {
			return time.Time{}, err
		}
		if open {
			n--
		}
	}
	if !c.Covers(t) {
		return time.Time{}, &OutsideError{Day: t, FirstYear: c.firstYear, LastYear: c.lastYear}
	}
	return t, nil
}

// BusinessDaysBetween counts the business days after the day of from, up to and including the day of to: the first day
// is not counted. It is negative when to lies before from, and then equals -BusinessDaysBetween(to, from).
func (c *Calendar) BusinessDaysBetween(from, to time.Time) (int, error) {
	first, last := c.Midnight(from), c.Midnight(to)
	if last.Before(first) {
		n, err := c.BusinessDaysBetween(to, from)
		return -n, err
	}
	if !c.Covers(first) { // stops a walk through the centuries
		return 0, &OutsideError{Day: first, FirstYear: c.firstYear, LastYear: c.lastYear}
	}
	n := 0
	for d := first.AddDate(0, 0, 1); !d.After(last); d = d.AddDate(0, 0, 1) {
		open, err := c.IsBusinessDay(d)
		if err != nil {
			return 0, err
		}
		if open {
			n++
		}
	}
	return n, nil
}

// FullBusinessDaysBetween counts the business days strictly between the two days: neither the day of from nor the day of
// to is counted. This is how notice periods count.
func (c *Calendar) FullBusinessDaysBetween(from, to time.Time) (int, error) {
	if !c.Midnight(to).After(c.Midnight(from)) {
		return 0, nil
	}
	return c.BusinessDaysBetween(from, c.Midnight(to).AddDate(0, 0, -1))
}

// NthBusinessDay is the start of the n-th business day of a month in Japan: 1 is the first, -1 the last.
func (c *Calendar) NthBusinessDay(year int, month time.Month, n int) (time.Time, error) {
	if n == 0 {
		return time.Time{}, errors.New("business day 0 of a month does not exist: 1 is the first, -1 the last")
	}
	if month < time.January || month > time.December {
		return time.Time{}, fmt.Errorf("month %d does not exist: want 1 to 12", month)
	}
	d := time.Date(year, month, 1, 0, 0, 0, 0, c.loc)
	step, left := 1, n
	if n < 0 {
		d, step, left = d.AddDate(0, 1, -1), -1, -n
	}
	for ; d.Month() == month; d = d.AddDate(0, 0, step) {
		open, err := c.IsBusinessDay(d)
		if err != nil {
			return time.Time{}, err
		}
		if !open {
			continue
		}
		if left--; left == 0 {
			return d, nil
		}
	}
	return time.Time{}, fmt.Errorf("%d-%02d has no business day number %d", year, month, n)
}
