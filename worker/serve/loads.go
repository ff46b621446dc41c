package serve

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
)

// NewLoads builds a worker that does the heavy part of one load, from the task queue of that load alone. It knows no
// workflows. Idle tells when it may end. It does not start it.
func NewLoads(o Options) (worker.Worker, *Idle, error) {
	set, err := o.activities()
	if err != nil {
		return nil, nil, err
	}
	idle := newIdle(time.Now)
	options := o.worker()
	options.DisableWorkflowWorker = true
	options.Interceptors = append([]interceptor.WorkerInterceptor{idle}, options.Interceptors...) // around all others
	w := worker.New(o.Client, o.TaskQueue, options)
	set.RegisterLoads(w)
	return w, idle, nil
}

// Idle knows since when a worker has had nothing to do.
type Idle struct {
	interceptor.WorkerInterceptorBase
	now     func() time.Time
	mu      sync.Mutex
	running int
	since   time.Time // the start, or the end of the latest activity
}

func newIdle(now func() time.Time) *Idle { return &Idle{now: now, since: now()} }

// For is how long nothing has run; 0 while something does.
func (i *Idle) For() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running > 0 {
		return 0
	}
	return i.now().Sub(i.since)
}

// Wait returns once nothing has run for a time of more than 0, or when ctx ends: then its cause.
func (i *Idle) Wait(ctx context.Context, span time.Duration) error {
	for {
		left := span - i.For()
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

func (i *Idle) count(by int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.running += by
	i.since = i.now()
}

// InterceptActivity puts the count around the activity.
func (i *Idle) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &busy{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, idle: i}
}

type busy struct {
	interceptor.ActivityInboundInterceptorBase
	idle *Idle
}

// ExecuteActivity counts while the activity runs.
func (b *busy) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	b.idle.count(1)
	defer b.idle.count(-1)
	return b.Next.ExecuteActivity(ctx, in)
}
