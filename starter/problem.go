package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"tejun/internal/records"
)

func (a *app) problemCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "problem",
		Short: "Read the records of problems: root causes, known errors, actions",
		Long: `When the ministry closes an incident its root cause and the actions against it become a problem record. A new incident that looks
like an old one is shown that one's root cause and work-around. Whether an action has been taken is followed up outside of tejun:
nothing here marks one as done, or closes a problem.`,
		Example: "  starter problem list\n  starter problem show PRB-20270118-0a1b2c3d4e5f",
	}, a.problemListCommand(), a.problemShowCommand())
}

func (a *app) problemListCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List problems, the newest first",
		Long: `Lists the problems that incidents have left, with their actions. DUE is the first day on which one of them is due, whether it has been
taken or not. --all adds those whose record says closed; this edition closes none.`,
		Example: "  starter problem list\n  starter problem list --all --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.problemList(cmd.Context(), all) },
	}
	c.Flags().BoolVar(&all, "all", false, "those whose record says closed too")
	return c
}

func (a *app) problemList(ctx context.Context, all bool) error {
	list, err := read(ctx, a, func(ctx context.Context, store *records.Store) ([]records.Problem, error) {
		return store.Problems(ctx, all)
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(append([]records.Problem{}, list...))
	}
	if len(list) == 0 {
		a.printf("No problems%s.\n", map[bool]string{false: " are open", true: ""}[all])
		return nil
	}
	g := newGrid("STATE", "NUMBER", "INCIDENT", "DUE", "TITLE", "ROOT CAUSE")
	for _, p := range list {
		g.add(p.State, p.ID, p.Incident, firstDue(p), oneLine(p.Title), oneLine(p.RootCause))
	}
	g.print(a, "")
	return nil
}

// firstDue is the first day on which an action is due. Days are written so that they sort.
func firstDue(p records.Problem) (day string) {
	for _, action := range p.Actions {
		if day == "" || action.Due < day {
			day = action.Due
		}
	}
	return day
}

// shownProblem is what `problem show --json` prints.
type shownProblem struct {
	records.Problem
	History []records.Problem `json:"history"` // every state, the oldest first
}

func (a *app) problemShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show PROBLEM",
		Short:   "Show a problem: root cause, work-around, actions with owners and due days",
		Long:    "PROBLEM is its number, or that of the incident that it comes from.",
		Example: "  starter problem show PRB-20270118-0a1b2c3d4e5f\n  starter problem show INC-20270118-0a1b2c3d4e5f --json",
		Args:    exactArgs(1, "a problem's number: `starter problem list` shows them"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.problemShow(cmd.Context(), args[0]) },
	}
}

func (a *app) problemShow(ctx context.Context, name string) error {
	history, err := read(ctx, a, func(ctx context.Context, store *records.Store) ([]records.Problem, error) {
		return store.ProblemHistory(ctx, name)
	})
	if errors.Is(err, records.ErrNotFound) {
		return usage("there is no problem %q: `%s problem list --all` lists them", name, a.self())
	}
	if err != nil {
		return err
	}
	p := history[len(history)-1]
	if a.json {
		return a.printJSON(shownProblem{p, history})
	}
	zone := a.zone()
	a.printf("%s  %s\n", a.paint(bold, p.ID), oneLine(p.Title))
	a.printf("  %s · incident %s · run %s · written down by %s\n\n", p.State, p.Incident, p.WorkflowID, p.By)
	a.printf("Root cause   %s\nWork-around  %s\n\nActions\n", oneLine(p.RootCause), oneLine(p.Workaround))
	actions := newGrid("DUE", "OWNER", "WHAT")
	for _, action := range p.Actions {
		actions.add(action.Due, action.Owner, oneLine(action.What))
	}
	actions.print(a, "  ")
	a.printf("\nHistory\n")
	states := newGrid("", "AT", "STATE", "ACTIONS")
	for _, s := range history {
		states.add(s.Seq, fullTime(s.At, zone), s.State, len(s.Actions))
	}
	states.print(a, "  ")
	return nil
}
