package sla_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
	"tejun/internal/sla"
)

var jst = time.FixedZone("JST", 9*60*60)

// at reads "1/18 10:00" of 2027 in Japan. 2027-01-18 is a Monday; 11 January (成人の日), 11 and 23 February are holidays.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	moment, err := time.ParseInLocation("2006/1/2 15:04", "2027/"+text, jst)
	require.NoError(t, err)
	return moment
}

func hours(t *testing.T) sla.Hours {
	t.Helper()
	cal, err := calendar.Japan()
	require.NoError(t, err)
	h, err := sla.NewHours(cal, "09:30", "18:15")
	require.NoError(t, err)
	return h
}

type pause struct{ from, until string }

func TestAClockShowsWhenItIsDueAndWhatHasCounted(t *testing.T) {
	const h = time.Hour
	for name, c := range map[string]struct {
		kind    sla.Kind
		limit   time.Duration
		from    string
		pauses  []pause
		met, at string
		due     string
		elapsed time.Duration
		breach  bool
	}{
		"every hour counts":                 {kind: sla.Always, limit: h, from: "1/23 23:30", at: "1/24 00:00", due: "1/24 00:30", elapsed: h / 2},
		"at its limit it is breached":       {kind: sla.Always, limit: h, from: "1/18 10:00", at: "1/18 11:00", due: "1/18 11:00", elapsed: h, breach: true},
		"met at its limit it is not":        {kind: sla.Always, limit: h, from: "1/18 10:00", met: "1/18 11:00", at: "1/19 10:00", due: "1/18 11:00", elapsed: h},
		"met too late it is":                {kind: sla.Always, limit: h, from: "1/18 10:00", met: "1/18 11:01", at: "1/19 10:00", due: "1/18 11:00", elapsed: h + time.Minute, breach: true},
		"a pause moves the end":             {kind: sla.Always, limit: h, from: "1/18 10:00", pauses: []pause{{"1/18 10:30", "1/18 12:00"}}, at: "1/18 12:10", due: "1/18 12:30", elapsed: 40 * time.Minute},
		"two pauses move it twice":          {kind: sla.Always, limit: h, from: "1/18 10:00", pauses: []pause{{"1/18 10:10", "1/18 10:20"}, {"1/18 10:30", "1/18 11:00"}}, at: "1/18 11:10", due: "1/18 11:40", elapsed: h / 2},
		"a pause after the end does not":    {kind: sla.Always, limit: h, from: "1/18 10:00", pauses: []pause{{"1/18 11:30", "1/18 12:00"}}, at: "1/18 12:00", due: "1/18 11:00", elapsed: 90 * time.Minute, breach: true},
		"an open pause: as if it ended now": {kind: sla.Always, limit: h, from: "1/18 10:00", pauses: []pause{{"1/18 10:30", ""}}, at: "1/18 15:00", due: "1/18 15:30", elapsed: h / 2},
		"asked about before the pause":      {kind: sla.Always, limit: h, from: "1/18 10:00", pauses: []pause{{"1/18 10:30", ""}}, at: "1/18 10:20", due: "1/18 11:00", elapsed: 20 * time.Minute},

		"business hours of one day":           {kind: sla.Business, limit: 4 * h, from: "1/18 10:00", at: "1/18 12:00", due: "1/18 14:00", elapsed: 2 * h},
		"the evening does not count":          {kind: sla.Business, limit: 4 * h, from: "1/18 16:15", at: "1/18 23:00", due: "1/19 11:30", elapsed: 2 * h},
		"before the office opens":             {kind: sla.Business, limit: h, from: "1/18 05:00", at: "1/18 09:00", due: "1/18 10:30", elapsed: 0},
		"over a weekend and a Monday holiday": {kind: sla.Business, limit: 2 * h, from: "1/8 17:15", at: "1/12 10:00", due: "1/12 10:30", elapsed: 90 * time.Minute},
		"opened on a Sunday":                  {kind: sla.Business, limit: h, from: "1/17 12:00", at: "1/17 20:00", due: "1/18 10:30", elapsed: 0},
		"the turn of the year is closed":      {kind: sla.Business, limit: 3 * h, from: "1/1 00:00", at: "1/4 10:30", due: "1/4 12:30", elapsed: h},
		"a holiday in the middle of the week": {kind: sla.Business, limit: h, from: "2/10 18:00", at: "2/12 09:45", due: "2/12 10:15", elapsed: h / 2},
		"a pause over closed days moves by its open hours": {
			kind: sla.Business, limit: 4 * h, from: "1/8 16:15", pauses: []pause{{"1/8 17:15", "1/12 10:30"}}, at: "1/12 11:30", due: "1/12 13:30", elapsed: 2 * h,
		},
		"a pause within closed days moves nothing": {
			kind: sla.Business, limit: 2 * h, from: "1/8 17:15", pauses: []pause{{"1/9 09:00", "1/11 18:00"}}, at: "1/12 09:30", due: "1/12 10:30", elapsed: h,
		},
		"an open pause that began on a Friday": {
			kind: sla.Business, limit: 2 * h, from: "1/8 16:15", pauses: []pause{{"1/8 17:15", ""}}, at: "1/11 12:00", due: "1/12 10:30", elapsed: h,
		},
		"met in a pause": {
			kind: sla.Business, limit: 2 * h, from: "1/8 16:15", pauses: []pause{{"1/8 17:15", ""}}, met: "1/12 12:00", at: "1/13 12:00", due: "1/12 13:00", elapsed: h,
		},
	} {
		t.Run(name, func(t *testing.T) {
			clock := sla.Clock{Name: "recovery", Kind: c.kind, Limit: c.limit, From: at(t, c.from)}
			for _, p := range c.pauses {
				one := sla.Pause{From: at(t, p.from)}
				if p.until != "" {
					until := at(t, p.until)
					one.Until = &until
				}
				clock.Pauses = append(clock.Pauses, one)
			}
			if c.met != "" {
				met := at(t, c.met)
				clock.Met = &met
			}
			r, err := clock.Read(hours(t), at(t, c.at))
			require.NoError(t, err)
			require.Equal(t, at(t, c.due).String(), r.Due.In(jst).String())
			require.Equal(t, c.elapsed, r.Elapsed)
			require.Equal(t, c.limit-c.elapsed, r.Remaining)
			require.Equal(t, c.breach, r.Breached)
			require.Equal(t, c.met != "", r.Done)
			require.Equal(t, c.met == "" && len(c.pauses) > 0 && c.pauses[len(c.pauses)-1].until == "", r.Paused)
		})
	}
}

