package activities

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
)

// polling runs look as an activity, and returns what it heartbeat.
func polling(stop chan struct{}, look func(context.Context) (bool, string, error)) ([]string, error) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	if stop != nil {
		env.SetWorkerStopChannel(stop)
	}
	said := []string{}
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var words string
		if details.Get(&words) == nil {
			said = append(said, words)
		}
	})
	wait := func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, poll(ctx, look) }
	env.RegisterActivityWithOptions(wait, activity.RegisterOptions{Name: "wait"})
	_, err := env.ExecuteActivity("wait", struct{}{})
	return said, err
}

func TestPollHeartbeatsUntilItIsDone(t *testing.T) {
	looks := 0
	said, err := polling(nil, func(context.Context) (bool, string, error) {
		looks++
		if looks == 1 {
			return false, "", fail(Throttled, "slow down")
		}
		return looks == 3, "in progress", nil
	})
	require.NoError(t, err)
	assert.Equal(t, 3, looks)
	assert.NotEmpty(t, said)
}

func TestPollEndsWithWhatCannotPass(t *testing.T) {
	looks := 0
	_, err := polling(nil, func(context.Context) (bool, string, error) {
		looks++
		return false, "", fail(Denied, "no")
	})
	requireType(t, err, Denied)
	assert.Equal(t, 1, looks)
	looks = 0
	_, err = polling(nil, func(context.Context) (bool, string, error) {
		looks++
		return false, "", fail(Unavailable, "no answer")
	})
	requireType(t, err, Unavailable)
	assert.Equal(t, pollFaults, looks, "it is up to the policy then")
}

func TestPollLeavesAWorkerThatStops(t *testing.T) {
	stop := make(chan struct{})
	close(stop)
	_, err := polling(stop, func(context.Context) (bool, string, error) { return false, "in progress", nil })
	requireType(t, err, Unavailable)
	assert.Contains(t, err.Error(), "this worker stops")
}
