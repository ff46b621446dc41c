package calendar

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRemindersCountBusinessTimeOnly(t *testing.T) {
	c := japan(t)
	times := func(days ...string) []time.Time {
		var out []time.Time
		for _, d := range days {
			out = append(out, at(t, d))
		}
		return out
	}
	for name, tc := range map[string]struct {
		from, until string
		every       time.Duration
		want        []time.Time
	}{
		"within a day":     {"2026-06-01 10:00", "2026-06-01 18:00", 3 * time.Hour, times("2026-06-01 13:00", "2026-06-01 16:00")},
		"over a weekend":   {"2026-06-05 17:15", "2026-06-08 13:00", 4 * time.Hour, times("2026-06-08 12:30")},
		"over holidays":    {"2026-04-28 18:00", "2026-05-01 00:00", time.Hour + 15*time.Minute, times("2026-04-30 10:30", "2026-04-30 11:45", "2026-04-30 13:00", "2026-04-30 14:15", "2026-04-30 15:30", "2026-04-30 16:45", "2026-04-30 18:00")},
		"asked at night":   {"2026-06-01 23:00", "2026-06-02 11:00", time.Hour, times("2026-06-02 10:30")},
		"asked at dawn":    {"2026-06-02 04:00", "2026-06-02 11:00", time.Hour, times("2026-06-02 10:30")},
		"end excluded":     {"2026-06-02 09:30", "2026-06-02 10:30", time.Hour, nil},
		"closing time":     {"2026-06-01 17:15", "2026-06-02 10:00", time.Hour, times("2026-06-01 18:15")},
		"longer than days": {"2026-06-01 09:30", "2026-06-05 00:00", 20 * time.Hour, times("2026-06-03 12:00")},
		"never":            {"2026-06-01 09:30", "2026-06-05 00:00", 0, nil},
		"nothing to come":  {"2026-06-05 00:00", "2026-06-01 09:30", time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Reminders(at(t, tc.from), at(t, tc.until), tc.every, "09:30", "18:15")
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestRemindersAreLimited(t *testing.T) {
	c := japan(t)
	got, err := c.Reminders(at(t, "2026-06-01"), at(t, "2026-12-01"), time.Nanosecond, "09:30", "18:15")
	require.NoError(t, err)
	assert.Len(t, got, MaxReminders)
}

func TestRemindersRefuseImpossibleHours(t *testing.T) {
	c := japan(t)
	from, until := at(t, "2026-06-01"), at(t, "2026-06-05")
	for _, hours := range [][2]string{{"18:15", "09:30"}, {"09:30", "09:30"}, {"9:30", "18:15"}, {"09:30", "24:00"}, {"", ""}} {
		_, err := c.Reminders(from, until, time.Hour, hours[0], hours[1])
		assert.Error(t, err, hours)
	}
	_, err := c.Reminders(from, until, -time.Hour, "09:30", "18:15")
	assert.ErrorContains(t, err, "must not be negative")
}