func TestAClockThatCannotBeIsRefused(t *testing.T) {
	from := at(t, "1/18 10:00")
	early, late := at(t, "1/18 09:00"), at(t, "1/18 12:00")
	for name, c := range map[string]struct {
		clock sla.Clock
		says  string
	}{
		"no kind":          {sla.Clock{Name: "c", Limit: 1, From: from}, `kind ""`},
		"no limit":         {sla.Clock{Name: "c", Kind: sla.Always, From: from}, "must be more than 0"},
		"pause before it":  {sla.Clock{Name: "c", Kind: sla.Always, Limit: 1, From: from, Pauses: []sla.Pause{{From: early}}}, "pauses are in order"},
		"pause ends early": {sla.Clock{Name: "c", Kind: sla.Always, Limit: 1, From: from, Pauses: []sla.Pause{{From: late, Until: &from}}}, "before it begins"},
		"open in between":  {sla.Clock{Name: "c", Kind: sla.Always, Limit: 1, From: from, Pauses: []sla.Pause{{From: from}, {From: late}}}, "only the last may be open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.clock.Read(hours(t), late)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestBusinessHoursBeyondTheKnownYearsAreNoGuess(t *testing.T) {
	from := time.Date(2060, 1, 5, 10, 0, 0, 0, jst)
	_, err := sla.Clock{Kind: sla.Business, Limit: time.Hour, From: from}.Read(hours(t), from.Add(time.Minute))
	var outside *calendar.OutsideError
	require.ErrorAs(t, err, &outside)
	r, err := sla.Clock{Kind: sla.Always, Limit: time.Hour, From: from}.Read(hours(t), from.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, time.Minute, r.Elapsed)
}

func TestHoursAreChecked(t *testing.T) {
	for _, c := range [][2]string{{"9:30", "18:15"}, {"09:30", "24:00"}, {"18:15", "09:30"}} {
		_, err := sla.NewHours(nil, c[0], c[1])
		require.Error(t, err, c)
	}
}
