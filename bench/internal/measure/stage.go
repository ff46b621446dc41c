package measure

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	sdklog "go.temporal.io/sdk/log"

	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/worker/serve"
)

// longest is how long a measurement may take.
const longest = 30 * time.Minute

// OnOneWorker runs do beside a Temporal dev server, PostgreSQL and one worker in this process, and takes everything down again.
func OnOneWorker(do func(context.Context, *devstack.Stack) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	dir, err := os.MkdirTemp("", "tejun-measure-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	system, err := scene.SystemFile()
	if err != nil {
		return err
	}
	quiet := sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	stack, err := devstack.Start(ctx, devstack.Options{Dir: dir, SystemFile: system, TimeScale: 0, Logger: quiet})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	cfg, err := stack.AWS()
	if err != nil {
		return err
	}
	w, err := serve.New(serve.Options{Client: stack.Client, AWS: cfg, System: stack.Source.System, Records: stack.Records, Operated: stack.Operated})
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	return do(ctx, stack)
}
