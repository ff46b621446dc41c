package activities

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
)

func (b *bench) asRow(mode string) records.Disaster {
	return records.Disaster{
		Operation: b.operation, System: "gzs-infra", Mode: mode, Manner: records.MannerGraceful, Title: "訓練", StartedAt: time.Now().UTC().Truncate(time.Millisecond),
	}
}

// What the workflow says of itself makes no drill real, and a real disaster is no drill by it either.
func TestARunIsRegisteredAsWhatItWasStartedAs(t *testing.T) {
	for started, says := range map[string]string{records.ModeDrill: records.ModeReal, records.ModeReal: records.ModeDrill, "": records.ModeReal} {
		t.Run(started, func(t *testing.T) {
			b := newBench(t)
			b.started = started
			_, err := try(b, b.set.Disasters.OpenDisaster, b.asRow(says))
			requireType(t, err, Refused)
			require.ErrorContains(t, err, `was started as "`+started+`"`)
			_, err = database.DisasterMode(t.Context(), b.operation)
			require.ErrorIs(t, err, records.ErrNotFound, "nothing was written")
		})
	}
}

// Else a drill could say of the real disaster that stands that it is back, and begin.
func TestARunWritesNoOtherRunsRowOfTheRegister(t *testing.T) {
	b := newBench(t, ownSystem)
	stands := b.ended(records.DisasterStays, time.Hour)
	stands.Outcome = records.DisasterReturned
	other := b.asRow(records.ModeDrill)
	other.Operation = newBench(t).operation
	for _, write := range []func() error{
		func() error { _, err := try(b, b.set.Disasters.OpenDisaster, other); return err },
		func() error { _, err := try(b, b.set.Disasters.FinishDisaster, stands); return err },
	} {
		err := write()
		requireType(t, err, Refused)
		require.ErrorContains(t, err, "is not that of this run")
	}
	_, err := database.StandingDisaster(t.Context(), b.system.ID)
	require.NoError(t, err, "it stands")
}

// The guard does not believe the register alone.
func TestADrillThatRegistersItselfAsRealStaysADrill(t *testing.T) {
	b := newBench(t)
	start := func(context.Context) (runStart, error) { return runStart{b.operation, records.ModeDrill}, nil }
	c := b.clients()
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			b.t = t
			b.since()
			_, err := startedRun(b, disasterRunbook, modes{mode: records.ModeReal}, start, func(ctx context.Context, _ struct{}) (struct{}, error) {
				return struct{}{}, Classify(a.do(ctx, c), "attack")
			}, struct{}{})
			requireRefusedByGuard(t, err)
			require.Empty(t, b.writes())
		})
	}
}

// A new run under the ID of a real one is a drill until it is registered itself; a Reset of the real one stays real.
func TestANewRunUnderTheIDOfARealOneIsNotRealByThat(t *testing.T) {
	b := newBench(t)
	c := b.clients()
	attack := attacks()[0]
	register := onlyReal(b.operation)
	try := func(operation string) error {
		_, err := startedRun(b, disasterRunbook, register, func(context.Context) (runStart, error) { return runStart{operation, records.ModeReal}, nil }, func(ctx context.Context, _ struct{}) (struct{}, error) {
			return struct{}{}, Classify(attack.do(ctx, c), "attack")
		}, struct{}{})
		return err
	}
	b.since()
	requireRefusedByGuard(t, try(newBench(t).operation))
	require.Empty(t, b.writes())
	if err := try(b.operation); err != nil {
		require.NotContains(t, err.Error(), "did not leave the worker")
	}
	require.NotEmpty(t, b.writes())
}

// onlyReal is a register in which one operation alone is real.
type onlyReal string

func (onlyReal) StandingDisaster(context.Context, string) (records.Disaster, error) {
	return records.Disaster{}, records.ErrNotFound
}

func (onlyReal) LoadState(context.Context, string, string) ([]byte, error) {
	return nil, records.ErrNotFound
}

func (r onlyReal) DisasterModeOfRun(_ context.Context, _, operation string) (string, error) {
	if operation != string(r) {
		return "", records.ErrNotFound
	}
	return records.ModeReal, nil
}

// While Temporal does not say how a run was started, nothing is let through, and the attempt is made again.
func TestWhileTemporalDoesNotSayHowARunWasStartedNothingIsLetThrough(t *testing.T) {
	b := newBench(t)
	c := b.clients()
	b.since()
	silent := func(context.Context) (runStart, error) { return runStart{}, fail(Unavailable, "no connection") }
	_, err := startedRun(b, disasterRunbook, modes{mode: records.ModeReal}, silent, func(ctx context.Context, _ struct{}) (struct{}, error) {
		return struct{}{}, Classify(attacks()[0].do(ctx, c), "attack")
	}, struct{}{})
	var typed *temporal.ApplicationError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, Unavailable, typed.Type())
	require.False(t, typed.NonRetryable())
	require.Empty(t, b.writes())
}
