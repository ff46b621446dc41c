package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"tejun/internal/records"
	"tejun/internal/system"
)

func (a *app) disasterReturnedCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "returned RUN",
		Short: "Say that people have brought everything back that a real disaster had left in the DR region",
		Long: `A real recovery that ended while the DR region served (stays), or that left something behind (failed), keeps every drill from beginning:
a drill works on the same services. When people have gone back by hand, as docs/disaster.md says, and have looked, this writes it into the
registry: the run's outcome becomes returned, its report stays as it is. It is refused while the run is still open, and it leaves evidence in
the run's chain. Only whoever may decide about the return may say it: a person with the role of the gate return of system.yaml who neither
asked for the run nor operated it. It believes that person: a drill looks by itself whether the public is served by the primary region.`,
		Example: `  starter disaster returned disaster-recovery-20270118-1000-x7k2 --as suzuki --reason "1月20日に東京へ切り戻し、大阪のタスク数 0 を確認した"`,
		Args:    exactArgs(1, "a run's ID: `starter disaster list` shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.disasterReturned(cmd.Context(), args[0], reason)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "how it was brought back and checked; goes into the record")
	return c
}

func (a *app) disasterReturned(ctx context.Context, id, reason string) error {
	switch {
	case a.as == "":
		return usage("who says that? give --as PERSON or TEJUN_AS, an ID of system.yaml")
	case strings.TrimSpace(reason) == "":
		return usage("how was it brought back and checked? give --reason \"…\"; it goes into the record")
	}
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	by, err := whoReturns(sys, a.as)
	if err != nil {
		return err
	}
	store, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	row, err := store.Disaster(ctx, id)
	if errors.Is(err, records.ErrNotFound) {
		return usage("there is no disaster run %q: `%s disaster list` lists them", id, a.self())
	}
	if err != nil {
		return err
	}
	if err := mayBeReturned(row); err != nil {
		return err
	}
	rows, err := store.ListEvidence(ctx, row.WorkflowID)
	if err != nil {
		return err
	}
	if err := noPartOf(sys, by, row.WorkflowID, rows); err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	info, err := a.describeRun(ctx, c, row.WorkflowID)
	if err != nil && !errors.As(err, new(*serviceerror.NotFound)) { // Temporal forgets a run after its retention
		return err
	}
	if err == nil && info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return refused("%s is open again and will say itself how it ended: answer it (`%s show %s`)", row.WorkflowID, a.self(), row.WorkflowID)
	}
	now := a.now().UTC()
	body, err := json.Marshal(struct {
		By       string `json:"by"`
		Identity string `json:"identity"`
		Reason   string `json:"reason"`
		Was      string `json:"was"`
	}{by.ID, "claimed", reason, row.Outcome})
	if err != nil {
		return err
	}
	// The evidence first: a return that nobody can trace is worse than one that has to be said again.
	_, err = store.AppendEvidence(ctx, records.Evidence{
		WorkflowID: row.WorkflowID, RunID: row.RunID, Key: "disaster/returned/" + now.Format(time.RFC3339Nano), Kind: "returned", At: now, Body: body,
	})
	if err != nil {
		return err
	}
	row.Outcome = records.DisasterReturned
	if row, err = store.FinishDisaster(ctx, row); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(row)
	}
	a.printf("%s: everything is back in the primary region. Drills may begin again.\n", row.WorkflowID)
	return nil
}

// whoReturns is the person, if system.yaml lets them decide about the return.
func whoReturns(sys *system.System, as string) (system.Person, error) {
	gate, ok := sys.Gate("DisasterRecovery", "return")
	if !ok {
		return system.Person{}, refused("system.yaml has no gate return of DisasterRecovery, so nobody may say that everything is back: add it under gates")
	}
	may := sys.Eligible(gate.Role, gate.Organisation)
	var names []string
	for _, p := range may {
		names = append(names, p.ID)
	}
	who, known := sys.Person(as)
	switch {
	case !known:
		return who, refused("%q is nobody of system.yaml: only those who may pass the gate return say that everything is back: %s", as, strings.Join(names, ", "))
	case !slices.Contains(names, who.ID):
		return who, refused("%s has not the role %s of the gate return, which decides whether everything is back: ask %s", who.ID, gate.Role, strings.Join(names, ", "))
	}
	return who, nil
}

// noPartOf refuses whoever asked for the run or operated it, as its evidence has them: the gate would not take their word either.
func noPartOf(sys *system.System, by system.Person, run string, rows []records.Row) error {
	for _, row := range rows {
		if row.Kind != "opened" {
			continue
		}
		var opened struct {
			Input struct{ Requester, Operator string }
		}
		if err := json.Unmarshal(row.Body, &opened); err != nil {
			return fmt.Errorf("row %d of the evidence of %s cannot be read: %w", row.Seq, run, err)
		}
		for what, name := range map[string]string{"asked for": opened.Input.Requester, "operated": opened.Input.Operator} {
			if p, known := sys.Person(name); known && p.ID == by.ID {
				return refused("%s %s %s, and so says of it neither that users go back nor that everything is back: somebody else must", by.ID, what, run)
			}
		}
	}
	return nil
}

// mayBeReturned refuses what was never away, or is not over.
func mayBeReturned(d records.Disaster) error {
	switch {
	case d.Mode != records.ModeReal:
		return refused("%s is a drill, which puts everything back itself: nothing was changed", d.WorkflowID)
	case d.EndedAt == nil:
		return refused("%s goes on: answer it, it goes back by the gate `return`", d.WorkflowID)
	case d.Outcome != records.DisasterStays && d.Outcome != records.DisasterFailed:
		return refused("%s ended as %s, which keeps nobody from a drill: nothing was changed", d.WorkflowID, d.Outcome)
	}
	return nil
}
