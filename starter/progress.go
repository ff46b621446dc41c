package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// progress is what an activity that is going on says of itself.
type progress struct {
	Activity string     `json:"activity"`
	Attempt  int32      `json:"attempt"`
	Says     string     `json:"says"`    // its last heartbeat; "" if it says nothing
	At       *time.Time `json:"at"`      // when it was heard last
	Problem  string     `json:"problem"` // why the attempt before failed
}

// atWork asks the server for the activities that are going on. What it does not answer is left out: the page is about more.
func (a *app) atWork(ctx context.Context, c client.Client, info *workflowpb.WorkflowExecutionInfo) []progress {
	list := []progress{}
	if !open(info) {
		return list
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	out, err := c.DescribeWorkflowExecution(ctx, info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId())
	if err != nil {
		return list
	}
	for _, p := range out.GetPendingActivities() {
		list = append(list, progressOf(p))
	}
	return list
}

func progressOf(p *workflowpb.PendingActivityInfo) progress {
	at := progress{Activity: p.GetActivityType().GetName(), Attempt: p.GetAttempt(), Problem: p.GetLastFailure().GetMessage()}
	if heard := p.GetLastHeartbeatTime(); heard != nil {
		t := heard.AsTime()
		at.At = &t
	}
	var said any
	if payloads := p.GetHeartbeatDetails().GetPayloads(); len(payloads) > 0 && converter.GetDefaultDataConverter().FromPayload(payloads[0], &said) == nil {
		at.Says = wordsOf(said)
	}
	return at
}

// wordsOf is a heartbeat in words: most are words already.
func wordsOf(said any) string {
	if text, ok := said.(string); ok || said == nil {
		return text
	}
	text, err := json.Marshal(said)
	if err != nil {
		return ""
	}
	return string(text)
}

// printProgress shows what is going on below the state.
func (a *app) printProgress(list []progress, now time.Time) {
	for _, p := range list {
		line := p.Activity
		if p.Attempt > 1 {
			line += fmt.Sprintf(" (attempt %d)", p.Attempt)
		}
		if p.Says != "" {
			line += ": " + oneLine(p.Says)
		}
		if p.At != nil {
			line += " (" + relative(*p.At, now) + ")"
		}
		a.printf("  %s %s\n", a.paint(cyan, "at work"), line)
		if p.Problem != "" {
			a.printf("          before: %s\n", oneLine(p.Problem))
		}
	}
}
