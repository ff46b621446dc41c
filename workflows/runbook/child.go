package runbook

import (
	"encoding/json"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// Nil receiver, as above; the worker holds the real one.
var runs *activities.Runs

// ChildRun is a run of another runbook that a run starts and waits for.
type ChildRun struct {
	Runbook string // its name
	Name    string // tells the runs that one run starts apart; permanent, such as "load-1"
	Title   string // Japanese and English; what it is started for
	Input   any
	// Lasts says what stays of it if it succeeds and this run is given up afterwards; "" if nothing does.
	Lasts string
}

// Ended is how a child run has ended.
type Ended[O any] struct {
	ID     string
	Result O      // if it succeeded
	Kind   string // type of the error with which it ended; "" if it succeeded
	Words  string // of that error
}

// Child starts a run of another runbook and waits for its end. The error is this run's own: it was cancelled, or Temporal could
// not be asked. That the child failed is an answer, and the runbook decides what it means.
//
// The child has gates, holds and evidence of its own, which decide how long it may take; this run adds no limit. It is one
// run for one name: its ID comes from this run and its operation, and before it is started it is looked for. So after a Reset
// of this run the child that was there is waited for, or its end is taken over, and nothing is started twice.
//
// When this run is cancelled the child is cancelled too, and its way back is waited for. If this run is terminated, the
// child is cancelled and puts back what it has changed.
func Child[O any](ctx workflow.Context, r *Run, c ChildRun) (Ended[O], error) {
	ended := Ended[O]{ID: r.childID(c.Name)}
	if err := ctx.Err(); err != nil {
		return ended, err
	}
	found, err := find(ctx, ended.ID)
	if err != nil {
		return ended, err
	}
	if found.Found && found.Runbook != c.Runbook {
		return ended, End(ErrRefused, "the run %s is one of %s, and %s was to be started under this ID: nothing was started", ended.ID, found.Runbook, c.Runbook)
	}
	r.childBegins(ctx, c, ended.ID, found.Found)
	if !found.Found {
		ended.Kind, ended.Words, found.Found = begin(ctx, c, ended.ID, &ended.Result)
	}
	if found.Found {
		if ended.Kind, ended.Words, err = r.adopt(ctx, ended.ID, &ended.Result); err != nil {
			return ended, err
		}
	}
	r.childEnds(ctx, c, ended.Kind, ended.Words)
	return ended, ctx.Err()
}

func (r *Run) childID(name string) string {
	return fmt.Sprintf("%s-%s-%s", r.status.ID, name, r.Operation())
}

// HasChild says whether a child of that name was ever started, before a Reset too.
func (r *Run) HasChild(ctx workflow.Context, name string) (bool, error) {
	found, err := find(ctx, r.childID(name))
	return found.Found, err
}

func find(ctx workflow.Context, id string) (activities.RunFound, error) {
	return Call(WithSummary(ctx, "look for the run "+id), Read, runs.FindRun, activities.RunRef{WorkflowID: id})
}

// begin starts the child and waits for its end. there tells that somebody else has started it meanwhile: a run before a Reset.
func begin(ctx workflow.Context, c ChildRun, id string, result any) (kind, words string, there bool) {
	err := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL, WaitForCancellation: true, StaticSummary: cut(c.Title, 400),
	}), c.Runbook, c.Input).Get(ctx, result)
	if err == nil {
		return "", "", false
	}
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return "", "", true
	}
	kind, words = activities.HowItEnded(err)
	return kind, words, false
}

// adopt waits for the end of a child that a run before a Reset has started.
func (r *Run) adopt(ctx workflow.Context, id string, result any) (kind, words string, err error) {
	alone, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	waiting := Start(WithSummary(alone, "wait for the run "+id), Follow, runs.AwaitRun, activities.RunRef{WorkflowID: id})
	if workflow.Await(ctx, waiting.future.IsReady) != nil {
		if err := workflow.RequestCancelExternalWorkflow(alone, id, "").Get(alone, nil); err != nil {
			workflow.GetLogger(ctx).Warn("a run that was to be cancelled could not be", "run", id, "error", err) // it has ended
		}
	}
	ended, err := waiting.Get(alone)
	if err == nil && ended.Kind == "" {
		err = json.Unmarshal(ended.Result, result)
	}
	return ended.Kind, ended.Words, err
}

// childBegins shows and records that a child is waited for.
func (r *Run) childBegins(ctx workflow.Context, c ChildRun, id string, there bool) {
	line := r.child(c)
	*line = ChildLine{Name: c.Name, ID: id, Runbook: c.Runbook, Title: c.Title, State: Running, StartedAt: moment(ctx)}
	r.say(ctx, Waiting, fmt.Sprintf("waits for the end of %s, which says itself what it needs: %s", id, c.Title))
	r.Record(ctx, "child-started", c.Name, map[string]any{"run": id, "runbook": c.Runbook, "wasThere": there})
}

// childEnds shows and records how it ended.
func (r *Run) childEnds(ctx workflow.Context, c ChildRun, kind, words string) {
	line := r.child(c)
	line.State, line.Outcome, line.EndedAt = Done, "succeeded", moment(ctx)
	if kind != "" {
		line.State, line.Outcome = Failed, words
	} else if c.Lasts != "" {
		r.lasts = append(r.lasts, c.Lasts)
	}
	r.show(ctx)
	r.Record(ctx, "child-ended", c.Name, map[string]any{"run": line.ID, "kind": kind, "outcome": line.Outcome})
}

// child finds the line of a child, and adds one if there is none.
func (r *Run) child(c ChildRun) *ChildLine {
	for i := range r.status.Children {
		if r.status.Children[i].Name == c.Name {
			return &r.status.Children[i]
		}
	}
	r.status.Children = append(r.status.Children, ChildLine{})
	return &r.status.Children[len(r.status.Children)-1]
}
