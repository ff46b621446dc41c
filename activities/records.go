package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/plan"
	"tejun/internal/records"
)

// EvidenceHead says how much evidence a run has after a row was appended.
type EvidenceHead struct {
	Count int    `json:"count"`
	Hash  string `json:"hash"` // of the newest row
}

// Reserve holds resources for the run that asks.
type Reserve struct {
	Resources []string  `json:"resources"`
	Runbook   string    `json:"runbook"`
	Requester string    `json:"requester"` // person ID
	From      time.Time `json:"from"`
	Until     time.Time `json:"until"`

	Parent string `json:"parent,omitempty"` // workflow ID of the run that has started this one; what it holds is not held again
}

// Reserved says what was not reserved because the parent holds it.
type Reserved struct {
	Passed []string `json:"passed,omitempty"`
}

// Release names resources that a run lets go of.
type Release struct {
	Resources []string `json:"resources"`
}

// recordsStore is what these activities need of the database.
type recordsStore interface {
	AppendEvidence(ctx context.Context, e records.Evidence) (records.Row, error)
	ReserveAll(ctx context.Context, list []records.Reservation) (*records.Reservation, error)
	StillHeld(ctx context.Context, workflowID string, resources []string, at time.Time) ([]records.Reservation, error)
	Reservations(ctx context.Context, workflowID string) ([]records.Reservation, error)
	Release(ctx context.Context, workflowID string, resources ...string) error
	Disaster(ctx context.Context, name string) (records.Disaster, error)
}

// Records reads and writes our own database. Its activities are local ones: quick, and part of the workflow's task.
type Records struct {
	store recordsStore
}

// AppendEvidence appends a row about the run itself. A worker that is killed between the row and the end of its workflow
// task leaves a row of which the history knows nothing; the task is done again, and its row, at another time, stands beside
// the first under a key of its own. So both are kept, and the history says which one counts.
func (a *Records) AppendEvidence(ctx context.Context, in records.Evidence) (EvidenceHead, error) {
	row, err := a.store.AppendEvidence(ctx, in)
	var other *records.MismatchError
	if errors.As(err, &other) {
		digest, hashed := plan.Hash(in)
		if hashed != nil {
			return EvidenceHead{}, fail(InvalidInput, "%v", hashed)
		}
		in.Key += "/" + plan.Short(digest)
		row, err = a.store.AppendEvidence(ctx, in)
	}
	return EvidenceHead{Count: row.Seq, Hash: row.Hash}, recordsError(err, "append evidence")
}

// ReserveResources holds all of the resources, or none. A conflict is an error of type Locked that names the holder.
func (a *Records) ReserveResources(ctx context.Context, in Reserve) (Reserved, error) {
	if len(in.Resources) == 0 || !in.From.Before(in.Until) {
		return Reserved{}, fail(InvalidInput, "reserve %v from %s until %s: name at least one resource, and an end after the start", in.Resources, in.From.Format(time.RFC3339), in.Until.Format(time.RFC3339))
	}
	done, err := a.passed(ctx, in)
	if err != nil {
		return Reserved{}, err
	}
	list := make([]records.Reservation, 0, len(in.Resources))
	for _, name := range in.Resources {
		if slices.Contains(done.Passed, name) {
			continue
		}
		list = append(list, records.Reservation{
			Resource: name, WorkflowID: activity.GetInfo(ctx).WorkflowExecution.ID, Runbook: in.Runbook, Requester: in.Requester,
			From: in.From, Until: in.Until,
		})
	}
	holder, err := a.store.ReserveAll(ctx, list)
	if err != nil {
		return Reserved{}, recordsError(err, "reserve resources")
	}
	if holder != nil {
		then, err := a.givesWay(ctx, *holder)
		if err != nil {
			return Reserved{}, recordsError(err, "look what the run "+holder.WorkflowID+" is")
		}
		return Reserved{}, fail(Locked, "%s is held by %s (%s, requested by %s) from %s until %s: %s",
			holder.Resource, holder.WorkflowID, holder.Runbook, holder.Requester, inJapan(holder.From), inJapan(holder.Until), then)
	}
	return done, nil
}

