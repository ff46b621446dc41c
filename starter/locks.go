package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"tejun/internal/records"
)

func (a *app) locksCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "locks",
		Short: "List which runs hold which resources, and until when",
		Long: `A run holds what it is going to touch for the time in which it may touch it. Two runs never hold the same resource at the
same time; a start that would is refused. Holds end with the run; a run that could not put something back keeps its own.`,
		Example: "  starter locks\n  starter locks --all --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.locks(cmd.Context(), all) },
	}
	c.Flags().BoolVar(&all, "all", false, "also holds whose time is over and that were never released")
	c.AddCommand(a.releaseCommand())
	return c
}

func (a *app) locks(ctx context.Context, all bool) error {
	store, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	at := a.now()
	if all {
		at = time.Time{}
	}
	held, err := store.AllReservations(ctx, at)
	if err != nil {
		return err
	}
	if a.json {
		if held == nil {
			held = []records.Reservation{}
		}
		return a.printJSON(held)
	}
	if len(held) == 0 {
		a.printf("Nothing is held.\n")
		return nil
	}
	now, zone := a.now(), a.zone()
	g := newGrid("RESOURCE", "FROM", "UNTIL", "RUN", "REQUESTER")
	for _, r := range held {
		g.add(r.Resource, clock(r.From, now, zone), clock(r.Until, now, zone), r.WorkflowID, r.Requester)
	}
	g.print(a, "")
	return nil
}
