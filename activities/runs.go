package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
	"tejun/internal/system"
)

// RunRef names a run of a runbook.
type RunRef struct {
	WorkflowID string `json:"workflowId"`
}

// RunFound says whether there is a run of that name, ended ones included, and ones that Temporal has forgotten.
type RunFound struct {
	Found   bool   `json:"found"`
	RunID   string `json:"runId"`
	Runbook string `json:"runbook"` // workflow type
}

// RunEnded is how a run has ended.
type RunEnded struct {
	Kind   string          `json:"kind"`   // type of its error; "" when it succeeded
	Words  string          `json:"words"`  // of its error
	Result json.RawMessage `json:"result"` // null when it failed

	Busy     bool     `json:"busy,omitempty"`     // it was refused because another run held what it needs
	Lasts    []string `json:"lasts,omitempty"`    // what it says stays of it
	FirstRun string   `json:"firstRun,omitempty"` // ID of its first run, before any Reset
}

// RunHands are the people who had a hand in a run: whoever had one in its start, its operator, and whoever gave an answer by which
// it was carried on.
type RunHands struct {
	People []string `json:"people"` // IDs, sorted
}

// What Kind says where a run did not end by itself.
const (
	RunCancelled  = "Cancelled"
	RunTerminated = "Terminated"
	RunTimedOut   = "TimedOut"
	RunFailed     = "Failed"    // an error without a type
	RunForgotten  = "Forgotten" // it ended so long ago that Temporal keeps nothing of it
)

