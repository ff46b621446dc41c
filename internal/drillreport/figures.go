package drillreport

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"tejun/internal/records"
)

// mostSteps and mostLines are more than any run has, and few enough for a reader.
const (
	mostSteps = 300
	mostLines = 2000 // of decisions, and of waits of one step
)

// RTO is the time from the declaration to the first good answer from outside; nil where one of the two is missing.
func (r Report) RTO() *time.Duration {
	if r.Declared == nil || r.RestoredAt == nil {
		return nil
	}
	d := cut(*r.RestoredAt).Sub(cut(r.Declared.At))
	return &d
}

// RTOHuman is how much of RTO the run waited for people. The rest is the machine's.
func (r Report) RTOHuman() *time.Duration {
	if r.RTO() == nil {
		return nil
	}
	d := length(clip(r.waits(), interval{cut(r.Declared.At), cut(*r.RestoredAt)}))
	return &d
}

// RPO is how old the data was that came up: when the disaster struck, or when it was declared if nobody said when it struck. Data
// that is newer than that is not old at all. nil where no data came up or nothing was declared.
func (r Report) RPO() *time.Duration {
	if r.Declared == nil || r.DataAt == nil {
		return nil
	}
	from := r.Declared.At
	if r.DisasterAt != nil {
		from = *r.DisasterAt
	}
	d := max(cut(from).Sub(cut(*r.DataAt)), 0)
	return &d
}

// Record is the row of the registry that belongs to the report. kept is the report in HTML, nil where none could be kept.
func (r Report) Record(operation string, kept *records.Document) records.Disaster {
	d := records.Disaster{
		Operation: operation, WorkflowID: r.WorkflowID, RunID: r.RunID, System: r.System, Mode: r.Mode, Manner: r.Manner, Title: r.Title,
		StartedAt: r.StartedAt, RestoredAt: r.RestoredAt, DataAt: r.DataAt, EndedAt: &r.EndedAt, Outcome: r.Outcome,
		RTOTarget: seconds(r.RTOTarget), RPOTarget: seconds(r.RPOTarget), RTO: secondsOf(r.RTO()), RTOHuman: secondsOf(r.RTOHuman()), RPO: secondsOf(r.RPO()),
	}
	if r.Declared != nil {
		d.DeclaredAt = &r.Declared.At
	}
	if kept != nil {
		d.ReportKey, d.ReportHash = kept.Location, kept.SHA256
	}
	for _, s := range r.measure() {
		d.Steps = append(d.Steps, records.DisasterStep{
			Name: s.Name, Part: s.Part, Machine: seconds(s.Machine), Human: seconds(s.Waited), Budget: seconds(s.Budget), Outcome: s.Outcome,
		})
	}
	return d
}

// Check says everything that keeps the report from being written.
func (r Report) Check() error {
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	oneOf := func(what, value string, known ...string) {
		if !slices.Contains(known, value) {
			wrong("%s is %q: want one of %v", what, value, known)
		}
	}
	oneOf("mode", r.Mode, records.ModeDrill, records.ModeReal)
	oneOf("manner", r.Manner, records.MannerGraceful, records.MannerUngraceful)
	oneOf("outcome", r.Outcome, records.DisasterOutcomes...)
	switch rto := r.RTO(); {
	case r.WorkflowID == "" || r.Title == "":
		wrong("workflowId and title are needed")
	case r.StartedAt.IsZero() || r.EndedAt.IsZero() || r.EndedAt.Before(r.StartedAt):
		wrong("it runs from %s to %s: startedAt and endedAt are needed, in this order", r.StartedAt, r.EndedAt)
	case rto != nil && *rto < 0:
		wrong("it was restored at %s, before it was declared at %s", r.RestoredAt, r.Declared.At)
	case r.RTOTarget < 0 || r.RPOTarget < 0:
		wrong("rtoTarget and rpoTarget are spans and not negative")
	}
	if len(r.Steps) > mostSteps || len(r.Decisions) > mostLines {
		wrong("%d steps and %d decisions are more than a report takes: %d and %d", len(r.Steps), len(r.Decisions), mostSteps, mostLines)
	}
	for _, b := range r.Budgets {
		if b.Name == "" || b.Of <= 0 || b.End != nil && b.End.Before(b.Begin) {
			wrong("budget %q: it needs a name and a span, and ends after it begins", b.Name)
		}
	}
	seen := map[string]bool{}
	for i, s := range r.Steps {
		at := fmt.Sprintf("step %d (%s)", i+1, s.Name)
		if s.Name == "" || seen[s.Name] {
			wrong("%s: the name is missing, or used twice: by it runs are compared", at)
		}
		seen[s.Name] = true
		oneOf(at+": part", s.Part, PartRecovery, PartReturn)
		oneOf(at+": outcome", s.Outcome, StepDone, StepSkipped, StepFailed, StepUndone, StepNotReached)
		switch {
		case s.Begin == nil && (s.End != nil || len(s.Human) > 0):
			wrong("%s: it has an end or a wait and no begin", at)
		case s.Begin != nil && s.End != nil && s.End.Before(*s.Begin):
			wrong("%s: it ends at %s, before it begins at %s", at, s.End, s.Begin)
		case s.Begin != nil && (s.Begin.Before(r.StartedAt) || s.Begin.After(r.EndedAt)):
			wrong("%s: it begins at %s, outside the run", at, s.Begin)
		case s.Budget < 0 || len(s.Human) > mostLines:
			wrong("%s: its budget is negative, or it has more than %d waits", at, mostLines)
		}
	}
	return errors.Join(problems...)
}

