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

// previous is the newest earlier drill in which anything was measured; nil if there is none.
func (r Report) previous() *records.Disaster {
	for i, e := range r.Earlier {
		if e.Mode == records.ModeDrill && slices.ContainsFunc(e.Steps, ran) {
			return &r.Earlier[i]
		}
	}
	return nil
}

// ran tells whether a step of a registry's row was carried out.
func ran(s records.DisasterStep) bool { return s.Outcome != StepNotReached && s.Outcome != StepSkipped }

// sincePrevious is how much longer the step took than in the previous drill; nil where one of the two did not carry it out.
func (r Report) sincePrevious(m measured) *time.Duration {
	before := r.previous()
	if before == nil || !m.Reached() || m.Outcome == StepSkipped {
		return nil
	}
	s := stepOf(*before, m.Name)
	if s == nil || !ran(*s) {
		return nil
	}
	d := m.Total - time.Duration(s.Seconds())*time.Second
	return &d
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
