package activities

import (
	"context"
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
	return &heartbeat{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type heartbeat struct {
	interceptor.ActivityInboundInterceptorBase
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
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return h.Next.ExecuteActivity(ctx, in)
}
