package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"tejun/internal/aurora"
	"tejun/internal/calendar"
	"tejun/internal/devserver"
	"tejun/internal/operated"
	"tejun/internal/sandbox"
	"tejun/internal/schedules"
	"tejun/internal/system"
	"tejun/workflows"
)

// devStopWithin is short: what is given up goes on at the next start.
const devStopWithin = 5 * time.Second

// devOptions are the flags of `worker dev`.
type devOptions struct {
	State     string
	ReadyFile string
	System    string
	TimeScale float64 // of the sandbox; below 0: as it is stored
	Ports     devPorts
}

func devCommand(s surroundings) *cobra.Command {
	o := devOptions{TimeScale: -1}
	c := &cobra.Command{
		Use:   "dev",
		Short: "Start everything on this machine: Temporal with its UI, PostgreSQL, the AWS sandbox, the site, the worker",
		Long: `Starts Temporal with its UI, PostgreSQL, the AWS sandbox, the operated system's own database (another PostgreSQL, which
stands for the Aurora cluster), the simulated public site and the worker, applies the schedules of system.yaml, and prints where everything is. Nothing has to be set up before. The very first start builds
the Temporal server, which takes some minutes; after that it takes seconds.

Everything is kept under --state: the same command goes on with the same runs, database and sandbox. Ctrl-C stops it all.
To begin anew, stop it and remove that folder.`,
		Example: `  go run ./worker dev
  go run ./worker dev --state /tmp/try --temporal-port 0 --ui-port 0 --postgres-port 0 --database-port 0 --site-port 0 --metrics-port 0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDev(cmd.Context(), s, o) },
	}
	f := c.Flags()
	f.StringVar(&o.State, "state", ".tejun", "folder for databases, sandbox and logs")
	f.StringVar(&o.ReadyFile, "ready-file", "", "write the addresses to this file as JSON when everything is ready")
	f.StringVar(&o.System, "system", filepath.Join("examples", "system.yaml"), "description of the operated system; the sandbox is seeded from it once")
	f.Float64Var(&o.TimeScale, "sandbox-time-scale", -1, fmt.Sprintf("how long deployments and the like take in the sandbox: 1 about as on AWS, 0 no time (default: as it was, %v at first)", sandbox.DefaultTimeScale))
	f.IntVar(&o.Ports.Temporal, "temporal-port", 7233, "port of Temporal; 0 takes a free one, here and below")
	f.IntVar(&o.Ports.UI, "ui-port", 8233, "port of the Temporal UI")
	f.IntVar(&o.Ports.Postgres, "postgres-port", 5433, "port of PostgreSQL")
	f.IntVar(&o.Ports.Database, "database-port", 5434, "port of the operated system's own PostgreSQL, which stands for the Aurora cluster")
	f.IntVar(&o.Ports.Site, "site-port", 7280, "port of the simulated public site")
	f.IntVar(&o.Ports.Metrics, "metrics-port", 9464, "port of /healthz and /metrics")
	f.Lookup("sandbox-time-scale").DefValue = ""
	return c
}

// dev is one running `worker dev`.
type dev struct {
	options devOptions
	says    *progress
	log     *slog.Logger
	system  *description
	started []func() error // what stops the parts, in the order of their start
	ready   addresses
}

// runDev starts everything, waits until ctx ends or a part fails, and stops everything in the opposite order.
func runDev(ctx context.Context, s surroundings, o devOptions) (err error) {
	d := &dev{options: o, says: newProgress(s.out)}
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), errInterrupted) && !d.isReady() {
			err = fmt.Errorf("stopped before everything was ready: %w", context.Cause(ctx))
		}
		err = errors.Join(err, d.stop())
	}()
	described, err := d.prepare()
	if err != nil {
		return err
	}
	d.says.line("starting in %s", d.options.State)
	cfg, box, err := d.openSandbox(ctx, described)
	if err != nil {
		return err
	}
	servers, err := d.startServers(ctx)
	if err != nil {
		return err
	}
	if err := seedExample(ctx, servers.Database.DSN()); err != nil {
		return err
	}
	behind, err := aurora.Serve(box, described, servers.Database, aurora.Options{Dir: d.path("aurora"), Log: d.says.about("the operated system's database")})
	if err != nil {
		return err
	}
	d.started = append(d.started, behind.Close)
	if err := seedCopy(ctx, box, described); err != nil {
		return err
	}
	if err := d.startSite(box); err != nil {
		return err
	}
	if err := d.runTasks(box, servers); err != nil {
		return err
	}
	return d.work(ctx, s, cfg, servers)
}

// prepare refuses everything that can be refused before anything is started.
func (d *dev) prepare() (*system.System, error) {
	var err error
	if d.options.System, err = filepath.Abs(d.options.System); err != nil {
		return nil, err
	}
	if d.options.TimeScale < 0 && d.options.TimeScale != -1 {
		return nil, fmt.Errorf("--sandbox-time-scale %v: must be 0 or more", d.options.TimeScale)
	}
	d.system = newDescription(d.options.System)
	described, err := d.system.Load()
	if err != nil {
		return nil, fmt.Errorf("%w (--system says which file; run this from the repository's root)", err)
	}
	if described.Environment == productionEnvironment {
		return nil, fmt.Errorf("%s describes the environment %q: `worker dev` simulates a system and must not pass for it; take a copy with environment: development", d.options.System, described.Environment)
	}
	unlock, err := takeState(&d.options.State)
	if err != nil {
		return nil, err
	}
	d.started = append(d.started, unlock)
	if err := d.options.Ports.check(); err != nil {
		return nil, err
	}
	if err := checkReadyFile(&d.options.ReadyFile); err != nil {
		return nil, err
	}
	return described, d.openLog()
}

func (d *dev) openLog() error {
	file, err := os.OpenFile(d.path("worker.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the worker's log: %w", err)
	}
	d.started = append(d.started, file.Close)
	d.log = slog.New(slog.NewJSONHandler(file, nil))
	slog.SetDefault(d.log)
	return nil
}

// startServers starts the databases and Temporal beside each other.
func (d *dev) startServers(ctx context.Context) (*devserver.Stack, error) {
	servers := &devserver.Stack{}
	all, starting := errgroup.WithContext(ctx)
	all.Go(func() (err error) {
		servers.Postgres, err = devserver.StartPostgres(starting, devserver.PostgresOptions{
			Dir: d.path("postgres"), Port: d.options.Ports.Postgres, Log: d.says.about("PostgreSQL"),
		})
		return err
	})
	all.Go(func() (err error) {
		servers.Database, err = devserver.StartDatabase(starting, devserver.PostgresOptions{
			Dir: d.path("database"), Port: d.options.Ports.Database, Log: d.says.about("the operated system's database"),
		})
		return err
	})
	all.Go(func() (err error) {
		servers.Temporal, err = devserver.StartTemporal(starting, devserver.TemporalOptions{
			Dir: d.path("temporal"), Port: d.options.Ports.Temporal, UIPort: d.options.Ports.UI, Log: d.says.about("Temporal"),
		})
		return err
	})
	err := all.Wait()
	d.started = append(d.started, servers.Stop)
	return servers, err
}

// seedExample gives the operated system's database something to repair.
func seedExample(ctx context.Context, dsn string) error {
	data, err := operated.Open(dsn)
	if err != nil {
		return err
	}
	defer data.Close()
	return data.SeedExample(ctx)
}

func (d *dev) openSandbox(ctx context.Context, described *system.System) (aws.Config, *sandbox.Sandbox, error) {
	box, err := sandbox.Open(d.path("sandbox"))
	if err != nil {
		return aws.Config{}, nil, fmt.Errorf("open the AWS sandbox: %w", err)
	}
	d.started = append(d.started, box.Close)
	if err := box.Seed(ctx, described); err != nil {
		return aws.Config{}, nil, err
	}
	if d.options.TimeScale >= 0 {
		if err := box.SetTimeScale(d.options.TimeScale); err != nil {
			return aws.Config{}, nil, err
		}
	}
	cfg := aws.Config{Region: described.AWS.Region}
	box.Configure(&cfg)
	return cfg, box, nil
}

// work runs the worker until ctx ends or a server dies.
func (d *dev) work(ctx context.Context, s surroundings, cfg aws.Config, servers *devserver.Stack) error {
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-servers.Postgres.Ended():
			cancel(fmt.Errorf("the PostgreSQL server ended by itself; %s says why", d.path("postgres", "postgres.log")))
		case <-servers.Database.Ended():
			cancel(fmt.Errorf("the operated system's PostgreSQL server ended by itself; %s says why", d.path("database", "postgres.log")))
		case <-servers.Temporal.Ended():
			cancel(fmt.Errorf("the Temporal server ended by itself; %s says why", d.path("temporal", "temporal.log")))
		case <-working.Done():
		}
	}()
	err := runWorker(working, parts{
		Temporal: client.Options{HostPort: servers.Temporal.Address()}, TaskQueue: workflows.TaskQueue,
		Database: servers.Postgres.DSN(), Operated: servers.Database.DSN(), UI: servers.Temporal.UIURL(),
		System: d.system, AWS: cfg, Listen: loopback(d.options.Ports.Metrics), StopWithin: devStopWithin, Log: d.log,
		Ready: func(w started) error { return d.announce(working, s, w, servers) },
	})
	d.says.line("the worker has stopped")
	if err == nil && ctx.Err() == nil { // nobody asked for it
		return context.Cause(working)
	}
	return err
}

// announce applies the schedules and tells everybody where everything is.
func (d *dev) announce(ctx context.Context, s surroundings, w started, servers *devserver.Stack) error {
	described, err := d.system.Load()
	if err != nil {
		return err
	}
	days, err := calendar.Japan()
	if err != nil {
		return err
	}
	changes, err := schedules.Apply(ctx, w.Client, described, days)
	if err != nil {
		return fmt.Errorf("apply the schedules of %s: %w", d.options.System, err)
	}
	d.says.line("%s", scheduleWords(changes))
	d.ready.Temporal, d.ready.UI = servers.Temporal.Address(), servers.Temporal.UIURL()
	d.ready.Postgres, d.ready.Database = servers.Postgres.DSN(), servers.Database.DSN()
	d.ready.Metrics = "http://" + w.Address + "/metrics"
	d.ready.State, d.ready.Sandbox, d.ready.System = d.options.State, d.path("sandbox"), d.options.System
	d.ready.PID = os.Getpid()
	forget, err := d.ready.publish(s.cacheDir, d.options.ReadyFile)
	d.started = append(d.started, forget)
	if err != nil {
		return err
	}
	d.says.ready(d.ready, d.path("worker.log"))
	return nil
}

func (d *dev) isReady() bool { return d.ready.PID != 0 }

// stop stops what was started, the newest first, and says what did not stop in order.
func (d *dev) stop() error {
	var problems error
	for i := len(d.started) - 1; i >= 0; i-- {
		problems = errors.Join(problems, d.started[i]())
	}
	d.started = nil
	if d.isReady() && problems == nil {
		d.says.line("everything has stopped; the same command goes on with it")
	}
	return problems
}

func (d *dev) path(names ...string) string {
	return filepath.Join(append([]string{d.options.State}, names...)...)
}

func scheduleWords(changes []schedules.Change) string {
	count := map[schedules.Action]int{}
	for _, c := range changes {
		count[c.Action]++
	}
	words := fmt.Sprintf("schedules: %d as described", count[schedules.Keep])
	for _, action := range []schedules.Action{schedules.Create, schedules.Update, schedules.Pause, schedules.Resume, schedules.Delete} {
		if count[action] > 0 {
			words += fmt.Sprintf(", %s %d", action, count[action])
		}
	}
	return words
}
