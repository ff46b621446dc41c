package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tejun/internal/records"
	"tejun/internal/system"
)

// planned is one entry of the calendar: half-open, [From, Until).
type planned struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Kind    string    `json:"kind"` // "change", "hold" of a change that has been made, "outage", "work" or "freeze"
	Title   string    `json:"title"`
	Run     string    `json:"run"`   // workflow ID, "" for a freeze
	State   string    `json:"state"` // of a change
	Targets []string  `json:"targets"`
}

// collision is two entries that should not fall together.
type collision struct {
	First  string    `json:"first"` // run, or name of a freeze
	Second string    `json:"second"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Why    string    `json:"why"`
}

func (a *app) changeCalendarCommand() *cobra.Command {
	var days int
	c := &cobra.Command{
		Use:   "calendar",
		Short: "Show what is planned when, with freezes and collisions",
		Long: `Shows the changes, planned outages and other work of the coming days, and the freezes of system.yaml, in the order of their
beginnings. Two entries collide if they touch the same target at the same time, if a change lies in a freeze, or if it
lies in a planned outage, where nobody could tell its effect from that of the outage. An emergency change that has been made
and is to be approved afterwards is a "hold": it collides with what touches its targets only. A change that still runs after
its window stays in the list.`,
		Example: "  starter change calendar\n  starter change calendar --days 90 --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.changeCalendar(cmd.Context(), days) },
	}
	c.Flags().IntVar(&days, "days", 31, "how many days to look ahead")
	return c
}

func (a *app) changeCalendar(ctx context.Context, days int) error {
	if days < 1 || days > 3660 {
		return usage("--days %d: must be 1 to 3660", days)
	}
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	store, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	from := a.now()
	until := from.AddDate(0, 0, days)
	changes, err := store.Changes(ctx, false)
	if err != nil {
		return err
	}
	held, err := store.AllReservations(ctx, from)
	if err != nil {
		return err
	}
	entries := calendarOf(changes, held, sys.Freezes, from, until)
	clashes := collisions(entries)
	if a.json {
		return a.printJSON(struct {
			From       time.Time   `json:"from"`
			Until      time.Time   `json:"until"`
			Entries    []planned   `json:"entries"`
			Collisions []collision `json:"collisions"`
		}{from.UTC(), until.UTC(), entries, clashes})
	}
	a.printCalendar(entries, clashes, days)
	return nil
}

func (a *app) printCalendar(entries []planned, clashes []collision, days int) {
	if len(entries) == 0 {
		a.printf("Nothing is planned for the next %d days, and nothing is frozen.\n", days)
		return
	}
	now, zone := a.now(), a.zone()
	g := newGrid("FROM", "UNTIL", "KIND", "RUN", "STATE", "TITLE")
	for _, e := range entries {
		g.add(clock(e.From, now, zone), clock(e.Until, now, zone), e.Kind, e.Run, e.State, oneLine(e.Title))
	}
	g.print(a, "")
	if len(clashes) == 0 {
		return
	}
	a.heading("Collisions")
	for _, c := range clashes {
		a.printf("  %s\n", a.paint(red, oneLine(fmt.Sprintf("%s and %s, %s – %s: %s", c.First, c.Second, clock(c.From, now, zone), clock(c.Until, now, zone), c.Why))))
	}
}

// calendarOf gathers what lies between from and until, by beginning. What a run holds belongs to its change, if it has one.
func calendarOf(changes []records.Change, held []records.Reservation, freezes []system.Freeze, from, until time.Time) []planned {
	all := []planned{}
	byRun := map[string]int{} // run → its entry
	for _, c := range changes {
		e := planned{Kind: "change", Title: c.Title, Run: c.WorkflowID, State: c.State, Targets: c.Targets}
		if c.State == records.ChangeApplied || c.State == records.ChangeOverdue {
			e.Kind = "hold"
		}
		if c.WindowFrom != nil {
			e.From, e.Until = *c.WindowFrom, *c.WindowUntil
		}
		byRun[c.WorkflowID] = len(all)
		all = append(all, e)
	}
	for _, r := range held {
		i, there := byRun[r.WorkflowID]
		if !there {
			kind := "work"
			if r.Runbook == "PlannedOutage" {
				kind = "outage"
			}
			i, byRun[r.WorkflowID] = len(all), len(all)
			all = append(all, planned{Kind: kind, Title: r.Runbook, Run: r.WorkflowID})
		}
		e := &all[i]
		recorded := e.State != "" // the record of a change says what it touches, and when
		if !recorded {
			e.Targets = append(e.Targets, r.Resource)
		}
		if e.From.IsZero() || !recorded && r.From.Before(e.From) {
			e.From = r.From
		}
		if e.Until.IsZero() || (!recorded || e.State == records.ChangeRunning) && r.Until.After(e.Until) {
			e.Until = r.Until
		}
	}
	for _, f := range freezes {
		all = append(all, planned{Kind: "freeze", Title: f.Name + ": " + f.Reason, From: f.Start.UTC(), Until: f.End.UTC(), Targets: []string{}})
	}
	for i := range all {
		if e := &all[i]; e.State == records.ChangeRunning && e.From.IsZero() { // without a window, and nothing holds its targets any more
			e.From, e.Until = from, from
		}
	}
	all = slices.DeleteFunc(all, func(e planned) bool {
		return !e.From.Before(until) || !e.Until.After(from) && e.State != records.ChangeRunning
	})
	slices.SortStableFunc(all, func(x, y planned) int { return x.From.Compare(y.From) })
	return all
}

// collisions names the entries that fall together and should not.
func collisions(entries []planned) []collision {
	found := []collision{}
	for i, x := range entries {
		for _, y := range entries[i+1:] {
			from, until := later(x.From, y.From), earlier(x.Until, y.Until)
			if !from.Before(until) {
				continue
			}
			if why := clash(x, y); why != "" {
				found = append(found, collision{First: x.label(), Second: y.label(), From: from, Until: until, Why: why})
			}
		}
	}
	return found
}

// clash says why two entries of the same time should not fall together, or "".
func clash(x, y planned) string {
	kinds := []string{x.Kind, y.Kind}
	slices.Sort(kinds)
	var shared []string
	for _, target := range x.Targets {
		if slices.Contains(y.Targets, target) {
			shared = append(shared, target)
		}
	}
	switch {
	case len(shared) > 0:
		return "both touch " + strings.Join(shared, ", ")
	case slices.Contains(kinds, "hold"):
		return ""
	case slices.Contains(kinds, "freeze") && kinds[0] != kinds[1]:
		return "nothing may be changed in a freeze"
	case kinds[0] == "change" && kinds[1] == "outage":
		return "the change lies in a planned outage"
	}
	return ""
}

func (e planned) label() string {
	if e.Run == "" {
		return e.Title
	}
	return e.Run
}

func later(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

func earlier(x, y time.Time) time.Time {
	if x.Before(y) {
		return x
	}
	return y
}
