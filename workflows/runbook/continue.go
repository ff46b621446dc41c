package runbook

import (
	"errors"
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
	Seen      map[string]Answered `json:"seen"`    // decisions by ID: none counts twice
	Refused   int                 `json:"refused"` // decisions that did not count: the limit is one over all histories
	Opened    map[string]int      `json:"opened"`  // how often the gates were asked, by name
	Gate      *OpenGate           `json:"gate,omitempty"`
	Passed    map[string]Passed   `json:"passed,omitempty"` // the gates that were passed, by name
	Lost      string              `json:"lost,omitempty"`   // evidence that could not be written
	Answers   []Answered          `json:"answers"`
	Steps     []Step              `json:"steps"`
	Children  []ChildLine         `json:"children"`
	Executed  []string            `json:"executed"`
	Lasts     []string            `json:"lasts"`
	StartedAt time.Time           `json:"startedAt"`
}

// OpenGate is a gate that was left open because the history had become long. Asked on the same plan in the new one it goes on: with
// the approvals that it has, and until the same deadline.
type OpenGate struct {
	Name      string    `json:"name"`
	Plan      string    `json:"plan"` // digest
	OpenedAt  time.Time `json:"openedAt"`
	Approvers []string  `json:"approvers"`
}

// Passed is a gate that was passed.
type Passed struct {
	Plan      string   `json:"plan"` // digest
	Approvers []string `json:"approvers"`
	Void      bool     `json:"void"` // the run was reset since: they approved all the same
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
	handed := Handed{
		Seen: maps.Clone(r.seen), Refused: r.decided - r.counted, Opened: maps.Clone(r.opened), Answers: answers[max(0, len(answers)-mostHanded):], Steps: r.status.Steps, Children: r.status.Children,
		Executed: r.executed, Lasts: r.lasts, StartedAt: r.status.StartedAt,
	}
	if r.lost != nil {
		handed.Lost = Words(r.lost)
	}
	if q := r.leftGate; q != nil {
		handed.Gate = &OpenGate{Name: q.gate, Plan: q.plan, OpenedAt: q.openedAt}
		if q.life == r.life(ctx) { // otherwise a Reset has made them void
			handed.Gate.Approvers = q.approvers
		}
	}
	for _, name := range workflow.DeterministicKeys(r.passed) {
		if handed.Passed == nil {
			handed.Passed = map[string]Passed{}
		}
		q := r.passed[name]
		handed.Passed[name] = Passed{Plan: q.plan, Approvers: q.approvers, Void: q.life != r.life(ctx)}
	}
	return handed, err
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
	r.decided, r.takenGate = c.Refused, c.Gate
	if c.Opened != nil {
		r.opened = c.Opened
	}
	for _, name := range workflow.DeterministicKeys(c.Passed) {
		passed := c.Passed[name]
		r.passed[name] = &question{gate: name, plan: passed.Plan, approvers: passed.Approvers, closed: true}
		if !passed.Void {
			r.passed[name].life = r.original // so a Reset of this history makes it void
		}
	}
	if c.Lost != "" {
		r.lost = errors.New(c.Lost)
	}
}

// leaves closes a gate that was woken before its time. If that was because the history is long, the gate goes on in the next one.
func (r *Run) leaves(ctx workflow.Context, q *question) error {
	long := r.Long(ctx)
	if long {
		r.leftGate = q
	}
	r.Record(ctx, "gate-left", q.gate, map[string]any{"plan": q.plan, "approvers": q.approvers, "quorum": q.quorum, "until": q.until, "goesOn": long})
	return End(ErrLeft, "the gate %q was left before its time, at %s, and had %d of %d approvals", q.gate, JST(workflow.Now(ctx)), len(q.approvers), q.quorum)
}

// takesUp finds whether a gate is the one that an earlier history has left open, on the same plan; nil if not. After a Reset it is
// asked anew.
func (r *Run) takesUp(ctx workflow.Context, g Gate) *OpenGate {
	taken := r.takenGate
	r.leftGate, r.takenGate = nil, nil
	if taken == nil || taken.Name != g.Name || taken.Plan != r.PlanDigest() || r.life(ctx) != r.original {
		return nil
	}
	r.opened[g.Name]-- // it is the same opening
	return taken
}

// goesOn lets the approvals of an earlier history count at a gate, as far as they still may.
func (r *Run) goesOn(q *question, taken *OpenGate) {
	for _, id := range taken.Approvers {
		if slices.Contains(q.terms[Approve].people, id) && !slices.Contains(q.barred, id) {
			q.approvers = append(q.approvers, id)
		}
	}
}

// ChildID is the workflow ID of the child of that name, started or not.
func (r *Run) ChildID(name string) string { return r.childID(name) }
