package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"tejun/internal/calendar"
	"tejun/internal/schedules"
	"tejun/internal/system"
	"tejun/workflows"
)

func (a *app) scheduleCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "schedule",
		Short: "Keep Temporal's schedules as system.yaml describes them",
		Long: `The schedules of system.yaml start runbooks by themselves, as Temporal Schedules in the system's time zone. An
overlapping start is skipped, a missed one is made up for within minutes only. "The n-th business day of the month" is
computed with the Japanese holidays for as far as their calendar goes.`,
		Example: `  starter schedule apply --dry-run
  starter schedule list
  starter schedule pause monthly-report --as tanaka --reason "年末年始"`,
	}, a.scheduleApplyCommand(), a.scheduleListCommand(),
		a.schedulePauseCommand(true), a.schedulePauseCommand(false), a.scheduleTriggerCommand())
}

func (a *app) scheduleApplyCommand() *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "apply",
		Short: "Create, change, pause and delete schedules until they match system.yaml",
		Long: `Compares system.yaml with Temporal, prints what differs, and puts it right. Only schedules of this system are touched: ID
"tejun-…" and its mark in the memo. A schedule that a person has paused stays paused. Running it again changes nothing.`,
		Example: "  starter schedule apply --dry-run\n  starter schedule apply",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.scheduleApply(cmd.Context(), dryRun) },
	}
	c.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "print the plan and change nothing")
	return c
}

// withSchedules opens what every schedule command needs.
func (a *app) withSchedules(ctx context.Context, do func(client.Client, *system.System) error) error {
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c, sys)
}

func (a *app) scheduleApply(ctx context.Context, dryRun bool) error {
	return a.withSchedules(ctx, func(c client.Client, sys *system.System) error {
		cal, err := a.loadCalendar()
		if err != nil {
			return err
		}
		for _, s := range sys.Schedules {
			if err := a.checkScheduled(s, sys, cal); err != nil {
				return err
			}
		}
		var changes []schedules.Change
		if dryRun {
			changes, err = schedules.Plan(ctx, c, sys, cal, a.now())
		} else {
			changes, err = schedules.Apply(ctx, c, sys, cal)
		}
		if printed := a.printChanges(changes, dryRun, sys.Location()); printed != nil {
			return printed
		}
		return err
	})
}

// checkScheduled checks what a schedule would start, as if it started now. A rule that would refuse it now, such as a
// freeze, need not apply at another time, so only mistakes count.
func (a *app) checkScheduled(s system.Schedule, sys *system.System, cal *calendar.Calendar) error {
	book, ok := workflows.Lookup(s.Runbook)
	if !ok {
		return usage("schedule %s starts the runbook %q, which this program does not have; it has %s", s.ID, s.Runbook, strings.Join(runbookNames(), ", "))
	}
	raw, err := json.Marshal(s.Input)
	if err != nil {
		return usage("schedule %s: its input cannot be written as JSON: %w", s.ID, err)
	}
	var tree map[string]any // a copy: the schedule keeps its relative times
	if err := json.Unmarshal(raw, &tree); err != nil {
		return usage("schedule %s: its input: %w", s.ID, err)
	}
	now := a.now().Truncate(time.Second)
	if err := expandTimes(tree, func(text string) (time.Time, error) { return sys.Moment(text, now, cal) }); err != nil {
		return usage("schedule %s: %w", s.ID, err)
	}
	if raw, err = json.Marshal(tree); err != nil {
		return usage("schedule %s: its input: %w", s.ID, err)
	}
	var rule *system.OutageRefused
	if err := book.Check(raw, sys, cal, a.now()); err != nil && !errors.As(err, &rule) {
		return usage("schedule %s: its input: %w", s.ID, err)
	}
	return nil
}

func (a *app) printChanges(changes []schedules.Change, dryRun bool, zone *time.Location) error {
	if a.json {
		if changes == nil {
			changes = []schedules.Change{}
		}
		return a.printJSON(map[string]any{"applied": !dryRun, "changes": changes})
	}
	if len(changes) == 0 {
		a.printf("system.yaml describes no schedules, and Temporal has none of this system.\n")
		return nil
	}
	now := a.now()
	colours := map[schedules.Action]string{
		schedules.Create: green, schedules.Update: yellow, schedules.Pause: yellow, schedules.Resume: green, schedules.Delete: red, schedules.Keep: dim,
	}
	differs := false
	for _, change := range changes {
		differs = differs || change.Action != schedules.Keep
		a.printf("%s %s  %s\n", a.paint(colours[change.Action], fmt.Sprintf("%-6s", change.Action)), change.ID, change.Runbook)
		for _, why := range change.Why {
			a.printf("         %s\n", oneLine(why))
		}
		if change.Action != schedules.Keep && len(change.Next) > 0 {
			var next []string
			for _, t := range change.Next {
				next = append(next, clock(t, now, zone))
			}
			a.printf("         next %s; computed until %s\n", strings.Join(next, ", "), change.LastDay)
		}
	}
	if dryRun && differs {
		a.printf("\nNothing was changed. `%s schedule apply` does it.\n", a.self())
	}
	return nil
}

