// Package calendar knows Japan's civil calendar as a government office uses it: Japan Standard Time, business days,
// public holidays, business hours and the fiscal year. Office-closed days are Saturdays, Sundays, the public holidays in
// the Cabinet Office's list, and 29 December to 3 January.
//
// The list ends with the year that the Cabinet Office has announced. Outside it every question is answered with an
// *OutsideError, never with a guess.
package calendar

import (
	"fmt"
	"time"
	_ "time/tzdata" // Asia/Tokyo must load on a machine without zone files, such as a minimal container
)

// Zone is the IANA name of Japan Standard Time.
const Zone = "Asia/Tokyo"

// Calendar answers questions about days in Japan. It does not change after it was made, so it may be shared.
type Calendar struct {
	loc       *time.Location
	holidays  map[day]string // name in Japanese
	firstYear int
	lastYear  int
}

// day is a date without a time of day, in Japan.
type day struct {
	year  int
	month time.Month
	date  int
}

// OutsideError says that a day lies outside the years whose holidays are known.
type OutsideError struct {
	Day                 time.Time
	FirstYear, LastYear int
}

// Error names the day, the known years and the remedy.
func (e *OutsideError) Error() string {
	return fmt.Sprintf("%s is outside the calendar: public holidays are known for %d to %d; "+
		"use a day in these years, or put the Cabinet Office's newer syukujitsu.csv into internal/calendar and build again",
		e.Day.Format(time.DateOnly), e.FirstYear, e.LastYear)
}

// Location is Asia/Tokyo.
func (c *Calendar) Location() *time.Location { return c.loc }

// Years are the first and the last year whose holidays are known.
func (c *Calendar) Years() (first, last int) { return c.firstYear, c.lastYear }

// Covers says whether the day of t in Japan lies in the known years.
func (c *Calendar) Covers(t time.Time) bool {
	year := t.In(c.loc).Year()
	return c.firstYear <= year && year <= c.lastYear
}

// Closed gives the reason, in Japanese, why offices are closed on the day of t in Japan, or "" on a business day.
func (c *Calendar) Closed(t time.Time) (string, error) {
	t = t.In(c.loc)
	if !c.Covers(t) {
		return "", &OutsideError{Day: t, FirstYear: c.firstYear, LastYear: c.lastYear}
	}
	if name, ok := c.holidays[dayOf(t)]; ok {
		return name, nil
	}
	switch _, month, date := t.Date(); {
	case month == time.December && date >= 29, month == time.January && date <= 3:
		return "年末年始", nil
	}
	switch t.Weekday() {
	case time.Saturday:
		return "土曜日", nil
	case time.Sunday:
		return "日曜日", nil
	}
	return "", nil
}

// IsBusinessDay says whether offices are open on the day of t in Japan.
func (c *Calendar) IsBusinessDay(t time.Time) (bool, error) {
	closed, err := c.Closed(t)
	return err == nil && closed == "", err
}

// FiscalYear is the Japanese fiscal year of t: it starts on 1 April and is named after that year.
func (c *Calendar) FiscalYear(t time.Time) int {
	t = t.In(c.loc)
	if t.Month() < time.April {
		return t.Year() - 1
	}
	return t.Year()
}

// Midnight is the start of the day of t in Japan.
func (c *Calendar) Midnight(t time.Time) time.Time {
	year, month, date := t.In(c.loc).Date()
	return time.Date(year, month, date, 0, 0, 0, 0, c.loc)
}

func dayOf(t time.Time) day {
	year, month, date := t.Date()
	return day{year, month, date}
}
