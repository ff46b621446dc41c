package runbook

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
)

// ApproveAfterwards is the gate of a change that was made first, in an emergency, and is approved afterwards (事後承認). It opens
// after the effect: an approval that comes before is refused like any that nobody waits for. It is on the plan that was
// carried out, and nobody with a hand in the change passes it.
//
// From the moment that system.yaml names (lateAfter) the run is overdue: it says so, the change's record says so,
// and those who are escalated to are told. It goes on waiting all the same, until somebody decides. A rejection ends the run,
// and its way back undoes the change. At the gate's deadline, which is far, the run ends as ErrNeverApproved; then the change
// stays, since to undo it with nobody looking could break what it has mended.
func (r *Run) ApproveAfterwards(ctx workflow.Context, g Gate) error {
	g.Afterwards = true
	made := workflow.Now(ctx)
	for {
		if err := r.awaitAfterwards(ctx, g, made); err != nil {
			return err
		}
		void, err := r.unfounded(ctx, g)
		if err != nil || void == "" {
			return err
		}
		r.Record(ctx, "approval-void", g.Name, map[string]string{"why": void})
	}
}

// awaitAfterwards asks until the gate is passed; made is when the change had been made, from which all limits count.
func (r *Run) awaitAfterwards(ctx workflow.Context, g Gate, made time.Time) error {
	terms, err := local(ctx, directory.GateTerms, r.gateQuestionAt(g, made))
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	if terms.LateAt.IsZero() {
		return End(ErrRefused, "the gate %q of %s does not say when an approval afterwards is late: set lateAfter in system.yaml", g.Name, r.spec.Name)
	}
	q := r.opens(ctx, g, terms, "the run ends as never approved, and the change stays as it was made")
	if err := r.applied(ctx, terms.LateAt); err != nil {
		return err
	}
	mail := r.gateMail(q, terms.LateAt)
	var alarms []Alarm
	for i, at := range terms.Reminders {
		alarms = append(alarms, Alarm{At: at, Do: mail("approval-reminder", terms.NotifyList, i+1), Says: terms.NotifyList + " are reminded"})
	}
	overdue := func(ctx workflow.Context) {
		r.overdue(ctx, g, terms.LateAt)
		mail("after-overdue", terms.EscalateList, 1)(ctx)
	}
	alarms = append(alarms, Alarm{At: terms.LateAt, Do: overdue, Says: "it is overdue, and " + terms.EscalateList + " are told"})
	r.say(ctx, AwaitingApproval, g.Asks+", by "+JST(terms.LateAt))
	if !terms.LateAt.After(workflow.Now(ctx)) { // asked again, when it was late already
		r.overdue(ctx, g, terms.LateAt)
	}
	r.Record(ctx, "gate-opened", g.Name, q.waitingFor())
	workflow.GoNamed(ctx, "after-request", mail("after-request", terms.NotifyList, 0))
	answer, err := r.ask(ctx, q, alarms...)
	if err != nil {
		return err
	}
	if answer == nil {
		return r.neverApproved(ctx, g, q, terms)
	}
	if r.change != nil {
		r.change.reviewedAt = moment(ctx)
	}
	if answer.Action == Reject {
		return End(ErrRejected, "%s rejected %s: %s", answer.Person, g.Name, answer.Reason)
	}
	r.passes(ctx, g, q)
	return nil
}

// applied records that the change was made and waits for its approval.
func (r *Run) applied(ctx workflow.Context, late time.Time) error {
	if r.change == nil || r.change.reviewBy != nil {
		return nil
	}
	r.change.reviewBy = &late
	return r.ChangeIs(ctx, store.ChangeApplied, "")
}

// overdue says, wherever somebody may look, that the approval is late.
func (r *Run) overdue(ctx workflow.Context, g Gate, since time.Time) {
	r.say(ctx, Overdue, fmt.Sprintf("OVERDUE since %s: %s", JST(since), g.Asks))
	if r.change != nil && r.change.state == store.ChangeOverdue {
		return
	}
	r.Record(ctx, "approval-overdue", g.Name, map[string]any{"since": since, "plan": r.PlanDigest()})
	if r.change == nil {
		return
	}
	if err := r.ChangeIs(ctx, store.ChangeOverdue, ""); err != nil {
		workflow.GetLogger(ctx).Error("the change's record does not say that its approval is late", "error", Words(err))
	}
}

// neverApproved ends the wait for good.
func (r *Run) neverApproved(ctx workflow.Context, g Gate, q *question, terms activities.Terms) error {
	r.Keep()
	r.Record(ctx, "gate-expired", g.Name, q.waitingFor())
	r.gateMail(q, q.until)("after-never", terms.EscalateList, 1)(ctx)
	return End(ErrNeverApproved, "nobody approved %s until %s, though the change has been made. It stays as it was made (%s): have it undone, or confirmed, by a change of its own",
		g.Name, JST(q.until), strings.Join(r.kept, ", "))
}
