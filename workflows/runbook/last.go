package runbook

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Last does a step after the way back, however the run ends: no cancellation reaches it. When it fails people are paged, and answer
// retry, or skip. If nobody answers, the run ends without it, and says so.
func (r *Run) Last(ctx workflow.Context, s StepSpec) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	s.unanswered = alone
	return r.perform(ctx, s, Running, []string{Retry, Skip})
}

// StaysAs says what stays of a run that is given up though it is not put back, nothing for none of it: it is added to the error with which
// the run ends.
func (r *Run) StaysAs(what ...string) { r.lasts = what }

// scheduledBy is the search attribute by which Temporal marks the runs of a schedule.
var scheduledBy = temporal.NewSearchAttributeKeyKeyword("TemporalScheduledById")

// Scheduled tells whether a schedule has started the run.
func Scheduled(ctx workflow.Context) bool {
	_, by := workflow.GetTypedSearchAttributes(ctx).GetKeyword(scheduledBy)
	return by
}
