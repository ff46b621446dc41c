package drillreport

import (
	"cmp"
	"slices"
	"time"
)

// The measures of a chart, in pixels of its own.
const (
	chartWidth  = 880.0
	plotLeft    = 170.0
	plotRight   = 752.0
	chartTop    = 40.0 // above the first row, for the axis; the moments stand above it
	rowHeight   = 26.0
	barHeight   = 14.0
	leastBar    = 1.5 // so that a step of a second is still seen
	markLine    = 13.0
	markLetter  = 11.0 // width of a letter of a moment's name
	chartBottom = 12.0
)

// chart is what is drawn: each step a row, the machine's time and that of people apart.
type chart struct {
	Width, Height float64
	Left, Right   float64 // of the part in which time runs
	Top, Bottom   float64
	Rows          []chartRow
	Ticks         []tick
	Breaks        []float64 // where the axis is shortened
	Marks         []chartMark
}

// chartRow is a step.
type chartRow struct {
	measured
	Y, Mid   float64 // of the bar's upper edge and of the row's middle
	Below    float64 // the row's lower edge
	From     float64 // where the step begins
	Bars     []bar
	Limit    *float64 // where the budget ends; nil for none, or where nothing began
	Beyond   bool     // it ends after the chart
	Warning  *float64 // where it was warned
	Exceeded *bar     // what of the step lies after its budget
}

// bar is a part of a step.
type bar struct {
	X, W  float64
	Human bool
	What  string // for who points at it
}

// chartMark is a moment that matters to all steps.
type chartMark struct {
	X, Y  float64
	Label string
	End   bool // the label stands left of the line
	Limit bool // a limit, not something that happened
}

// TextX is where the label begins, or ends if it stands left of the line.
func (m chartMark) TextX() float64 {
	if m.End {
		return m.X - 4
	}
	return m.X + 4
}

// chartOf draws the steps of a part of the run; nil where none of them began.
func (r Report) chartOf(part string) *chart {
	var steps []measured
	var moments []time.Time
	for _, m := range r.measure() {
		if m.Part != part {
			continue
		}
		steps = append(steps, m)
		if m.Reached() {
			moments = append(moments, m.Time.from, m.Time.to)
			for _, w := range m.Waits {
				moments = append(moments, w.from, w.to)
			}
		}
	}
	if len(moments) == 0 {
		return nil
	}
	a := newAxis(moments, plotLeft, plotRight)
	c := &chart{Width: chartWidth, Left: plotLeft, Right: plotRight, Ticks: a.ticks(), Breaks: a.shortened()}
	c.Marks, c.Top = r.marks(a, part)
	for i, m := range steps {
		c.Rows = append(c.Rows, rowOf(m, a, c.Top+rowHeight*float64(i)))
	}
	c.Bottom = c.Top + rowHeight*float64(len(steps))
	c.Height = c.Bottom + chartBottom
	return c
}

func rowOf(m measured, a axis, top float64) chartRow {
	row := chartRow{measured: m, Y: top + (rowHeight-barHeight)/2, Mid: top + rowHeight/2, Below: top + rowHeight}
	if !m.Reached() {
		return row
	}
	row.From = a.x(m.Time.from)
	place := func(i interval) bar {
		x, end := a.x(i.from), a.x(i.to)
		return bar{X: x, W: end - x}
	}
	at := m.Time.from
	machine := func(to time.Time) {
		if at.Before(to) {
			b := place(interval{at, to})
			b.What = "機械 " + InWords(to.Sub(at))
			row.Bars = append(row.Bars, b)
		}
	}
	for _, w := range m.Waits {
		machine(w.from)
		b := place(w)
		b.Human, b.What = true, "人の判断・応答 "+InWords(w.length())
		row.Bars = append(row.Bars, b)
		at = w.to
	}
	machine(m.Time.to)
	row.widen(a)
	if m.Budget > 0 {
		limit := m.Time.from.Add(m.Budget)
		x := a.x(limit)
		row.Limit, row.Beyond = &x, !a.holds(limit)
		if m.Over() {
			b := place(interval{limit, m.Time.to})
			row.Exceeded = &b
		}
	}
	if m.AtRisk != nil && a.holds(cut(*m.AtRisk)) {
		x := a.x(cut(*m.AtRisk))
		row.Warning = &x
	}
	return row
}

// widen makes a step visible that took no time to speak of.
func (row *chartRow) widen(a axis) {
	if len(row.Bars) == 0 {
		row.Bars = []bar{{X: a.x(row.Time.from), What: "機械 " + InWords(0)}}
	}
	first, last := row.Bars[0], row.Bars[len(row.Bars)-1]
	if last.X+last.W-first.X < leastBar {
		only := last
		only.X, only.W = min(first.X, a.right-leastBar), leastBar
		row.Bars = []bar{only}
	}
}

// marks are the moments of a part that lie on its axis, with their labels on as few lines as keep them apart, and where the rows
// begin below them.
func (r Report) marks(a axis, part string) ([]chartMark, float64) {
	var list []chartMark
	add := func(label string, at *time.Time, limit bool) {
		if at != nil && a.holds(cut(*at)) {
			list = append(list, chartMark{X: a.x(cut(*at)), Label: label, Limit: limit})
		}
	}
	if part == PartReturn {
		add("本番系の応答", r.ReturnedAt, false)
	} else {
		add("発災", r.DisasterAt, false)
		if r.Declared != nil {
			limit := r.Declared.At.Add(r.RTOTarget)
			add("宣言", &r.Declared.At, false)
			if r.RTOTarget > 0 {
				add("RTO目標", &limit, true)
			}
		}
		add("復旧", r.RestoredAt, false)
	}
	slices.SortStableFunc(list, func(a, b chartMark) int { return cmp.Compare(a.X, b.X) })
	var ends []float64 // of each line, the last label's end
	for i := range list {
		m := &list[i]
		width := 6 + markLetter*float64(len([]rune(m.Label)))
		from, to := m.X, m.X+width
		if m.End = to > chartWidth; m.End {
			from, to = m.X-width, m.X
		}
		line := 0
		for line < len(ends) && ends[line] > from {
			line++
		}
		if line == len(ends) {
			ends = append(ends, 0)
		}
		ends[line] = to
		m.Y = markLine * float64(line+1)
	}
	return list, chartTop + markLine*float64(len(ends))
}
