package activities

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
)

// inner is an activity that says something, and outer the server that hears it.
type inner struct {
	interceptor.ActivityInboundInterceptorBase
	out interceptor.ActivityOutboundInterceptor
}

func (i *inner) Init(out interceptor.ActivityOutboundInterceptor) error { i.out = out; return nil }

type outer struct {
	interceptor.ActivityOutboundInterceptorBase
	heard [][]any
}

func (o *outer) RecordHeartbeat(_ context.Context, details ...any) {
	o.heard = append(o.heard, details)
}

// The heartbeats that keep an activity alive repeat what it has said last.
func TestHeartbeatRemembersTheWords(t *testing.T) {
	activity, server := &inner{}, &outer{}
	h, ok := (&HeartbeatInterceptor{}).InterceptActivity(t.Context(), activity).(*heartbeat)
	require.True(t, ok)
	require.NoError(t, h.Init(server))
	require.Nil(t, h.said.Load())
	activity.out.RecordHeartbeat(t.Context(), "10 rows")
	activity.out.RecordHeartbeat(t.Context())
	require.Equal(t, []any{"10 rows"}, *h.said.Load())
	activity.out.RecordHeartbeat(t.Context(), "20 rows")
	require.Equal(t, []any{"20 rows"}, *h.said.Load())
	require.Equal(t, [][]any{{"10 rows"}, nil, {"20 rows"}}, server.heard)
}
