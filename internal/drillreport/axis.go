package drillreport

import (
	"slices"
	"time"
)

// jst is Japan's zone. Japan has no daylight saving time, so a fixed offset is exact.
var jst = time.FixedZone("JST", 9*60*60)

// A stretch in which nothing begins or ends is shortened on the axis when it is longer than longStretch of the whole, to
// shortStretch of what is left: else a night's wait would hide the minutes that everything else took.
const (
	longStretch  = 0.7
	shortStretch = 0.6
)

// tickGap is how far apart the labels of the axis are at least.
const tickGap = 66.0

// tickSteps are the distances that labels may have.
var tickSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// axis maps a time to a place. It is in order: a later time is never further left.
type axis struct {
	knots       []knot // in order, at least two
	left, right float64
}

// knot is a time whose place is known; between two knots the axis is even.
type knot struct {
	at    time.Time
	x     float64
	short bool // the stretch that begins here is shortened
}

// newAxis lays an axis over the moments, from left to right.
func newAxis(moments []time.Time, left, right float64) axis {
	moments = slices.Clone(moments)
	slices.SortFunc(moments, time.Time.Compare)
	moments = slices.CompactFunc(moments, time.Time.Equal)
	if len(moments) == 1 {
		moments = append(moments, moments[0].Add(time.Second))
	}
	whole := moments[len(moments)-1].Sub(moments[0])
	rest := whole
	isLong := func(d time.Duration) bool { return d.Seconds() > longStretch*whole.Seconds() }
	for i := 1; i < len(moments); i++ {
		if d := moments[i].Sub(moments[i-1]); isLong(d) {
			rest -= d
		}
	}
	weights, sum := make([]float64, len(moments)), 0.0
	for i := 1; i < len(moments); i++ {
		d := moments[i].Sub(moments[i-1])
		weights[i] = d.Seconds()
		if rest > 0 && isLong(d) {
			weights[i] = min(weights[i], shortStretch*rest.Seconds())
		}
		sum += weights[i]
	}
	a := axis{left: left, right: right}
	x := left
	for i, at := range moments {
		x += (right - left) * weights[i] / sum
		short := i+1 < len(moments) && weights[i+1] < moments[i+1].Sub(at).Seconds()
		a.knots = append(a.knots, knot{at, min(x, right), short})
	}
	a.knots[len(a.knots)-1].x = right
	return a
}

// x is the place of a time; what lies before or after the axis is at its end.
func (a axis) x(at time.Time) float64 {
	first, last := a.knots[0], a.knots[len(a.knots)-1]
	switch {
	case !at.After(first.at):
		return a.left
	case !at.Before(last.at):
		return a.right
	}
	i, exact := slices.BinarySearchFunc(a.knots, at, func(k knot, t time.Time) int { return k.at.Compare(t) })
	if exact {
		return a.knots[i].x
	}
	from, to := a.knots[i-1], a.knots[i]
	return from.x + (to.x-from.x)*at.Sub(from.at).Seconds()/to.at.Sub(from.at).Seconds()
}

// holds tells whether a time lies on the axis.
func (a axis) holds(at time.Time) bool {
	return !at.Before(a.knots[0].at) && !at.After(a.knots[len(a.knots)-1].at)
}

// tick is a label of the axis.
type tick struct {
	X   float64
	Day string // "1月18日" where a day is named, else ""
	At  string
}

// ticks are the labels: round times of Japan, the first of each day with its date.
func (a axis) ticks() (list []tick) {
	perSecond := 0.0 // as dense as the axis is where it is not shortened
	for i := 1; i < len(a.knots); i++ {
		if span := a.knots[i].at.Sub(a.knots[i-1].at).Seconds(); !a.knots[i-1].short {
			perSecond = max(perSecond, (a.knots[i].x-a.knots[i-1].x)/span)
		}
	}
	step := tickSteps[len(tickSteps)-1]
	for _, s := range tickSteps {
		if s.Seconds()*perSecond >= tickGap {
			step = s
			break
		}
	}
	layout := "15:04"
	if step < time.Minute {
		layout = "15:04:05"
	}
	day, last := "", a.left-tickGap
	add := func(at time.Time) {
		x := a.x(at)
		if x-last < tickGap {
			return
		}
		t := tick{X: x, At: at.In(jst).Format(layout)}
		if d := at.In(jst).Format("1月2日"); d != day {
			t.Day, day = d, d
		}
		list, last = append(list, t), x
	}
	for i := 1; i < len(a.knots); i++ {
		from, to := a.knots[i-1], a.knots[i]
		if from.short {
			continue
		}
		for at := upTo(from.at, step); !at.After(to.at); at = at.Add(step) {
			add(at)
		}
	}
	if len(list) == 0 {
		add(a.knots[0].at)
	}
	return list
}

// upTo is the first time at or after t that is a whole number of steps into its day in Japan.
func upTo(t time.Time, step time.Duration) time.Time {
	local := t.In(jst)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, jst)
	if into := local.Sub(midnight) % step; into > 0 {
		return local.Add(step - into)
	}
	return local
}

// shortened are the places in the middle of the stretches that are shortened.
func (a axis) shortened() (list []float64) {
	for i := 1; i < len(a.knots); i++ {
		if a.knots[i-1].short {
			list = append(list, (a.knots[i-1].x+a.knots[i].x)/2)
		}
	}
	return list
}
