// Package e2e tests the main paths on a real Temporal dev server, a real PostgreSQL and the AWS sandbox, with the worker
// that also runs in production.
//
// Temporal and PostgreSQL are started once. Each test has a world of its own on them: a sandbox, its simulated site, and
// a worker with a task queue. Outages exclude each other by the names of what they touch, and those differ between
// worlds; so tests run side by side, and a fault in one is none in another. With -short they are left out.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	sdklog "go.temporal.io/sdk/log"

	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
)

// sideBySide is how many tests run at once. They mostly wait, so there may be more of them than cores.
const sideBySide = "12"

// startWithin is generous: the first start on a machine builds the Temporal server.
const startWithin = 9 * time.Minute

// shared is the stack that all tests share.
var shared *devstack.Stack

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("left out with -short: whole outages on real servers")
		return
	}
	os.Exit(withStack(m))
}

func withStack(m *testing.M) (code int) {
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "tejun-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	if shared, err = startStack(dir, true); err != nil {
		fmt.Fprintln(os.Stderr, "the tests need Temporal and PostgreSQL:", err)
		return 1
	}
	defer func() {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// startStack starts Temporal, PostgreSQL and the rest. A forgetful one is faster, and loses its runs when it stops.
func startStack(dir string, forgetful bool) (*devstack.Stack, error) {
	file, err := scene.SystemFile()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	return devstack.Start(ctx, devstack.Options{
		Dir: dir, SystemFile: file, TimeScale: 0, Tests: forgetful, Logger: quiet(),
		Log: func(s string) { fmt.Fprintln(os.Stderr, s) },
	})
}

// quiet drops the SDK's warnings: faults are what these tests are about.
func quiet() sdklog.Logger {
	return sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1})))
}

var errNotYet = errors.New("not yet")
