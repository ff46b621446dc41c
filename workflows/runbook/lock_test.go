package runbook

import (
	"testing"

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
