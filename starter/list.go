package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
)

// listFlags are the filters of `list`.
type listFlags struct {
	state, runbook, requester, target string
	row                               int
	all                               bool
	limit                             int
}

// listed is one run in `list --json`.
type listed struct {
	ID        string     `json:"id"`
	RunID     string     `json:"runId"`
	Runbook   string     `json:"runbook"`
	Row       int        `json:"row"`
	State     string     `json:"state"`
	Status    string     `json:"status"` // Temporal's own: Running, Completed, Failed …
	Requester string     `json:"requester"`
	Targets   []string   `json:"targets"`
	StartedAt time.Time  `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt"`
	UI        string     `json:"ui"`
}

func (a *app) listCommand() *cobra.Command {
	var f listFlags
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List runs, newest first",
		Long: `Lists the open runs; --all adds those that have ended. The filters are the search attributes that the Temporal UI
filters by as well: TejunState, TejunRunbook, TejunRow, TejunRequester, TejunTarget.

States: planning, awaiting-approval, overdue (made in an emergency, and its approval afterwards is late), waiting, running, held,
undoing, done, failed.`,
		Example: `  starter list
  starter list --in awaiting-approval
  starter list --all --row 8 --limit 50
  starter list --target cloudfront:distribution/E1EXAMPLE --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.state, "in", "", "only runs in this state")
	c.Flags().StringVar(&f.runbook, "runbook", "", "only runs of this runbook")
	c.Flags().StringVar(&f.requester, "requester", "", "only what this person asked for")
	c.Flags().StringVar(&f.target, "target", "", "only runs that touch this resource")
	c.Flags().IntVar(&f.row, "row", 0, "only runs of this row of the catalogue")
	c.Flags().BoolVar(&f.all, "all", false, "ended runs too")
	c.Flags().IntVar(&f.limit, "limit", 100, "at most so many")
	_ = c.RegisterFlagCompletionFunc("in", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("runbook", cobra.FixedCompletions(runbookNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

var states = []string{"planning", "awaiting-approval", "overdue", "waiting", "running", "held", "undoing", "done", "failed"}

func (a *app) list(ctx context.Context, f listFlags) error {
	query, err := f.query()
	if err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	infos, err := a.listRuns(ctx, c, query, f.limit)
	if err != nil {
		return err
	}
	runs := []listed{}
	for _, info := range infos {
		runs = append(runs, a.listed(info))
	}
	if a.json {
		return a.printJSON(runs)
	}
	if len(runs) == 0 {
		a.printf("No runs%s. `%s catalog` says what can be started.\n", map[bool]string{false: " are open; --all shows ended ones", true: ""}[f.all], a.self())
		return nil
	}
	a.printRuns(runs)
	return nil
}

func (a *app) printRuns(runs []listed) {
	now, zone := a.now(), a.zone()
	g := newGrid("STATE", "RUN", "ROW", "RUNBOOK", "REQUESTER", "STARTED", "ENDED")
	for _, r := range runs {
		ended := ""
		if r.EndedAt != nil {
			ended = clock(*r.EndedAt, now, zone)
		}
		g.add(a.paint(stateColour(r.State), r.State), r.ID, r.Row, r.Runbook, r.Requester, clock(r.StartedAt, now, zone), ended)
	}
	g.print(a, "")
}

// query builds a visibility query. Values are quoted, so that none can change the query.
func (f listFlags) query() (string, error) {
	if f.limit < 1 {
		return "", usage("--limit %d: must be at least 1", f.limit)
	}
	parts := []string{"TejunRunbook IS NOT NULL"}
	for _, filter := range []struct{ name, value string }{
		{"TejunState", f.state}, {"TejunRunbook", f.runbook}, {"TejunRequester", f.requester}, {"TejunTarget", f.target},
	} {
		if filter.value == "" {
			continue
		}
		if strings.ContainsAny(filter.value, `'"\`) {
			return "", usage("%s %q: must not hold quotes or backslashes", filter.name, filter.value)
		}
		parts = append(parts, fmt.Sprintf("%s = '%s'", filter.name, filter.value))
	}
	if f.row != 0 {
		parts = append(parts, fmt.Sprintf("TejunRow = %d", f.row))
	}
	if !f.all && f.state != "done" && f.state != "failed" {
		parts = append(parts, "ExecutionStatus = 'Running'")
	}
	return strings.Join(parts, " AND "), nil
}

func (a *app) listed(info *workflowpb.WorkflowExecutionInfo) listed {
	r := listed{
		ID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId(), Runbook: info.GetType().GetName(),
		State: stateOf(info), Status: info.GetStatus().String(), Requester: attribute(info, "TejunRequester"),
		Targets: []string{}, StartedAt: startedAt(info),
	}
	readAttribute(info, "TejunRow", &r.Row)
	readAttribute(info, "TejunTarget", &r.Targets)
	if info.GetCloseTime() != nil {
		ended := info.GetCloseTime().AsTime()
		r.EndedAt = &ended
	}
	r.UI = a.runURL(r.ID, r.RunID)
	return r
}

// stateOf is the run's own word for its state. A run that Temporal ended from outside (terminated, timed out) could not
// say so itself any more.
func stateOf(info *workflowpb.WorkflowExecutionInfo) string {
	state := attribute(info, "TejunState")
	switch info.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return strings.ToLower(info.GetStatus().String())
	case enumspb.WORKFLOW_EXECUTION_STATUS_FAILED:
		return "failed"
	}
	return state
}

func attribute(info *workflowpb.WorkflowExecutionInfo, name string) string {
	var s string
	readAttribute(info, name, &s)
	return s
}

// readAttribute leaves into as it is when the run does not carry the attribute.
func readAttribute(info *workflowpb.WorkflowExecutionInfo, name string, into any) {
	if payload := info.GetSearchAttributes().GetIndexedFields()[name]; payload != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(payload, into) // an odd value shows as none
	}
}

func stateColour(state string) string {
	switch state {
	case "done":
		return green
	case "failed", "overdue", "terminated", "timedout", "canceled":
		return red
	case "held", "undoing", "awaiting-approval":
		return yellow
	}
	return cyan
}
