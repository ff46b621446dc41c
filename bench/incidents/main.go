// Command incidents measures many incidents that are open at once, each with its clocks running, on one worker: its memory, and the
// time from a decision to the next step.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tejun/bench/internal/measure"
	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

const method = `method: incidents are reported by alarms, each with a fingerprint of its own, and all are open at once on one worker in this process,
beside a Temporal dev server and PostgreSQL on the same two processors: each has had its diagnosis, waits for its acknowledgement, and has
three clocks running, whose escalations are due as in examples/system.yaml (those that come due meanwhile are sent). Memory is this
process's: the worker's, and this program's own. Then each is acknowledged by an update, a few at a time. The time from the decision to
the next step runs from the sending of the update, by this machine's clock, to the scheduling and to the start of the first activity after
it, as the history has them by the server's clock, which is the same machine's; that activity is the first report's mail; in between the decision is judged, put into evidence and into the record, and the
clocks are read anew.`

func main() {
	runs := flag.Int("runs", 500, "incidents that are open at once")
	together := flag.Int("together", 4, "acknowledgements under way at a time")
	flag.Parse()
	err := measure.OnOneWorker(func(ctx context.Context, stack *devstack.Stack) error { return run(ctx, stack, *runs, *together) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/incidents:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stack *devstack.Stack, runs, together int) error {
	fmt.Println(method)
	before, began := measure.Memory(), time.Now()
	ids := make([]string, runs)
	if err := measure.Each(runs, 8, func(i int) (err error) {
		ids[i], err = ring(ctx, stack.Client, i)
		if err == nil {
			err = until(ctx, stack.Client, ids[i], func(s runbook.Status) bool {
				return s.WaitingFor != nil && s.WaitingFor.Gate == "acknowledge" && len(s.Clocks) == 3
			})
		}
		return err
	}); err != nil {
		return err
	}
	fmt.Printf("%d incidents are open; reported in %s\n", runs, time.Since(began).Round(time.Second))
	after := measure.Memory()
	fmt.Printf("memory: %.0f MB before, %.0f MB with all open: %.0f kB an incident\n", before, after, (after-before)*1024/float64(runs))

	var mu sync.Mutex
	var toActivity, toStart []time.Duration
	if err := measure.Each(runs, together, func(i int) error {
		status, err := scene.Status(ctx, stack.Client, ids[i])
		if err != nil {
			return err
		}
		sent := time.Now()
		answered, err := scene.Decide(ctx, stack.Client, status, runbook.Acknowledge, "tanaka", "measured")
		if err != nil {
			return err
		}
		if !answered.Accepted {
			return fmt.Errorf("%s: refused: %s", ids[i], answered.Refusal)
		}
		scheduled, started, err := latency(ctx, stack.Client, ids[i], sent)
		mu.Lock()
		defer mu.Unlock()
		toActivity, toStart = append(toActivity, scheduled), append(toStart, started)
		return err
	}); err != nil {
		return err
	}
	measure.Report("decision → first report scheduled", toActivity)
	measure.Report("decision → first report starts", toStart)
	return nil
}

// ring reports an alarm as monitoring does.
func ring(ctx context.Context, c client.Client, i int) (string, error) {
	alarm := workflows.IncidentAlarm{ID: fmt.Sprint("event-", i), Alarm: fmt.Sprint("alarm-", i), State: "ALARM", Reason: "measured"}
	in := workflows.IncidentInput{
		Title: fmt.Sprint("測定 ", i), Symptom: "測定のためのアラーム", Source: "monitoring", Services: []string{"api"}, Impact: "low", Urgency: "low", Alarm: &alarm,
		Requester: "takahashi", Operator: "tanaka",
	}
	id := workflows.IncidentID("bench", in.Print())
	_, err := c.SignalWithStartWorkflow(ctx, id, workflows.AlarmSignal, alarm, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, "Incident", in)
	return id, err
}

// until returns when the run's status is as wanted.
func until(ctx context.Context, c client.Client, id string, wanted func(runbook.Status) bool) error {
	for ctx.Err() == nil {
		s, err := scene.Status(ctx, c, id)
		switch {
		case err == nil && wanted(s):
			return nil
		case err == nil && s.EndedAt != nil:
			return fmt.Errorf("%s ended: %s", id, s.Says)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return ctx.Err()
}

// latency reads from the history when the first activity after the acknowledgement was scheduled and started, and waits until it was.
func latency(ctx context.Context, c client.Client, id string, sent time.Time) (scheduled, started time.Duration, err error) {
	for ctx.Err() == nil {
		events, err := scene.History(ctx, c, id)
		if err != nil {
			return 0, 0, err
		}
		var decided bool
		var activity int64
		for _, e := range events {
			at := e.GetEventTime().AsTime()
			switch e.GetEventType() {
			case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
				decided = true
			case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				if decided && activity == 0 {
					activity, scheduled = e.GetEventId(), at.Sub(sent)
				}
			case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
				if activity != 0 && e.GetActivityTaskStartedEventAttributes().GetScheduledEventId() == activity {
					return scheduled, at.Sub(sent), nil
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, 0, ctx.Err()
}
