package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tejun/internal/records"
)

func (a *app) disasterCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "disaster",
		Short: "Read the registry of disaster drills and real disasters",
		Long: `Drills and real disasters (row 21) are runs whose mode never changes once they have begun, and whose times, RTO and RPO are kept for
comparison with later ones. They are started and answered as any other run.`,
		Example: "  starter disaster list\n  starter disaster show disaster-recovery-20270118-1000-x7k2",
	}, a.disasterListCommand(), a.disasterShowCommand(), a.disasterReturnedCommand())
}

func (a *app) disasterListCommand() *cobra.Command {
	var f records.DisasterFilter
	c := &cobra.Command{
		Use:   "list",
		Short: "List drills and real disasters: those that go on first, then the newest",
		Long: `RTO is from the declaration to the first good answer from outside, HUMAN how much of that was waiting for people, RPO how old the
data were. A figure that missed its target is marked with an exclamation mark.

Outcomes: returned (the primary serves again), stays (the other region goes on serving), declined (never declared), undone (given
up, everything taken back), failed (the report says what is left).`,
		Example: "  starter disaster list\n  starter disaster list --mode drill --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.disasterList(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.Mode, "mode", "", "only those: drill or real")
	c.Flags().IntVar(&f.Limit, "limit", 100, "at most so many")
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{records.ModeDrill, records.ModeReal}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) disasterList(ctx context.Context, f records.DisasterFilter) error {
	switch {
	case f.Limit < 1:
		return usage("--limit %d: must be at least 1", f.Limit)
	case f.Mode != "" && f.Mode != records.ModeDrill && f.Mode != records.ModeReal:
		return usage("--mode %q: write drill or real", f.Mode)
	}
	list, err := read(ctx, a, func(ctx context.Context, store *records.Store) ([]records.Disaster, error) {
		return store.Disasters(ctx, f)
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(append([]records.Disaster{}, list...))
	}
	a.printDisasters(list)
	return nil
}

func (a *app) printDisasters(list []records.Disaster) {
	if len(list) == 0 {
		a.printf("No disaster runs: `%s start DisasterRecovery --input examples/dr-drill.json` starts a drill.\n", a.self())
		return
	}
	zone := a.zone()
	g := newGrid("MODE", "OUTCOME", "STARTED", "RTO", "HUMAN", "RPO", "RUN", "TITLE")
	for _, d := range list {
		g.add(a.paintMode(d.Mode), a.paint(disasterColour(d), disasterOutcome(d)), fullTime(d.StartedAt, zone),
			a.target(d.RTO, d.RTOTarget), secondsSpan(d.RTOHuman), a.target(d.RPO, d.RPOTarget), d.WorkflowID, oneLine(d.Title))
	}
	g.print(a, "")
}

func (a *app) disasterShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Show what a drill or a real disaster measured, step by step",
		Long: `Shows the times, RTO and RPO against their targets, every step with machine and human time against its budget, and where the report
is. RUN is the ID of its run. What the run asks at this moment says ` + "`starter show RUN`" + `; its evidence ` + "`starter evidence list RUN`" + `.`,
		Example:           "  starter disaster show disaster-recovery-20270118-1000-x7k2\n  starter disaster show disaster-recovery-20270118-1000-x7k2 --json",
		Args:              exactArgs(1, "a run's ID: `starter disaster list` shows them"),
		ValidArgsFunction: a.completeRuns,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.disasterShow(cmd.Context(), args[0]) },
	}
}

// shownDisaster is what `disaster show --json` prints.
type shownDisaster struct {
	records.Disaster
	UI string `json:"ui"`
}

