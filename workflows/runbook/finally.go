package runbook

import (
	"fmt"

	"go.temporal.io/sdk/workflow"
)

type lastStep struct {
	step StepSpec
	do   func(workflow.Context, error) error
}

// finalEdition is the version from which what is done last is held when it fails. Before, it was called done, and its failure stood in
// the log alone.
const finalEdition = "finally-is-held"

// alone is what happens when nobody answers about a step after the way back.
const alone = "the run ends without it, and says so"

// Finally registers what is done last, when it is clear how the run ends: after the way back, also one that has failed, and after
// everything is released. It is told the run's error, nil for success, and changes nothing of the end: it tells people. When it fails
// people are paged, and answer retry, or skip. If nobody answers, the run ends as it would have and says, in its state and its evidence, that
// nobody was told. Only a loss of the very last evidence comes after it.
func (r *Run) Finally(name, title string, do func(workflow.Context, error) error) {
	r.finals = append(r.finals, lastStep{StepSpec{Name: name, Title: title, SkipIf: "somebody has told the people by hand", unanswered: alone}, do})
}

// lastly does what Finally has registered, on a context that no cancellation reaches.
func (r *Run) lastly(ctx workflow.Context, err error) {
	if r.lost != nil {
		err = End(ErrEvidenceLost, "%s", Words(r.lost))
	}
	for _, f := range r.finals {
		f.step.Do = func(ctx workflow.Context) error { return f.do(ctx, err) }
		if workflow.GetVersion(ctx, finalEdition, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			r.unheld(ctx, f.step)
			continue
		}
		if r.cancelling != nil {
			r.cancelling.closed = true // there is nothing left to cancel
		}
		if failed := r.perform(ctx, f.step, Running, []string{Retry, Skip}); failed != nil {
			problem := r.line(f.step).Error
			r.Record(ctx, "not-told", f.step.Name, map[string]string{"problem": problem, "end": outcomeOf(err)})
			r.untold += fmt.Sprintf(". NOT DONE: %s: %s", f.step.Title, problem)
		}
	}
}

// unheld does a last step as earlier editions did.
func (r *Run) unheld(ctx workflow.Context, s StepSpec) {
	line := r.line(s)
	line.State, line.StartedAt, line.Attempts = StepRunning, moment(ctx), 1
	r.show(ctx)
	failed := s.Do(WithSummary(ctx, s.Title))
	line = r.line(s) // the list may have grown meanwhile
	line.State, line.EndedAt = StepDone, moment(ctx)
	if failed != nil {
		line.State, line.Error = StepFailed, Words(failed)
	}
	r.show(ctx)
}

// outcomeOf is a run's end in words.
func outcomeOf(err error) string {
	if err == nil {
		return "done"
	}
	return Words(err)
}
