package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// printStatus is the page that one looks at in the night: what matters most comes first.
func (a *app) printStatus(v view, f showFlags) {
	s, now, zone := v.status, a.now(), a.zone()
	a.printf("%s  %s\n", a.paint(bold, s.ID), oneLine(s.Title))
	state := strings.ToUpper(string(s.State))
	a.printf("%s  %s\n", a.paint(bold+";"+stateColour(string(s.State)), state), oneLine(s.Says))
	a.printf("%s\n", a.paint(dim, a.origin(s, now, zone)))
	if url := a.runURL(s.ID, s.RunID); url != "" {
		a.printf("%s\n", a.paint(dim, url))
	}
	a.printProgress(v.progress, now)
	for _, fact := range s.About {
		a.printf("%s\n", a.paint(dim, oneLine(fact.Name+": "+fact.Value)))
	}
	a.printClocks(s, now, zone)
	a.printBudgets(s, now, zone)
	a.printWaiting(s, now, zone)
	a.printSteps(s, now, zone)
	a.printChildren(s, now, zone)
	if s.Plan != nil && !f.noPlan {
		a.printPlan(*s.Plan)
	}
	a.printApprovals(s, now, zone)
	a.printHolds(s, now, zone)
	a.printEvidence(v)
}

func (a *app) origin(s *runbook.Status, now time.Time, zone *time.Location) string {
	text := fmt.Sprintf("row %d %s", s.Row, s.Runbook)
	if s.Requester != "" {
		text += " · requested by " + s.Requester
	}
	text += fmt.Sprintf(" · started %s (%s)", fullTime(s.StartedAt, zone), relative(s.StartedAt, now))
	if s.Parent != "" {
		text += " · started by " + oneLine(s.Parent)
	}
	if s.EndedAt != nil {
		text += fmt.Sprintf(" · ended %s after %s", clock(*s.EndedAt, now, zone), span(s.EndedAt.Sub(s.StartedAt)))
	}
	return text
}

// printClocks shows the clocks of service levels, as they were last read.
func (a *app) printClocks(s *runbook.Status, now time.Time, zone *time.Location) {
	if len(s.Clocks) == 0 {
		return
	}
	a.heading("Service level, read " + clock(s.Clocks[0].At, now, zone))
	g := newGrid("STATE", "CLOCK", "DUE", "ELAPSED", "REMAINING")
	for _, c := range s.Clocks {
		left := span(c.Remaining)
		if c.Remaining < 0 {
			left = "-" + span(-c.Remaining)
		}
		g.add(a.paint(clockColours[c.State], c.State), c.Name, clock(c.Due, now, zone), span(c.Elapsed), left)
	}
	g.print(a, "  ")
}

var clockColours = map[string]string{runbook.ClockRunning: cyan, runbook.ClockPaused: yellow, runbook.ClockMet: green, runbook.ClockBreached: red}

func (a *app) heading(title string) { a.printf("\n%s\n", a.paint(bold, title)) }

func (a *app) printWaiting(s *runbook.Status, now time.Time, zone *time.Location) {
	w := s.WaitingFor
	if w == nil {
		return
	}
	a.heading("Waits for " + waitLine(w))
	if w.Next != nil {
		a.printf("  next    %s (%s): %s\n", fullTime(w.Next.At, zone), relative(w.Next.At, now), oneLine(w.Next.What))
	}
	if !w.Until.IsZero() && !w.Anew {
		then := ""
		if w.Then != "" {
			then = "; then " + oneLine(w.Then)
		}
		a.printf("  until   %s (%s)%s\n", fullTime(w.Until, zone), relative(w.Until, now), then)
	}
	if len(w.Answers) == 0 {
		return
	}
	who := strings.Join(w.Eligible, ", ")
	if who == "" {
		who = a.paint(red, "nobody in system.yaml")
	}
	a.printf("  who     %s\n", who)
	for i, action := range w.Answers {
		label := "       "
		if i == 0 {
			label = "answer "
		}
		a.printf("  %s %s\n", label, a.paint(cyan, a.answerLine(s, action)))
		for _, v := range w.Values[action] {
			may := ""
			if v.Optional {
				may = " (may be left out)"
			}
			a.printf("            %s: %s%s\n", v.Name, oneLine(v.Means), may)
		}
	}
}

