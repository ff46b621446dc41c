package runbook

import "go.temporal.io/sdk/workflow"

type lastStep struct {
	step StepSpec
	do   func(workflow.Context, error)
}

// Finally registers what is done last, when it is clear how the run ends: after the way back, also one that has failed, and after
// everything is released. It is told the run's error, nil for success, and changes nothing of the end: it tells people. Only a loss of
// the very last evidence comes after it.
func (r *Run) Finally(name, title string, do func(workflow.Context, error)) {
	r.finals = append(r.finals, lastStep{StepSpec{Name: name, Title: title}, do})
}

// lastly does what Finally has registered, on a context that no cancellation reaches.
func (r *Run) lastly(ctx workflow.Context, err error) {
	if r.lost != nil {
		err = End(ErrEvidenceLost, "%s", Words(r.lost))
	}
	for _, f := range r.finals {
		line := r.line(f.step)
		line.State, line.StartedAt, line.Attempts = StepRunning, moment(ctx), 1
		r.show(ctx)
		f.do(WithSummary(ctx, f.step.Title), err)
		line = r.line(f.step) // the list may have grown meanwhile
		line.State, line.EndedAt = StepDone, moment(ctx)
		r.show(ctx)
	}
}
