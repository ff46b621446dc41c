package drillreport

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

const hair = 1e-6 // what floating point may be off

// fits asserts everything that a chart promises.
func fits(t *testing.T, r Report, part string) {
	t.Helper()
	c := r.chartOf(part)
	if c == nil {
		for _, m := range r.measure() {
			require.False(t, m.Part == part && m.Reached(), "a step that began is drawn")
		}
		return
	}
	within := func(what string, x float64) {
		require.False(t, math.IsNaN(x) || math.IsInf(x, 0), what)
		require.GreaterOrEqual(t, x, c.Left-hair, what)
		require.LessOrEqual(t, x, c.Right+hair, what)
	}
	drawn := 0
	for i, row := range c.Rows {
		require.Greater(t, row.Below, row.Y)
		require.LessOrEqual(t, row.Below, c.Height)
		if i > 0 {
			require.GreaterOrEqual(t, row.Y, c.Rows[i-1].Below, "rows lie below one another")
		}
		require.Equal(t, row.Reached(), len(row.Bars) > 0, "what began is seen, and nothing else")
		if row.Reached() {
			drawn++
			within("begin", row.From)
		}
		end := c.Left
		for _, b := range row.Bars {
			within("bar", b.X)
			within("bar", b.X+b.W)
			require.GreaterOrEqual(t, b.W, 0.0)
			require.GreaterOrEqual(t, b.X, end-hair, "bars of a step do not overlap")
			end = b.X + b.W
		}
		for _, x := range []*float64{row.Limit, row.Warning} {
			if x != nil {
				within("limit or warning", *x)
			}
		}
		if row.Exceeded != nil {
			require.True(t, row.Over())
			within("exceeded", row.Exceeded.X)
			within("exceeded", row.Exceeded.X+row.Exceeded.W)
			require.GreaterOrEqual(t, row.Exceeded.X, *row.Limit-hair)
		}
	}
	require.Positive(t, drawn)
	require.NotEmpty(t, c.Ticks)
	require.NotEmpty(t, c.Ticks[0].Day, "the first label says which day it is")
	last := c.Left - tickGap
	for _, k := range c.Ticks {
		within("tick", k.X)
		require.GreaterOrEqual(t, k.X-last, tickGap-hair, "labels do not touch")
		last = k.X
	}
	for _, m := range c.Marks {
		within("mark", m.X)
		require.Less(t, m.Y, c.Top)
		require.Positive(t, m.Y)
	}
	require.LessOrEqual(t, len(c.Breaks), 1, "two stretches cannot both be most of the whole")
}

func TestAnyRunIsDrawnWithinItsChart(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 21))
	for range 2000 {
		r := anyReport(random)
		fits(t, r, PartRecovery)
		fits(t, r, PartReturn)
	}
}

func FuzzTheChart(f *testing.F) {
	f.Add(uint64(1), uint64(2), int64(0), int64(0), int64(0))
	f.Add(uint64(3), uint64(4), int64(time.Hour), int64(-time.Hour), int64(100*24*time.Hour))
	f.Fuzz(func(t *testing.T, a, b uint64, begin, length, budget int64) {
		r := anyReport(rand.New(rand.NewPCG(a, b)))
		from := r.StartedAt.Add(time.Duration(begin))
		to := from.Add(time.Duration(length))
		r.Steps = append(r.Steps, Step{Name: "fuzz", Part: PartRecovery, Outcome: StepDone, Begin: &from, End: &to, Budget: time.Duration(budget), Human: []Span{{From: to, To: &from}}})
		if r.Check() != nil {
			t.Skip()
		}
		fits(t, r, PartRecovery)
		_, err := HTML(r, names())
		require.NoError(t, err)
	})
}

