package runbook

import (
	"maps"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// longHistory is how many events a history may have before a run that can go on in a new one does. The server ends a run at
// 51,200.
const longHistory = 4000

// mostHanded is how many answers go along into a new history: all of them are in the evidence.
const mostHanded = 50

// Handed is what a run takes along when it goes on in a new history.
type Handed struct {
	Seen      map[string]Answered `json:"seen"` // decisions by ID: none counts twice
	Answers   []Answered          `json:"answers"`
	Steps     []Step              `json:"steps"`
	Children  []ChildLine         `json:"children"`
	Executed  []string            `json:"executed"`
	Lasts     []string            `json:"lasts"`
	StartedAt time.Time           `json:"startedAt"`
}

// Long tells whether the history is so long that the run should go on in a new one.
func (r *Run) Long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetCurrentHistoryLength() >= longHistory || info.GetContinueAsNewSuggested()
}

// HandOver gets the run ready to go on in a new history: it waits until every message has had its answer, and until the runbook is
// ready too. What it returns goes along; nothing may be waited for between it and the end. A run that has something to put back
// cannot go on in another history, and children do only if they are told to stay. A run that is cancelled meanwhile does not go on.
func (r *Run) HandOver(ctx workflow.Context, ready ...func() bool) (Handed, error) {
	if len(r.undo) > 0 || len(r.status.Holds) > 0 {
		return Handed{}, End(ErrRefused, "a run that has something to put back cannot go on in a new history")
	}
	r.Record(ctx, "continued", "", map[string]any{"events": workflow.GetInfo(ctx).GetCurrentHistoryLength()})
	err := workflow.Await(ctx, func() bool {
		return workflow.AllHandlersFinished(ctx) && r.deciding == 0 && !slices.ContainsFunc(ready, func(is func() bool) bool { return !is() })
	})
	if err == nil {
		err = ctx.Err()
	}
	answers := r.status.Approvals
	return Handed{
		Seen: maps.Clone(r.seen), Answers: answers[max(0, len(answers)-mostHanded):], Steps: r.status.Steps, Children: r.status.Children,
		Executed: r.executed, Lasts: r.lasts, StartedAt: r.status.StartedAt,
	}, err
}

// TakeOver is called in the new history, right after Open.
func (r *Run) TakeOver(c Handed) {
	if c.Seen != nil {
		r.seen = c.Seen
	}
	r.status.Approvals = append([]Answered{}, c.Answers...)
	r.status.Steps = append([]Step{}, c.Steps...)
	r.status.Children = append([]ChildLine{}, c.Children...)
	r.executed, r.lasts, r.status.StartedAt = c.Executed, c.Lasts, c.StartedAt
}

// ChildID is the workflow ID of the child of that name, started or not.
func (r *Run) ChildID(name string) string { return r.childID(name) }