// givesWay says what to do about a run that is in the way. A drill gives way to a disaster.
func (a *Records) givesWay(ctx context.Context, holder records.Reservation) (string, error) {
	const waits = "choose another time, or wait for that run to end"
	if holder.Runbook != disasterRunbook {
		return waits, nil
	}
	newest, err := a.store.Disaster(ctx, holder.WorkflowID)
	switch {
	case errors.Is(err, records.ErrNotFound):
		return waits, nil
	case err != nil:
		return "", err
	case newest.Mode != records.ModeDrill:
		return waits, nil
	}
	return fmt.Sprintf("it is a drill. If a disaster has struck, cancel it (`starter cancel %s`), answer what its way back asks (`starter show %s`; `skip` where the primary region does not answer), and start this run again when it has ended; otherwise %s",
		holder.WorkflowID, holder.WorkflowID, waits), nil
}

// passed is what the parent holds of the resources.
func (a *Records) passed(ctx context.Context, in Reserve) (done Reserved, err error) {
	if in.Parent == "" {
		return done, nil
	}
	held, err := a.store.Reservations(ctx, in.Parent)
	if err != nil {
		return done, recordsError(err, "look what the run "+in.Parent+" holds")
	}
	for _, h := range held {
		if slices.Contains(in.Resources, h.Resource) {
			done.Passed = append(done.Passed, h.Resource)
		}
	}
	return done, nil
}

// Take asks whether resources that were reserved are free at this moment.
type Take struct {
	Resources []string  `json:"resources"`
	At        time.Time `json:"at"`

	Parent string `json:"parent,omitempty"` // workflow ID of the run that has started this one, which is in nobody's way
}

// TakeResources makes sure that no other run is still at work on the resources, though its time may be over. If one is,
// the error is of type Locked and names it.
func (a *Records) TakeResources(ctx context.Context, in Take) (struct{}, error) {
	held, err := a.store.StillHeld(ctx, activity.GetInfo(ctx).WorkflowExecution.ID, in.Resources, in.At)
	if err != nil {
		return struct{}{}, recordsError(err, "look who still holds the resources")
	}
	held = slices.DeleteFunc(held, func(r records.Reservation) bool { return r.WorkflowID == in.Parent })
	if len(held) > 0 {
		h := held[0]
		return struct{}{}, fail(Locked, "%s is still held by %s (%s, requested by %s), which should have ended by %s: wait until it has, or see `starter show %s`; a run that will never end is released with `starter locks release`",
			h.Resource, h.WorkflowID, h.Runbook, h.Requester, inJapan(h.Until), h.WorkflowID)
	}
	return struct{}{}, nil
}

// ReleaseResources lets go of everything that the run holds.
func (a *Records) ReleaseResources(ctx context.Context, _ struct{}) (struct{}, error) {
	err := a.store.Release(ctx, activity.GetInfo(ctx).WorkflowExecution.ID)
	return struct{}{}, recordsError(err, "release resources")
}

// ReleaseNamedResources lets go of some of what the run holds; what it does not hold is no error.
func (a *Records) ReleaseNamedResources(ctx context.Context, in Release) (struct{}, error) {
	if len(in.Resources) == 0 {
		return struct{}{}, fail(InvalidInput, "release: name at least one resource")
	}
	err := a.store.Release(ctx, activity.GetInfo(ctx).WorkflowExecution.ID, in.Resources...)
	return struct{}{}, recordsError(err, "release resources")
}

// inJapan writes a moment for operators. Japan has no daylight saving time, so a fixed offset is exact.
func inJapan(t time.Time) string {
	return t.In(time.FixedZone("JST", 9*60*60)).Format("2006-01-02 15:04 JST")
}
