package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tejun/internal/records"
)

// changed is one change in `change list --json`.
type changed struct {
	records.Change
	Overdue bool   `json:"overdue"` // its approval afterwards is late
	UI      string `json:"ui"`
}

func (a *app) changeCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "change",
		Short: "List the changes of the operated system, with their history and the calendar",
		Long: `Runs that change the operated system (SettingChange, Release) keep a record of each change: class, targets, window, who
asked and approved, and every state it has been in. Records are only ever added to.`,
		Example: `  starter change list
  starter change show setting-change-20261124-0300-x7k2
  starter change calendar --days 14`,
	}, a.changeListCommand(), a.changeShowCommand(), a.changeCalendarCommand())
}

func (a *app) changeListCommand() *cobra.Command {
	var all bool
	var incident string
	c := &cobra.Command{
		Use:   "list",
		Short: "List changes: late approvals first, then what still goes on, then the newest",
		Long: `Lists the changes that have not ended; --all adds the others. An emergency change is made first and approved afterwards: by
when stands under REVIEW, and it is shown as OVERDUE from then on until somebody has decided.

--incident takes an incident's number, or the ID of its run where that has handled no other.

States: planned, approved, running, applied (made, and to be approved afterwards), overdue, done, rejected, undone, failed.`,
		Example: "  starter change list\n  starter change list --all --json\n  starter change list --incident INC-20270118-0a1b2c3d4e5f",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.changeList(cmd.Context(), all, incident) },
	}
	c.Flags().BoolVar(&all, "all", false, "ended changes too")
	c.Flags().StringVar(&incident, "incident", "", "only changes that mend this incident (its number), ended ones too")
	return c
}

func (a *app) changeList(ctx context.Context, all bool, incident string) error {
	store, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	var list []records.Change
	if incident != "" {
		list, err = a.changesOf(ctx, store, incident)
	} else {
		list, err = store.Changes(ctx, all)
	}
	if err != nil {
		return err
	}
	changes := a.changed(list)
	if a.json {
		return a.printJSON(changes)
	}
	if len(changes) == 0 {
		a.printf("No changes%s.\n", map[bool]string{false: " go on; --all shows ended ones", true: ""}[all || incident != ""])
		return nil
	}
	now, zone := a.now(), a.zone()
	g := newGrid("STATE", "RUN", "KIND", "CLASS", "REVIEW", "WINDOW", "REQUESTER", "TITLE")
	for _, c := range changes {
		g.add(a.changeState(c), c.WorkflowID, c.Kind, c.Class, reviewOf(c, now, zone), windowOf(c.Change, now, zone), c.Requester, oneLine(c.Title))
	}
	g.print(a, "")
	return nil
}

// changesOf lists the changes that mend one incident, which is named by its number, or by the ID of a run that has handled no other.
func (a *app) changesOf(ctx context.Context, store *records.Store, name string) ([]records.Change, error) {
	meant, err := store.IncidentsOf(ctx, name)
	if err != nil {
		return nil, err
	}
	switch len(meant) {
	case 0: // earlier editions took any name
		list, err := store.ChangesOf(ctx, records.Incident{ID: name})
		if err == nil && len(list) == 0 {
			err = usage("there is no incident %q: `%s incident list --all` lists them", name, a.self())
		}
		return list, err
	case 1:
		return store.ChangesOf(ctx, meant[0])
	}
	return nil, usage("the run %s has handled %d incidents: give the number of one of them: %s", name, len(meant), strings.Join(a.numbered(meant), ", "))
}

// numbered names incidents by number, with when they were opened.
func (a *app) numbered(list []records.Incident) (names []string) {
	for _, in := range list {
		names = append(names, in.ID+" ("+in.State+", opened "+clock(in.OpenedAt, a.now(), a.zone())+")")
	}
	return names
}

