package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
)

// The answers that people can give. They are also the names of the signals.
const (
	Approve  = "approve"
	Reject   = "reject"
	Retry    = "retry"
	Skip     = "skip"
	Rollback = "rollback"
	Finished = "done"
	Extend   = "extend"
	Return   = "return"
	Cancel   = "cancel"

	Acknowledge = "acknowledge" // somebody has taken it on
	Note        = "note"        // something to be written down
	Pause       = "pause"       // the clocks stand still
	Resume      = "resume"      // and go on
	Fix         = "fix"         // another run is started
	Severity    = "severity"    // the ministry sets it
)

// Answers lists every answer, in the order in which the signals are registered.
func Answers() []string {
	return []string{Approve, Reject, Retry, Skip, Rollback, Finished, Extend, Return, Cancel, Acknowledge, Note, Pause, Resume, Fix, Severity}
}

// carriesOut are the answers by which somebody has a hand in the change. Giving up is open to everybody who may operate.
var carriesOut = []string{Retry, Skip, Finished, Fix}

// production is the environment in which a claimed identity approves nothing.
const production = "production"

// Question is what a run asks of people.
type question struct {
	kind     string // "approval", "time", "work", "decision", "held"
	gate     string
	why      string
	terms    map[string]authority // who may give which answer; an answer that is not here is not taken
	quorum   int                  // approvals needed from different people
	plan     string               // digest that an approval is for
	again    bool                 // the gate was asked before, so an approval must say which plan it is for
	barred   []string             // people who may not approve: requester, operator, whoever had a hand in it
	makers   []string             // those of barred who made what is brought in
	starts   []string             // those of barred who had a hand in the run that has started this one
	judges   []string             // people who have approved in this run: they carry out nothing of it
	life     string               // run in which it was asked; after a Reset its approval is void
	opening  int                  // how often the gate was opened, this time too
	openedAt time.Time
	until    time.Time
	then     string // what happens at that time
	anew     bool   // it is asked again then
	next     *Ahead // what happens before
	check    func(ctx workflow.Context, d Decision) string
	values   Carried     // what answers carry; an answer that is not here carries nothing
	wake     func() bool // closes the question without an answer once it is true; nil for never

	approvers []string // people whose approval counts
	answer    *Answered
	decision  Decision
	closed    bool // an answer was taken or the time is over; later answers are late
}

// authority is who may give an answer.
type authority struct {
	role, organisation string
	people             []string
}

func who(t activities.Terms) authority {
	return authority{role: t.Role, organisation: t.Organisation, people: t.Eligible}
}

// settled tells whether the question has its answer.
func (q *question) settled() bool { return q.answer != nil }

// over tells whether it need not be waited for any longer.
func (q *question) over() bool { return q.settled() || q.wake != nil && q.wake() }

// judge decides about one decision. It returns why the decision does not count, or "". It is the only place that
// gives authority, and it reads nothing but its arguments, so that every attack on it can be a table row.
func judge(q *question, d Decision, p activities.Person, run, environment string, reset bool) string {
	if q == nil {
		return fmt.Sprintf("the run is not waiting for %q", d.Action)
	}
	t, asked := q.terms[d.Action]
	switch {
	case len(q.terms) == 0:
		return "nobody may answer at this moment: the run says why, and asks again"
	case !asked:
		return fmt.Sprintf("the run is waiting for %s, not for %q", strings.Join(q.taken(), " or "), d.Action)
	case q.closed:
		return fmt.Sprintf("too late: %s is already closed", q.gate)
	case strings.TrimSpace(d.By) == "":
		return `"by" is missing: say who you are`
	case strings.TrimSpace(d.Reason) == "":
		return `"reason" is missing: say why, for the record`
	case !p.Known:
		return fmt.Sprintf("%q is nobody that system.yaml knows", d.By)
	case d.Run != "" && d.Run != run:
		return fmt.Sprintf("it is for run %s, and this is run %s", d.Run, run)
	case d.Gate != "" && d.Gate != q.gate:
		return fmt.Sprintf("it is for %s, and the run is at %s", d.Gate, q.gate)
	case d.Plan != "" && d.Plan != q.plan:
		return fmt.Sprintf("it is for plan %s, and the plan in force is %s: look at the plan again", plan.Short(d.Plan), plan.Short(q.plan))
	case !slices.Contains(p.Roles, t.role):
		return fmt.Sprintf("%s does not have the role %s", p.ID, t.role)
	case t.organisation != "" && p.Organisation != t.organisation:
		return fmt.Sprintf("%s does not belong to %s", p.ID, t.organisation)
	}
	if slices.Contains(carriesOut, d.Action) && slices.Contains(q.judges, p.ID) {
		return p.ID + " approved this change; somebody else must carry it out"
	}
	if d.Action != Approve {
		return ""
	}
	switch {
	case environment == production:
		return "in production an approval must be signed with the approver's own key; this one only claims to be from " + p.ID
	case reset && (d.Run == "" || d.Plan == ""):
		return "this run was reset, so an approval must name its run and plan: send {\"run\": …, \"plan\": …} too, or use `starter approve`"
	case q.again && d.Plan == "":
		return "the gate is asked again because something has changed, so an approval must name its plan: send {\"plan\": …} too, or use `starter approve`"
	case slices.Contains(q.makers, p.ID):
		return p.ID + " made what this change brings in; somebody else must approve it"
	case slices.Contains(q.starts, p.ID):
		return p.ID + " had a hand in the run that has started this one; somebody else must approve it"
	case slices.Contains(q.barred, p.ID):
		return fmt.Sprintf("%s requested or operates this change; somebody else must approve it", p.ID)
	case slices.Contains(q.approvers, p.ID):
		return fmt.Sprintf("%s has approved already; an approval counts once a person", p.ID)
	}
	return ""
}

