package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.temporal.io/sdk/client"
	temporallog "go.temporal.io/sdk/log"

	"tejun/internal/dial"
	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/worker/serve"
)

const (
	// stopWithin is how long running activities may take to finish when a production worker stops.
	stopWithin = 30 * time.Second
	// dialWithin is how long Temporal may take to answer at the start.
	dialWithin = 30 * time.Second
)

// parts is what a worker is made of, in production and in `worker dev` alike.
type parts struct {
	Temporal   client.Options
	TaskQueue  string
	Database   string // DSN
	Operated   string // DSN of the operated system's own database; "" when it was not given
	System     *description
	AWS        aws.Config
	UI         string        // address of the Temporal UI, "" if it is not known
	Listen     string        // of /healthz, /livez and /metrics
	StopWithin time.Duration // how long running activities may take to finish; then they are given up and run again elsewhere
	Log        *slog.Logger
	Load       *loadMode // the worker does the heavy part of one load and ends; nil: it does everything and stays
	// Ready is called once the worker polls; an error stops it.
	Ready func(started) error
}

// started is what others may use of a running worker.
type started struct {
	Client  client.Client
	Address string // where /healthz and /metrics are
}

// runWorker works on runbooks until ctx ends or the worker cannot go on. It then takes no more tasks and waits
// for running activities, at most StopWithin. A stop that was asked for is no error.
func runWorker(ctx context.Context, p parts) (err error) {
	store, err := records.Open(ctx, p.Database)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return fmt.Errorf("%w; `worker migrate` does it with the owner's rights", err)
	}
	operates, err := operated.Open(p.Operated)
	if err != nil {
		return err
	}
	defer operates.Close()
	measured, err := newMetrics(p.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, measured.close(context.WithoutCancel(ctx))) }()
	c, err := connect(ctx, p, measured)
	if err != nil {
		return err
	}
	defer c.Close()
	if p.Load == nil { // a load's task comes long after the worker has done it
		if err := ensureAttributes(ctx, c, namespaceOf(p.Temporal), p.Log); err != nil {
			return err
		}
	}

	fatal := make(chan error, 1)
	w, idle, err := p.build(serve.Options{
		Client: c, AWS: p.AWS, System: p.System.Load, Records: store, Operated: operates, TaskQueue: p.TaskQueue, UI: p.UI,
		Identity: p.identity(), StopWithin: p.StopWithin,
		Fatal: func(err error) {
			select {
			case fatal <- err:
			default: // the first one is reported
			}
		},
	})
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return fmt.Errorf("start the worker on task queue %s: %w", p.TaskQueue, err)
	}
	defer w.Stop()
	h := &health{log: p.Log, checks: []check{
		{"temporal", func(ctx context.Context) error {
			_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		}},
		{"postgres", store.Ping},
		{"system", func(context.Context) error {
			_, err := p.System.Load()
			return err
		}},
	}}
	at, stopHTTP, err := serveHTTP(p.Listen, h, measured, p.Log)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		err = errors.Join(err, stopHTTP(ending))
	}()
	p.Log.Info("working", "taskQueue", p.TaskQueue, "namespace", namespaceOf(p.Temporal), "temporal", p.Temporal.HostPort, "listen", at)
	if p.Ready != nil {
		if err := p.Ready(started{Client: c, Address: at}); err != nil {
			return err
		}
	}
	select {
	case <-p.Load.over(ctx, idle):
		p.Log.Info("stopping", "why", "nothing to do", "for", p.Load.Idle.String())
		return nil
	case <-ctx.Done():
		p.Log.Info("stopping", "why", context.Cause(ctx).Error(), "within", p.StopWithin.String())
		return nil
	case err := <-fatal:
		return fmt.Errorf("the worker cannot go on: %w", err)
	}
}

func connect(ctx context.Context, p parts, m metrics) (client.Client, error) {
	options := p.Temporal
	options.Logger = temporallog.NewStructuredLogger(p.Log)
	options.MetricsHandler = m.temporal
	options.Identity = p.identity()
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	c, err := dial.Temporal(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("reach Temporal at %s, namespace %s (TEMPORAL_ADDRESS or a profile say where it is, and whether with TLS or an API key): %w",
			options.HostPort, namespaceOf(options), err)
	}
	return c, nil
}

// identity is how this worker shows in the Temporal UI: tejun-worker@host:process, or tejun-load@host:process.
func (p parts) identity() string {
	role := "worker"
	if p.Load != nil {
		role = "load"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("tejun-%s@%s:%d", role, host, os.Getpid())
}

func namespaceOf(o client.Options) string {
	if o.Namespace == "" {
		return client.DefaultNamespace
	}
	return o.Namespace
}
