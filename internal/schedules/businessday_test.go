package schedules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

var jst = time.FixedZone("JST", 9*60*60)

func japan(t *testing.T) *calendar.Calendar {
	cal, err := calendar.Japan()
	require.NoError(t, err)
	return cal
}

func days(starts []time.Time, year int) []string {
	var out []string
	for _, s := range starts {
		if s.Year() == year {
			out = append(out, s.Format("01-02 15:04"))
		}
	}
	return out
}

func TestBusinessDaysSkipHolidaysAndTheTurnOfTheYear(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, jst)
	starts, err := businessDays(system.BusinessDay{N: 1, Time: "09:30", Months: []int{1, 5, 11}}, japan(t), jst, now)
	require.NoError(t, err)
	// 1–3 January are closed and 1 January 2026 is a Thursday; 1 May 2026 is a Friday; 1 November 2026 a Sunday.
	assert.Equal(t, []string{"01-05 09:30", "05-01 09:30", "11-02 09:30"}, days(starts, 2026))
	// 4 January 2027 is a Monday; 1 May 2027 a Saturday, followed by the holidays until 5 May.
	assert.Equal(t, []string{"01-04 09:30", "05-06 09:30", "11-01 09:30"}, days(starts, 2027))
}

func TestBusinessDaysCountFromTheEndAndShift(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, jst)
	last, err := businessDays(system.BusinessDay{N: -1, Time: "17:00", Months: []int{12}}, japan(t), jst, now)
	require.NoError(t, err)
	assert.Equal(t, []string{"12-28 17:00"}, days(last, 2026), "29 December is closed")

	shifted, err := businessDays(system.BusinessDay{N: -1, Time: "17:00", Months: []int{12}, Shift: 2}, japan(t), jst, now)
	require.NoError(t, err)
	assert.Equal(t, []string{"01-05 17:00"}, days(shifted, 2027), "two business days after 28 December, over the turn of the year")
	for _, s := range shifted {
		assert.True(t, japan(t).Covers(s), "%s is outside the calendar and must be left out", s)
	}
}

func TestBusinessDaysAreTheSameAllYear(t *testing.T) {
	rule := system.BusinessDay{N: 2, Time: "10:00"}
	spring, err := businessDays(rule, japan(t), jst, time.Date(2026, 3, 1, 0, 0, 0, 0, jst))
	require.NoError(t, err)
	autumn, err := businessDays(rule, japan(t), jst, time.Date(2026, 11, 24, 0, 0, 0, 0, jst))
	require.NoError(t, err)
	assert.Equal(t, spring, autumn)
	_, lastYear := japan(t).Years()
	assert.Equal(t, lastYear, autumn[len(autumn)-1].Year())
}

func TestBusinessDaysAreNeverGuessed(t *testing.T) {
	_, lastYear := japan(t).Years()
	_, err := businessDays(system.BusinessDay{N: 1, Time: "09:30"}, japan(t), jst, time.Date(lastYear+1, 2, 1, 0, 0, 0, 0, jst))
	assert.ErrorContains(t, err, "holiday calendar ends before")

	_, err = businessDays(system.BusinessDay{N: 0, Time: "09:30"}, japan(t), jst, time.Now())
	assert.ErrorContains(t, err, "businessDay.n is 0")
	_, err = businessDays(system.BusinessDay{N: 1, Time: "9 o'clock"}, japan(t), jst, time.Now())
	assert.ErrorContains(t, err, "such as 09:30")
}