// accept takes a decision that judge has let pass.
func (q *question) accept(d Decision, a Answered) {
	if d.Action == Approve {
		q.approvers = append(q.approvers, a.Person)
		if len(q.approvers) < q.quorum {
			return
		}
	}
	q.answer, q.decision, q.closed = &a, d, true
}

// taken lists the answers that are taken, sorted.
func (q *question) taken() []string {
	names := []string{}
	for _, name := range Answers() {
		if _, ok := q.terms[name]; ok {
			names = append(names, name)
		}
	}
	return names
}

// by lists who can still give which answer.
func (q *question) by() Answerers {
	by := Answerers{}
	for _, name := range q.taken() {
		by[name] = []string{}
		for _, id := range slices.Sorted(slices.Values(q.terms[name].people)) {
			if name == Approve && (slices.Contains(q.barred, id) || slices.Contains(q.approvers, id)) ||
				slices.Contains(carriesOut, name) && slices.Contains(q.judges, id) {
				continue
			}
			by[name] = append(by[name], id)
		}
	}
	return by
}

func (q *question) waitingFor() *WaitingFor {
	by := q.by()
	var eligible []string
	for _, name := range q.taken() {
		eligible = append(eligible, by[name]...)
	}
	slices.Sort(eligible)
	return &WaitingFor{
		Kind: q.kind, Gate: q.gate, Why: q.why, Answers: q.taken(), Eligible: slices.Compact(eligible), By: by,
		Values: q.values, Got: len(q.approvers), Quorum: q.quorum, Plan: q.plan, NamePlan: q.again, Until: q.until.UTC(), Then: q.then, Anew: q.anew, Next: q.next,
	}
}

// ask opens a question and waits for its answer or its end. It returns nil when the time is over. The alarms ring in
// between; those whose time is past are left out.
func (r *Run) ask(ctx workflow.Context, q *question, alarms ...Alarm) (*Answered, error) {
	opened := workflow.Now(ctx)
	alarms = slices.DeleteFunc(slices.Clone(alarms), func(a Alarm) bool { return !a.At.After(opened) || !a.At.Before(q.until) })
	slices.SortStableFunc(alarms, func(a, b Alarm) int { return a.At.Compare(b.At) })
	r.asking, q.next = q, ahead(alarms)
	r.status.WaitingFor = q.waitingFor()
	r.show(ctx)
	defer func() {
		r.waited(ctx, q, opened)
		q.closed = true
		if r.asking == q {
			r.asking = nil
			r.status.WaitingFor = nil
		}
	}()
	for i, a := range alarms {
		if !a.Late && !a.At.After(workflow.Now(ctx)) { // its time came while another one was seen to
			continue
		}
		r.foretell(ctx, q, alarms[i:])
		if answered, err := r.await(ctx, q, a.At); answered || err != nil {
			return q.answer, err
		}
		a.Do(ctx)
	}
	r.foretell(ctx, q, nil)
	_, err := r.await(ctx, q, q.until)
	return q.answer, err
}

// timerEdition is the change by which the timer of a question that has its answer is cancelled: before it rang in vain, days later.
const timerEdition = "timers-end"

// ahead is the first of the alarms to come that says what it does.
func ahead(alarms []Alarm) *Ahead {
	for _, a := range alarms {
		if a.Says != "" {
			return &Ahead{At: a.At.UTC(), What: a.Says}
		}
	}
	return nil
}

// foretell shows what happens next, if that is not what is shown already.
func (r *Run) foretell(ctx workflow.Context, q *question, alarms []Alarm) {
	next := ahead(alarms)
	if next == q.next || next != nil && q.next != nil && *next == *q.next {
		return
	}
	q.next = next
	if r.asking == q && !q.closed {
		r.status.WaitingFor = q.waitingFor()
		r.show(ctx)
	}
}

// await waits until the question is settled or the time has come.
func (r *Run) await(ctx workflow.Context, q *question, until time.Time) (bool, error) {
	span := until.Sub(workflow.Now(ctx))
	if span <= 0 {
		return q.over(), ctx.Err()
	}
	if workflow.GetVersion(ctx, timerEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		var stop workflow.CancelFunc
		ctx, stop = workflow.WithCancel(ctx)
		defer stop()
	}
	return workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout:      span,
		TimerOptions: workflow.TimerOptions{Summary: q.why + " (until " + JST(until) + ")"},
	}, q.over)
}
