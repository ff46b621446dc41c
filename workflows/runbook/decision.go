package runbook

import (
	"fmt"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// mostDecisions is how many decisions that do not count a run takes. A flood beyond it is counted, refused and not recorded one by
// one, so that nobody can fill the history or the database. Those that count are work, and do not use it up.
const mostDecisions = 200

// acceptedEdition is the version from which accepted decisions do not use up the limit.
const acceptedEdition = "accepted-is-no-flood"

// resumeEdition is the version from which whoever lets a run go on (Resume) has no hand in it by that.
const resumeEdition = "resume-decides"

// flooded tells whether the decision that has just come is one too many.
func (r *Run) flooded(ctx workflow.Context) bool {
	if r.decided <= mostDecisions || r.decided-r.counted > mostDecisions {
		return r.decided > mostDecisions
	}
	return workflow.GetVersion(ctx, acceptedEdition, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

// listen installs the update and the signals by which people answer.
func (r *Run) listen(ctx workflow.Context) error {
	err := workflow.SetUpdateHandlerWithOptions(ctx, "decide",
		func(ctx workflow.Context, raw converter.RawValue) (Answered, error) {
			return r.decide(ctx, "", raw), nil
		},
		workflow.UpdateHandlerOptions{
			Description: `Answers what the run waits for: {"action": "approve", "by": "…", "reason": "…", "plan": "…"}. A refusal is an answer too, and is recorded.`,
			Validator: func(_ workflow.Context, raw converter.RawValue) error {
				if r.decided-r.counted >= mostDecisions {
					return fmt.Errorf("this run has taken %d decisions that did not count and takes no more", mostDecisions)
				}
				return nil
			},
		})
	if err != nil {
		return err
	}
	for _, name := range Answers() {
		channel := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{
			Description: `{"by": "…", "reason": "…"}`,
		})
		workflow.GoNamed(ctx, "signal "+name, func(ctx workflow.Context) {
			for {
				var raw converter.RawValue
				if more := channel.Receive(ctx, &raw); !more {
					return
				}
				r.decide(ctx, name, raw)
			}
		})
	}
	return nil
}

// decide takes one decision as it came: decodes it strictly, finds the person, judges, records, and only then lets
// it count. Whatever happens to it, it is recorded.
func (r *Run) decide(ctx workflow.Context, action string, raw converter.RawValue) Answered {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	answered := Answered{Action: action, At: workflow.Now(ctx).UTC(), Identity: "claimed", Gate: r.gate(), Plan: r.PlanDigest()}
	r.decided++
	if r.flooded(ctx) {
		answered.Refusal = fmt.Sprintf("this run has taken %d decisions that did not count and takes no more", mostDecisions)
		return answered
	}
	r.deciding++
	defer func() { r.deciding-- }()
	if err := r.judging.Lock(ctx); err != nil {
		answered.Refusal = err.Error()
		return answered
	}
	defer r.judging.Unlock()

	var d Decision
	if err := decodeDecision(raw, action, &d); err != nil {
		answered.Refusal = "the message " + err.Error()
		return r.note(ctx, answered)
	}
	answered.Action, answered.By, answered.Reason, answered.ID, answered.Values = d.Action, d.By, d.Reason, d.ID, d.Values
	if _, repeated := r.seen[d.ID]; d.ID != "" && repeated {
		answered.Refusal = "decision " + d.ID + " has been received before; it counts once"
		return r.note(ctx, answered)
	}
	person, err := local(ctx, directory.ResolvePerson, activities.Claim{By: d.By})
	if err != nil {
		answered.Refusal = "the sender could not be looked up: " + Words(err)
		return r.note(ctx, answered)
	}
	if person.Known {
		answered.Person, d.By = person.ID, person.ID
	}
	q := r.asking
	if d.Action == Cancel { // may come at any time, whatever the run waits for
		q, d.Gate, d.Plan = r.cancelling, "", ""
	}
	life := r.life(ctx)
	if q != nil && q.life != life && !q.closed { // reset while the question was open: what was approved before is void
		q.approvers, q.life = nil, life
	}
	judged := func() string {
		return judge(q, d, person, life, r.subject.Environment, life != r.original)
	}
	answered.Gate, answered.Refusal = r.gate(), judged()
	if answered.Refusal == "" {
		answered.Refusal = q.values.misfit(d)
	}
	if answered.Refusal == "" && q.check != nil {
		answered.Refusal = q.check(ctx, d)
	}
	answered.Accepted = answered.Refusal == ""
	answered = r.note(ctx, answered)
	if !answered.Accepted {
		return answered
	}
	// Recording took time: the question may have closed meanwhile, and then the answer is late after all.
	if late := judged(); late != "" {
		if d.Action == Reject && q.kind == "time" && !q.settled() {
			r.rejected = &answered // it came before the start, and the record of it only after: the next step is not done
			return answered
		}
		answered.Accepted, answered.Refusal = false, late
		return r.note(ctx, answered)
	}
	q.accept(d, answered)
	r.counted++
	if d.Action == Cancel {
		r.reasons = append(r.reasons, fmt.Sprintf("%s cancelled: %s", answered.Person, d.Reason))
		r.cancel()
	}
	if activities.HasHand(d.Action) || d.Action == Resume && workflow.GetVersion(ctx, resumeEdition, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		r.executed = append(r.executed, answered.Person)
	}
	if r.asking == q {
		r.status.WaitingFor = q.waitingFor()
		r.show(ctx)
	}
	return answered
}

// note records a decision and what became of it.
func (r *Run) note(ctx workflow.Context, a Answered) Answered {
	if a.ID != "" {
		if _, seen := r.seen[a.ID]; !seen {
			r.seen[a.ID] = a
		}
	}
	r.status.Approvals = append(r.status.Approvals, a)
	r.Record(ctx, "decision", a.Gate, a)
	r.show(ctx)
	return a
}

// life is the ID of the run as recorded in the history. In a run made by Reset it is the old run's ID while the kept
// part replays, and the new one's afterwards: so decisions that were accepted replay as accepted, and none of them
// counts for what comes after.
func (r *Run) life(ctx workflow.Context) string {
	var id string
	err := workflow.MutableSideEffect(ctx, "run-id",
		func(ctx workflow.Context) any { return workflow.GetInfo(ctx).WorkflowExecution.RunID },
		func(a, b any) bool { return a == b }).Get(&id)
	if err != nil {
		return "unknown" // matches no run, so nothing is approved
	}
	return id
}

// gate names what the run waits for, "" if nothing.
func (r *Run) gate() string {
	if r.asking == nil {
		return ""
	}
	return r.asking.gate
}

// decodeDecision reads a decision strictly. A signal's name is its action.
func decodeDecision(raw converter.RawValue, action string, d *Decision) error {
	if err := DecodeStrict(raw.Payload().GetData(), d); err != nil {
		return err
	}
	const longest, longestValues = 2000, 8000
	switch {
	case action == "":
		if d.Action == "" {
			return fmt.Errorf(`has no "action": send one of %v`, Answers())
		}
	case d.Action != "" && d.Action != action:
		return fmt.Errorf("is the signal %q but says action %q", action, d.Action)
	default:
		d.Action = action
	}
	values := 0
	for _, name := range workflow.DeterministicKeys(d.Values) {
		values += len(name) + len(d.Values[name])
	}
	switch {
	case len(d.By)+len(d.Reason)+len(d.ID) > longest:
		return fmt.Errorf("is too long: by, reason and id together may have %d bytes", longest)
	case values > longestValues:
		return fmt.Errorf("is too long: values together may have %d bytes", longestValues)
	}
	return nil
}
