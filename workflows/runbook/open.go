package runbook

import (
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// Validator checks an input by itself, without the operated system.
type Validator interface{ Validate() error }

// Open starts a run: it decodes and validates the input strictly, sets the search attributes and the details, and installs
// the query "status", the update "decide" and the signals. Bad input ends the run before any effect.
func Open(ctx workflow.Context, spec Spec, raw converter.RawValue, in Validator) (workflow.Context, *Run, error) {
	info := workflow.GetInfo(ctx)
	r := &Run{spec: spec, seen: map[string]Answered{}, passed: map[string]*question{}, opened: map[string]int{}, judging: workflow.NewMutex(ctx)}
	r.status = Status{
		ID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
		Runbook: spec.Name, Row: spec.Row, Title: spec.Title,
		State: Planning, Says: "checks the input", StartedAt: info.WorkflowStartTime.UTC(),
		About: []Fact{}, Steps: []Step{}, Children: []ChildLine{}, Approvals: []Answered{}, Holds: []Hold{},
		operation: activities.OperationOf(info.WorkflowExecution.ID, info.FirstRunID),
	}
	if parent := info.ParentWorkflowExecution; parent != nil {
		r.status.Parent = parent.ID
	}
	err := workflow.SetQueryHandlerWithOptions(ctx, "status", func() (Status, error) { return r.status, nil },
		workflow.QueryHandlerOptions{Description: "State, steps, plan, approvals, what the run waits for and who can answer."})
	if err != nil {
		return ctx, nil, err
	}
	if err := DecodeStrict(raw.Payload().GetData(), in); err != nil {
		return ctx, nil, r.refuse(ctx, "the input "+err.Error())
	}
	if err := in.Validate(); err != nil {
		return ctx, nil, r.refuse(ctx, "the input is refused: "+err.Error())
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributeRow.ValueSet(int64(spec.Row)),
		AttributeRunbook.ValueSet(spec.Name), AttributeState.ValueSet(string(Planning))); err != nil {
		return ctx, nil, err
	}
	if err := r.listen(ctx); err != nil {
		return ctx, nil, err
	}
	r.original = r.life(ctx)
	if info.OriginalRunID != "" {
		r.original = info.OriginalRunID
	}
	work, cancel := workflow.WithCancel(ctx)
	r.cancel = cancel
	r.Record(ctx, "opened", "", map[string]any{"runbook": spec.Name, "row": spec.Row, "input": in})
	if err := r.inherit(ctx); err != nil {
		return ctx, nil, r.refuse(ctx, err.Error())
	}
	return work, r, nil
}

func (r *Run) refuse(ctx workflow.Context, why string) error {
	r.say(ctx, Failed, why)
	return End(ErrInvalidInput, "%s", why)
}

// Finish is the end of every runbook, whatever became of its work: the way back, then Close.
func (r *Run) Finish(ctx workflow.Context, err error) (Evidence, error) {
	if left := r.Return(ctx); left != nil {
		err = left
	}
	err = r.Close(ctx, err)
	return r.status.Evidence, err
}

// Close ends a run with err, or with success: it lets go of what the run holds, writes the last evidence, and waits
// until every message has had its answer. What could not be put back keeps its reservation.
func (r *Run) Close(ctx workflow.Context, err error) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if !IsEnd(err, ErrUndoFailed) && len(r.status.Holds) > 0 {
		if _, released := local(ctx, records.ReleaseResources, struct{}{}); released != nil {
			err = End(ErrUndoFailed, "the reservations were not released: %s", Words(released))
		} else {
			r.status.Holds = []Hold{}
		}
	}
	if err != nil && len(r.reasons) > 0 && temporal.IsCanceledError(err) {
		err = End(ErrCancelled, "%s", r.reasons[0])
	}
	if err != nil && len(r.lasts) > 0 {
		err = r.saysWhatLasts(err)
	}
	r.changeEnds(ctx, err)
	r.lastly(ctx, err)
	outcome := outcomeOf(err)
	if err == nil {
		r.markNotNeeded()
	}
	r.Record(ctx, "closed", "", map[string]any{"outcome": outcome, "steps": r.status.Steps})
	r.status.EndedAt = moment(ctx)
	r.status.WaitingFor = nil
	if err = r.OrLost(ctx, err); err == nil {
		r.say(ctx, Done, "finished after "+r.status.EndedAt.Sub(r.status.StartedAt).Round(time.Second).String()+r.untold)
	} else {
		r.say(ctx, Failed, Words(err)+r.untold)
	}
	if waited := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && !r.judging.IsLocked() }); waited != nil {
		return waited
	}
	return err
}

// OrLost is the error with which a run ends: err, or that evidence was lost. Close has asked for it; a run that records something behind
// Close, such as a message that could come until then, asks again.
func (r *Run) OrLost(ctx workflow.Context, err error) error {
	if r.lost == nil || IsEnd(err, ErrEvidenceLost) {
		return err
	}
	err = End(ErrEvidenceLost, "%s (the run itself: %s)", Words(r.lost), outcomeOf(err))
	r.say(ctx, Failed, Words(err))
	return err
}

// saysWhatLasts adds to the error of a run that is given up what no undo has put back.
func (r *Run) saysWhatLasts(err error) error {
	kind := ErrCancelled
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		kind = app.Type()
	}
	return temporal.NewNonRetryableApplicationError(
		Words(err)+". Not put back: "+strings.Join(r.lasts, "; "), kind, nil, activities.Remains{Lasts: r.lasts})
}

// WasCancelled tells whether a run is being given up because somebody cancelled it.
func WasCancelled(ctx workflow.Context, err error) bool {
	return temporal.IsCanceledError(err) || errors.Is(ctx.Err(), workflow.ErrCanceled)
}
