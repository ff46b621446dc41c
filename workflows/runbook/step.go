package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// StepSpec is a named step of a runbook.
type StepSpec struct {
	Name  string // permanent, such as "mute-alarms"
	Title string // Japanese and English, for the checklist
	Do    func(workflow.Context) error
	// Undo puts back what Do did. It is registered before Do, so it must be harmless if Do never happened.
	Undo func(workflow.Context) error
	// UndoTitle is the undo's line in the checklist.
	UndoTitle string
	// Lasts says what of the step stays when the run is given up after it was tried, and where to see whether it happened.
	// "" if its undo puts everything back.
	Lasts string
	// SkipIf says under which condition a person may skip the step when it is held; "" means never.
	SkipIf string
	// Skipped looks, when a person skips the undo as put back by hand, whether that is so. An error holds it again; nil takes the
	// person at their word.
	Skipped func(workflow.Context) error
	// Onward tells, whenever the step is held, that there is no way back from here by itself: then rollback is not among the answers.
	// nil: there always is one.
	Onward func() bool
	// InsistUntil is how long people are told again about the held step, instead of a rollback when nobody has answered once. The
	// zero time is for a rollback.
	InsistUntil time.Time

	unanswered string // what happens when nobody answers a held step without a way back; "" for the page again
}

// Declare lists the steps that are going to come, so that the checklist shows them from the start.
func (r *Run) Declare(steps ...StepSpec) {
	for _, s := range steps {
		r.status.Steps = append(r.status.Steps, Step{Name: s.Name, Title: s.Title, State: StepPending})
	}
}

// Step does a step. When its retries have ended it is held, not failed: people are told, and one of them answers retry,
// skip (where the step allows it) or rollback. If nobody answers in time it is rolled back. A failure that says that what was brought in
// is unfit (activities.Unfit) is rolled back without asking.
func (r *Run) Step(ctx workflow.Context, s StepSpec) error {
	if s.Undo != nil {
		r.undo = append(r.undo, undoOf(s))
	}
	if r.rejected != nil && ctx.Err() == nil {
		return End(ErrRejected, "%s rejected it before the start: %s", r.rejected.Person, r.rejected.Reason)
	}
	return r.perform(ctx, s, Running, []string{Retry, Skip, Rollback})
}

// perform runs a step until it is done, skipped or given up.
func (r *Run) perform(ctx workflow.Context, s StepSpec, state State, answers []string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = WithSummary(ctx, s.Title)
	if s.Lasts != "" {
		r.lasts = append(r.lasts, s.Lasts)
	}
	line := r.line(s)
	line.StartedAt = moment(ctx)
	var contradicted error // what a look found after a person had skipped it
	for {
		line.State, line.Error = StepRunning, ""
		line.Attempts++
		r.say(ctx, state, s.Title)
		err := contradicted
		if contradicted = nil; err == nil {
			err = s.Do(ctx)
		}
		line = r.line(s) // the list may have grown meanwhile
		line.EndedAt = moment(ctx)
		if err == nil {
			line.State = StepDone
			r.show(ctx)
			return nil
		}
		line.Error = Words(err)
		if WasCancelled(ctx, err) {
			line.State = StepFailed
			return err
		}
		if state != Undoing && IsEnd(err, activities.Unfit) { // there is nothing to decide, and time matters
			line.State = StepFailed
			return End(ErrRolledBack, "the step %q failed: %s", s.Name, line.Error)
		}
		taken := answers
		if s.Onward != nil && s.Onward() {
			taken = []string{Retry, Skip}
		}
		answer, err := r.hold(ctx, s, state, line.Error, taken)
		for err == nil && answer == "" && workflow.Now(ctx).Before(s.InsistUntil) {
			r.pages++
			answer, err = r.hold(ctx, s, state, line.Error, taken)
		}
		line = r.line(s)
		if err != nil {
			line.State = StepFailed
			return err
		}
		switch answer {
		case Retry:
			line.EndedAt = nil
			r.again = append(r.again, s.Name)
		case Skip:
			if state == Undoing && s.Skipped != nil {
				if contradicted = s.Skipped(ctx); contradicted != nil {
					continue
				}
				line = r.line(s)
			}
			line.State = StepSkipped
			r.show(ctx)
			return nil
		default:
			line.State = StepFailed
			return End(ErrRolledBack, "the step %q failed: %s", s.Name, line.Error)
		}
	}
}