func (a *app) disasterShow(ctx context.Context, name string) error {
	found, err := read(ctx, a, func(ctx context.Context, store *records.Store) (records.Disaster, error) {
		return store.Disaster(ctx, name)
	})
	if errors.Is(err, records.ErrNotFound) {
		return usage("there is no disaster run %q: `%s disaster list` lists them", name, a.self())
	}
	if err != nil {
		return err
	}
	out := shownDisaster{found, a.runURL(found.WorkflowID, found.RunID)}
	if a.json {
		return a.printJSON(out)
	}
	a.printDisaster(out)
	return nil
}

func (a *app) printDisaster(d shownDisaster) {
	zone := a.zone()
	a.printf("%s  %s\n", a.paint(bold, d.WorkflowID), oneLine(d.Title))
	a.printf("  %s · %s · %s · system %s\n\n", a.paintMode(d.Mode), d.Manner, a.paint(disasterColour(d.Disaster), disasterOutcome(d.Disaster)), d.System)
	times := newGrid()
	for _, row := range []struct {
		name string
		at   *time.Time
	}{{"Started", &d.StartedAt}, {"Data of", d.DataAt}, {"Declared", d.DeclaredAt}, {"Restored", d.RestoredAt}, {"Ended", d.EndedAt}} {
		if row.at != nil {
			times.add(row.name, fullTime(*row.at, zone))
		}
	}
	times.print(a, "")
	if d.EndedAt == nil {
		a.printf("\nIt goes on; what was measured is written when it has ended.\n")
	} else {
		a.printf("\nRTO  %s of %s", a.target(d.RTO, d.RTOTarget), secondsSpan(&d.RTOTarget))
		if d.RTO != nil && d.RTOHuman != nil {
			machine := *d.RTO - *d.RTOHuman
			a.printf(" (machine %s, human %s)", secondsSpan(&machine), secondsSpan(d.RTOHuman))
		}
		a.printf("\nRPO  %s of %s\n", a.target(d.RPO, d.RPOTarget), secondsSpan(&d.RPOTarget))
	}
	a.printDisasterSteps(d.Steps)
	if d.ReportKey != "" {
		a.printf("\nReport       %s (SHA-256 %s)\n", d.ReportKey, d.ReportHash)
	}
	if d.UI != "" {
		a.printf("Temporal UI  %s\n", d.UI)
	}
}

func (a *app) printDisasterSteps(steps []records.DisasterStep) {
	if len(steps) == 0 {
		return
	}
	a.printf("\nSteps\n")
	g := newGrid("PART", "STEP", "MACHINE", "HUMAN", "TOTAL", "BUDGET", "OUTCOME")
	for _, s := range steps {
		total, budget := s.Seconds(), ""
		if s.Budget > 0 {
			budget = secondsSpan(&s.Budget)
		}
		shown := secondsSpan(&total)
		if s.Budget > 0 && total > s.Budget {
			shown = a.paint(red, shown+"!")
		}
		g.add(s.Part, s.Name, secondsSpan(&s.Machine), secondsSpan(&s.Human), shown, budget, s.Outcome)
	}
	g.print(a, "  ")
}

// paintMode makes a real disaster stand out.
func (a *app) paintMode(mode string) string {
	if mode == records.ModeReal {
		return a.paint(red, mode)
	}
	return mode
}

// target is a measured span, marked where it is more than its target; "" where nothing was measured.
func (a *app) target(measured *int, target int) string {
	if measured != nil && *measured > target {
		return a.paint(red, secondsSpan(measured)+"!")
	}
	return secondsSpan(measured)
}

// secondsSpan writes whole seconds as 1h3m29s; "" where there are none.
func secondsSpan(seconds *int) string {
	if seconds == nil {
		return ""
	}
	return fmt.Sprint(time.Duration(*seconds) * time.Second)
}

func disasterOutcome(d records.Disaster) string {
	if d.EndedAt == nil {
		return "goes on"
	}
	return d.Outcome
}

func disasterColour(d records.Disaster) string {
	switch d.Outcome {
	case records.DisasterReturned:
		return green
	case records.DisasterFailed:
		return red
	case "":
		return yellow
	}
	return cyan
}
