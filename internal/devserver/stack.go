package devserver

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Options say where PostgreSQL and Temporal live together, and the operated system's own PostgreSQL beside them. Ports are on 127.0.0.1; 0 takes a free one.
type Options struct {
	Dir            string // state folder; PostgreSQL is in postgres/, Temporal in temporal/, the operated system's in database/ below it
	PostgresPort   int
	DatabasePort   int
	TemporalPort   int
	UIPort         int
	MetricsPort    int          // Temporal's own metrics
	TemporalBinary string       // see TemporalOptions.Binary
	NoPostgres     bool         // a PostgreSQL elsewhere is used
	NoTemporal     bool         // a Temporal elsewhere is used
	NoDatabase     bool         // the operated system has no database here
	Tests          bool         // faster and forgetful: no waiting for the disk, Temporal in memory
	Headless       bool         // no Temporal UI
	Log            func(string) // progress in words, called from several goroutines, one at a time; nil drops it
}

// Stack is what was started; a field is nil when its option says so.
type Stack struct {
	Postgres *Postgres
	Temporal *Temporal
	Database *Postgres // of the operated system; see StartDatabase
}

// Start starts all at the same time and returns when all answer. If one fails the others are stopped. ctx limits the start
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
	// What one failure makes of the others is only its consequence.
	starting, ctx := errgroup.WithContext(ctx)
	var s Stack
	if !o.NoPostgres {
		starting.Go(func() (err error) {
			s.Postgres, err = StartPostgres(ctx, PostgresOptions{Dir: filepath.Join(o.Dir, "postgres"), Port: o.PostgresPort, Tests: o.Tests, Log: log})
			return err
		})
	}
	if !o.NoDatabase {
		starting.Go(func() (err error) {
			s.Database, err = StartDatabase(ctx, PostgresOptions{Dir: filepath.Join(o.Dir, "database"), Port: o.DatabasePort, Tests: o.Tests, Log: log})
			return err
		})
	}
	if !o.NoTemporal {
		starting.Go(func() (err error) {
			s.Temporal, err = StartTemporal(ctx, TemporalOptions{
				Dir: filepath.Join(o.Dir, "temporal"), Port: o.TemporalPort, UIPort: o.UIPort, MetricsPort: o.MetricsPort,
				Binary: o.TemporalBinary, InMemory: o.Tests, Headless: o.Headless, Log: log,
			})
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return &s, nil
}

// Stop stops Temporal, then the databases. Stop workers first. Calling it again is harmless.
func (s *Stack) Stop() error {
	var errs []error
	if s.Temporal != nil {
		errs = append(errs, s.Temporal.Stop())
	}
	for _, server := range []*Postgres{s.Database, s.Postgres} {
		if server != nil {
			errs = append(errs, server.Stop())
		}
	}
	return errors.Join(errs...)
}
