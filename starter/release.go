package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"

	"tejun/internal/records"
)

func (a *app) releaseCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "release RUN",
		Short: "Give back what a run holds that has ended without doing so",
		Long: `A run that was terminated, or that could not put something back, keeps what it holds, so that nobody works on a half-changed
system unknowingly. When somebody has seen to it that the resources are as they should be, this frees them. It is refused
while the run is still open, and it leaves evidence in the run's chain.`,
		Example: `  starter locks release planned-outage-20261124-0300-x7k2 --as tanaka --reason "配信設定を手作業で戻し、確認した"`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.release(cmd.Context(), args[0], reason) },
	}
	c.Flags().StringVar(&reason, "reason", "", "why the resources are free; goes into the record")
	return c
}

func (a *app) release(ctx context.Context, id, reason string) error {
	switch {
	case a.as == "":
		return usage("who says that? give --as PERSON or TEJUN_AS, an ID of system.yaml")
	case strings.TrimSpace(reason) == "":
		return usage("why are they free? give --reason \"…\"; it goes into the record")
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	info, err := a.describeRun(ctx, c, id)
	if err != nil {
		return err
	}
	if info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return refused("%s is still open and gives back what it holds by itself: answer it, or cancel it (`starter show %s`)", id, id)
	}
	store, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	held, err := store.Reservations(ctx, id)
	if err != nil {
		return err
	}
	if len(held) == 0 {
		return refused("%s holds nothing", id)
	}
	body, err := json.Marshal(struct {
		By       string                `json:"by"`
		Identity string                `json:"identity"`
		Reason   string                `json:"reason"`
		Holds    []records.Reservation `json:"holds"`
	}{a.as, "claimed", reason, held})
	if err != nil {
		return err
	}
	now := a.now().UTC()
	// The evidence first: a release that nobody can trace is worse than one that has to be asked for again.
	_, err = store.AppendEvidence(ctx, records.Evidence{
		WorkflowID: id, RunID: info.GetExecution().GetRunId(), Key: "released/" + now.Format(time.RFC3339Nano), Kind: "released", At: now, Body: body,
	})
	if err != nil {
		return err
	}
	if err := store.Release(ctx, id); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(held)
	}
	a.printf("Released what %s held:\n", id)
	for _, r := range held {
		a.printf("  %s\n", r.Resource)
	}
	return nil
}
