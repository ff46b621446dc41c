package runbook

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
)

// Gate is a point that a run passes only with people's approval. Who may give it, how many are needed and how long
// it stays open stand in system.yaml under the runbook's and the gate's name.
type Gate struct {
	Name     string // such as "plan"
	Asks     string // what is decided here, in words
	NotAfter time.Time
	// Accepts: what is decided is whether work that was done is as it was asked for. Whoever asked for it may say so; whoever
	// had a hand in it may not.
	Accepts bool
	// Afterwards: what is decided has been done already, see ApproveAfterwards.
	Afterwards bool
	Expires    string                                        // what happens at the deadline, in words; "" for "the run ends: expired"
	Plan       func(workflow.Context) ([]plan.Change, error) // computes the plan anew
	// Wake closes the gate unanswered once it is true: Approve returns ErrLeft then. nil for never.
	Wake func() bool
	// Alarms ring while the gate stays open, as those of a question do.
	Alarms []Alarm
	// Among narrows down who may pass: only these, each in their turn. Empty for everybody with the gate's role.
	Among []Successor
}

// Planned computes the plan for the first time and shows it.
func (r *Run) Planned(ctx workflow.Context, compute func(workflow.Context) ([]plan.Change, error)) error {
	r.say(ctx, Planning, "reads the present state and works out what would change")
	p, err := r.compute(ctx, compute)
	if err != nil {
		return err
	}
	r.setPlan(ctx, p)
	r.Record(ctx, "plan", "", p)
	return nil
}

func (r *Run) compute(ctx workflow.Context, compute func(workflow.Context) ([]plan.Change, error)) (plan.Plan, error) {
	changes, err := compute(WithSummary(ctx, "read the present state for the plan"))
	if err != nil {
		if WasCancelled(ctx, err) || IsEnd(err, ErrRolledBack) { // a person has given it up
			return plan.Plan{}, err
		}
		return plan.Plan{}, End(ErrRefused, "the plan cannot be made: %s", Words(err))
	}
	return plan.New(map[string]string{
		"system": r.subject.System, "environment": r.subject.Environment, "operation": r.Operation(), "runbook": r.spec.Name,
	}, changes)
}