// hold asks a person what to do about a failed step. "" means that nobody answered in time.
func (r *Run) hold(ctx workflow.Context, s StepSpec, during State, problem string, answers []string) (string, error) {
	terms, err := local(ctx, directory.AnswerTerms, activities.AnswerQuestion{Kind: "operate", OpenedAt: workflow.Now(ctx).UTC()})
	if err != nil {
		return "", endOr(ctx, err, ErrRefused)
	}
	q := &question{
		kind: "held", gate: s.Name, judges: r.approvers(), terms: map[string]authority{}, until: terms.Deadline,
		why: fmt.Sprintf("%s: %s", s.Title, problem), then: "rollback: everything that was changed is put back",
	}
	if len(r.lasts) > 0 {
		q.then = "rollback: what was changed is put back, but not: " + strings.Join(r.lasts, "; ")
	}
	if !slices.Contains(answers, Rollback) {
		q.then = "the page is repeated; after " + fmt.Sprint(mostPages) + " pages the run ends and says what is not put back"
		if s.unanswered != "" {
			q.then = s.unanswered
		}
	}
	if until := s.InsistUntil; workflow.Now(ctx).Before(until) {
		q.then = "people are told again, until " + JST(until) + "; nothing is put back by itself"
	}
	for _, name := range answers {
		if name == Skip && s.SkipIf == "" {
			continue
		}
		q.terms[name] = who(terms)
	}
	r.line(s).State = StepHeld
	r.say(ctx, Held, "held at: "+s.Title)
	r.Record(ctx, "held", s.Name, map[string]any{"problem": problem, "answers": q.taken(), "until": q.until})
	template, n := "step-held", len(r.status.Approvals)+r.line(s).Attempts+r.pages
	if during == Undoing {
		template = "undo-failed"
	}
	workflow.GoNamed(ctx, template, func(ctx workflow.Context) {
		r.Tell(ctx, fmt.Sprintf("%s-%s-%d", template, s.Name, n), template, terms.NotifyList, map[string]string{
			"step": s.Title, "error": problem, "until": JapaneseTime(q.until), "detail": "skip: " + orNever(s.SkipIf), "answers": strings.Join(q.taken(), " "),
		})
	})
	answer, err := r.ask(ctx, q)
	if err != nil {
		return "", err
	}
	if answer == nil {
		r.Record(ctx, "unanswered", s.Name, map[string]any{"then": q.then})
		return "", nil
	}
	return answer.Action, nil
}

// line finds a step in the checklist, and adds it if it was not declared.
func (r *Run) line(s StepSpec) *Step {
	for i := range r.status.Steps {
		if r.status.Steps[i].Name == s.Name {
			return &r.status.Steps[i]
		}
	}
	r.status.Steps = append(r.status.Steps, Step{Name: s.Name, Title: s.Title, State: StepPending})
	return &r.status.Steps[len(r.status.Steps)-1]
}

// markNotNeeded marks what a run that has done its work never came to.
func (r *Run) markNotNeeded() {
	for i := range r.status.Steps {
		if r.status.Steps[i].State == StepPending {
			r.status.Steps[i].State = StepNotNeeded
		}
	}
}

// retriedByPerson tells whether somebody answered "retry" for the step.
func (r *Run) retriedByPerson(step string) bool { return slices.Contains(r.again, step) }

func orNever(s string) string {
	if s == "" {
		return "never"
	}
	return "if " + s
}
