package devserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// pacing frees the dev server from the pauses that suit a cluster: without these values ten activities in a row take a
// second, with them less than a tenth.
var pacing = []string{
	"history.transferProcessorMaxPollRPS=2000",
	"history.timerProcessorMaxPollRPS=2000",
	"matching.numTaskqueueReadPartitions=1",
	"matching.numTaskqueueWritePartitions=1",
}

// TemporalOptions say where the server keeps its runs and how it is reached.
type TemporalOptions struct {
	Dir         string       // state folder, made if it is missing: temporal.db, temporal.log
	Port        int          // gRPC on 127.0.0.1; 0 takes a free one
	UIPort      int          // web UI on 127.0.0.1; 0 takes a free one
	MetricsPort int          // Prometheus on 127.0.0.1; 0 takes a free one
	Binary      string       // the temporal CLI; "" looks for it, see findTemporal
	InMemory    bool         // for tests: runs are lost at the stop
	Headless    bool         // no web UI
	Log         func(string) // progress in words; nil drops it
}

// Temporal is a running dev server with the namespace "default".
type Temporal struct {
	process  *process
	address  string
	ui       string
	metrics  string
	stopOnce sync.Once
	stopped  error
	unlock   func() error
}

// StartTemporal starts a Temporal dev server and returns when it answers and has tejun's search attributes. ctx limits the
// start, which builds the CLI the first time, for a few minutes; it does not limit the life: call Stop.
func StartTemporal(ctx context.Context, o TemporalOptions) (_ *Temporal, err error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("Temporal's folder: %w", err) //nolint:staticcheck // Temporal is a name
	}
	unlock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	t := &Temporal{unlock: unlock}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Stop())
		}
	}()
	binary, err := findTemporal(ctx, o.Binary, o.Log)
	if err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	if err := stopOrphan("Temporal", pidFile(o.Dir), "server start-dev", syscall.SIGTERM, o.Log); err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	database := filepath.Join(o.Dir, "temporal.db")
	if !o.InMemory {
		if err := checkDatabase(database, binary.server); err != nil {
			return nil, fmt.Errorf("start Temporal: %w", err)
		}
	}
	if err := t.start(ctx, o, binary.path, database); err != nil {
		return nil, fmt.Errorf("start Temporal in %s: %w", o.Dir, err)
	}
	return t, nil
}

// Address is host:port of the frontend, for client.Options.HostPort.
func (t *Temporal) Address() string { return t.address }

// UIURL is the web UI's address, "" if it is headless.
func (t *Temporal) UIURL() string { return t.ui }

// MetricsURL is the address of the server's own Prometheus metrics.
func (t *Temporal) MetricsURL() string { return t.metrics }

// Ended is closed when the server has ended, wanted or not.
func (t *Temporal) Ended() <-chan struct{} { return t.process.ended }

// Stop ends the server in order and gives the folder back. Stop workers first. Calling it again is harmless.
func (t *Temporal) Stop() error {
	t.stopOnce.Do(func() {
		var stopped error
		if t.process != nil {
			stopped = t.process.stop(syscall.SIGTERM)
		}
		t.stopped = errors.Join(stopped, t.unlock())
	})
	return t.stopped
}

func pidFile(dir string) string { return filepath.Join(dir, "temporal.pid") }