// Satisfiable refuses the run at once if one of the gates can never be passed: if the only people with the role are those
// who requested or operate the change, or if no approval counts at all.
func (r *Run) Satisfiable(ctx workflow.Context, gates ...string) error {
	for _, name := range gates {
		if err := r.CanPass(ctx, Gate{Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// CanPass refuses a gate that nobody could pass, as Satisfiable does; without are people who are about to have a hand in the
// change.
func (r *Run) CanPass(ctx workflow.Context, g Gate, without ...string) error {
	if r.subject.Environment == production {
		return End(ErrRefused, "in production an approval must be signed with the approver's own key, and this edition takes no signed ones yet: nobody could pass the gate %q, so nothing is begun", g.Name)
	}
	terms, err := local(ctx, directory.GateTerms, r.gateQuestion(ctx, g))
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	if g.Afterwards && terms.LateAt.IsZero() {
		return End(ErrRefused, "the gate %q of %s does not say when the approval of a change is late that was made before: set lateAfter in system.yaml", g.Name, r.spec.Name)
	}
	barred := append(r.barred(g), without...)
	free := slices.DeleteFunc(slices.Clone(g.listed(terms.Eligible)), func(id string) bool { return slices.Contains(barred, id) })
	if len(free) < terms.Quorum {
		slices.Sort(barred)
		return End(ErrRefused, "the gate %q needs %d approval(s) by people with the role %s, and only %v can give one: %v requested or operate this change, or had a hand in starting it. Let somebody else request or operate it, or add an approver to system.yaml",
			g.Name, terms.Quorum, terms.Role, free, slices.Compact(barred))
	}
	return nil
}

// Approve opens a gate on the plan in force and waits until enough people have approved it. A rejection ends the run,
// and so does the deadline.
func (r *Run) Approve(ctx workflow.Context, g Gate) error {
	if r.status.Plan == nil {
		return End(ErrRefused, "the gate %q has no plan to approve: the runbook must call Planned before it", g.Name)
	}
	opened := workflow.Now(ctx).UTC()
	taken := r.takesUp(ctx, g)
	if taken != nil {
		opened = taken.OpenedAt
	}
	terms, err := local(ctx, directory.GateTerms, r.gateQuestionAt(g, opened))
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	q := r.opens(ctx, g, terms, "the run ends: expired")
	q.wake, q.openedAt = g.Wake, opened
	if taken != nil {
		r.goesOn(q, taken)
	}
	mail := r.gateMail(q, q.until)
	alarms := r.among(ctx, g, q, terms, mail)
	r.say(ctx, AwaitingApproval, q.why)
	r.Record(ctx, "gate-opened", g.Name, q.waitingFor())
	for i, at := range terms.Reminders {
		alarms = append(alarms, Alarm{At: at, Do: mail("approval-reminder", terms.NotifyList, i+1), Says: terms.NotifyList + " are reminded"})
	}
	if !terms.EscalateAt.IsZero() {
		alarms = append(alarms, Alarm{At: terms.EscalateAt, Do: mail("approval-escalation", terms.EscalateList, 1), Says: terms.EscalateList + " are told that nobody answers"})
	}
	alarms = append(alarms, g.Alarms...)
	workflow.GoNamed(ctx, "approval-request", mail("approval-request", terms.NotifyList, 0))
	answer, err := r.ask(ctx, q, alarms...)
	switch {
	case err != nil:
		return err
	case answer == nil && workflow.Now(ctx).Before(q.until):
		return r.leaves(ctx, q)
	case answer == nil:
		r.Record(ctx, "gate-expired", g.Name, q.waitingFor())
		return End(ErrExpired, "the gate %q was open until %s and had %d of %d approvals; nothing was changed after it", g.Name, JST(q.until), len(q.approvers), q.quorum)
	case answer.Action == Reject:
		return End(ErrRejected, "%s rejected %s: %s", answer.Person, g.Name, answer.Reason)
	}
	r.passes(ctx, g, q)
	return nil
}

// passes notes and records that enough people have approved.
func (r *Run) passes(ctx workflow.Context, g Gate, q *question) {
	r.passed[g.Name] = q
	r.Record(ctx, "gate-passed", g.Name, map[string]any{"plan": q.plan, "approvers": q.approvers})
}

// opens makes the question of a gate.
func (r *Run) opens(ctx workflow.Context, g Gate, terms activities.Terms, then string) *question {
	q := &question{
		kind: "approval", gate: g.Name, why: g.Asks, quorum: terms.Quorum, plan: r.PlanDigest(), barred: r.barred(g), makers: r.subject.Makers, starts: r.starters,
		terms: map[string]authority{Approve: who(terms), Reject: who(terms)},
		life:  r.life(ctx), until: terms.Deadline, then: then,
	}
	r.opened[g.Name]++
	q.opening = r.opened[g.Name]
	q.again = q.opening > 1
	if g.Expires != "" {
		q.then = g.Expires
	}
	return q
}

// gateMail makes messages about a gate that is to be answered by a time. They are new ones each time that the gate is opened, and
// after a Reset: what was approved before does not count any more.
func (r *Run) gateMail(q *question, by time.Time) func(template, list string, n int) func(workflow.Context) {
	data := map[string]string{"gate": q.gate, "plan": plan.Short(q.plan), "until": JapaneseTime(by), "detail": r.changeLines()}
	which := ""
	if q.again {
		which = fmt.Sprintf("-again-%d", q.opening)
	}
	which += r.sinceReset(q.life)
	return func(template, list string, n int) func(workflow.Context) {
		return func(ctx workflow.Context) {
			r.Tell(ctx, fmt.Sprintf("gate-%s-%s-%s-%d%s", q.gate, plan.Short(q.plan), template, n, which), template, list, data)
		}
	}
}

// Confirm is called right before the first effect that a gate allows. It computes plan and roles again. If anything
// has drifted since the approval, if an approver has lost the role, or if the run was reset, the approval is void
// and the gate asks again.
func (r *Run) Confirm(ctx workflow.Context, g Gate) error {
	for {
		void, err := r.void(ctx, g)
		if err != nil || void == "" {
			return err
		}
		r.Record(ctx, "approval-void", g.Name, map[string]string{"why": void})
		if err := r.Approve(ctx, g); err != nil {
			return err
		}
	}
}

// void says why the last approval no longer holds, or "".
func (r *Run) void(ctx workflow.Context, g Gate) (string, error) {
	passed := r.passed[g.Name]
	if passed == nil {
		return "nobody has approved at this gate yet", nil
	}
	p, err := r.compute(ctx, g.Plan)
	if err != nil {
		return "", err
	}
	if p.Digest != passed.plan {
		r.setPlan(ctx, p)
		r.Record(ctx, "plan", "", p)
		return fmt.Sprintf("the state has changed since plan %s was approved; the plan is now %s", plan.Short(passed.plan), plan.Short(p.Digest)), nil
	}
	return r.unfounded(ctx, g)
}

// unfounded says why those who approved do not count any more, or "".
func (r *Run) unfounded(ctx workflow.Context, g Gate) (string, error) {
	passed := r.passed[g.Name]
	terms, err := local(ctx, directory.GateTerms, r.gateQuestion(ctx, g))
	if err != nil {
		return "", endOr(ctx, err, ErrRefused)
	}
	for _, id := range passed.approvers {
		if !slices.Contains(terms.Eligible, id) {
			return id + " approved and may not approve any more", nil
		}
	}
	// Asked last: what was asked before a Reset was answered in the old run, and a Reset may fall into all of the above.
	if r.life(ctx) != passed.life {
		return "the run was reset after the approval", nil
	}
	return "", nil
}

func (r *Run) gateQuestion(ctx workflow.Context, g Gate) activities.GateQuestion {
	return r.gateQuestionAt(g, workflow.Now(ctx))
}

func (r *Run) gateQuestionAt(g Gate, opened time.Time) activities.GateQuestion {
	question := activities.GateQuestion{
		Runbook: r.spec.Name, Gate: g.Name, Requester: r.subject.Requester, Operator: r.subject.Operator,
		OpenedAt: opened.UTC(), NotAfter: g.NotAfter.UTC(),
	}
	if g.Accepts {
		question.Requester = ""
	}
	return question
}

// Approvers are the people whose approvals have let a gate pass, the last time that it was passed, in whichever history; none if it
// was not passed.
func (r *Run) Approvers(gate string) []string {
	if passed := r.passed[gate]; passed != nil {
		return slices.Clone(passed.approvers)
	}
	return nil
}

// approvers are the people whose approval has counted in this run.
func (r *Run) approvers() []string {
	var people []string
	for _, name := range workflow.DeterministicKeys(r.passed) {
		people = append(people, r.passed[name].approvers...)
	}
	return people
}

// barred are the people who may not approve at a gate.
func (r *Run) barred(g Gate) []string {
	people := slices.Clone(r.executed)
	if !g.Accepts {
		people = append(people, r.subject.Requester)
	}
	slices.Sort(people)
	return slices.Compact(people)
}

func (r *Run) changeLines() string {
	text := ""
	for _, c := range r.status.Plan.Changes {
		text += "・" + c.Title + "\n"
	}
	return text
}

// endOr keeps a cancellation and turns any other error into the end of the run.
func endOr(ctx workflow.Context, err error, kind string) error {
	if WasCancelled(ctx, err) {
		return err
	}
	return End(kind, "%s", Words(err))
}
