package runbook

import (
	"encoding/json"
	"fmt"
	"slices"

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
	// Stays: it goes on when this run does so in a new history, and asks for the child again there; and when this run is terminated.
	Stays bool
	// Beside: it goes on beside what this run asks, and is left to end by itself when this run is given up. What it changes is then as
	// wanted as before. Its parent must be able to end without it, so it needs Stays.
	Beside bool
	// Lasts says what stays of it if it succeeds and this run is given up afterwards; "" if nothing does. Of one that failed stays
	// what it names itself; of one that did not end by itself, this perhaps.
	Lasts string
	// Left looks what really stays of it, however it has ended, instead of Lasts. It is asked even when this run was cancelled.
	Left func(workflow.Context, EndedRun) ([]string, error)
}

// EndedRun is how a child run has ended.
type EndedRun struct {
	ID        string
	Operation string // of its effects
	Adopted   bool   // it was there before: started before a Reset
	Kind      string // type of the error with which it ended; "" if it succeeded
	Words     string // of that error
	Busy      bool   // it was refused because another run held what it needs
	Lasts     []string
	Left      bool // this run was given up, and it goes on by itself: how it ends is not known
	Unseen    bool // with Left: it could not be looked for, so whether it was ever started is not known either
}

// Ended is how a child run has ended, with its result.
type Ended[O any] struct {
	EndedRun
	Result O // if it succeeded
}

// childEdition is the change by which people who had a hand in a child count in this run, and what stays of it is looked at.
const childEdition = "child-hands"

// unseenEdition is the change by which a child that cannot be looked for, as its parent is given up, perhaps goes on.
const unseenEdition = "child-unseen"