func (a *app) scheduleListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the schedules, when they start next, and what they started last",
		Long:    "Lists this system's schedules as Temporal has them. One that is described but missing has to be applied first.",
		Example: "  starter schedule list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSchedules(cmd.Context(), func(c client.Client, sys *system.System) error {
				list, err := schedules.List(cmd.Context(), c, sys)
				if err != nil {
					return err
				}
				return a.printSchedules(list, sys)
			})
		},
	}
}

func (a *app) printSchedules(list []schedules.Seen, sys *system.System) error {
	if a.json {
		if list == nil {
			list = []schedules.Seen{}
		}
		return a.printJSON(list)
	}
	if len(list) < len(sys.Schedules) {
		a.printf("%s %d of %d schedules of system.yaml are not in Temporal: `%s schedule apply`\n",
			a.paint(yellow, "note:"), len(sys.Schedules)-len(list), len(sys.Schedules), a.self())
	}
	now, zone := a.now(), sys.Location()
	g := newGrid("SCHEDULE", "RUNBOOK", "STATE", "NEXT", "LAST", "STARTED", "SKIPPED", "NOTE")
	for _, s := range list {
		state, next, last := a.paint(green, "on"), "", ""
		switch {
		case s.Paused:
			state = a.paint(yellow, "paused")
		case s.Next != nil:
			next = clock(*s.Next, now, zone)
		}
		if s.Last != nil {
			last = clock(*s.Last, now, zone)
		}
		g.add(s.ID, s.Runbook, state, next, last, s.Started, s.Skipped+s.Missed, oneLine(s.Note))
	}
	g.print(a, "")
	return nil
}

func (a *app) schedulePauseCommand(pause bool) *cobra.Command {
	var reason string
	name, short, example := "resume", "Let a schedule start its runbook again", "年始から再開"
	if pause {
		name, short, example = "pause", "Keep a schedule from starting its runbook", "年末年始は実施しない"
	}
	c := &cobra.Command{
		Use:   name + " SCHEDULE",
		Short: short,
		Long: short + `. The note names who did it and why. A pause by hand stays until it is resumed by hand, also over apply. What
system.yaml pauses can be resumed by hand too, but the next apply pauses it again: mend system.yaml.`,
		Example:           fmt.Sprintf("  starter schedule %s monthly-report --as tanaka --reason %q", name, example),
		Args:              exactArgs(1, "a schedule's ID: `starter schedule list` shows them"),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case a.as == "":
				return usage("who does it? give --as PERSON or TEJUN_AS")
			case strings.TrimSpace(reason) == "":
				return usage("why? give --reason \"…\"; it stands in the schedule's note")
			}
			return a.withSchedules(cmd.Context(), func(c client.Client, sys *system.System) error {
				note := fmt.Sprintf("%sd by %s: %s", name, oneLine(a.as), oneLine(reason))
				seen, err := schedules.SetPaused(cmd.Context(), c, sys, args[0], pause, note)
				if err != nil {
					return err
				}
				return a.printSchedule(seen, name+"d", sys)
			})
		},
	}
	c.Flags().StringVarP(&reason, "reason", "r", "", "why (required)")
	return c
}

func (a *app) scheduleTriggerCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "trigger SCHEDULE",
		Short:             "Start a schedule's runbook now",
		Long:              "Starts the schedule's runbook once, now, also when the schedule is paused, and waits until Temporal says that it did. While the run before is still open nothing is started, and that is an error.",
		Example:           "  starter schedule trigger monthly-report",
		Args:              exactArgs(1, "a schedule's ID: `starter schedule list` shows them"),
		ValidArgsFunction: a.completeSchedules,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSchedules(cmd.Context(), func(c client.Client, sys *system.System) error {
				seen, err := schedules.Trigger(cmd.Context(), c, sys, args[0])
				if err != nil {
					return err
				}
				return a.printSchedule(seen, "started", sys)
			})
		},
	}
}

func (a *app) printSchedule(s schedules.Seen, done string, sys *system.System) error {
	if a.json {
		return a.printJSON(s)
	}
	a.printf("%s %s", a.paint(green, done), s.ID)
	switch {
	case done == "started":
		a.printf(": %s\n", s.LastRun)
	case !s.Paused && s.Next != nil:
		a.printf(", next %s\n", fullTime(*s.Next, sys.Location()))
	default:
		a.printf("\n")
	}
	return nil
}

func (a *app) completeSchedules(_ *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	sys, err := a.loadSystem()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, s := range sys.Schedules {
		ids = append(ids, s.ID+"\t"+s.Note)
	}
	return withPrefix(ids, start), cobra.ShellCompDirectiveNoFileComp
}