func (t *Temporal) start(ctx context.Context, o TemporalOptions, binary, database string) error {
	// The server fails when a port is taken between here and its start; with ports of our own choice, choose again.
	for attempt := 1; ; attempt++ {
		ports, err := choosePorts(o)
		if err != nil {
			return err
		}
		args := []string{"server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error",
			"--port", strconv.Itoa(ports.frontend), "--metrics-port", strconv.Itoa(ports.metrics)}
		t.address, t.metrics = address(ports.frontend), "http://"+address(ports.metrics)+"/metrics"
		if o.Headless {
			args = append(args, "--headless")
		} else {
			args = append(args, "--ui-port", strconv.Itoa(ports.ui))
			t.ui = "http://" + address(ports.ui)
		}
		if o.InMemory {
			// A run is told early that its history is long, so that a test need not make it so.
			args = append(args, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=500")
		} else {
			// Write-ahead log and one sync per checkpoint: twice as fast, and whole after a killed process.
			args = append(args, "--db-filename", database, "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1")
		}
		for _, v := range pacing {
			args = append(args, "--dynamic-config-value", v)
		}
		for _, a := range searchAttributes {
			args = append(args, "--search-attribute", a.name+"="+a.kind.String())
		}
		cmd := exec.Command(binary, args...)
		cmd.Dir = o.Dir
		cmd.Env = withoutTemporal(os.Environ())
		// Killed with its parent: the database is made for that, and the next start need not wait.
		if t.process, err = startProcess("Temporal", cmd, filepath.Join(o.Dir, "temporal.log"), pidFile(o.Dir), syscall.SIGKILL); err != nil {
			return err
		}
		if err = t.await(ctx); err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) || attempt == 5 {
			return err
		}
		if err := t.process.stop(syscall.SIGTERM); err != nil {
			return err
		}
	}
}

// await waits until the server accepts connections, is healthy, and has the search attributes.
func (t *Temporal) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// Plain connections first: after a refused one the gRPC client would wait for a second.
	err := t.poll(ctx, func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return err
	}
	c, err := client.NewLazyClient(client.Options{HostPort: t.address, Logger: silent{}})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	defer c.Close()
	err = t.poll(ctx, func() error {
		tryCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := c.CheckHealth(tryCtx, nil)
		return err
	})
	if err != nil {
		return err
	}
	return t.poll(ctx, func() error { return declareSearchAttributes(ctx, c) })
}

// poll repeats try until it succeeds, the server ends or the time is over.
func (t *Temporal) poll(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-t.process.ended:
			said := t.process.logTail()
			if strings.Contains(said, "address already in use") {
				return fmt.Errorf("a port was taken by another program: choose another one: %w: %s", syscall.EADDRINUSE, said)
			}
			return fmt.Errorf("it ended at once (%v); if its database is damaged, move temporal.db* away to begin anew. It said: %s", t.process.how(), said)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer at %s: %w: %s", t.address, err, t.process.logTail())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

type temporalPorts struct{ frontend, ui, metrics int }

func choosePorts(o TemporalOptions) (p temporalPorts, err error) {
	taken := map[int]bool{}
	choose := func(what string, wanted int) int {
		for {
			var port int
			if port, err = checkPort(what, wanted); err != nil {
				return 0
			}
			if !taken[port] {
				taken[port] = true
				return port
			}
			if wanted != 0 {
				err = fmt.Errorf("port %d for %s is given to another of Temporal's services too: choose another port", wanted, what)
				return 0
			}
		}
	}
	if p.frontend = choose("Temporal", o.Port); err != nil {
		return p, err
	}
	if !o.Headless {
		if p.ui = choose("the Temporal UI", o.UIPort); err != nil {
			return p, err
		}
	}
	p.metrics = choose("Temporal's metrics", o.MetricsPort)
	return p, err
}

// checkDatabase refuses a file that another server version wrote: it would not be migrated, and fail later in odd ways.
func checkDatabase(database, server string) error {
	note := database + ".version"
	wrote, err := os.ReadFile(note)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("read which server wrote the database: %w", err)
	case strings.TrimSpace(string(wrote)) != server:
		if _, err := os.Stat(database); err == nil {
			return fmt.Errorf("%s was written by Temporal server %s, this one is %s, and dev databases are not migrated: use that version, or move temporal.db* away to begin anew", database, strings.TrimSpace(string(wrote)), server)
		}
	default:
		return nil
	}
	if err := os.WriteFile(note, []byte(server+"\n"), 0o600); err != nil {
		return fmt.Errorf("note which server writes the database: %w", err)
	}
	return nil
}

// withoutTemporal drops the client settings of other clusters, which the CLI would read.
func withoutTemporal(env []string) (kept []string) {
	for _, v := range env {
		if !strings.HasPrefix(v, "TEMPORAL_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// silent drops the client's log: a server that is not up yet is no news.
type silent struct{}

var _ sdklog.Logger = silent{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
