package runbook

import (
	"context"

	"go.temporal.io/sdk/workflow"
)

// Activity is the shape of every activity: one struct in, one out.
type Activity[I, O any] func(context.Context, I) (O, error)

// Future is the result of an activity that has been started.
type Future[O any] struct{ future workflow.Future }

// Get waits for the result.
func (f Future[O]) Get(ctx workflow.Context) (O, error) {
	var out O
	err := f.future.Get(ctx, &out)
	return out, err
}

// Call runs an activity and waits for it. The compiler checks the input's type, which workflow.ExecuteActivity does not.
func Call[I, O any](ctx workflow.Context, p Policy, activity Activity[I, O], in I) (O, error) {
	return Start(ctx, p, activity, in).Get(ctx)
}

// Start runs an activity beside others.
func Start[I, O any](ctx workflow.Context, p Policy, activity Activity[I, O], in I) Future[O] {
	ctx = workflow.WithActivityOptions(ctx, p.options(summaryOf(ctx)))
	return Future[O]{workflow.ExecuteActivity(ctx, (func(context.Context, I) (O, error))(activity), in)}
}

// local runs an activity on our own database or description inside the workflow task.
func local[I, O any](ctx workflow.Context, activity Activity[I, O], in I) (O, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, ledger(summaryOf(ctx)))
	return Future[O]{workflow.ExecuteLocalActivity(ctx, (func(context.Context, I) (O, error))(activity), in)}.Get(ctx)
}

type summaryKey struct{}

// WithSummary sets the words under which the Temporal UI shows the activities and timers that follow.
func WithSummary(ctx workflow.Context, words string) workflow.Context {
	return workflow.WithValue(ctx, summaryKey{}, words)
}

func summaryOf(ctx workflow.Context) string {
	words, _ := ctx.Value(summaryKey{}).(string)
	return words
}

// Resolve asks a local activity what a request means on the operated system. A refusal ends the run before any effect.
func Resolve[I, O any](ctx workflow.Context, activity Activity[I, O], in I) (O, error) {
	out, err := local(ctx, activity, in)
	if err != nil {
		return out, endOr(ctx, err, ErrRefused)
	}
	return out, nil
}
