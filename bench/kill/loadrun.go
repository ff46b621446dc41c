package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"

	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// loadRun is one run of DataLoad.
type loadRun struct {
	lane   *lane
	id     string
	before string // content of the table
	ended  chan struct{}
	status runbook.Status // read it, and failed, when ended is closed
	failed error
}

func (r *loadRun) over() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// await waits for the end, which must be a good one.
func (r *loadRun) await(ctx context.Context) (workflows.DataLoadResult, error) {
	var done workflows.DataLoadResult
	<-r.ended
	if r.failed != nil {
		return done, r.failed
	}
	if r.status.State != runbook.Done {
		return done, fmt.Errorf("%s ended as %s: %s", r.id, r.status.State, r.status.Says)
	}
	r.lane.loaded++
	for _, a := range r.status.Approvals {
		if a.Action == runbook.Retry {
			r.lane.retried++
		}
	}
	return done, r.lane.stage.Client.GetWorkflow(ctx, r.id, "").Get(ctx, &done)
}

// doing is the activity that was under way at a moment, by the run's own history.
func (r *loadRun) doing(ctx context.Context, at time.Time) (string, error) {
	events, err := scene.History(ctx, r.lane.stage.Client, r.id)
	if err != nil {
		return "", err
	}
	open := map[int64]string{}
	for _, e := range events {
		if e.GetEventTime().AsTime().After(at) {
			break
		}
		switch e.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			open[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			delete(open, e.GetActivityTaskCompletedEventAttributes().GetScheduledEventId())
		case enums.EVENT_TYPE_ACTIVITY_TASK_FAILED:
			delete(open, e.GetActivityTaskFailedEventAttributes().GetScheduledEventId())
		}
	}
	for _, name := range open {
		if name != "SendSESMail" { // mail about the gate goes out beside the work
			return name, nil
		}
	}
	return "nothing outside, or people", nil
}
