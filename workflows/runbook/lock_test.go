package runbook

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

func TestReservationIsHeldUntilTheRunCloses(t *testing.T) {
	b := newBench(t)
	from, until := start.Add(hour), start.Add(3*hour)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Reserve(ctx, []string{"a", "b"}, from, until); err != nil {
			return err
		}
		require.Equal(t, []Hold{{"a", from.UTC(), until.UTC()}, {"b", from.UTC(), until.UTC()}}, r.Status().Holds)
		return does("effect")(ctx)
	}))
	require.Equal(t, []activities.Reserve{{Resources: []string{"a", "b"}, Runbook: "Toy", Requester: "ito", From: from.UTC(), Until: until.UTC()}}, b.reservedUTC())
	require.Equal(t, []string{"reserve", "effect", "release"}, b.calls)
	require.Empty(t, b.run.status.Holds)
}

func (b *bench) reservedUTC() []activities.Reserve {
	for i := range b.reserved {
		b.reserved[i].From, b.reserved[i].Until = b.reserved[i].From.UTC(), b.reserved[i].Until.UTC()
	}
	return b.reserved
}

func TestReservationOfAnotherRunRefusesThisOneWithItsName(t *testing.T) {
	b := newBench(t)
	b.fail["ReserveResources"] = always(temporal.NewNonRetryableApplicationError("a is held by outage-7 (sato) until 2027-01-24 00:10 JST", "Locked", nil))
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Reserve(ctx, []string{"a"}, start, start.Add(hour)); err != nil {
			return err
		}
		return does("effect")(ctx)
	})
	requireEnd(t, err, ErrRefused, "a is held by outage-7 (sato) until")
	require.Empty(t, b.calls, "no effect, and nothing to release")
	require.Empty(t, b.run.status.Holds)
}

func TestCancelWhileTheReservationIsAsked(t *testing.T) {
	b := newBench(t)
	b.fail["ReserveResources"] = always(errBroken)
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, minute)
	err := b.toy(func(ctx workflow.Context, r *Run) error { return r.Reserve(ctx, []string{"a"}, start, start.Add(hour)) })
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	require.Empty(t, b.run.status.Holds)
}

func TestTakeSaysWhoIsStillAtWork(t *testing.T) {
	b := newBench(t)
	b.fail["TakeResources"] = func(try int) error {
		if try == 1 {
			return temporal.NewNonRetryableApplicationError("a is still held by outage-6", "Locked", nil)
		}
		return nil
	}
	b.at(hour, Retry, by("kato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Step(ctx, StepSpec{Name: "take", Title: "Take", Do: func(ctx workflow.Context) error { return r.Take(ctx, []string{"a", "b"}) }})
	}))
	require.Equal(t, "a is still held by outage-6", b.body("held")["problem"])
	require.Equal(t, []string{"take a,b"}, b.calls)
}

func TestRunWaitsWhileAnotherOneIsInTheWay(t *testing.T) {
	locked := temporal.NewNonRetryableApplicationError("a is held by load-7", "Locked", nil)
	reserve := func(giveUp time.Duration) func(workflow.Context, *Run) error {
		return func(ctx workflow.Context, r *Run) error {
			return r.ReserveWhenFree(ctx, []string{"a"}, start.Add(48*hour), start.Add(giveUp))
		}
	}
	t.Run("until it has ended", func(t *testing.T) {
		b := newBench(t)
		b.fail["ReserveResources"] = func(try int) error {
			if try < 4 {
				return locked
			}
			return nil
		}
		b.after(2*minute, func() {
			require.Equal(t, Waiting, b.run.status.State)
			require.Equal(t, "waits until another run has ended: a is held by load-7", b.run.status.Says)
		})
		require.NoError(t, b.toy(reserve(24*hour)))
		require.Equal(t, start.Add(7*minute).UTC(), b.reservedUTC()[0].From)
	})
	t.Run("not for ever", func(t *testing.T) {
		b := newBench(t)
		b.fail["ReserveResources"] = always(locked)
		requireEnd(t, b.toy(reserve(24*hour)), ErrExpired, "until 2027-01-19 10:00 JST another run was in the way: a is held by load-7")
		require.Less(t, b.tries["ReserveResources"], 35)
	})
	t.Run("not for what does not pass", func(t *testing.T) {
		b := newBench(t)
		b.fail["ReserveResources"] = always(final("no end"))
		requireEnd(t, b.toy(reserve(24*hour)), ErrRefused, "no end")
		require.Equal(t, 1, b.tries["ReserveResources"])
	})
	t.Run("cancelled", func(t *testing.T) {
		b := newBench(t)
		b.fail["ReserveResources"] = always(locked)
		b.at(hour, Cancel, by("kato"))
		requireEnd(t, b.toy(reserve(24*hour)), ErrCancelled, "kato cancelled")
	})
}

// What a run lets go of early is free, and the rest stays its own.
func TestPartOfWhatARunHoldsIsReleasedEarly(t *testing.T) {
	b := newBench(t)
	stub(b, "ReleaseNamedResources", func(in activities.Release) (struct{}, error) {
		b.calls = append(b.calls, "release "+strings.Join(in.Resources, ","))
		return struct{}{}, nil
	})
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		for _, name := range []string{"a", "b", "b"} { // once more is no second hold
			if err := r.Reserve(ctx, []string{name}, start, start.Add(hour)); err != nil {
				return err
			}
		}
		require.Len(t, r.Status().Holds, 2)
		err := r.Release(ctx, []string{"a"})
		require.Equal(t, "b", r.Status().Holds[0].Resource)
		return err
	}))
	require.Equal(t, []string{"reserve", "reserve", "reserve", "release a", "release"}, b.calls)
}

func TestOnlyALockIsBusy(t *testing.T) {
	locked := temporal.NewNonRetryableApplicationError("held", "Locked", nil)
	require.True(t, Busy(temporal.NewNonRetryableApplicationError("held", ErrRefused, locked)))
	for _, err := range []error{nil, locked, End(ErrRefused, "no"), temporal.NewNonRetryableApplicationError("held", ErrRolledBack, locked)} {
		require.False(t, Busy(err))
	}
}