// Child starts a run of another runbook and waits for its end. The error is this run's own: it was cancelled, or Temporal could
// not be asked. That the child failed is an answer, and the runbook decides what it means.
//
// The child has gates, holds and evidence of its own, which decide how long it may take; this run adds no limit. It is one
// run for one name: its ID comes from this run and its operation, and before it is started it is looked for, in its evidence too.
// So after a Reset of this run the child that was there is waited for, or its end is taken over, and nothing is started twice,
// however long ago that was.
//
// When this run is cancelled the child is cancelled too, and its way back is waited for. If this run is terminated, the
// child is cancelled and puts back what it has changed; but not a child that was started before a Reset, of which Temporal knows
// no parent any more: the run says that it must be cancelled by hand. A child that goes on beside this run is left alone in all of
// these cases, and the error with which the run ends names it.
//
// Whoever had a hand in this run had one in the start of the child, and may not approve it, whatever its input says. Whoever had a
// hand in the child had one in this run, and may not approve it either.
func Child[O any](ctx workflow.Context, r *Run, c ChildRun) (Ended[O], error) {
	ended := Ended[O]{EndedRun: EndedRun{ID: r.childID(c.Name)}}
	if err := ctx.Err(); err != nil && !c.Beside {
		return ended, err
	}
	looks := workflow.GetVersion(ctx, childEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion
	found, err := find(c.reached(ctx), ended.ID)
	if err != nil {
		r.unseen(ctx, c, &ended.EndedRun)
		return ended, err
	}
	if err := ctx.Err(); err != nil && c.Beside {
		ended.Left = found.Found
		r.leave(c, ended.EndedRun)
		return ended, err
	}
	if found.Found && found.Runbook != c.Runbook {
		return ended, End(ErrRefused, "the run %s is one of %s, and %s was to be started under this ID: nothing was started", ended.ID, found.Runbook, c.Runbook)
	}
	r.childBegins(ctx, c, ended.ID, found.Found)
	if ended.Adopted = found.Found; !found.Found {
		ended.Adopted = r.begin(ctx, c, &ended.EndedRun, &ended.Result)
	}
	if ended.Adopted {
		if err = r.adopt(ctx, c, &ended.EndedRun, &ended.Result); err != nil {
			r.unseen(ctx, c, &ended.EndedRun)
			return ended, err
		}
	}
	if ended.Left {
		r.leave(c, ended.EndedRun)
		return ended, ctx.Err()
	}
	alone, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	err = r.childEnds(alone, c, ended.EndedRun, looks)
	if c.Beside && ctx.Err() != nil { // it has ended, whatever becomes of this run, which nobody approves any more
		return ended, nil
	}
	if err == nil {
		err = ctx.Err()
	}
	return ended, err
}

// reached is the context by which a cancellation of the run reaches a child, or does not.
func (c ChildRun) reached(ctx workflow.Context) workflow.Context {
	if !c.Beside {
		return ctx
	}
	alone, _ := workflow.NewDisconnectedContext(ctx) // never stopped: that would cancel the child
	return alone
}

// leave notes that a child goes on though this run is given up.
func (r *Run) leave(c ChildRun, child EndedRun) {
	switch {
	case child.Unseen:
		r.lasts = append(r.lasts, fmt.Sprintf("perhaps %s (%s) was started and goes on by itself: it could not be looked up. Look for a run of this ID; `starter cancel %s` calls it off", child.ID, c.Runbook, child.ID))
	case child.Left:
		r.lasts = append(r.lasts, fmt.Sprintf("%s (%s) goes on by itself: `starter cancel %s` calls it off", child.ID, c.Runbook, child.ID))
	}
}

// unseen notes of a child beside this run, if this one is given up, that it perhaps goes on: nobody could tell.
func (r *Run) unseen(ctx workflow.Context, c ChildRun, child *EndedRun) {
	if !c.Beside || ctx.Err() == nil || workflow.GetVersion(ctx, unseenEdition, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	child.Left, child.Unseen = true, true
	r.leave(c, *child)
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
func (r *Run) begin(ctx workflow.Context, c ChildRun, ended *EndedRun, result any) (there bool) {
	closing := enums.PARENT_CLOSE_POLICY_REQUEST_CANCEL
	if c.Stays {
		closing = enums.PARENT_CLOSE_POLICY_ABANDON
	}
	at := c.reached(ctx)
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(at, workflow.ChildWorkflowOptions{
		Memo:       r.HandsMemo(),
		WorkflowID: ended.ID, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		ParentClosePolicy: closing, WaitForCancellation: true, StaticSummary: cut(c.Title, 400),
	}), c.Runbook, c.Input)
	if c.Beside && workflow.Await(ctx, child.IsReady) != nil { // given up; Temporal starts no child of a run that has ended
		ended.Left = child.GetChildWorkflowExecution().Get(at, nil) == nil
		if ended.Left {
			return false
		}
	}
	err := child.Get(at, result)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return true
	}
	var started workflow.Execution
	if child.GetChildWorkflowExecution().IsReady() && child.GetChildWorkflowExecution().Get(at, &started) == nil {
		ended.Operation = activities.OperationOf(ended.ID, started.RunID)
	}
	if err != nil {
		ended.Kind, ended.Words = activities.HowItEnded(err)
		ended.Busy, ended.Lasts = activities.RefusedAsLocked(err), activities.WhatLasts(err)
	}
	return false
}

// adopt waits for the end of a child that a run before a Reset has started.
func (r *Run) adopt(ctx workflow.Context, c ChildRun, into *EndedRun, result any) error {
	alone, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if !c.Beside {
		r.say(ctx, Waiting, fmt.Sprintf("waits for the end of %s, which was started before this run was reset: if you terminate this run in Temporal, cancel that one as well (`starter cancel %s`)", into.ID, into.ID))
	}
	waiting := Start(WithSummary(alone, "wait for the run "+into.ID), Follow, runs.AwaitRun, activities.RunRef{WorkflowID: into.ID})
	if workflow.Await(ctx, waiting.future.IsReady) != nil {
		if into.Left = c.Beside; into.Left {
			return nil
		}
		if err := workflow.RequestCancelExternalWorkflow(alone, into.ID, "").Get(alone, nil); err != nil {
			workflow.GetLogger(ctx).Warn("a run that was to be cancelled could not be", "run", into.ID, "error", err) // it has ended
		}
	}
	ended, err := waiting.Get(alone)
	if err == nil && ended.Kind == "" {
		err = json.Unmarshal(ended.Result, result)
	}
	into.Kind, into.Words, into.Busy, into.Lasts = ended.Kind, ended.Words, ended.Busy, ended.Lasts
	into.Operation = activities.OperationOf(into.ID, ended.FirstRun)
	return err
}

// childBegins shows and records that a child is waited for.
func (r *Run) childBegins(ctx workflow.Context, c ChildRun, id string, there bool) {
	line := r.child(c)
	*line = ChildLine{Name: c.Name, ID: id, Runbook: c.Runbook, Title: c.Title, State: Running, StartedAt: moment(ctx)}
	if c.Beside { // the line is that of the question
		r.show(ctx)
	} else {
		r.say(ctx, Waiting, fmt.Sprintf("waits for the end of %s, which says itself what it needs: %s", id, c.Title))
	}
	r.Record(ctx, "child-started", c.Name, map[string]any{"run": id, "runbook": c.Runbook, "wasThere": there})
}

// childEnds shows and records how it ended, and takes over what stays of it and who had a hand in it.
func (r *Run) childEnds(ctx workflow.Context, c ChildRun, ended EndedRun, looks bool) error {
	line := r.child(c)
	line.State, line.Outcome, line.EndedAt = Done, "succeeded", moment(ctx)
	if ended.Kind != "" {
		line.State, line.Outcome = Failed, ended.Words
	}
	r.show(ctx)
	r.Record(ctx, "child-ended", c.Name, map[string]any{"run": line.ID, "kind": ended.Kind, "outcome": line.Outcome})
	if !looks {
		if ended.Kind == "" && c.Lasts != "" {
			r.lasts = append(r.lasts, c.Lasts)
		}
		return nil
	}
	stays := c.stays(ended)
	var looked error
	if c.Left != nil {
		if stays, looked = c.Left(ctx, ended); looked != nil { // whoever reads it must look
			stays = []string{c.Lasts + " (perhaps: it could not be looked up: " + Words(looked) + ")"}
		}
	}
	for _, what := range stays {
		if !slices.Contains(r.lasts, what) { // a step that is tried again adopts its child
			r.lasts = append(r.lasts, what)
		}
	}
	hands, err := Call(WithSummary(ctx, "look who had a hand in "+ended.ID), Read, runs.ListRunHands, activities.RunRef{WorkflowID: ended.ID})
	r.executed = append(r.executed, hands.People...)
	if err == nil {
		err = looked
	}
	return err
}

// stays says what stays of a child by what is known of its end.
func (c ChildRun) stays(ended EndedRun) []string {
	switch ended.Kind {
	case "":
		if c.Lasts != "" {
			return []string{c.Lasts}
		}
	case activities.RunTerminated, activities.RunTimedOut, activities.RunFailed, activities.RunForgotten:
		if c.Lasts != "" {
			return []string{c.Lasts + " (perhaps: " + ended.ID + " did not end by itself)"}
		}
	}
	return ended.Lasts
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
