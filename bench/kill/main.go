// Command kill runs runbooks on the real worker, kills it with SIGKILL at random moments, starts it again, and then audits what
// came of it. Planned outages are audited in the sandbox's own journal; of data loads PostgreSQL is ended as well, and the
// table is compared with that of loads that nobody disturbed. The worker's word counts for nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	sdklog "go.temporal.io/sdk/log"

	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
)

func main() {
	what := flag.String("runbook", "outage", "outage or load")
	kills := flag.Int("kills", 30, "how often the worker is killed")
	restarts := flag.Int("restarts", 30, "load: how often PostgreSQL is ended and started again")
	open := flag.Int("open", 4, "runs that are open at the same time")
	rows := flag.Int("rows", 40_000, "load: rows of the file")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random moments; printed, to repeat a sequence")
	flag.Parse()
	var err error
	switch *what {
	case "outage":
		err = outages(*kills, *open, *seed)
	case "load":
		err = loads(loadOptions{kills: *kills, restarts: *restarts, lanes: *open, rows: *rows, seed: *seed})
	default:
		err = fmt.Errorf("-runbook is %q: want outage or load", *what)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/kill:", err)
		os.Exit(1)
	}
}

// stage is the servers, and the worker's program, which they do not start.
type stage struct {
	*devstack.Stack
	dir, system, binary string
}

// perform makes a stage and plays on it. prepare writes the description of the operated system into the folder. If anything
// fails the folder is kept.
func perform(limit time.Duration, o devstack.Options, prepare func(dir string) (string, error), play func(context.Context, *stage) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s := &stage{}
	if s.dir, err = os.MkdirTemp("", "tejun-kill-*"); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(s.dir)
		} else {
			fmt.Println("everything is kept in", s.dir)
		}
	}()
	if s.system, err = prepare(s.dir); err != nil {
		return err
	}
	if s.binary, err = scene.BuildWorker(ctx, s.dir); err != nil {
		return err
	}
	o.Dir, o.SystemFile, o.TimeScale = s.dir, s.system, 0
	o.Logger = sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	if s.Stack, err = devstack.Start(ctx, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	return play(ctx, s)
}

// example is the text of the repository's system.yaml.
func example() (string, error) {
	file, err := scene.SystemFile()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file) //nolint:gosec // the repository's own
	return string(text), err
}
