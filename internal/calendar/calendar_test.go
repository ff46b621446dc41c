package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func japan(t *testing.T) *Calendar {
	t.Helper()
	c, err := Japan()
	require.NoError(t, err)
	return c
}

// at reads "2006-01-02" or "2006-01-02 15:04" as Japan Standard Time.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(Zone)
	require.NoError(t, err)
	layout := "2006-01-02 15:04"
	if len(s) == len(time.DateOnly) {
		layout = time.DateOnly
	}
	v, err := time.ParseInLocation(layout, s, loc)
	require.NoError(t, err)
	return v
}

func TestJapanReadsTheWholeList(t *testing.T) {
	c := japan(t)
	first, last := c.Years()
	assert.Equal(t, 1955, first)
	assert.Equal(t, 2027, last)
	name, err := c.Closed(at(t, "2026-01-12"))
	require.NoError(t, err)
	assert.Equal(t, "成人の日", name)
}

func TestClosedDaysOf2026(t *testing.T) {
	c := japan(t)
	for _, tc := range []struct{ day, closed string }{
		{"2026-01-01", "元日"},
		{"2026-01-02", "年末年始"},
		{"2026-01-03", "年末年始"}, // also a Saturday
		{"2026-01-04", "日曜日"},
		{"2026-01-05", ""},
		{"2026-04-28", ""},
		{"2026-04-29", "昭和の日"},
		{"2026-04-30", ""},
		{"2026-05-01", ""},
		{"2026-05-02", "土曜日"},
		{"2026-05-03", "憲法記念日"}, // a Sunday
		{"2026-05-04", "みどりの日"},
		{"2026-05-05", "こどもの日"},
		{"2026-05-06", "休日"}, // substitute for 3 May
		{"2026-05-07", ""},
		{"2026-09-18", ""},
		{"2026-09-21", "敬老の日"},
		{"2026-09-22", "休日"}, // between two holidays
		{"2026-09-23", "秋分の日"},
		{"2026-09-24", ""},
		{"2026-12-28", ""},
		{"2026-12-29", "年末年始"},
		{"2026-12-31", "年末年始"},
	} {
		closed, err := c.Closed(at(t, tc.day))
		require.NoError(t, err, tc.day)
		assert.Equal(t, tc.closed, closed, tc.day)
		open, err := c.IsBusinessDay(at(t, tc.day))
		require.NoError(t, err, tc.day)
		assert.Equal(t, tc.closed == "", open, tc.day)
	}
}

func TestTheDayIsTheOneInJapan(t *testing.T) {
	c := japan(t)
	// 15:00 UTC on Tuesday 28 April is the start of 昭和の日 in Japan.
	closed, err := c.Closed(time.Date(2026, 4, 28, 15, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	assert.Equal(t, "昭和の日", closed)
	assert.False(t, c.Covers(time.Date(2027, 12, 31, 15, 0, 0, 0, time.UTC)))
	assert.True(t, c.Covers(time.Date(1954, 12, 31, 15, 0, 0, 0, time.UTC)))
}

func TestOutsideTheKnownYearsIsAnErrorThatSaysWhatToDo(t *testing.T) {
	c := japan(t)
	late, early := at(t, "2028-01-04"), at(t, "1954-12-31")

	_, err := c.IsBusinessDay(late)
	var outside *OutsideError
	require.ErrorAs(t, err, &outside)
	assert.ErrorContains(t, err, "2028-01-04 is outside the calendar")
	assert.ErrorContains(t, err, "1955 to 2027")
	assert.ErrorContains(t, err, "syukujitsu.csv")

	_, err = c.IsBusinessDay(early)
	assert.ErrorAs(t, err, &outside)
	_, err = c.AddBusinessDays(at(t, "2027-12-27"), 2)
	assert.ErrorAs(t, err, &outside)
	_, err = c.AddBusinessDays(at(t, "1955-01-05"), -2)
	assert.ErrorAs(t, err, &outside)
	_, err = c.AddBusinessDays(late, 0)
	assert.ErrorAs(t, err, &outside)
	_, err = c.BusinessDaysBetween(at(t, "2027-12-27"), late)
	assert.ErrorAs(t, err, &outside)
	_, err = c.BusinessDaysBetween(early, at(t, "1955-02-01"))
	assert.ErrorAs(t, err, &outside)
	_, err = c.NthBusinessDay(2028, time.January, 1)
	assert.ErrorAs(t, err, &outside)
	_, err = c.Reminders(late, late.Add(48*time.Hour), time.Hour, "09:30", "18:15")
	assert.ErrorAs(t, err, &outside)
}

func TestFiscalYearStartsInApril(t *testing.T) {
	c := japan(t)
	assert.Equal(t, 2025, c.FiscalYear(at(t, "2026-03-31 23:59")))
	assert.Equal(t, 2026, c.FiscalYear(at(t, "2026-04-01")))
	assert.Equal(t, 2026, c.FiscalYear(at(t, "2027-01-01")))
	// 15:00 UTC on 31 March is already April in Japan.
	assert.Equal(t, 2026, c.FiscalYear(time.Date(2026, 3, 31, 15, 0, 0, 0, time.UTC)))
}

func TestADamagedListIsRefused(t *testing.T) {
	for name, tc := range map[string]struct{ csv, says string }{
		"empty":        {"", "at least one holiday"},
		"heading only": {"a,b\r\n", "at least one holiday"},
		"date":         {"a,b\r\n2026-01-01,x\r\n", `line 2: date "2026-01-01"`},
		"no such day":  {"a,b\r\n2026/2/30,x\r\n", "line 2"},
		"no name":      {"a,b\r\n2026/1/1,\r\n", "has no name"},
		"twice":        {"a,b\r\n2026/1/1,x\r\n2026/1/1,y\r\n", "line 3: 2026/1/1 appears twice"},
		"columns":      {"a,b\r\n2026/1/1,x,y\r\n", "wrong number of fields"},
		"gap":          {"a,b\r\n2024/1/1,x\r\n2026/1/1,x\r\n", "no holidays for 2025"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse([]byte(tc.csv))
			assert.ErrorContains(t, err, tc.says)
		})
	}
}
