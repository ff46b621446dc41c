package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

func TestPolicyForAProcessOfItsOwnNoticesThatItIsGone(t *testing.T) {
	o := Settle.On("elsewhere").options("")
	require.Equal(t, "elsewhere", o.TaskQueue)
	require.Positive(t, o.ScheduleToStartTimeout)
	require.Equal(t, []string{"TemporalTimeout:Heartbeat"}, o.RetryPolicy.NonRetryableErrorTypes)
	own := Settle.options("")
	require.Empty(t, own.TaskQueue)
	require.Zero(t, own.ScheduleToStartTimeout)
	require.Empty(t, own.RetryPolicy.NonRetryableErrorTypes)

	for kind, gone := range map[enums.TimeoutType]bool{
		enums.TIMEOUT_TYPE_HEARTBEAT: true, enums.TIMEOUT_TYPE_SCHEDULE_TO_START: true,
		enums.TIMEOUT_TYPE_START_TO_CLOSE: false, enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE: false,
	} {
		b := newBench(t)
		b.fail["work x"] = always(temporal.NewTimeoutError(kind, nil))
		require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error {
			_, err := Call(ctx, Settle.On("elsewhere"), work, job{"x"})
			require.Error(t, err)
			require.Equal(t, gone, Gone(err), kind)
			return nil
		}))
	}
	require.False(t, Gone(nil))
	require.False(t, Gone(errBroken))
}
