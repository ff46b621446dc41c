package serve

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
)

// lasting is an activity that takes a while.
type lasting struct {
	interceptor.ActivityInboundInterceptorBase
	span time.Duration
}

func (l *lasting) ExecuteActivity(context.Context, *interceptor.ExecuteActivityInput) (any, error) {
	time.Sleep(l.span)
	return nil, errors.New("no matter how it ends")
}

func TestIdleBeginsWithTheEndOfTheLastActivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle, begun := newIdle(time.Now), time.Now()
		for _, span := range []time.Duration{7 * time.Minute, 12 * time.Minute} {
			go func() {
				time.Sleep(5 * time.Minute)
				_, err := idle.InterceptActivity(t.Context(), &lasting{span: span}).ExecuteActivity(t.Context(), nil)
				require.Error(t, err)
			}()
		}
		time.Sleep(10 * time.Minute)
		require.Zero(t, idle.For(), "two are running")
		require.NoError(t, idle.Wait(t.Context(), 10*time.Minute))
		require.Equal(t, 27*time.Minute, time.Since(begun))
	})
}

func TestIdleWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("asked to stop")
		go func() {
			time.Sleep(time.Second)
			cancel(why)
		}()
		require.ErrorIs(t, newIdle(time.Now).Wait(ctx, time.Hour), why)
	})
}