func TestPlacesAreInProportion(t *testing.T) {
	r := Report{StartedAt: at(10, 0, 0), EndedAt: at(11, 0, 0), Steps: []Step{
		step("database", PartRecovery, at(10, 0, 0), at(10, 30, 0), 15*time.Minute, wait(at(10, 20, 0), at(10, 25, 0), "", "")),
		step("pipeline", PartRecovery, at(10, 30, 0), at(11, 0, 0), time.Hour),
	}}
	c := r.chartOf(PartRecovery)
	perMinute := (c.Right - c.Left) / 60
	row := c.Rows[0]
	require.Len(t, row.Bars, 3)
	for i, want := range []struct {
		from, minutes float64
		human         bool
	}{{0, 20, false}, {20, 5, true}, {25, 5, false}} {
		require.InDelta(t, c.Left+want.from*perMinute, row.Bars[i].X, hair)
		require.InDelta(t, want.minutes*perMinute, row.Bars[i].W, hair)
		require.Equal(t, want.human, row.Bars[i].Human)
	}
	require.InDelta(t, c.Left+15*perMinute, *row.Limit, hair)
	require.InDelta(t, 15*perMinute, row.Exceeded.W, hair)
	require.False(t, row.Beyond)
	require.True(t, c.Rows[1].Beyond, "its budget ends after the chart")
	require.Empty(t, c.Breaks)
}

func TestANightsWaitDoesNotHideTheMinutes(t *testing.T) {
	r := Report{StartedAt: at(17, 0, 0), EndedAt: at(33, 20, 0), Steps: []Step{
		step("return", PartReturn, at(17, 0, 0), at(33, 0, 0), 0, wait(at(17, 0, 0), at(33, 0, 0), "", "")),
		step("redirect-back", PartReturn, at(33, 0, 0), at(33, 20, 0), 0),
	}}
	c := r.chartOf(PartReturn)
	require.Len(t, c.Breaks, 1)
	require.InDelta(t, (c.Right-c.Left)/1.6, c.Rows[1].Bars[0].W, hair, "twenty minutes have most of the chart")
	var days []string
	for _, k := range c.Ticks {
		if k.Day != "" {
			days = append(days, k.Day)
		}
	}
	require.Equal(t, []string{"1月19日"}, days, "labels stand where the axis is even")
}

func TestLabelsAreRoundTimesInJapan(t *testing.T) {
	a := newAxis([]time.Time{at(22, 7, 0).UTC(), at(25, 40, 0).UTC()}, 0, 600)
	var shown []string
	for _, k := range a.ticks() {
		shown = append(shown, k.Day+" "+k.At)
	}
	require.Equal(t, []string{"1月18日 22:30", " 23:00", " 23:30", "1月19日 00:00", " 00:30", " 01:00", " 01:30"}, shown)
}

func TestTheTrendComparesRunsOnOneScale(t *testing.T) {
	r := sample()
	all := r.trend()
	require.Len(t, all.Rows, 3)
	require.True(t, all.Rows[2].Current, "the oldest first")
	perSecond := (all.Right - all.Left) / 7710
	for i, rto := range []float64{7710, 2940, 3809} {
		row := all.Rows[i]
		require.InDelta(t, rto*perSecond, row.Machine.W+row.Human.W, hair)
		require.InDelta(t, row.Machine.X+row.Machine.W, row.Human.X, hair)
		require.InDelta(t, all.Left+7200*perSecond, row.Target, hair)
		require.False(t, row.Cut)
	}
	require.InDelta(t, 292*perSecond, all.Rows[2].Human.W, hair)

	r.Earlier = append(r.Earlier, earlier("2024-01-23", "長い訓練", 10*7200, 7200, 1), records.Disaster{RTOTarget: 7200})
	all = r.trend()
	require.True(t, all.Cut)
	require.True(t, all.Rows[1].Cut)
	require.InDelta(t, all.Right, all.Rows[1].Human.X+all.Rows[1].Human.W, hair)
	require.InDelta(t, all.Left+(all.Right-all.Left)/3, all.Rows[0].Target, hair, "three times the target fit")
	require.Equal(t, "―", all.Rows[0].Text, "nothing was measured")
}
