package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tejun/internal/records"
)

// shownIncident is what `incident show --json` prints.
type shownIncident struct {
	records.Incident
	History []incidentState `json:"history"` // what has happened to it, the oldest first
	UI      string          `json:"ui"`
	SameRun []string        `json:"sameRun"` // numbers of other incidents that runs of the same ID have handled, the newest first
}

// incidentState is one state that an incident was in.
type incidentState struct {
	Seq      int    `json:"seq"`
	Event    string `json:"event"`
	At       string `json:"at"`
	State    string `json:"state"`
	Severity string `json:"severity"`
}

func (a *app) incidentShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show INCIDENT",
		Short: "Show an incident's record with its history",
		Long: `Shows everything that is known of an incident: times, clocks, alarms, facts, notes, the runs that mend it, known errors that it
looks like, and every state it was in. INCIDENT is its number, or the ID of its run: then it is the newest that runs of that ID
have handled, and the others are named. What the run asks at this moment says ` + "`starter show RUN`" + `; its evidence
` + "`starter evidence list RUN`" + `.`,
		Example: "  starter incident show INC-20270118-0a1b2c3d4e5f\n  starter incident show incident-7f3a09c1d2e4b586 --json",
		Args:    exactArgs(1, "an incident's number or run: `starter incident list` shows them"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.incidentShow(cmd.Context(), args[0]) },
	}
}

func (a *app) incidentShow(ctx context.Context, name string) error {
	var others []records.Incident
	history, err := read(ctx, a, func(ctx context.Context, store *records.Store) ([]records.Incident, error) {
		history, err := store.IncidentHistory(ctx, name)
		if err == nil {
			others, err = store.IncidentsOf(ctx, history[0].WorkflowID)
		}
		return history, err
	})
	if errors.Is(err, records.ErrNotFound) {
		return usage("there is no incident %q: `%s incident list --all` lists them", name, a.self())
	}
	if err != nil {
		return err
	}
	out := shownIncident{Incident: history[len(history)-1], SameRun: []string{}}
	others = slices.DeleteFunc(others, func(in records.Incident) bool { return in.ID == out.ID })
	for _, in := range others {
		out.SameRun = append(out.SameRun, in.ID)
	}
	zone := a.zone()
	for _, s := range history {
		out.History = append(out.History, incidentState{s.Seq, s.Event, fullTime(s.At, zone), s.State, s.Severity})
	}
	out.UI = a.runURL(out.WorkflowID, out.RunID)
	if a.json {
		return a.printJSON(out)
	}
	a.printIncident(out)
	if len(others) > 0 {
		a.printf("\nOther incidents of the same thing, and so of the same run's ID: %s\n", strings.Join(a.numbered(others), ", "))
	}
	return nil
}

func (a *app) printIncident(in shownIncident) {
	now, zone := a.now(), a.zone()
	a.printf("%s  %s\n", a.paint(bold, in.ID), oneLine(in.Title))
	a.printf("  %s · severity %s (impact %s, urgency %s) · run %s\n", a.paint(incidentColour(in.State), in.State), in.Severity, in.Impact, in.Urgency, in.WorkflowID)
	a.printf("  %s\n", oneLine(in.Symptom))
	a.printf("  reported by %s (%s), operator %s, services %v\n", in.Requester, in.Source, in.Operator, in.Services)
	a.printf("\nClocks\n")
	clocks := newGrid("", "KIND", "LIMIT", "DUE", "ELAPSED", "REMAINING", "")
	for _, c := range in.Clocks {
		state := "running"
		switch {
		case c.Breached:
			state = a.paint(red, "breached")
		case c.Done:
			state = a.paint(green, "met")
		case c.Reading.Paused:
			state = a.paint(yellow, "paused")
		}
		clocks.add(c.Name, string(c.Kind), span(c.Limit), clock(c.Due, now, zone), span(c.Elapsed), remaining(c), state)
	}
	clocks.print(a, "  ")
	section := func(title string, n int, row func(g *grid, i int), header ...string) {
		if n == 0 {
			return
		}
		a.printf("\n%s\n", title)
		g := newGrid(header...)
		for i := range n {
			row(g, i)
		}
		g.print(a, "  ")
	}
	section("Alarms", len(in.Alarms), func(g *grid, i int) {
		x := in.Alarms[i]
		g.add(x.State, x.Alarm, x.Count, clock(x.First, now, zone), clock(x.Last, now, zone), oneLine(x.Reason))
	}, "STATE", "ALARM", "EVENTS", "FIRST", "LAST", "REASON")
	section("Known errors that it looks like", len(in.Similar), func(g *grid, i int) {
		x := in.Similar[i]
		g.add(fmt.Sprintf("%.0f%%", 100*x.Likeness), x.Incident, x.Problem, oneLine(x.Title), oneLine(x.RootCause), oneLine(x.Workaround))
	}, "LIKE", "INCIDENT", "PROBLEM", "TITLE", "ROOT CAUSE", "WORK-AROUND")
	section("Facts", len(in.Facts), func(g *grid, i int) {
		x := in.Facts[i]
		mark := ""
		if x.Bad {
			mark = a.paint(red, "!")
		}
		g.add(mark, x.Source, clock(x.At, now, zone), oneLine(x.What))
	}, "", "SOURCE", "AT", "WHAT")
	section("Notes", len(in.Notes), func(g *grid, i int) {
		x := in.Notes[i]
		g.add(clock(x.At, now, zone), x.Kind, x.By, oneLine(x.Text))
	}, "AT", "KIND", "BY", "TEXT")
	section("Escalations", len(in.Escalations), func(g *grid, i int) {
		x := in.Escalations[i]
		g.add(clock(x.At, now, zone), x.To, oneLine(x.Why))
	}, "AT", "TO", "WHY")
	section("Runs that mend it", len(in.Fixes), func(g *grid, i int) {
		x := in.Fixes[i]
		outcome := x.Outcome
		if outcome == "" {
			outcome = "running"
		}
		g.add(x.Runbook, x.Run, x.By, clock(x.StartedAt, now, zone), oneLine(outcome))
	}, "RUNBOOK", "RUN", "BY", "STARTED", "OUTCOME")
	if in.Problem != "" {
		a.printf("\nProblem  %s: %s problem show %s\n", in.Problem, a.self(), in.Problem)
	}
	if r := in.Report; r != nil {
		a.printf("Report   %s (SHA-256 %s)\n", r.Location, r.SHA256)
	}
	section("History", len(in.History), func(g *grid, i int) {
		x := in.History[i]
		g.add(x.Seq, x.At, x.Event, x.State, x.Severity)
	}, "", "AT", "WHAT", "STATE", "SEVERITY")
	if in.UI != "" {
		a.printf("\nTemporal UI  %s\n", in.UI)
	}
}

func remaining(c records.IncidentClock) string {
	if c.Remaining < 0 {
		return "-" + span(-c.Remaining)
	}
	return span(c.Remaining)
}
