package runbook

import (
	"errors"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
)

// Nil receiver, as above; the worker holds the real one.
var changeRecords *activities.Changes

// ChangeRecord is what a run changes on the operated system, as the record of changes has it (`starter change list`).
type ChangeRecord struct {
	Kind        string // activities.SettingKind or activities.ReleaseKind
	Class       string // activities.StandardChange, NormalChange or EmergencyChange
	Title       string // Japanese
	Targets     []string
	From, Until time.Time // when it may be made; zero: at once
	Incident    string    // workflow ID of the incident that it mends; "" for none
	Number      string    // that incident's number, as a later one may have the same workflow ID
}

// changeLine is the record of the run's change as it was last told.
type changeLine struct {
	ChangeRecord
	told                 int  // states so far
	madeBefore           bool // by the run before a Reset, and not put back
	state                string
	reviewBy, reviewedAt *time.Time
}

// RecordChange opens the record of the change that this run makes: it is planned. Every later state is one row more (ChangeIs),
// and Close adds the last one by itself: done, rejected, undone or failed.
func (r *Run) RecordChange(ctx workflow.Context, c ChangeRecord) error {
	r.change = &changeLine{ChangeRecord: c}
	return r.ChangeIs(ctx, store.ChangePlanned, "")
}

// ChangeIs records that the change has reached a state (records.ChangeApproved and so on), with a note in words.
func (r *Run) ChangeIs(ctx workflow.Context, state, note string) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	c := r.change
	c.told++
	c.state = state
	record := activities.ChangeRecord{
		Key: "change/" + times(c.told), At: workflow.Now(ctx).UTC(), Kind: c.Kind, Class: c.Class, Title: c.Title, Targets: c.Targets,
		Requester: r.subject.Requester, Operator: r.subject.Operator, Approvers: r.approvers(), State: state, Note: cut(note, 2000),
		Incident: c.Incident, IncidentNumber: c.Number, ReviewBy: c.reviewBy, ReviewedAt: c.reviewedAt,
	}
	if !c.From.IsZero() {
		record.WindowFrom, record.WindowUntil = &c.From, &c.Until
	}
	recorded, err := local(WithSummary(ctx, "change record: "+state), changeRecords.RecordChange, record)
	if err != nil {
		return End(ErrRefused, "%s", Words(err))
	}
	if state == store.ChangePlanned {
		c.madeBefore = recorded.Made
	}
	return nil
}

// changeEnds records what has become of the change when the run ends with err.
func (r *Run) changeEnds(ctx workflow.Context, err error) {
	if r.change == nil {
		return
	}
	begun := slices.Contains([]string{store.ChangeRunning, store.ChangeApplied, store.ChangeOverdue}, r.change.state)
	state, note := store.ChangeDone, ""
	if err != nil {
		note = Words(err)
	}
	switch {
	case err == nil:
	case IsEnd(err, ErrUndoFailed), begun && len(r.kept) > 0:
		state = store.ChangeFailed
	case begun:
		state = store.ChangeUndone
	case r.change.madeBefore:
		state, note = store.ChangeFailed, "the run was reset after it had made the change, which is not put back: "+note
	case IsEnd(err, ErrRejected):
		state = store.ChangeRejected
	default:
		state, note = store.ChangeFailed, "nothing was changed: "+note
	}
	if unrecorded := r.ChangeIs(ctx, state, note); unrecorded != nil {
		r.lost = errors.Join(r.lost, unrecorded)
	}
}

// MadeBeforeReset tells whether the run before a Reset has made the change, as the record of changes says.
func (r *Run) MadeBeforeReset() bool { return r.change != nil && r.change.madeBefore }

// MadeBefore adds to a refusal, before the change's record is open, that the run before a Reset has made the change: then it stays
// as it is, the record says so, and whoever reset the run reads it. It cannot be put back, since what the request means was refused.
func (r *Run) MadeBefore(ctx workflow.Context, refusal error) error {
	if refusal == nil || r.change != nil || WasCancelled(ctx, refusal) ||
		workflow.GetVersion(ctx, "made-before", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return refusal
	}
	found, err := local(WithSummary(ctx, "look whether the change was made before a Reset"), changeRecords.FindMadeChange, struct{}{})
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	if !found.Made {
		return refusal
	}
	r.change = &changeLine{
		ChangeRecord: ChangeRecord{Kind: found.Kind, Class: found.Class, Title: found.Title, Targets: found.Targets, Incident: found.Incident, Number: found.IncidentNumber}, madeBefore: true,
	}
	r.subject.Requester, r.subject.Operator = found.Requester, found.Operator
	return End(ErrRefused, "%s. The run was reset after it had made the change, which stays as it is (%s): have it undone, or confirmed, by a change of its own",
		Words(refusal), strings.Join(found.Targets, ", "))
}
