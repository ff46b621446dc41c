package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

var policies = map[string]Policy{"Read": Read, "Change": Change, "Send": Send, "Settle": Settle, "Observe": Observe, "Courtesy": Courtesy, "Launch": Launch, "Rise": Rise}

func TestEveryPolicyEndsAndNoticesADeadWorker(t *testing.T) {
	for name, p := range policies {
		o := p.options("in words")
		require.Equal(t, "in words", o.Summary, name)
		require.True(t, o.WaitForCancellation, "%s: what was done must be known before the undo", name)
		require.Equal(t, 10*time.Second, o.HeartbeatTimeout, name)
		require.Positive(t, o.StartToCloseTimeout, name)
		require.Greater(t, o.StartToCloseTimeout, o.HeartbeatTimeout, name)
		require.Positive(t, o.RetryPolicy.InitialInterval, name)
		require.GreaterOrEqual(t, o.RetryPolicy.MaximumInterval, o.RetryPolicy.InitialInterval, name)
		require.True(t, o.RetryPolicy.MaximumAttempts > 0 || o.ScheduleToCloseTimeout > 0, "%s would be tried for ever", name)
	}
	require.GreaterOrEqual(t, Settle.attempt, 35*time.Minute, "CloudFront takes that long")
}

func TestPolicyTriesAsOftenAsItSays(t *testing.T) {
	for name, tries := range map[string]int{"Read": 8, "Change": 6, "Send": 4, "Settle": 5, "Courtesy": 3, "Launch": 12} {
		b := newBench(t)
		b.fail["work x"] = always(errBroken)
		err := b.toy(func(ctx workflow.Context, _ *Run) error {
			_, err := Call(ctx, policies[name], work, job{"x"})
			return err
		})
		require.ErrorContains(t, err, "AWS says no")
		require.Equal(t, tries, b.tries["work x"], name)
	}
}

func TestObserveGivesUpAfterTenMinutes(t *testing.T) {
	require.Equal(t, 10*time.Minute, Observe.options("").ScheduleToCloseTimeout)
	require.Zero(t, Observe.options("").RetryPolicy.MaximumAttempts, "the time ends it, not a number")
}

func TestWhatCannotBeMendedIsTriedOnce(t *testing.T) {
	b := newBench(t)
	b.fail["work x"] = always(final("refused"))
	require.ErrorContains(t, b.toy(func(ctx workflow.Context, _ *Run) error { return does("x")(ctx) }), "refused")
	require.Equal(t, 1, b.tries["work x"])
}

// A database that is down for a night must not end a run: it waits, and goes on where it was.
func TestRunWaitsForOurOwnDatabase(t *testing.T) {
	for _, name := range []string{"AppendEvidence", "GateTerms", "AnswerTerms", "ReserveResources", "TakeResources", "ReleaseResources", "ResolvePerson"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			down := start
			b.fail[name] = func(try int) error {
				if try == 1 {
					down = b.env.Now()
				}
				if b.env.Now().Before(down.Add(3 * hour)) {
					return errBroken
				}
				return nil
			}
			b.at(13*hour, Approve, by("sato"))
			require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
				if err := r.Reserve(ctx, []string{"x"}, start, start.Add(100*hour)); err != nil {
					return err
				}
				if err := r.Take(ctx, []string{"x"}); err != nil {
					return err
				}
				if err := r.Planned(ctx, b.changes); err != nil {
					return err
				}
				return r.Approve(ctx, b.planGate())
			}))
			require.Greater(t, b.tries[name], 100, "it is tried until it answers")
		})
	}
}