// waitLine says what the run waits for, in one line.
func waitLine(w *runbook.WaitingFor) string {
	text := oneLine(w.Why)
	if w.Gate != "" && w.Kind != "time" {
		text = named(w.Kind, w.Gate) + ": " + text
	}
	if w.Quorum > 0 {
		text += fmt.Sprintf(" (%d of %d approvals)", w.Got, w.Quorum)
	}
	return text
}

// named is what and its name, which is not said twice.
func named(what, name string) string {
	if name == "" || name == what {
		return what
	}
	return what + " " + name
}

// answerLine is the literal command to type. Who may type it follows as a shell comment where not everybody may who is
// named in the line "who".
func (a *app) answerLine(s *runbook.Status, action string) string {
	w := s.WaitingFor
	able := w.By[action]
	person := "PERSON"
	switch {
	case a.as != "" && slices.Contains(able, a.as):
		person = a.as
	case len(able) > 0:
		person = able[0]
	}
	line := fmt.Sprintf("%s %s %s --as %s", a.self(), action, s.ID, shellWord(person))
	if action == runbook.Extend {
		line += " --until HH:MM"
	}
	for _, v := range w.Values[action] {
		if !v.Optional {
			line += " --value " + v.Name + "=…"
		}
	}
	line += ` --reason "…"`
	if len(able) < len(w.Eligible) {
		line += "   # " + strings.Join(able, ", ")
	}
	return line
}

// marks show the steps' states in ASCII, which no terminal's font or width can spoil.
var marks = map[runbook.StepState]struct{ mark, colour string }{
	runbook.StepPending: {"[ ]", dim},
	runbook.StepRunning: {"[>]", cyan},
	runbook.StepDone:    {"[x]", green},
	runbook.StepHeld:    {"[?]", yellow},
	runbook.StepSkipped: {"[-]", yellow},
	runbook.StepFailed:  {"[!]", red},
	runbook.StepUndone:  {"[<]", yellow},

	runbook.StepNotNeeded: {"[/]", dim},
}

func (a *app) printSteps(s *runbook.Status, now time.Time, zone *time.Location) {
	if len(s.Steps) == 0 {
		return
	}
	a.heading("Steps")
	g := newGrid("", "STATE", "STARTED", "TOOK", "TRIES", "STEP") // the longest last, so that the others line up
	if width := a.width(); width > 0 {
		g.wrap[6] = max(24, width-46)
	}
	for _, step := range s.Steps {
		m := marks[step.State]
		started, took, tries := "", "", ""
		if step.StartedAt != nil {
			started = clock(*step.StartedAt, now, zone)
			end := now
			if step.EndedAt != nil {
				end = *step.EndedAt
			}
			if step.EndedAt != nil || step.State == runbook.StepRunning || step.State == runbook.StepHeld {
				took = span(end.Sub(*step.StartedAt))
			}
		}
		if step.Attempts > 0 {
			tries = fmt.Sprint(step.Attempts)
		}
		title := oneLine(step.Title)
		if title == "" {
			title = step.Name
		}
		if step.Error != "" && step.State != runbook.StepDone {
			title += "\n" + a.paint(red, oneLine(step.Error))
		}
		g.add(a.paint(m.colour, m.mark), string(step.State), started, took, tries, title)
	}
	g.print(a, "  ")
}

// printChildren shows the runs that a run has started. What one of them waits for stands in its own status.
func (a *app) printChildren(s *runbook.Status, now time.Time, zone *time.Location) {
	if len(s.Children) == 0 {
		return
	}
	a.heading("Runs that it has started")
	g := newGrid("STATE", "RUN", "STARTED", "TOOK", "FOR")
	if width := a.width(); width > 0 {
		g.wrap[5] = max(24, width/3)
	}
	var running []string
	for _, c := range s.Children {
		started, took, end := "", "", now
		if c.EndedAt != nil {
			end = *c.EndedAt
		} else {
			running = append(running, c.ID)
		}
		if c.StartedAt != nil {
			started, took = clock(*c.StartedAt, now, zone), span(end.Sub(*c.StartedAt))
		}
		about := oneLine(c.Title)
		if c.Outcome != "" {
			about += "\n" + oneLine(c.Outcome)
		}
		g.add(a.paint(stateColour(string(c.State)), string(c.State)), oneLine(c.ID), started, took, about)
	}
	g.print(a, "  ")
	for _, id := range running {
		a.printf("  what it waits for  %s\n", a.paint(cyan, a.self()+" show "+shellWord(id)))
	}
}

