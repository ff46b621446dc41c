package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// showFlags are the flags of `show`.
type showFlags struct {
	watch    bool
	interval time.Duration
	noPlan   bool
}

// view is all that is known about a run at one moment.
type view struct {
	info     *workflowpb.WorkflowExecutionInfo
	status   *runbook.Status   // nil when no worker answers
	progress []progress        // activities that are going on
	silent   error             // why status is nil
	findings []records.Finding // what is wrong with the evidence
	unread   error             // why the evidence could not be checked
	failure  string            // what a failed run ended with, when it cannot say so itself
}

func (a *app) showCommand() *cobra.Command {
	var f showFlags
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Show a run: state, steps, what it waits for, plan, approvals, evidence",
		Long: `Shows what one needs to know about a run in the night: its state in one line, what it waits for and the literal
command that answers it, what is going on at the moment (rows, MB/s, percent and the time that is left, of a load), the checklist of steps with times (in the system's zone) and attempts, the plan as a difference,
every decision (refused ones too), what the run holds, and whether its evidence is whole.

RUN is an ID or its ending, such as x7k2. Ended runs can be shown too. The run itself is asked, so a worker must be
running; without one, only what Temporal and the database know is shown.

--json prints the status as one document, with progress (the activities that are going on) and evidence.verified true, false, or null when it could not be checked.`,
		Example: `  starter show planned-outage-20261124-0300-x7k2
  starter show x7k2 --watch
  starter show x7k2 --json | jq .waitingFor`,
		Args:              exactArgs(1, "a run's ID: `starter list` shows them"),
		ValidArgsFunction: a.completeRuns,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), args[0], f) },
	}
	c.Flags().BoolVarP(&f.watch, "watch", "w", false, "show again whenever it changes, until the run ends")
	c.Flags().DurationVar(&f.interval, "interval", 2*time.Second, "with --watch: how often to look")
	c.Flags().BoolVar(&f.noPlan, "no-plan", false, "leave the plan out")
	return c
}

func (a *app) show(ctx context.Context, id string, f showFlags) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	info, err := a.resolve(ctx, c, id)
	if err != nil {
		return err
	}
	if f.watch {
		return a.watch(ctx, c, info, f)
	}
	v := a.look(ctx, c, info, true)
	return a.printView(v, f)
}

// look asks the run, and reads its evidence.
func (a *app) look(ctx context.Context, c client.Client, info *workflowpb.WorkflowExecutionInfo, evidence bool) view {
	v := view{info: info, progress: a.atWork(ctx, c, info)}
	id, runID := info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId()
	s, err := a.status(ctx, c, id, runID)
	if err != nil {
		v.silent = err
		v.failure = a.failureOf(ctx, c, info)
	} else {
		v.status = &s
	}
	if evidence {
		a.verify(ctx, id, &v)
	}
	return v
}

// failureOf is what an ended run's history says about its failure, "" if it did not fail.
func (a *app) failureOf(ctx context.Context, c client.Client, info *workflowpb.WorkflowExecutionInfo) string {
	if open(info) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	err := c.GetWorkflow(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId()).Get(ctx, nil)
	if err == nil {
		return ""
	}
	return runbook.Words(errors.Unwrap(err))
}

// verify checks the chain in the database against its head and against what the run itself saw.
func (a *app) verify(ctx context.Context, id string, v *view) {
	store, err := a.records(ctx)
	if err != nil {
		v.unread = err
		return
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	chain, err := store.ReadChain(ctx, id)
	if err != nil {
		v.unread = err
		return
	}
	v.findings = chain.Verify()
	if v.status == nil {
		return
	}
	v.findings = append(v.findings, witness(chain.Rows, v.status.Evidence)...)
	whole := len(v.findings) == 0
	v.status.Evidence = runbook.Evidence{Count: chain.Count, Head: chain.Head, Verified: &whole}
}

// witness compares the chain with a count and head that the run kept in its own history: the row that was the newest
// then must still stand at its place. Rows after it are newer.
func witness(rows []records.Row, seen runbook.Evidence) []records.Finding {
	if seen.Count == 0 {
		return nil
	}
	for _, row := range rows {
		if row.Seq != seen.Count {
			continue
		}
		if row.Hash == seen.Head {
			return nil
		}
		return []records.Finding{{Kind: records.Changed, Seq: row.Seq, Text: fmt.Sprintf("row %d is not the one that the run's own history names", row.Seq)}}
	}
	return []records.Finding{{Kind: records.Cut, Seq: seen.Count, Text: fmt.Sprintf("row %d, which the run's own history names, is missing", seen.Count)}}
}

// document is the status and what is going on, as JSON has them.
func (v view) document() any {
	return struct {
		*runbook.Status
		Progress []progress `json:"progress"`
	}{v.status, append([]progress{}, v.progress...)}
}

func (a *app) printView(v view, f showFlags) error {
	if a.json {
		if v.status == nil {
			return v.silent
		}
		return a.printJSON(v.document())
	}
	if v.status == nil {
		a.printSilent(v)
		return v.silent
	}
	a.printStatus(v, f)
	if len(v.findings) > 0 {
		return fmt.Errorf("the evidence of %s is not whole: `%s evidence verify %s`", v.status.ID, a.self(), v.status.ID)
	}
	return nil
}
