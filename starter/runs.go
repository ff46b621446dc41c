package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"tejun/workflows/runbook"
)

// errNoWorker says that a run could not be asked, because no worker answers for it.
var errNoWorker = errors.New("no worker answers")

// resolve finds the run that is meant by an ID, or by the ending of one, such as x7k2.
func (a *app) resolve(ctx context.Context, c client.Client, id string) (*workflowpb.WorkflowExecutionInfo, error) {
	info, err := a.describeRun(ctx, c, id)
	if err == nil || !isNotFound(err) {
		return info, err
	}
	found, err := a.findByEnding(ctx, c, id)
	if err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, usage("there is no run %q: `%s list --all` shows the runs", id, a.self())
	case 1:
		return a.describeRun(ctx, c, found[0])
	}
	return nil, usage("%q could mean %s: write more of the ID", id, strings.Join(found, ", "))
}

func (a *app) describeRun(ctx context.Context, c client.Client, id string) (*workflowpb.WorkflowExecutionInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	d, err := c.DescribeWorkflowExecution(ctx, id, "")
	if err != nil {
		return nil, fmt.Errorf("look at run %s: %w", id, err)
	}
	return d.GetWorkflowExecutionInfo(), nil
}

// findByEnding looks through the newest runs only: an ending is for what one has just started or seen.
func (a *app) findByEnding(ctx context.Context, c client.Client, ending string) ([]string, error) {
	if len(ending) < 3 {
		return nil, nil
	}
	runs, err := a.listRuns(ctx, c, "TejunRunbook IS NOT NULL", 500)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range runs {
		if id := r.GetExecution().GetWorkflowId(); strings.HasSuffix(id, ending) {
			found = append(found, id)
		}
	}
	return found, nil
}

// listRuns asks visibility, newest first.
func (a *app) listRuns(ctx context.Context, c client.Client, query string, most int) ([]*workflowpb.WorkflowExecutionInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	var runs []*workflowpb.WorkflowExecutionInfo
	var token []byte
	for {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: int32(min(most-len(runs), 200)), NextPageToken: token,
		})
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		runs = append(runs, page.GetExecutions()...)
		token = page.GetNextPageToken()
		if len(token) == 0 || len(runs) >= most {
			return runs, nil
		}
	}
}

// status asks the run itself. A closed run answers too, as long as a worker lives that can replay it.
func (a *app) status(ctx context.Context, c client.Client, id, runID string) (runbook.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	var s runbook.Status
	value, err := c.QueryWorkflow(ctx, id, runID, "status")
	if err != nil {
		return s, queryProblem(id, err)
	}
	if err := value.Get(&s); err != nil {
		return s, fmt.Errorf("the answer of run %s is not a status that this starter understands; are starter and worker of the same version? %w", id, err)
	}
	return s, nil
}

func queryProblem(id string, err error) error {
	var failed *serviceerror.QueryFailed
	var precondition *serviceerror.FailedPrecondition
	var late *serviceerror.DeadlineExceeded
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late), errors.As(err, &precondition):
		return fmt.Errorf("run %s could not be asked: %w for its task queue; the run itself is safe and goes on when a worker is back (%w)", id, errNoWorker, err)
	case errors.As(err, &failed):
		return fmt.Errorf("run %s does not answer the query \"status\": %w", id, err)
	}
	return fmt.Errorf("ask run %s for its status: %w", id, err)
}

// open tells whether the run has not ended.
func open(info *workflowpb.WorkflowExecutionInfo) bool {
	return info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
}

func startedAt(info *workflowpb.WorkflowExecutionInfo) time.Time {
	if info.GetStartTime() == nil {
		return time.Time{}
	}
	return info.GetStartTime().AsTime()
}
