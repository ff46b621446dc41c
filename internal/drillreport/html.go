package drillreport

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"tejun/internal/records"
)

//go:embed *.html.tmpl
var files embed.FS

// pageTemplate is parsed once; one that does not parse stops the program at its start, and its tests.
var pageTemplate = template.Must(template.New("report.html.tmpl").Funcs(template.FuncMap{
	"mode": worded(modeWords), "manner": worded(mannerWords), "via": worded(viaWords), "region": worded(regionWords), "ended": worded(endWords),
	"stepOutcome": worded(stepOutcomeWords), "answer": worded(answerWords),
	"span": InWords, "spanOf": spanOf, "whole": whole, "wholeOf": wholeOf, "difference": difference, "jst": inJapan, "maybe": momentOf,
	"clean": func(s string) string { return orNone(clean(s)) }, "shorten": shorten, "px": px, "percent": percent,
	"addf": func(a, b float64) float64 { return a + b }, "subf": func(a, b float64) float64 { return a - b },
}).ParseFS(files, "*.html.tmpl"))

// page is what the template shows.
type page struct {
	Report
	Names
	Recovery, Return *chart
	Rows             []pageRow
	Waits            []pageWait
	Totals           totals
	Runs             []run
	Trend            trend
	Matrix           []matrixRow
	Answers          []Decision // in the order of time
	Previous         *records.Disaster
	Spent            []spent // budgets of several steps
	Findings         bool
}

// pageRow is a step in the table of where the minutes went.
type pageRow struct {
	measured
	Since *compared
}

// pageWait is a wait for people, cut to the step that waited.
type pageWait struct {
	Span
	Step string
	Time interval
}

// matrixRow is a step in the table of all runs.
type matrixRow struct {
	Title string
	Cells []matrixCell
}

// matrixCell is how long a step took in a run; nil where it was not done.
type matrixCell struct {
	Step    *records.DisasterStep
	Current bool
}

// HTML writes the report as one file that needs no other and runs no program.
func HTML(r Report, n Names) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("report of %s: %w", r.WorkflowID, err)
	}
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, r.page(n)); err != nil {
		return nil, fmt.Errorf("report of %s: %w", r.WorkflowID, err)
	}
	return out.Bytes(), nil
}

func (r Report) page(n Names) page {
	p := page{
		Report: r, Names: n, Recovery: r.chartOf(PartRecovery), Return: r.chartOf(PartReturn), Totals: r.totals(), Runs: r.runs(), Trend: r.trend(),
		Answers: slices.Clone(r.Decisions), Previous: r.previous(), Spent: r.spend(),
	}
	for _, s := range p.Spent {
		p.Findings = p.Findings || s.Over() || s.AtRisk != nil
	}
	slices.SortStableFunc(p.Answers, func(a, b Decision) int { return a.At.Compare(b.At) })
	for _, m := range r.measure() {
		p.Rows = append(p.Rows, pageRow{m, r.sincePrevious(m)})
		p.Findings = p.Findings || m.Over() || m.AtRisk != nil || m.Outcome == StepSkipped || m.Outcome == StepFailed
		for _, h := range m.Human {
			if t := clip([]interval{m.interval(h)}, m.Time); len(t) > 0 {
				p.Waits = append(p.Waits, pageWait{h, m.title(), t[0]})
			}
		}
		row := matrixRow{Title: m.title()}
		for _, d := range p.Runs {
			cell := matrixCell{Step: stepOf(d.Disaster, m.Name), Current: d.Current}
			if cell.Step != nil && !wasDone(cell.Step.Outcome) {
				cell.Step = nil
			}
			row.Cells = append(row.Cells, cell)
		}
		p.Matrix = append(p.Matrix, row)
	}
	return p
}

// Heading is what the report is called.
func (p page) Heading() string {
	if p.Mode == records.ModeDrill {
		return "大規模災害時対応　訓練報告書"
	}
	return "大規模災害時対応　実施報告書"
}

// MachineAll is all of the time that was not that of people.
func (p page) MachineAll() time.Duration { return p.Totals.Machine + p.Totals.Between }

// Subject is what a decision was about: a gate or a step.
func (p page) Subject(what string) string {
	for _, s := range p.Steps {
		if s.Name == what {
			return s.title()
		}
	}
	return word(stepWords, what)
}

// Clock is a time of day in Japan, with the day where it is not the one on which the run began.
func (p page) Clock(t time.Time) string {
	t = t.In(jst)
	if t.Format(time.DateOnly) == p.StartedAt.In(jst).Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("1月2日 15:04:05")
}

// DisplayTitle is what the step is called.
func (m measured) DisplayTitle() string { return m.title() }

// RTOMachine is the part of RTO that is not that of people.
func (p page) RTOMachine() *time.Duration {
	if p.RTO() == nil {
		return nil
	}
	d := *p.RTO() - *p.RTOHuman()
	return &d
}

// OtherThanPrevious tells whether a step is compared with another drill than the previous one, which has not done it.
func (p page) OtherThanPrevious(c *compared) bool {
	return p.Previous == nil || c.With.WorkflowID != p.Previous.WorkflowID || !c.With.StartedAt.Equal(p.Previous.StartedAt)
}

// SinceStruck is the time from when the disaster struck to the first good answer; nil where one of the two is not known.
func (p page) SinceStruck() *time.Duration {
	if p.DisasterAt == nil || p.RestoredAt == nil {
		return nil
	}
	d := cut(*p.RestoredAt).Sub(cut(*p.DisasterAt))
	return &d
}

// DeclaredBy names those who declared it.
func (p page) DeclaredBy() string {
	if p.Declared == nil {
		return "―"
	}
	var names []string
	for _, id := range p.Declared.By {
		names = append(names, p.Who(id))
	}
	return orNone(strings.Join(names, "、"))
}

// Who is a person's name; an ID that nobody has is shown as it is.
func (n Names) Who(id string) string {
	if n.Person != nil && id != "" {
		return orNone(clean(n.Person(id)))
	}
	return orNone(clean(id))
}

// Met tells whether a measured span keeps its target.
func (p page) Met(measured *time.Duration, target time.Duration) bool { return *measured <= target }

// Left is what is left of a target, or what it was exceeded by.
func (p page) Left(measured *time.Duration, target time.Duration) time.Duration {
	return (target - *measured).Abs()
}

// RefusedAnswers is how many decisions did not count.
func (p page) RefusedAnswers() (n int) {
	for _, d := range p.Answers {
		if d.Refused != "" {
			n++
		}
	}
	return n
}

func worded(words map[string]string) func(string) string {
	return func(value string) string { return word(words, value) }
}

func whole(n int) string { return InWords(time.Duration(n) * time.Second) }

func wholeOf(n *int) string {
	if n == nil {
		return "―"
	}
	return whole(*n)
}

// px writes a place in the chart.
func px(v float64) string { return fmt.Sprintf("%.1f", v) }

// percent is a part of a whole.
func percent(part, of time.Duration) string {
	if of <= 0 {
		return "―"
	}
	return fmt.Sprintf("%.0f％", 100*part.Seconds()/of.Seconds())
}
