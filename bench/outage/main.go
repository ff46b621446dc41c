// Command outage measures what the orchestration of a planned outage costs: the runbook, without its waits, against a
// bare workflow that calls as many activities that do nothing, one after another, on the same server and in one run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/worker/serve"
)

const method = `method: both kinds of run take turns on one Temporal dev server, with one worker and this machine's PostgreSQL (which waits
for the disk, as in production). The outage makes real calls to the AWS sandbox, whose deployments and snapshots take no time here. Its waits for
people and for the window are taken out: the time from a question until the answer reached it, and until the window's start.
The bare workflow calls as many empty activities as the outage has activities in its history, one after another.`

func main() {
	rounds := flag.Int("rounds", 15, "counted rounds, each with one run of both")
	flag.Parse()
	if err := measure(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench/outage:", err)
		os.Exit(1)
	}
}

// sample is one run.
type sample struct {
	wall       time.Duration
	events     int
	bytes      int
	activities int
}

func measure(rounds int) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "tejun-bench-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	system, err := scene.SystemFile()
	if err != nil {
		return err
	}
	stack, err := devstack.Start(ctx, devstack.Options{Dir: dir, SystemFile: system, TimeScale: 0, Immediate: true, Log: func(s string) { fmt.Println(s) }, Logger: quiet()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	if err := startWorkers(stack); err != nil {
		return err
	}
	var outages, bare []sample
	for i := range rounds + 1 {
		o, err := outage(ctx, stack)
		if err != nil {
			return err
		}
		b, err := plain(ctx, stack.Client, o.activities)
		if err != nil {
			return err
		}
		if i > 0 { // the first round warms both up
			outages, bare = append(outages, o), append(bare, b)
		}
	}
	report(outages, bare)
	return nil
}

func quiet() sdklog.Logger {
	return sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
}

const bareQueue = "bare"

func startWorkers(stack *devstack.Stack) error {
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
	b := worker.New(stack.Client, bareQueue, worker.Options{})
	b.RegisterWorkflowWithOptions(bareWorkflow, workflow.RegisterOptions{Name: "Bare"})
	b.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "Nothing"})
	return b.Start()
}

// bareWorkflow calls an empty activity n times.
func bareWorkflow(ctx workflow.Context, n int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range n {
		if err := workflow.ExecuteActivity(ctx, "Nothing").Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

// outage plays one planned outage whose window begins as soon as it is approved.
func outage(ctx context.Context, stack *devstack.Stack) (sample, error) {
	id := "bench-" + uuid.NewString()[:8]
	start := time.Now().Add(2 * time.Second).Truncate(time.Second)
	if _, err := scene.Start(ctx, stack.Client, id, scene.Input(start, start.Add(time.Hour), "api", "batch")); err != nil {
		return sample{}, err
	}
	if _, err := scene.Play(ctx, stack.Client, id, stack.Sandbox); err != nil {
		return sample{}, err
	}
	s, err := read(ctx, stack.Client, id)
	if err != nil {
		return sample{}, err
	}
	if s.activities < 30 {
		return sample{}, fmt.Errorf("run %s made only %d activities: it did not go through", id, s.activities)
	}
	return s, nil
}

func plain(ctx context.Context, c client.Client, n int) (sample, error) {
	id := "bare-" + uuid.NewString()[:8]
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: bareQueue}, "Bare", n)
	if err != nil {
		return sample{}, err
	}
	if err := run.Get(ctx, nil); err != nil {
		return sample{}, err
	}
	return read(ctx, c, id)
}

// read takes a run's figures from its history.
func read(ctx context.Context, c client.Client, id string) (sample, error) {
	events, err := scene.History(ctx, c, id)
	if err != nil {
		return sample{}, err
	}
	s := sample{events: len(events)}
	for _, e := range events {
		s.bytes += e.Size()
		if e.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
			s.activities++
		}
	}
	if last := events[len(events)-1]; last.GetEventType() != enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED {
		return sample{}, fmt.Errorf("run %s ended with %s", id, last.GetEventType())
	}
	s.wall = events[len(events)-1].GetEventTime().AsTime().Sub(events[0].GetEventTime().AsTime()) - waits(events)
	return s, nil
}

// waits adds up the time in which a run stood still: between the end of a workflow task and a signal, an update or the
// firing of a timer, while no activity was under way.
func waits(events []*history.HistoryEvent) time.Duration {
	var sum time.Duration
	underWay := 0
	var idle time.Time
	for _, e := range events {
		at := e.GetEventTime().AsTime()
		switch e.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			underWay++
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, enums.EVENT_TYPE_ACTIVITY_TASK_FAILED, enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT, enums.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
			underWay--
			idle = time.Time{}
		case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			idle = at
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, enums.EVENT_TYPE_TIMER_FIRED, enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			if underWay == 0 && !idle.IsZero() {
				sum += at.Sub(idle)
			}
			idle = time.Time{}
		}
	}
	return sum
}

func report(outages, bare []sample) {
	fmt.Println(method)
	fmt.Printf("%d rounds after one to warm up; %d activities a run\n\n", len(outages), outages[0].activities)
	fmt.Printf("%-28s %12s %12s %8s\n", "median", "outage", "bare", "ratio")
	row := func(name, unit string, of func(sample) float64) {
		o, b := middle(outages, of), middle(bare, of)
		fmt.Printf("%-28s %9.0f %2s %9.0f %2s %8.2f\n", name, o, unit, b, unit, o/b)
	}
	row("wall time without waits", "ms", func(s sample) float64 { return float64(s.wall.Microseconds()) / 1000 })
	row("history events", "", func(s sample) float64 { return float64(s.events) })
	row("history bytes", "B", func(s sample) float64 { return float64(s.bytes) })
	var ratios []float64
	for i := range outages {
		ratios = append(ratios, outages[i].wall.Seconds()/bare[i].wall.Seconds())
	}
	slices.Sort(ratios)
	fmt.Printf("\nwall ratio round by round: min %.2f, median %.2f, max %.2f\n", ratios[0], ratios[len(ratios)/2], ratios[len(ratios)-1])
}

func middle(samples []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
