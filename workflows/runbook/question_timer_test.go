package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// A gate stays open for a day and is passed after an hour: its timer does not wake the run for nothing.
func TestTheTimerOfAQuestionEndsWithIt(t *testing.T) {
	b := newBench(t)
	fired, cancelled := 0, 0
	b.env.SetOnTimerFiredListener(func(string) { fired++ })
	b.env.SetOnTimerCanceledListener(func(string) { cancelled++ })
	b.at(hour, Approve, by("sato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := b.gated(ctx, r); err != nil {
			return err
		}
		return workflow.Sleep(ctx, 2*openFor)
	}))
	require.Equal(t, 1, cancelled)
	require.Equal(t, 1, fired, "the sleep's")
}