func (a *app) printPlan(p plan.Plan) {
	a.heading("Plan " + plan.Short(p.Digest))
	for i, change := range p.Changes {
		if i > 0 {
			a.printf("\n")
		}
		a.printf("  %s %s\n", oneLine(change.Title), a.paint(dim, change.Resource))
		for _, line := range change.Diff() {
			text := fmt.Sprintf("%c %s", line.Op, oneLineKeepIndent(line.Text))
			switch line.Op {
			case '-':
				text = a.paint(red, text)
			case '+':
				text = a.paint(green, text)
			default:
				text = a.paint(dim, text)
			}
			a.printf("    %s\n", text)
		}
	}
}

// oneLineKeepIndent removes control characters; JSON has escaped the rest.
func oneLineKeepIndent(s string) string {
	indent := len(s) - len(strings.TrimLeft(s, " "))
	return s[:indent] + oneLine(s[indent:])
}

func (a *app) printApprovals(s *runbook.Status, now time.Time, zone *time.Location) {
	if len(s.Approvals) == 0 {
		return
	}
	a.heading("Decisions")
	g := newGrid("AT", "WHO", "ANSWER", "COUNTS", "PLAN", "REASON")
	if width := a.width(); width > 0 {
		g.wrap[4], g.wrap[6] = max(20, width/4), max(20, width/4)
	}
	for _, d := range s.Approvals {
		who := d.Person
		if who == "" {
			who = oneLine(d.By) + "?"
		}
		counts := a.paint(green, "yes")
		if !d.Accepted {
			counts = a.paint(red, "no: "+oneLine(d.Refusal))
		}
		g.add(clock(d.At, now, zone), who, oneLine(named(d.Action, d.Gate)), counts, plan.Short(d.Plan), oneLine(d.Reason))
	}
	g.print(a, "  ")
}

func (a *app) printHolds(s *runbook.Status, now time.Time, zone *time.Location) {
	if len(s.Holds) == 0 {
		return
	}
	a.heading("Holds")
	g := newGrid("RESOURCE", "FROM", "UNTIL")
	for _, h := range s.Holds {
		g.add(h.Resource, clock(h.From, now, zone), clock(h.Until, now, zone))
	}
	g.print(a, "  ")
}

func (a *app) printEvidence(v view) {
	a.heading("Evidence")
	switch e := v.status.Evidence; {
	case v.unread != nil:
		a.printf("  %d rows as the run says; %s\n", e.Count, a.paint(yellow, "not checked: "+v.unread.Error()))
	case len(v.findings) == 0:
		a.printf("  %d rows, %s, head %s\n", e.Count, a.paint(green, "chain verified"), plan.Short(e.Head))
	default:
		a.printf("  %d rows, %s\n", e.Count, a.paint(red, "NOT WHOLE"))
		for _, finding := range v.findings {
			a.printf("    %s\n", a.paint(red, finding.Text))
		}
	}
}

// printSilent shows what is known of a run that cannot be asked.
func (a *app) printSilent(v view) {
	r, zone := a.listed(v.info), a.zone()
	a.printf("%s  %s\n", a.paint(bold, r.ID), r.Runbook)
	a.printf("%s  %s\n", a.paint(bold+";"+stateColour(r.State), strings.ToUpper(r.State)), "as Temporal last knew; the run itself cannot be asked")
	a.printf("started %s", fullTime(r.StartedAt, zone))
	if r.EndedAt != nil {
		a.printf(", ended %s (%s)", fullTime(*r.EndedAt, zone), r.Status)
	}
	a.printf("\n")
	if v.failure != "" {
		a.printf("it ended with: %s\n", a.paint(red, oneLine(v.failure)))
	}
	if v.unread == nil {
		a.printf("evidence: %s\n", map[bool]string{true: "chain verified", false: "NOT WHOLE"}[len(v.findings) == 0])
	}
	if r.UI != "" {
		a.printf("%s\n", r.UI)
	}
}
