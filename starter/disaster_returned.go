package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"tejun/internal/records"
)

func (a *app) disasterReturnedCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "returned RUN",
		Short: "Say that people have brought everything back that a real disaster had left in the DR region",
		Long: `A real recovery that ended while the DR region served (stays), or that left something behind (failed), keeps every drill from beginning:
a drill works on the same services. When people have gone back by hand, as docs/disaster.md says, and have looked, this writes it into the
registry: the run's outcome becomes returned, its report stays as it is. It is refused while the run is still open, and it leaves evidence in
the run's chain. It believes the person: a drill looks by itself whether the public is served by the primary region.`,
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
	}{a.as, "claimed", reason, row.Outcome})
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
