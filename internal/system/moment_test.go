package system

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMomentsOfScheduledRunsCountFromTheirStart(t *testing.T) {
	s, cal := example(t), japan(t)
	from := jst(t, "2026-06-02 10:00")
	for text, want := range map[string]string{
		"+2h":                       "2026-06-02 12:00",
		"+1h30m":                    "2026-06-02 11:30",
		"22:00":                     "2026-06-02 22:00",
		"+10bd":                     "2026-06-16 10:00",
		"+10bd 22:00":               "2026-06-16 22:00",
		"+10bd 22:00 +4h":           "2026-06-17 02:00",
		"+0bd 10:00":                "2026-06-02 10:00",
		"2026-07-01T00:00:00+09:00": "2026-07-01 00:00",
	} {
		got, err := s.Moment(text, from.UTC(), cal)
		require.NoError(t, err, text)
		assert.True(t, jst(t, want).Equal(got), "%s: %s", text, got)
	}
	for text, says := range map[string]string{
		"":                    "is empty",
		"09:00":               "in the past",
		"2h":                  `cannot read "2h"`,
		"-2h":                 `cannot read "-2h"`,
		"+-2h":                `cannot read "+-2h"`,
		"+5d":                 `cannot read "+5d"`,
		"tomorrow":            "cannot read",
		"2026-07-01T00:00:00": "cannot read",
		"+999bd":              "outside the calendar",
	} {
		_, err := s.Moment(text, from, cal)
		assert.ErrorContains(t, err, says, text)
	}
}

func TestADeadlineMayBeADay(t *testing.T) {
	s, cal := example(t), japan(t)
	from := jst(t, "2026-06-02 10:00")
	for text, want := range map[string]string{"2026-06-09": "2026-06-09 18:15", "+5bd": "2026-06-09 10:00", "2026-07-01T00:00:00+09:00": "2026-07-01 00:00"} {
		got, err := s.Deadline(text, from, cal)
		require.NoError(t, err, text)
		assert.True(t, jst(t, want).Equal(got), "%s: %s", text, got)
	}
	for _, text := range []string{"2026-06-31", "2026/06/30", ""} {
		_, err := s.Deadline(text, from, cal)
		require.Error(t, err, text)
	}
}

func TestTheExamplesScheduleKeepsItsNotice(t *testing.T) {
	s, cal := example(t), japan(t)
	schedule := s.Schedules[0]
	for month := 1; month <= 12; month++ {
		day, err := cal.NthBusinessDay(2026, time.Month(month), schedule.BusinessDay.N)
		require.NoError(t, err)
		from := day.Add(10 * time.Hour)
		window := schedule.Input["window"].(map[string]any)
		req := request(t)
		req.Requester, req.Operator = schedule.Input["requester"].(string), schedule.Input["operator"].(string)
		req.Start, err = s.Moment(window["start"].(string), from, cal)
		require.NoError(t, err)
		req.End, err = s.Moment(window["end"].(string), from, cal)
		require.NoError(t, err)
		_, err = s.ResolveOutage(req, cal, from)
		assert.NoError(t, err, "month %d", month)
	}
}
