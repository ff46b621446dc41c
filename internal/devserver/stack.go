package devserver

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
)

// Options say where PostgreSQL and Temporal live together. Ports are on 127.0.0.1; 0 takes a free one.
type Options struct {
	Dir            string // state folder; PostgreSQL is in postgres/, Temporal in temporal/ below it
	PostgresPort   int
	TemporalPort   int
	UIPort         int
	MetricsPort    int          // Temporal's own metrics
	TemporalBinary string       // see TemporalOptions.Binary
	NoPostgres     bool         // a PostgreSQL elsewhere is used
	NoTemporal     bool         // a Temporal elsewhere is used
	Tests          bool         // faster and forgetful: no waiting for the disk, Temporal in memory
	Headless       bool         // no Temporal UI
	Log            func(string) // progress in words, called from several goroutines, one at a time; nil drops it
}

// Stack is what was started; a field is nil when its option says so.
type Stack struct {
	Postgres *Postgres
	Temporal *Temporal
}

// Start starts both at the same time and returns when both answer. If one fails the other is stopped. ctx limits the start
// only; call Stop.
func Start(ctx context.Context, o Options) (*Stack, error) {
	var one sync.Mutex
	log := func(text string) {
		if o.Log != nil {
			one.Lock()
			defer one.Unlock()
			o.Log(text)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var s Stack
	var postgresErr, temporalErr error
	var wg sync.WaitGroup
	if !o.NoPostgres {
		wg.Go(func() {
			s.Postgres, postgresErr = StartPostgres(ctx, PostgresOptions{Dir: filepath.Join(o.Dir, "postgres"), Port: o.PostgresPort, Tests: o.Tests, Log: log})
			if postgresErr != nil {
				cancel() // do not build for minutes what is not needed any more
			}
		})
	}
	if !o.NoTemporal {
		wg.Go(func() {
			s.Temporal, temporalErr = StartTemporal(ctx, TemporalOptions{
				Dir: filepath.Join(o.Dir, "temporal"), Port: o.TemporalPort, UIPort: o.UIPort, MetricsPort: o.MetricsPort,
				Binary: o.TemporalBinary, InMemory: o.Tests, Headless: o.Headless, Log: log,
			})
			if temporalErr != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	if postgresErr != nil && errors.Is(temporalErr, context.Canceled) {
		temporalErr = nil // only the consequence
	}
	if temporalErr != nil && errors.Is(postgresErr, context.Canceled) {
		postgresErr = nil
	}
	if err := errors.Join(postgresErr, temporalErr); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return &s, nil
}

// Stop stops Temporal, then PostgreSQL. Stop workers first. Calling it again is harmless.
func (s *Stack) Stop() error {
	var errs []error
	if s.Temporal != nil {
		errs = append(errs, s.Temporal.Stop())
	}
	if s.Postgres != nil {
		errs = append(errs, s.Postgres.Stop())
	}
	return errors.Join(errs...)
}