// changed puts late approvals first and keeps the order otherwise.
func (a *app) changed(list []records.Change) []changed {
	changes := []changed{}
	for _, c := range list {
		changes = append(changes, changed{Change: c, Overdue: c.Overdue(a.now()), UI: a.runURL(c.WorkflowID, c.RunID)})
	}
	slices.SortStableFunc(changes, func(x, y changed) int {
		switch {
		case x.Overdue == y.Overdue:
			return 0
		case x.Overdue:
			return -1
		}
		return 1
	})
	return changes
}

func (a *app) changeState(c changed) string {
	if c.Overdue {
		return a.paint(bold+";"+red, "OVERDUE")
	}
	colour := cyan
	switch c.State {
	case records.ChangeDone:
		colour = green
	case records.ChangeFailed, records.ChangeRejected, records.ChangeUndone:
		colour = red
	case records.ChangeApplied, records.ChangePlanned:
		colour = yellow
	}
	return a.paint(colour, c.State)
}

func reviewOf(c changed, now time.Time, zone *time.Location) string {
	switch {
	case c.ReviewBy == nil:
		return ""
	case c.ReviewedAt != nil:
		return "decided " + clock(*c.ReviewedAt, now, zone)
	case c.Ended():
		return "never"
	case c.Overdue:
		return clock(*c.ReviewBy, now, zone) + " (" + span(now.Sub(*c.ReviewBy)) + " late)"
	}
	return "by " + clock(*c.ReviewBy, now, zone)
}

func windowOf(c records.Change, now time.Time, zone *time.Location) string {
	if c.WindowFrom == nil {
		return ""
	}
	return clock(*c.WindowFrom, now, zone) + " – " + clock(*c.WindowUntil, now, zone)
}

func (a *app) changeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Show a change with its history",
		Long: `Shows what is known about a change: what, when, who, every state that it has been in, and where the run and its evidence
are. RUN is the whole ID of the run that makes it.`,
		Example:           "  starter change show setting-change-20261124-0300-x7k2\n  starter change show setting-change-20261124-0300-x7k2 --json",
		Args:              exactArgs(1, "the ID of a run: `starter change list` shows them"),
		ValidArgsFunction: a.completeRuns,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.changeShow(cmd.Context(), args[0]) },
	}
}

func (a *app) changeShow(ctx context.Context, id string) error {
	history, err := read(ctx, a, func(ctx context.Context, store *records.Store) ([]records.Change, error) {
		return store.ChangeHistory(ctx, id)
	})
	if errors.Is(err, records.ErrNotFound) {
		return usage("there is no change of a run %q: `%s change list --all` shows the changes", id, a.self())
	}
	if err != nil {
		return err
	}
	now := a.changed(history[len(history)-1:])[0]
	if a.json {
		return a.printJSON(struct {
			changed
			History []records.Change `json:"history"`
		}{now, history})
	}
	a.printChange(now, history)
	return nil
}

func (a *app) printChange(c changed, history []records.Change) {
	now, zone := a.now(), a.zone()
	a.printf("%s  %s\n%s  %s change, %s\n", a.paint(bold, c.WorkflowID), oneLine(c.Title), a.changeState(c), c.Class, c.Kind)
	g := newGrid()
	line := func(name, value string) {
		if value != "" {
			g.add(a.paint(dim, name), value)
		}
	}
	line("window", windowOf(c.Change, now, zone))
	line("review", reviewOf(c, now, zone))
	line("requester", c.Requester)
	line("operator", c.Operator)
	line("approved by", strings.Join(c.Approvers, ", "))
	line("incident", oneLine(strings.TrimSpace(c.IncidentNumber+" "+c.Incident)))
	for _, target := range c.Targets {
		line("target", oneLine(target))
	}
	line("run", a.self()+" show "+shellWord(c.WorkflowID))
	line("evidence", a.self()+" evidence verify "+shellWord(c.WorkflowID))
	line("page", c.UI)
	g.print(a, "  ")
	a.heading("History")
	g = newGrid("AT", "STATE", "APPROVED BY", "NOTE")
	for _, state := range history {
		g.add(clock(state.At, now, zone), state.State, strings.Join(state.Approvers, ", "), oneLine(state.Note))
	}
	g.print(a, "  ")
}
