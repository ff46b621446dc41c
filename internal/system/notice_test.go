package system

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnnounceByLeavesFullBusinessDaysBetween(t *testing.T) {
	cal := japan(t)
	for _, tc := range []struct {
		days        int
		start, want string
	}{
		{0, "2026-06-09 22:00", "2026-06-09 22:00:00"},
		{1, "2026-06-10 22:00", "2026-06-08 23:59:59"},
		{5, "2026-06-09 22:00", "2026-06-01 23:59:59"},
		{5, "2026-06-07 01:00", "2026-05-29 23:59:59"}, // a Sunday
		{5, "2026-05-11 22:00", "2026-04-27 23:59:59"}, // over the long holidays: 28, 30 April, 1, 7, 8 May
		{1, "2027-01-05 22:00", "2026-12-28 23:59:59"},
		{1, "2026-09-25 22:00", "2026-09-18 23:59:59"},
	} {
		got, err := Notice{BusinessDays: tc.days}.AnnounceBy(cal, jst(t, tc.start))
		require.NoError(t, err)
		assert.Equal(t, jst(t, tc.want), got, tc.start)
	}
}

// For any start: the announcement leaves the full business days, and announcing on the next business day would not. For
// any moment: the earliest start can still be announced, and a second earlier cannot.
func TestAnnounceByAndEarliestStartAgree(t *testing.T) {
	cal := japan(t)
	for _, days := range []int{1, 2, 5, 10} {
		n := Notice{BusinessDays: days}
		for at := jst(t, "2026-03-20 00:00"); at.Before(jst(t, "2027-05-20 00:00")); at = at.Add(31*time.Hour + 13*time.Second) {
			by, err := n.AnnounceBy(cal, at)
			require.NoError(t, err)
			full, err := cal.FullBusinessDaysBetween(by, at)
			require.NoError(t, err)
			require.Equal(t, days, full, "start %s, announced by %s", at, by)
			open, err := cal.IsBusinessDay(by)
			require.NoError(t, err)
			require.True(t, open)

			earliest, err := n.EarliestStart(cal, at)
			require.NoError(t, err)
			limit, err := n.AnnounceBy(cal, earliest)
			require.NoError(t, err)
			require.False(t, at.After(limit), "at %s the earliest start is %s, to be announced by %s", at, earliest, limit)
			limit, err = n.AnnounceBy(cal, earliest.Add(-time.Second))
			require.NoError(t, err)
			require.True(t, at.After(limit), "at %s a start before %s is possible", at, earliest)
		}
	}
}
