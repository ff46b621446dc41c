// Package devstack is a whole operated system on one machine: Temporal, PostgreSQL, the AWS sandbox, the operated system's
// own database and the simulated public site. `worker dev`, the integration tests and the benchmarks start it; the worker itself is not part of it, so
// that it can be killed alone.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tejun/internal/aurora"
	"tejun/internal/devserver"
	"tejun/internal/dial"
	"tejun/internal/fargate"
	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/site"
	"tejun/internal/system"
)

// Options says where the stack lives. A port of 0 takes a free one.
type Options struct {
	Dir          string               // state folder; made if it is missing
	SystemFile   string               // system.yaml
	TemporalPort int                  //
	UIPort       int                  //
	PostgresPort int                  //
	DatabasePort int                  // of the operated system's own PostgreSQL
	SitePort     int                  //
	TimeScale    float64              // of the sandbox, see sandbox.SetTimeScale; negative keeps what it has
	Immediate    bool                 // RDS keeps states alone: a snapshot copies no real server, and so takes no time
	Change       func(*system.System) // made to the description; nil for none
	Worker       string               // built worker that the sandbox's Fargate tasks run; "": they are states alone
	Tests        bool                 // nothing needs to survive a power cut: Temporal in memory, PostgreSQL without waiting for the disk
	Log          func(string)         // progress in words; nil drops it
	Logger       log.Logger           // of the Temporal client; nil for the SDK's own
}

// Stack is what was started.
type Stack struct {
	Servers  *devserver.Stack
	Client   client.Client
	Records  *records.Store
	Operated *operated.Database // the operated system's own database
	Sandbox  *sandbox.Sandbox
	Aurora   *aurora.Servers // what runs behind the sandbox's RDS
	Tasks    *fargate.Runner // runs the sandbox's Fargate tasks; nil without Options.Worker
	Source   *system.Source  // the description, with the simulated site's address in it
	SiteURL  string

	site *http.Server
}

// Start starts everything, or nothing. ctx limits the start, not the life; call Stop.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	say := o.Log
	if say == nil {
		say = func(string) {}
	}
	if _, err := system.Load(o.SystemFile); err != nil {
		return nil, err
	}
	s = &Stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", o.SitePort))
	if err != nil {
		return nil, fmt.Errorf("the simulated site cannot listen: %w. Is another one running? Choose another port with --site-port, or 0 for a free one", err)
	}
	s.SiteURL = "http://" + listener.Addr().String() + "/"
	s.Source = system.NewSource(o.SystemFile, func(sys *system.System) {
		site.Simulate(sys, s.SiteURL)
		if o.Change != nil {
			o.Change(sys)
		}
	})
	if err := s.openSandbox(ctx, o); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	sys, err := s.Source.System()
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.site = &http.Server{Handler: site.New(s.Sandbox, sys), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.site.Serve(listener) }() // returns when Stop closes it
	s.Servers, err = devserver.Start(ctx, devserver.Options{
		Dir: o.Dir, TemporalPort: o.TemporalPort, UIPort: o.UIPort, PostgresPort: o.PostgresPort, DatabasePort: o.DatabasePort,
		Tests: o.Tests, Log: say,
	})
	if err != nil {
		return nil, err
	}
	if !o.Immediate {
		s.Aurora, err = aurora.Serve(s.Sandbox, sys, s.Servers.Database, aurora.Options{Dir: filepath.Join(o.Dir, "aurora"), Tests: o.Tests, Log: say})
		if err != nil {
			return nil, err
		}
	}
	if o.Worker != "" {
		if err := s.runTasks(o, say); err != nil {
			return nil, err
		}
	}
	if s.Operated, err = operated.Open(s.Servers.Database.DSN()); err != nil {
		return nil, err
	}
	if s.Records, err = records.Open(ctx, s.Servers.Postgres.DSN()); err != nil {
		return nil, err
	}
	if err := s.Records.Migrate(ctx); err != nil {
		return nil, err
	}
	s.Client, err = dial.Temporal(ctx, client.Options{HostPort: s.Servers.Temporal.Address(), Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w", s.Servers.Temporal.Address(), err)
	}
	return s, nil
}

func (s *Stack) openSandbox(ctx context.Context, o Options) (err error) {
	if s.Sandbox, err = sandbox.Open(filepath.Join(o.Dir, "sandbox")); err != nil {
		return err
	}
	if o.TimeScale >= 0 {
		if err := s.Sandbox.SetTimeScale(o.TimeScale); err != nil {
			return err
		}
	}
	sys, err := s.Source.System()
	if err != nil {
		return err
	}
	return s.Sandbox.Seed(ctx, sys)
}

// runTasks lets the sandbox's Fargate tasks run as processes.
func (s *Stack) runTasks(o Options, say func(string)) (err error) {
	container := fargate.Worker{
		Program: o.Worker, Temporal: s.Servers.Temporal.Address(), System: o.SystemFile, Records: s.Servers.Postgres.DSN(),
		Operated: s.Servers.Database.DSN(), Sandbox: s.Sandbox.Dir(), SiteURL: s.SiteURL,
	}
	s.Tasks, err = fargate.Start(s.Sandbox, fargate.Options{Command: container.Command, Dir: filepath.Join(o.Dir, "tasks"), Log: say})
	return err
}

// AWS is a configuration whose calls are answered by the sandbox.
func (s *Stack) AWS() (aws.Config, error) {
	sys, err := s.Source.System()
	if err != nil {
		return aws.Config{}, err
	}
	cfg := aws.Config{Region: sys.AWS.Region}
	s.Sandbox.Configure(&cfg)
	return cfg, nil
}

// Stop ends everything, in reverse. Calling it again is harmless.
func (s *Stack) Stop() error {
	var failed error
	if s.Tasks != nil {
		failed = errors.Join(failed, s.Tasks.Close())
	}
	if s.Client != nil {
		s.Client.Close()
	}
	if s.Records != nil {
		s.Records.Close()
	}
	s.Operated.Close()
	if s.site != nil {
		failed = errors.Join(failed, s.site.Close())
	}
	if s.Aurora != nil {
		failed = errors.Join(failed, s.Aurora.Close())
	}
	if s.Servers != nil {
		failed = errors.Join(failed, s.Servers.Stop())
	}
	if s.Sandbox != nil {
		failed = errors.Join(failed, s.Sandbox.Close())
	}
	return failed
}