// measured is a step with what was measured of it.
type measured struct {
	Step
	Time    interval // begin and end; zero where it was not reached
	Waits   []interval
	Total   time.Duration
	Waited  time.Duration
	Machine time.Duration
}

// Reached tells whether the step ever began.
func (m measured) Reached() bool { return m.Begin != nil }

// Over tells whether the step took longer than its budget.
func (m measured) Over() bool { return m.Budget > 0 && m.Total > m.Budget }

// measure counts every step; the machine's time and that of people make up all of it, to the second.
func (r Report) measure() []measured {
	all := make([]measured, 0, len(r.Steps))
	for _, s := range r.Steps {
		m := measured{Step: s}
		if m.Reached() {
			end := r.EndedAt
			if s.End != nil && s.End.Before(end) {
				end = *s.End
			}
			m.Time = interval{cut(*s.Begin), cut(end)}
			m.Waits = m.waits()
			m.Total = m.Time.length()
			m.Waited = length(m.Waits)
			m.Machine = m.Total - m.Waited
		}
		all = append(all, m)
	}
	return all
}

// waits are the step's waits within it, joined where they touch.
func (m measured) waits() []interval {
	var all []interval
	for _, h := range m.Human {
		all = append(all, m.interval(h))
	}
	return clip(all, m.Time)
}

// interval is a wait's; one that nobody ended lasts until the step's end.
func (m measured) interval(h Span) interval {
	if h.To == nil {
		return interval{cut(h.From), m.Time.to}
	}
	return interval{cut(h.From), cut(*h.To)}
}

func (r Report) waits() (all []interval) {
	for _, m := range r.measure() {
		all = append(all, m.Waits...)
	}
	return all
}

// totals is where the whole time of a run went; the three make up all of it, even where steps overlap.
type totals struct{ All, Machine, Human, Between time.Duration }

func (r Report) totals() totals {
	whole := interval{cut(r.StartedAt), cut(r.EndedAt)}
	var busy []interval
	for _, m := range r.measure() {
		busy = append(busy, m.Time)
	}
	t := totals{All: whole.length(), Human: length(clip(r.waits(), whole))}
	worked := length(clip(busy, whole))
	t.Machine, t.Between = worked-t.Human, t.All-worked
	return t
}

// interval is a time from one whole second to another.
type interval struct{ from, to time.Time }

// Begin and End are for the template.
func (i interval) Begin() time.Time { return i.from }

// End is where it ends.
func (i interval) End() time.Time { return i.to }

// Length is how long it is.
func (i interval) Length() time.Duration { return i.length() }

func (i interval) length() time.Duration { return max(i.to.Sub(i.from), 0) }

// clip keeps what lies within, in order, and joins what overlaps or touches.
func clip(all []interval, within interval) []interval {
	var kept []interval
	for _, i := range all {
		if i.from.Before(within.from) {
			i.from = within.from
		}
		if i.to.After(within.to) {
			i.to = within.to
		}
		if i.from.Before(i.to) {
			kept = append(kept, i)
		}
	}
	slices.SortFunc(kept, func(a, b interval) int { return cmp.Or(a.from.Compare(b.from), a.to.Compare(b.to)) })
	var joined []interval
	for _, i := range kept {
		last := len(joined) - 1
		switch {
		case last < 0 || joined[last].to.Before(i.from):
			joined = append(joined, i)
		case joined[last].to.Before(i.to):
			joined[last].to = i.to
		}
	}
	return joined
}

func length(all []interval) (sum time.Duration) {
	for _, i := range all {
		sum += i.length()
	}
	return sum
}

func cut(t time.Time) time.Time { return t.Truncate(time.Second) }

func seconds(d time.Duration) int { return int(d / time.Second) }

func secondsOf(d *time.Duration) *int {
	if d == nil {
		return nil
	}
	n := seconds(*d)
	return &n
}
