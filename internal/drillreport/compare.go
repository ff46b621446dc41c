package drillreport

import (
	"slices"
	"time"

	"tejun/internal/records"
)

// run is this run, or an earlier one, in the comparison.
type run struct {
	records.Disaster
	Current bool
}

// Date is the day in Japan on which it began.
func (d run) Date() string { return d.StartedAt.In(jst).Format("2006年1月2日") }

// Measured tells whether there is anything to compare with the targets.
func (d run) Measured() bool { return d.RTO != nil }

// Met tells whether what was measured keeps its targets.
func (d run) Met() bool {
	return (d.RTO == nil || *d.RTO <= d.RTOTarget) && (d.RPO == nil || *d.RPO <= d.RPOTarget)
}

// runs are this run and the earlier ones, the newest first.
func (r Report) runs() []run {
	list := []run{{r.Record("", nil), true}}
	for _, e := range r.Earlier {
		list = append(list, run{Disaster: e})
	}
	return list
}

// previous is the newest earlier drill in which any step was done; nil if there is none.
func (r Report) previous() *records.Disaster {
	for i, e := range r.Earlier {
		if e.Mode == records.ModeDrill && slices.ContainsFunc(e.Steps, func(s records.DisasterStep) bool { return wasDone(s.Outcome) }) {
			return &r.Earlier[i]
		}
	}
	return nil
}

// wasDone tells whether a step came to its end by itself, so that its time says how long it takes: not one that failed or was skipped. One that
// was taken back afterwards was done.
func wasDone(outcome string) bool { return outcome == StepDone || outcome == StepUndone }

// compared is how much longer a step took than in an earlier drill.
type compared struct {
	By   time.Duration
	With records.Disaster
}

// Date is the day in Japan on which that drill began.
func (c compared) Date() string { return run{Disaster: c.With}.Date() }

// sincePrevious compares a step with the newest drill that has done it; nil where there is none, or this run has not done it.
func (r Report) sincePrevious(m measured) *compared {
	if !m.Reached() || !wasDone(m.Outcome) {
		return nil
	}
	for _, e := range r.Earlier {
		if s := stepOf(e, m.Name); e.Mode == records.ModeDrill && s != nil && wasDone(s.Outcome) {
			return &compared{m.Total - time.Duration(s.Seconds())*time.Second, e}
		}
	}
	return nil
}

// stepOf is nil for a step that the run did not have.
func stepOf(d records.Disaster, name string) *records.DisasterStep {
	if i := slices.IndexFunc(d.Steps, func(s records.DisasterStep) bool { return s.Name == name }); i >= 0 {
		return &d.Steps[i]
	}
	return nil
}

// trend draws the RTO of all runs against its target, the oldest first.
type trend struct {
	Width, Height float64
	Left, Right   float64
	TextX         float64
	Cut           bool // a run does not fit
	Rows          []trendRow
}

// trendRow is a run: the machine's part, then that of people, and where its target was.
type trendRow struct {
	run
	Y, Mid         float64
	Machine, Human bar
	Target         float64
	Text           string
	Cut            bool // it took longer than what is drawn
}

// The measures of a trend.
const (
	trendLeft  = 170.0
	trendRight = 690.0
	trendText  = 700.0
	trendMost  = 3 // times the highest target: one bad year must not hide the others
)

func (r Report) trend() trend {
	list := r.runs()
	slices.Reverse(list)
	longest, target := 1, 0
	for _, d := range list {
		target = max(target, d.RTOTarget)
		longest = max(longest, d.RTOTarget)
		if d.RTO != nil {
			longest = max(longest, *d.RTO)
		}
	}
	if target > 0 {
		longest = min(longest, trendMost*target)
	}
	place := func(seconds int) float64 {
		return trendLeft + (trendRight-trendLeft)*float64(min(seconds, longest))/float64(longest)
	}
	t := trend{Width: chartWidth, Left: trendLeft, Right: trendRight, TextX: trendText, Height: rowHeight*float64(len(list)) + chartBottom}
	for i, d := range list {
		top := rowHeight * float64(i)
		row := trendRow{run: d, Y: top + (rowHeight-barHeight)/2, Mid: top + rowHeight/2, Target: place(d.RTOTarget), Text: "―"}
		if d.RTO != nil {
			human := 0
			if d.RTOHuman != nil {
				human = *d.RTOHuman
			}
			from, to := place(*d.RTO-human), place(*d.RTO)
			row.Machine, row.Human = bar{X: trendLeft, W: from - trendLeft}, bar{X: from, W: to - from, Human: true}
			row.Text, row.Cut = InWords(time.Duration(*d.RTO)*time.Second), *d.RTO > longest
			t.Cut = t.Cut || row.Cut
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
