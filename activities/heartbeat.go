package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
)

// HeartbeatInterceptor makes a worker heartbeat for every activity while it runs. So the server notices within the
// heartbeat timeout, seconds, that a worker was killed, and not only when the attempt's time is over. An activity that
// hangs is still ended by its attempt's time.
type HeartbeatInterceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity puts the heartbeat around the activity.
func (*HeartbeatInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &heartbeat{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}}
}

// heartbeat is of one activity. It repeats what the activity has said last: a heartbeat without words would take them away from
// whoever looks.
type heartbeat struct {
	interceptor.ActivityInboundInterceptorBase
	said atomic.Pointer[[]any]
}

// Init listens to what the activity says.
func (h *heartbeat) Init(next interceptor.ActivityOutboundInterceptor) error {
	return h.ActivityInboundInterceptorBase.Init(&listener{interceptor.ActivityOutboundInterceptorBase{Next: next}, h})
}

type listener struct {
	interceptor.ActivityOutboundInterceptorBase
	of *heartbeat
}

// RecordHeartbeat remembers the words and passes them on.
func (l *listener) RecordHeartbeat(ctx context.Context, details ...any) {
	if len(details) > 0 {
		l.of.said.Store(&details)
	}
	l.Next.RecordHeartbeat(ctx, details...)
}

// ExecuteActivity runs the activity and heartbeats three times per heartbeat timeout.
func (h *heartbeat) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	if info.IsLocalActivity || info.HeartbeatTimeout <= 0 {
		return h.Next.ExecuteActivity(ctx, in)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(info.HeartbeatTimeout / 3)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if said := h.said.Load(); said != nil {
					activity.RecordHeartbeat(ctx, *said...)
				} else {
					activity.RecordHeartbeat(ctx)
				}
			}
		}
	}()
	return h.Next.ExecuteActivity(ctx, in)
}
