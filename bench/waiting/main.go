// Command waiting measures many runs that wait for approval on one worker: its memory, and the time from an approval to
// the next step.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tejun/bench/internal/measure"
	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

const method = `method: planned outages, with windows an hour apart, all wait at their first gate on one worker in this process, beside a Temporal
dev server and PostgreSQL on the same two processors. Memory is this process's: the worker's, and this program's own. Then each is
approved by an update, a few at a time. The time from approval to the next step is taken from the history, by the server's clock:
from the update's acceptance to the start of the first activity after it, and to the start of the announcement, which comes after the
plan has been computed again.`

func main() {
	runs := flag.Int("runs", 1000, "runs that wait")
	together := flag.Int("together", 4, "approvals under way at a time")
	flag.Parse()
	err := measure.OnOneWorker(func(ctx context.Context, stack *devstack.Stack) error { return run(ctx, stack, *runs, *together) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/waiting:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stack *devstack.Stack, runs, together int) error {
	fmt.Println(method)
	before := measure.Memory()
	began := time.Now()
	first := time.Now().Add(3 * time.Hour).Truncate(time.Second)
	ids := make([]string, runs)
	if err := measure.Each(runs, 8, func(i int) error {
		ids[i] = fmt.Sprintf("waiting-%04d", i)
		start := first.Add(time.Duration(i) * time.Hour)
		if _, err := scene.Start(ctx, stack.Client, ids[i], scene.Input(start, start.Add(40*time.Minute), "api")); err != nil {
			return err
		}
		return waits(ctx, stack.Client, ids[i])
	}); err != nil {
		return err
	}
	fmt.Printf("%d runs wait; started in %s\n", runs, time.Since(began).Round(time.Second))
	after := measure.Memory()
	fmt.Printf("memory: %.0f MB before, %.0f MB with all waiting: %.0f kB a run\n", before, after, (after-before)*1024/float64(runs))

	var mu sync.Mutex
	var toActivity, toStep []time.Duration
	if err := measure.Each(runs, together, func(i int) error {
		status, err := scene.Status(ctx, stack.Client, ids[i])
		if err != nil {
			return err
		}
		if _, err := scene.Decide(ctx, stack.Client, status, runbook.Approve, "sato", "measured"); err != nil {
			return err
		}
		a, s, err := latency(ctx, stack.Client, ids[i])
		mu.Lock()
		defer mu.Unlock()
		toActivity, toStep = append(toActivity, a), append(toStep, s)
		return err
	}); err != nil {
		return err
	}
	measure.Report("approval → first activity after it", toActivity)
	measure.Report("approval → announcement starts", toStep)
	return nil
}

// waits returns when the run waits at its first gate.
func waits(ctx context.Context, c client.Client, id string) error {
	for ctx.Err() == nil {
		s, err := scene.Status(ctx, c, id)
		switch {
		case err == nil && s.WaitingFor != nil && s.WaitingFor.Kind == "approval":
			return nil
		case err == nil && s.EndedAt != nil:
			return fmt.Errorf("%s ended: %s", id, s.Says)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ctx.Err()
}

// latency reads the two times from the history, and waits until they are there.
func latency(ctx context.Context, c client.Client, id string) (activity, step time.Duration, err error) {
	for ctx.Err() == nil {
		events, err := scene.History(ctx, c, id)
		if err != nil {
			return 0, 0, err
		}
		var approved time.Time
		var announcement int64
		for _, e := range events {
			at := e.GetEventTime().AsTime()
			switch e.GetEventType() {
			case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
				// The request's own time, before the workflow task that accepted it.
				approved = at
			case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				if a := e.GetActivityTaskScheduledEventAttributes(); !approved.IsZero() && a.GetActivityType().GetName() == "SendSESMail" &&
					strings.Contains(string(a.GetInput().GetPayloads()[0].GetData()), "outage-announcement") {
					announcement = e.GetEventId()
				}
			case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
				a := e.GetActivityTaskStartedEventAttributes()
				if !approved.IsZero() && activity == 0 {
					activity = at.Sub(approved)
				}
				if announcement != 0 && a.GetScheduledEventId() == announcement {
					return activity, at.Sub(approved), nil
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, 0, ctx.Err()
}
