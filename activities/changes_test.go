package activities

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

// forEach runs a test on every system, each with a sandbox of its own and a plan made.
func forEach(t *testing.T, test func(t *testing.T, c changing, b *bench, ref ChangeRef, before any)) {
	for _, c := range changingSystems() {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			change, err := c.plan(b)
			require.NoError(t, err)
			require.NotEqual(t, change.BeforeHash, change.AfterHash)
			before, err := c.whole(b)
			require.NoError(t, err)
			b.since()
			test(t, c, b, Ref(change), before)
		})
	}
}

func (c changing) requireWhole(t *testing.T, b *bench, want any) {
	t.Helper()
	now, err := c.whole(b)
	require.NoError(t, err)
	require.JSONEq(t, asJSON(t, want), asJSON(t, now))
}

func (c changing) writesOnce() []string { return slices.Repeat([]string{c.write}, c.times) }

func (c changing) undoesOnce() []string { return slices.Repeat([]string{c.undo}, c.times) }

func TestChangeHappensOnceAndGoesBackByteForByte(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
		require.NoError(t, c.apply(b, ref))
		require.Equal(t, c.writesOnce(), b.effects())
		changed, err := c.whole(b)
		require.NoError(t, err)
		require.NotEqual(t, asJSON(t, before), asJSON(t, changed))

		require.NoError(t, c.apply(b, ref), "a repetition")
		require.Len(t, b.writes(), c.times, "a repetition writes nothing")

		b.since()
		require.NoError(t, c.revert(b, ref))
		require.NoError(t, c.revert(b, ref), "a repetition")
		require.Equal(t, c.undoesOnce(), b.effects())
		require.Len(t, b.writes(), c.times, "a repetition writes nothing")
		c.requireWhole(t, b, before)
	})
}

func TestPlanOfTheSameStateIsTheSame(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, _ any) {
		again, err := c.plan(b)
		require.NoError(t, err)
		assert.Equal(t, ref, Ref(again))
		assert.NotEmpty(t, again.Title)
		assert.NotEqual(t, string(again.Before), string(again.After))
	})
}

func TestRetryAfterAFaultOnTheWriteHasOneEffect(t *testing.T) {
	for kind, want := range map[string]string{
		sandbox.FaultExecutedThenTimeout: Unavailable,
		sandbox.FaultLostRequest:         Unavailable,
		sandbox.Fault500:                 Unavailable,
		sandbox.FaultThrottle:            Throttled,
		sandbox.FaultDenied:              Denied,
	} {
		t.Run(kind, func(t *testing.T) {
			forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
				b.fault(c.service, c.write, kind)
				requireType(t, c.apply(b, ref), want)
				require.NoError(t, c.apply(b, ref))
				require.Equal(t, c.writesOnce(), b.effects())

				b.since()
				b.fault(c.service, c.undo, kind)
				requireType(t, c.revert(b, ref), want)
				require.NoError(t, c.revert(b, ref))
				require.Equal(t, c.undoesOnce(), b.effects())
				c.requireWhole(t, b, before)
			})
		})
	}
}

func TestRevertAfterAnApplyWhoseAnswerNeverCame(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
		b.fault(c.service, c.write, sandbox.FaultExecutedThenTimeout)
		requireType(t, c.apply(b, ref), Unavailable)
		require.NoError(t, c.revert(b, ref))
		c.requireWhole(t, b, before)
	})
}

func TestFailedReadIsRetryableAndWritesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
		for kind, want := range map[string]string{sandbox.FaultThrottle: Throttled, sandbox.Fault500: Unavailable, sandbox.FaultLostRequest: Unavailable} {
			for _, run := range []func() error{
				func() error { _, err := c.plan(b); return err },
				func() error { return c.apply(b, ref) },
				func() error { return c.revert(b, ref) },
			} {
				b.fault(c.service, c.read, kind)
				requireType(t, run(), want)
			}
		}
		require.Empty(t, b.effects())
		c.requireWhole(t, b, before)
	})
}

func TestDriftSinceThePlanIsNotOverwritten(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, _ any) {
		require.NoError(t, c.meddle(b))
		drifted, err := c.whole(b)
		require.NoError(t, err)
		b.since()
		err = c.apply(b, ref)
		requireType(t, err, Drifted)
		assert.Contains(t, err.Error(), c.shows)
		assert.Contains(t, err.Error(), "Nothing was overwritten")
		assert.NotContains(t, err.Error(), "hunter2")
		require.NoError(t, c.revert(b, ref), "it never happened, so there is nothing to undo")
		require.Empty(t, b.writes())
		c.requireWhole(t, b, drifted)
	})
}

func TestDriftSinceTheChangeIsNotOverwrittenByTheUndo(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, _ any) {
		require.NoError(t, c.apply(b, ref))
		require.NoError(t, c.meddle(b))
		b.since()
		err := c.revert(b, ref)
		requireType(t, err, Drifted)
		assert.Contains(t, err.Error(), c.shows)
		assert.NotContains(t, err.Error(), "hunter2")
		if c.name != "CloudWatch" && c.name != "Scheduler" {
			require.Empty(t, b.writes())
		}
	})
}

func TestUndoOfWhatNeverHappenedDoesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
		require.NoError(t, c.revert(b, ref))
		b.fault(c.service, c.write, sandbox.FaultLostRequest)
		requireType(t, c.apply(b, ref), Unavailable)
		b.since()
		require.NoError(t, c.revert(b, ref), "the state was saved, the write never arrived")
		require.Empty(t, b.writes())
		c.requireWhole(t, b, before)
	})
}

func TestStaleReadsDoNotMislead(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
		require.NoError(t, c.apply(b, ref))
		b.since()
		require.NoError(t, b.box.AddFault(sandbox.Fault{Service: c.service, Operation: c.read, Kind: sandbox.FaultStaleRead, Times: 2}))
		require.NoError(t, c.revert(b, ref), "a read that still shows the state before must not be believed")
		require.Equal(t, c.undoesOnce(), b.effects())
		c.requireWhole(t, b, before)
	})
}

func TestFencedAttemptWritesNothing(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, before any) {
		later := int32(time.Now().Add(time.Hour).Unix() - fenceEpoch)
		require.NoError(t, database.Fence(t.Context(), b.operation+"/"+ref.Resource, later))
		requireType(t, c.apply(b, ref), Conflict)
		requireType(t, c.revert(b, ref), Conflict)
		require.Empty(t, b.writes())
		c.requireWhole(t, b, before)
	})
}

func TestChangeOfAnotherObjectIsRefused(t *testing.T) {
	forEach(t, func(t *testing.T, c changing, b *bench, ref ChangeRef, _ any) {
		ref.Resource = "cloudfront:distribution/another"
		requireType(t, c.apply(b, ref), InvalidInput)
		requireType(t, c.revert(b, ref), InvalidInput)
		require.Empty(t, b.writes())
	})
}
