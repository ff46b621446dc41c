// Package scene plays the people of a planned outage for the integration tests and for the programs that measure and
// stress it: it starts runs, answers what they wait for, and reads what became of them.
package scene

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"tejun/internal/dial"
	"tejun/internal/sandbox"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// Input is an outage that ito requests and tanaka operates.
func Input(start, end time.Time, services ...string) workflows.PlannedOutageInput {
	return workflows.PlannedOutageInput{
		Title: "データベース更新に伴う計画停止", Reason: "データベースのバージョンを更新します。", Requester: "ito", Operator: "tanaka",
		Window: workflows.OutageWindow{
			Start: runbook.Moment(start.Format(time.RFC3339)), End: runbook.Moment(end.Format(time.RFC3339)),
		},
		Services: services, Notice: workflows.OutageNotice{Class: "urgent", Justification: "測定のため"},
	}
}

// Start starts an outage.
func Start(ctx context.Context, c client.Client, id string, in any) (client.WorkflowRun, error) {
	return c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		StaticSummary: "計画停止運用 · Planned outage",
	}, "PlannedOutage", in)
}

// Begin starts a run of any runbook.
func Begin(ctx context.Context, c client.Client, runbook, id string, in any) (client.WorkflowRun, error) {
	return c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	}, runbook, in)
}

// Status asks a run for its status.
func Status(ctx context.Context, c client.Client, id string) (runbook.Status, error) {
	var s runbook.Status
	value, err := c.QueryWorkflow(ctx, id, "", "status")
	if err != nil {
		return s, err
	}
	return s, value.Get(&s)
}

// Decide sends a decision as the command line does: it names the run, and the plan that it saw.
func Decide(ctx context.Context, c client.Client, s runbook.Status, action, by, reason string) (runbook.Answered, error) {
	return DecideWith(ctx, c, s, action, by, reason, nil)
}

// DecideWith lets the caller change the decision before it is sent.
func DecideWith(ctx context.Context, c client.Client, s runbook.Status, action, by, reason string, change func(*runbook.Decision)) (runbook.Answered, error) {
	d := runbook.Decision{Action: action, By: by, Reason: reason, ID: uuid.NewString(), Run: s.RunID}
	if s.WaitingFor != nil {
		d.Gate, d.Plan = s.WaitingFor.Gate, s.WaitingFor.Plan
	}
	if change != nil {
		change(&d)
	}
	var a runbook.Answered
	err := dial.Update(ctx, c, client.UpdateWorkflowOptions{
		WorkflowID: s.ID, RunID: s.RunID, UpdateID: d.ID, UpdateName: "decide", Args: []any{d},
	}, &a)
	return a, err
}

// glance is how often the people in Play look at a run. Each look costs the run a workflow task.
const glance = 200 * time.Millisecond

// breath is how long they wait after an answer to a held step before they look again: a run takes 200 answers at most.
const breath = 3 * time.Second

// Play answers everything that a run waits for until it has ended: officers approve, the operator reports the work as
// done, and a held mail is skipped if it lies in the mailbox and sent again if it does not. It tolerates a worker that
// is away for a while.
func Play(ctx context.Context, c client.Client, id string, box *sandbox.Sandbox) (runbook.Status, error) {
	var last error
	for {
		if err := ctx.Err(); err != nil {
			return runbook.Status{}, fmt.Errorf("run %s: %w", id, errors.Join(err, last))
		}
		asked, stop := context.WithTimeout(ctx, 5*time.Second)
		s, err := Status(asked, c, id)
		if err == nil && s.EndedAt != nil {
			stop()
			return s, nil
		}
		if err == nil && s.WaitingFor != nil {
			err = answer(asked, c, s, box)
		}
		last = err
		stop()
		next := glance
		if err == nil && s.WaitingFor != nil && s.WaitingFor.Kind == "held" {
			next = breath
		}
		select {
		case <-ctx.Done():
		case <-time.After(next): // also when there was an error: the worker may be away
		}
	}
}

func answer(ctx context.Context, c client.Client, s runbook.Status, box *sandbox.Sandbox) error {
	var err error
	switch w := s.WaitingFor; {
	case w.Kind == "approval":
		_, err = Decide(ctx, c, s, runbook.Approve, "sato", "checked")
	case w.Kind == "work" || w.Kind == "decision":
		_, err = Decide(ctx, c, s, runbook.Finished, "tanaka", "work done")
	case w.Kind == "held" && strings.Contains(w.Gate, "announce"):
		action, looked := mailArrived(s, box)
		if looked != nil {
			return looked
		}
		_, err = Decide(ctx, c, s, action, "kato", "looked into the mailbox")
	case w.Kind == "held":
		_, err = Decide(ctx, c, s, runbook.Retry, "kato", "try again")
	}
	return err
}

// mailArrived does what a person does who is asked whether a mail was sent: it looks.
func mailArrived(s runbook.Status, box *sandbox.Sandbox) (string, error) {
	mails, err := box.Mails()
	if err != nil {
		return "", err
	}
	word := "お知らせ"
	if strings.HasPrefix(s.WaitingFor.Gate, "undo-") {
		word = "終了"
	}
	for _, m := range mails {
		if strings.Contains(m.Text, s.ID) && strings.Contains(m.Subject, word) {
			return runbook.Skip, nil
		}
	}
	return runbook.Retry, nil
}

// History reads a run's events.
func History(ctx context.Context, c client.Client, id string) ([]*history.HistoryEvent, error) {
	return HistoryOf(ctx, c, id, "")
}

// HistoryOf is the history of one of several runs under an ID; "" for the newest.
func HistoryOf(ctx context.Context, c client.Client, id, run string) ([]*history.HistoryEvent, error) {
	var events []*history.HistoryEvent
	iterator := c.GetWorkflowHistory(ctx, id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iterator.HasNext() {
		event, err := iterator.Next()
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

// SystemFile finds examples/system.yaml from the working directory upwards.
func SystemFile() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, "examples", "system.yaml")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return "", errors.New("examples/system.yaml was not found: run this inside the repository")
	}
}
