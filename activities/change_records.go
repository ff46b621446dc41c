package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/plan"
	"tejun/internal/records"
)

// The kinds of changes that are recorded, and their classes.
const (
	SettingKind = "setting"
	ReleaseKind = "release"

	StandardChange  = "standard"  // approved beforehand, or by the operations manager
	NormalChange    = "normal"    // approved by the ministry
	EmergencyChange = "emergency" // made first, approved afterwards
)

// ChangeRecord is a change of the operated system in one of its states, as records.Change keeps it. The run that asks is the
// run that makes the change.
type ChangeRecord struct {
	Key         string     `json:"key"` // tells the states of one run apart; the same key again changes nothing
	At          time.Time  `json:"at"`
	Kind        string     `json:"kind"`  // SettingKind or ReleaseKind
	Class       string     `json:"class"` // StandardChange, NormalChange or EmergencyChange
	Title       string     `json:"title"`
	Targets     []string   `json:"targets"` // resources, as reservations name them
	WindowFrom  *time.Time `json:"windowFrom,omitempty"`
	WindowUntil *time.Time `json:"windowUntil,omitempty"`
	Requester   string     `json:"requester"` // person IDs
	Operator    string     `json:"operator"`
	Approvers   []string   `json:"approvers"`
	State       string     `json:"state"` // records.ChangePlanned and so on
	Note        string     `json:"note"`
	Incident    string     `json:"incident,omitempty"` // workflow ID
	ReviewBy    *time.Time `json:"reviewBy,omitempty"`
	ReviewedAt  *time.Time `json:"reviewedAt,omitempty"`

	IncidentNumber string `json:"incidentNumber,omitempty"`
}

// changeStore is what the activity needs of the database.
type changeStore interface {
	RecordChange(ctx context.Context, c records.Change) (row records.Change, differs bool, err error)
	ChangeHistory(ctx context.Context, workflowID string) ([]records.Change, error)
}

// Changes keeps the change records. Its activities are local ones.
type Changes struct {
	store changeStore
}

// ChangeRecorded is the number of a state among those of its change, from 1.
type ChangeRecorded struct {
	Seq  int  `json:"seq"`
	Made bool `json:"made,omitempty"` // it was made and not put back: when it is recorded as planned, by the run before a Reset
}

// RecordChange adds a state to the record of the run's change. Where a state stands under the same key that says something else,
// as after a worker was killed between the row and the end of its workflow task, it stands beside that one under a key of
// its own, as evidence does.
func (a *Changes) RecordChange(ctx context.Context, in ChangeRecord) (ChangeRecorded, error) {
	run := activity.GetInfo(ctx).WorkflowExecution
	c := records.Change{
		WorkflowID: run.ID, RunID: run.RunID, Key: run.RunID + "/" + in.Key, At: in.At, Kind: in.Kind, Class: in.Class, Title: in.Title,
		Targets: in.Targets, WindowFrom: in.WindowFrom, WindowUntil: in.WindowUntil, Requester: in.Requester, Operator: in.Operator,
		Approvers: in.Approvers, State: in.State, Note: in.Note, Incident: in.Incident, ReviewBy: in.ReviewBy, ReviewedAt: in.ReviewedAt,
		IncidentNumber: in.IncidentNumber,
	}
	row, differs, err := a.store.RecordChange(ctx, c)
	if err == nil && differs {
		digest, hashed := plan.Hash(in)
		if hashed != nil {
			return ChangeRecorded{}, fail(InvalidInput, "%v", hashed)
		}
		c.Key += "/" + plan.Short(digest)
		row, _, err = a.store.RecordChange(ctx, c)
	}
	if errors.Is(err, records.ErrInvalid) {
		return ChangeRecorded{}, fail(InvalidInput, "%v", err)
	}
	if err != nil {
		return ChangeRecorded{}, recordsError(err, "record the change as "+in.State)
	}
	made, err := a.made(ctx, run.ID, row.Seq)
	return ChangeRecorded{Seq: row.Seq, Made: made}, recordsError(err, "read the record of the change")
}

// made tells whether the change had begun before a state, and had not been put back.
func (a *Changes) made(ctx context.Context, workflowID string, before int) (bool, error) {
	history, err := a.store.ChangeHistory(ctx, workflowID)
	made := false
	for _, c := range history {
		switch {
		case c.Seq >= before:
		case c.State == records.ChangeRunning:
			made = true
		case c.State == records.ChangeUndone:
			made = false
		}
	}
	return made, err
}

// MadeChange is a change that the run before a Reset has begun to make, as it was last recorded; Made is false if there is none.
type MadeChange struct {
	Made      bool     `json:"made"`
	Kind      string   `json:"kind"`
	Class     string   `json:"class"`
	Title     string   `json:"title"`
	Targets   []string `json:"targets"`
	Requester string   `json:"requester"`
	Operator  string   `json:"operator"`
	Incident  string   `json:"incident"`

	IncidentNumber string `json:"incidentNumber"`
}

// FindMadeChange looks whether the run that asks, before a Reset of it, has made its change and not put it back.
func (a *Changes) FindMadeChange(ctx context.Context, _ struct{}) (MadeChange, error) {
	id := activity.GetInfo(ctx).WorkflowExecution.ID
	history, err := a.store.ChangeHistory(ctx, id)
	if errors.Is(err, records.ErrNotFound) {
		return MadeChange{}, nil
	}
	if err != nil {
		return MadeChange{}, recordsError(err, "read the record of the change")
	}
	last := history[len(history)-1]
	made, err := a.made(ctx, id, last.Seq+1)
	return MadeChange{
		Made: made, Kind: last.Kind, Class: last.Class, Title: last.Title, Targets: last.Targets, Requester: last.Requester, Operator: last.Operator, Incident: last.Incident,
		IncidentNumber: last.IncidentNumber,
	}, recordsError(err, "read the record of the change")
}