// runsAPI is the calls used.
type runsAPI interface {
	DescribeWorkflowExecution(ctx context.Context, workflowID, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	GetWorkflow(ctx context.Context, workflowID, runID string) client.WorkflowRun
}

// runEvidence is what is known of runs that Temporal has forgotten.
type runEvidence interface {
	ListEvidence(ctx context.Context, workflowID string) ([]records.Row, error)
}

// Runs looks at other runs of runbooks.
type Runs struct {
	client  func(context.Context) runsAPI // the worker's own
	records runEvidence
	system  func() (*system.System, error)
}

func newRuns(d Deps) *Runs {
	return &Runs{client: func(ctx context.Context) runsAPI { return activity.GetClient(ctx) }, records: d.Records, system: d.System}
}

// FindRun looks whether there is a run of a name. One that Temporal has forgotten is known by its evidence.
func (a *Runs) FindRun(ctx context.Context, in RunRef) (RunFound, error) {
	out, err := a.client(ctx).DescribeWorkflowExecution(ctx, in.WorkflowID, "")
	if isMissing(err) {
		left, err := a.left(ctx, in)
		return RunFound{Found: left.runbook != "", RunID: left.firstRun, Runbook: left.runbook}, err
	}
	if err != nil {
		return RunFound{}, fail(Unavailable, "look for the run %s: %v", in.WorkflowID, err)
	}
	info := out.GetWorkflowExecutionInfo()
	return RunFound{Found: true, RunID: info.GetExecution().GetRunId(), Runbook: info.GetType().GetName()}, nil
}

func isMissing(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}

// AwaitRun waits until a run has ended, and says how. It may be asked again at any time.
func (a *Runs) AwaitRun(ctx context.Context, in RunRef) (RunEnded, error) {
	var result json.RawMessage
	err := a.client(ctx).GetWorkflow(ctx, in.WorkflowID, "").Get(ctx, &result)
	var ended *temporal.WorkflowExecutionError
	switch {
	case ctx.Err() != nil:
		return RunEnded{}, fmt.Errorf("wait for the run %s: %w", in.WorkflowID, ctx.Err())
	case isMissing(err):
		return a.forgotten(ctx, in)
	case err != nil && !errors.As(err, &ended):
		return RunEnded{}, fail(Unavailable, "wait for the run %s: %v", in.WorkflowID, err)
	}
	out, described := a.client(ctx).DescribeWorkflowExecution(ctx, in.WorkflowID, "")
	if described != nil {
		return RunEnded{}, fail(Unavailable, "look at the run %s: %v", in.WorkflowID, described)
	}
	info := out.GetWorkflowExecutionInfo()
	first := cmp.Or(info.GetFirstRunId(), info.GetExecution().GetRunId())
	if err == nil {
		return RunEnded{Result: result, FirstRun: first}, nil
	}
	kind, words := HowItEnded(ended.Unwrap())
	return RunEnded{Kind: kind, Words: words, Busy: RefusedAsLocked(ended.Unwrap()), Lasts: WhatLasts(ended.Unwrap()), FirstRun: first}, nil
}

// forgotten says of a run that Temporal has forgotten what its evidence says.
func (a *Runs) forgotten(ctx context.Context, in RunRef) (RunEnded, error) {
	left, err := a.left(ctx, in)
	if err != nil {
		return RunEnded{}, err
	}
	if left.runbook == "" {
		return RunEnded{}, fail(NotFound, "there is no run %s, and no evidence of one", in.WorkflowID)
	}
	return RunEnded{
		Kind: RunForgotten, FirstRun: left.firstRun,
		Words: fmt.Sprintf("it ended so long ago that Temporal has forgotten its result; its evidence says: %s (see `starter evidence list %s`)", cmp.Or(left.outcome, "nothing of its end"), in.WorkflowID),
	}, nil
}

// leftOf is what evidence says of a run.
type leftOf struct {
	runbook, firstRun, outcome string // runbook is "" if there is no evidence
	hands                      []string
}

func (a *Runs) left(ctx context.Context, in RunRef) (left leftOf, err error) {
	rows, err := a.records.ListEvidence(ctx, in.WorkflowID)
	if err != nil {
		return left, recordsError(err, "read the evidence of "+in.WorkflowID)
	}
	for _, row := range rows {
		var body struct {
			Runbook, Outcome, Action, Person string
			Accepted                         bool
			People                           []string
			Input                            struct{ Operator string }
		}
		if !slices.Contains([]string{"opened", "hands", "closed", "decision"}, row.Kind) {
			continue
		}
		if err := json.Unmarshal(row.Body, &body); err != nil {
			return left, fail(InvalidInput, "row %d of the evidence of %s cannot be read: %v", row.Seq, in.WorkflowID, err)
		}
		switch {
		case row.Kind == "opened":
			left.runbook, left.firstRun = body.Runbook, cmp.Or(left.firstRun, row.RunID)
			left.hands = append(left.hands, body.Input.Operator)
		case row.Kind == "hands":
			left.hands = append(left.hands, body.People...)
		case row.Kind == "closed":
			left.outcome = body.Outcome
		case body.Accepted && HasHand(body.Action):
			left.hands = append(left.hands, body.Person)
		}
	}
	return left, nil
}

// ListRunHands says who had a hand in a run, by its evidence.
func (a *Runs) ListRunHands(ctx context.Context, in RunRef) (RunHands, error) {
	left, err := a.left(ctx, in)
	if err != nil {
		return RunHands{}, err
	}
	s, err := describe(a.system)
	if err != nil {
		return RunHands{}, err
	}
	hands := RunHands{People: []string{}}
	for _, name := range left.hands {
		if p, known := s.Person(name); known {
			name = p.ID
		}
		if name != "" {
			hands.People = append(hands.People, name)
		}
	}
	slices.Sort(hands.People)
	hands.People = slices.Compact(hands.People)
	return hands, nil
}

// Remains are details of the error with which a run ends: what stays although it was given up.
type Remains struct {
	Lasts []string `json:"lasts"`
}

// WhatLasts is what a run says in its error that stays of it.
func WhatLasts(err error) []string {
	var app *temporal.ApplicationError
	var remains Remains
	if !errors.As(err, &app) || !app.HasDetails() || app.Details(&remains) != nil {
		return nil
	}
	return remains.Lasts
}

// RefusedAsLocked tells whether an error says that a run was refused, before any effect, because another one held what it needs.
func RefusedAsLocked(err error) bool {
	var outer, inner *temporal.ApplicationError
	return errors.As(err, &outer) && outer.Type() == Refused && errors.As(outer.Unwrap(), &inner) && inner.Type() == Locked
}

// HowItEnded says what the error means with which a run ended.
func HowItEnded(err error) (kind, words string) {
	var app *temporal.ApplicationError
	var cancelled *temporal.CanceledError
	var terminated *temporal.TerminatedError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app):
		kind = app.Type()
		if kind == "" {
			kind = RunFailed
		}
		return kind, app.Message()
	case errors.As(err, &cancelled):
		return RunCancelled, "it was cancelled"
	case errors.As(err, &terminated):
		return RunTerminated, "it was terminated in Temporal, and what it had changed was not put back"
	case errors.As(err, &timeout):
		return RunTimedOut, "it did not end in time (" + strings.ToLower(timeout.TimeoutType().String()) + ")"
	}
	return RunFailed, err.Error()
}
