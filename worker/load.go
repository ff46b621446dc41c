package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/worker"

	"tejun/internal/load"
	"tejun/worker/serve"
)

// loadMode is what makes a worker one that does the heavy part of one load.
type loadMode struct {
	TaskQueue string
	Idle      time.Duration // it ends when nothing was to be done for so long
}

// shortestIdle is longer than the pauses between the activities of a load.
const shortestIdle = 10 * time.Second

func loadCommand(s surroundings) *cobra.Command {
	m := loadMode{}
	c := &cobra.Command{
		Use:   "load",
		Short: "Do the heavy part of one data load, and end",
		Long: `Carries out the activities of one run of DataLoad that read or write whole tables, from the task queue of that run,
and nothing else. It is the command of the Fargate task that loads.task of system.yaml names; the run starts that task and stops
it. The settings are those of the worker. It ends with exit code 0 when nothing was to be done for a while, and on SIGTERM; what
it has not finished then is done again by the run's next task.`,
		Example: "  worker load --task-queue tejun-load-0123456789ab",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := m.check(); err != nil {
				return err
			}
			return production(cmd.Context(), s, &m)
		},
	}
	c.Flags().StringVar(&m.TaskQueue, "task-queue", "", "task queue of the run: tejun-load-OPERATION (required)")
	c.Flags().DurationVar(&m.Idle, "idle", 10*time.Minute, "end when nothing was to be done for so long")
	return c
}

func (m loadMode) check() error {
	var wrong []error
	if err := load.CheckTaskQueue(m.TaskQueue); err != nil {
		wrong = append(wrong, fmt.Errorf("--task-queue: %w", err))
	}
	if m.Idle < shortestIdle {
		wrong = append(wrong, fmt.Errorf("--idle %s: want at least %s", m.Idle, shortestIdle))
	}
	return errors.Join(wrong...)
}

// build makes the worker that the parts are for.
func (p parts) build(o serve.Options) (worker.Worker, *serve.Idle, error) {
	if p.Load != nil {
		return serve.NewLoads(o)
	}
	w, err := serve.New(o)
	return w, nil, err
}

// over is closed once a worker of this mode has nothing to do any more. A worker that stays never is over.
func (m *loadMode) over(ctx context.Context, idle *serve.Idle) <-chan struct{} {
	over := make(chan struct{})
	if m == nil {
		return over
	}
	go func() {
		if idle.Wait(ctx, m.Idle) == nil {
			close(over)
		}
	}()
	return over
}
