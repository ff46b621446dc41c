package calendar

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddBusinessDaysDoesNotCountTheFirstDay(t *testing.T) {
	c := japan(t)
	for _, tc := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-06-01 10:00", 0, "2026-06-01 10:00"},
		{"2026-06-01 10:00", 1, "2026-06-02 10:00"},
		{"2026-05-31 10:00", 1, "2026-06-01 10:00"}, // from a Sunday
		{"2026-05-31 10:00", 0, "2026-05-31 10:00"},
		{"2026-04-28 09:00", 1, "2026-04-30 09:00"},
		{"2026-04-28 09:00", 3, "2026-05-07 09:00"}, // over the long holidays
		{"2026-09-18 23:59", 1, "2026-09-24 23:59"}, // over the bridge holiday
		{"2026-12-28 00:00", 1, "2027-01-04 00:00"},
		{"2027-01-04 00:00", -1, "2026-12-28 00:00"},
		{"2026-05-07 09:00", -3, "2026-04-28 09:00"},
	} {
		got, err := c.AddBusinessDays(at(t, tc.from), tc.n)
		require.NoError(t, err)
		assert.Equal(t, at(t, tc.want), got, "%s + %d", tc.from, tc.n)
	}
}

func TestFullBusinessDaysBetweenCountsNeitherEnd(t *testing.T) {
	c := japan(t)
	for _, tc := range []struct {
		from, to string
		want     int
	}{
		{"2026-06-01 23:59", "2026-06-01 00:00", 0},
		{"2026-06-01 23:59", "2026-06-02 00:00", 0},
		{"2026-06-01 00:00", "2026-06-03 23:59", 1},
		{"2026-06-01 12:00", "2026-06-09 12:00", 5},
		{"2026-12-28 12:00", "2027-01-05 01:00", 1},
		{"2026-06-09 12:00", "2026-06-01 12:00", 0},
	} {
		got, err := c.FullBusinessDaysBetween(at(t, tc.from), at(t, tc.to))
		require.NoError(t, err)
		assert.Equal(t, tc.want, got, "%s to %s", tc.from, tc.to)
	}
}

// For any day and any n other than 0: the result is a business day, lies on the right side, and counting gives n back.
func TestAddingAndCountingAgree(t *testing.T) {
	c := japan(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from := at(t, "1960-01-01").Add(time.Duration(rng.IntN(66*365*24)) * time.Hour)
		n := rng.IntN(81) - 40
		to, err := c.AddBusinessDays(from, n)
		require.NoError(t, err)
		if n == 0 {
			require.True(t, from.Equal(to))
			continue
		}
		open, err := c.IsBusinessDay(to)
		require.NoError(t, err)
		require.True(t, open, "%s %+d", from, n)
		require.Equal(t, n > 0, to.After(from))
		if n > 0 {
			between, err := c.BusinessDaysBetween(from, to)
			require.NoError(t, err)
			require.Equal(t, n, between, "%s %+d", from, n)
			full, err := c.FullBusinessDaysBetween(from, to)
			require.NoError(t, err)
			require.Equal(t, n-1, full)
		}
		forth, err := c.BusinessDaysBetween(from, to)
		require.NoError(t, err)
		back, err := c.BusinessDaysBetween(to, from)
		require.NoError(t, err)
		require.Equal(t, forth, -back)
	}
}

func TestNthBusinessDay(t *testing.T) {
	c := japan(t)
	for _, tc := range []struct {
		month time.Month
		n     int
		want  string
	}{
		{time.January, 1, "2026-01-05"},
		{time.January, -1, "2026-01-30"},
		{time.May, 1, "2026-05-01"},
		{time.May, 2, "2026-05-07"},
		{time.September, 14, "2026-09-18"},
		{time.September, 15, "2026-09-24"},
		{time.December, -1, "2026-12-28"},
		{time.December, -20, "2026-12-01"},
	} {
		got, err := c.NthBusinessDay(2026, tc.month, tc.n)
		require.NoError(t, err)
		assert.Equal(t, at(t, tc.want), got)
	}
	_, err := c.NthBusinessDay(2026, time.May, 0)
	assert.ErrorContains(t, err, "does not exist")
	_, err = c.NthBusinessDay(2026, 13, 1)
	assert.ErrorContains(t, err, "month 13")
	_, err = c.NthBusinessDay(2026, time.May, 19)
	assert.ErrorContains(t, err, "2026-05 has no business day number 19")
	_, err = c.NthBusinessDay(2026, time.May, -19)
	assert.ErrorContains(t, err, "no business day number -19")
}
