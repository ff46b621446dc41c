package runbook

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// WaitUntil waits for a time. People with the gate's role can still reject the run meanwhile: a rejection wins until
// the start.
func (r *Run) WaitUntil(ctx workflow.Context, at time.Time, what, gate string) error {
	if !at.After(workflow.Now(ctx)) {
		return ctx.Err()
	}
	terms, err := local(ctx, directory.GateTerms, r.gateQuestion(ctx, Gate{Name: gate, NotAfter: at}))
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	r.say(ctx, Waiting, fmt.Sprintf("%s at %s", what, JST(at)))
	answer, err := r.ask(ctx, &question{
		kind: "time", gate: gate, why: what, plan: r.PlanDigest(), until: at, then: what,
		terms: map[string]authority{Reject: who(terms)},
	})
	if err != nil || answer == nil {
		return err
	}
	return End(ErrRejected, "%s rejected it before the start: %s", answer.Person, answer.Reason)
}

// Ask is a question about work that people do, or about a window that is running out.
type Ask struct {
	Kind    string // "work" or "decision"
	Name    string // such as "work" or "overrun"
	Why     string
	Until   time.Time
	Then    string            // what happens at that time
	Anew    bool              // it is asked again then, so that Until is no limit for people
	Answers map[string]string // answer → "operate" or "decide": who may give it
	Tell    string            // mail template for those who may answer, sent when the question opens; "" for none
	Values  Carried           // what the answers carry besides a reason
	// Check looks at an answer before it counts; it returns why it does not, or "". The answer's By is the person's ID by then.
	Check func(workflow.Context, Decision) string
	// Alarms ring while the question stays open; those whose time is past are left out.
	Alarms []Alarm
	// Wake closes the question without an answer once it is true; nil for never. It is looked at whenever something happens in the run.
	Wake func() bool
}

// Alarm is something to do at a time while a question is open. It asks nothing itself.
type Alarm struct {
	At time.Time
	Do func(workflow.Context)
	// Late: it rings even if its time comes while another one is being seen to; otherwise it is left out then.
	Late bool
	// Says is what it does, as people are told beforehand; "" for nothing that they notice.
	Says string
}

// Asked opens the question and waits. The decision is nil when the time is over, or when it was woken; its By is the person's ID.
func (r *Run) Asked(ctx workflow.Context, state State, a Ask) (*Decision, error) {
	q := &question{
		kind: a.Kind, gate: a.Name, judges: r.approvers(), why: a.Why, until: a.Until, then: a.Then, anew: a.Anew, check: a.Check, values: a.Values, wake: a.Wake, terms: map[string]authority{},
	}
	list := ""
	for _, name := range Answers() {
		kind, ok := a.Answers[name]
		if !ok {
			continue
		}
		terms, err := local(ctx, directory.AnswerTerms, activities.AnswerQuestion{Kind: kind, OpenedAt: workflow.Now(ctx).UTC()})
		if err != nil {
			return nil, endOr(ctx, err, ErrRefused)
		}
		q.terms[name] = who(terms)
		if name == Extend || list == "" {
			list = terms.NotifyList
		}
	}
	r.say(ctx, state, a.Why)
	if a.Tell != "" {
		workflow.GoNamed(ctx, a.Tell, func(ctx workflow.Context) {
			r.Tell(ctx, fmt.Sprintf("%s-%d", a.Name, a.Until.Unix()), a.Tell, list, map[string]string{"until": JapaneseTime(a.Until)})
		})
	}
	answer, err := r.ask(ctx, q, a.Alarms...)
	if err != nil || answer == nil {
		return nil, err
	}
	return &q.decision, nil
}
