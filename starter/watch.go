package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"tejun/workflows/runbook"
)

// watch shows the run again whenever it changes, until it ends. On a terminal the page is drawn over itself; elsewhere,
// and as JSON, each change follows the one before it.
func (a *app) watch(ctx context.Context, c client.Client, info *workflowpb.WorkflowExecutionInfo, f showFlags) error {
	if f.interval < 200*time.Millisecond {
		return usage("--interval %s: at least 200ms", f.interval)
	}
	id := info.GetExecution().GetWorkflowId()
	screen, out := isTerminal(a.out) && !a.json, a.out
	colour := a.coloured(a.out)
	var last []byte
	for {
		info, err := a.describeRun(ctx, c, id)
		if err != nil {
			return err
		}
		v := a.look(ctx, c, info, true)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil
		}
		var page bytes.Buffer
		shown := *a
		shown.out = &page
		if colour {
			shown.color = "always"
		}
		problem := shown.printWatched(v, f)
		if content := page.Bytes(); screen || !bytes.Equal(content, last) {
			if screen {
				fmt.Fprint(out, "\x1b[H\x1b[2J\x1b[3J")
			}
			if _, err := out.Write(content); err != nil {
				return err
			}
			if problem != nil && !a.json {
				fmt.Fprintln(out, a.paint(yellow, problem.Error()))
			}
			last = bytes.Clone(content)
		}
		if !open(info) {
			return problem
		}
		if !sleep(ctx, f.interval) {
			return nil
		}
	}
}

func (a *app) printWatched(v view, f showFlags) error {
	if !a.json || v.status == nil {
		return a.printView(v, f)
	}
	return json.NewEncoder(a.out).Encode(v.document()) // one line a change
}

// follow prints a line for whatever happens in a run and returns when it has ended: nil if it is done.
func (a *app) follow(ctx context.Context, c client.Client, id, runID string) error {
	said := map[string]string{}
	say := func(key, text string) {
		if said[key] != text && text != "" && !a.json {
			a.printf("%s  %s\n", a.paint(dim, a.now().In(a.zone()).Format("15:04:05")), text)
		}
		said[key] = text
	}
	for {
		info, err := a.describeRun(ctx, c, id)
		if err != nil {
			return err
		}
		v := a.look(ctx, c, info, !open(info))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s := v.status; s != nil {
			a.sayStatus(s, say)
		} else {
			say("silent", a.paint(yellow, v.silent.Error()))
		}
		if !open(info) {
			return a.ended(v, id, runID)
		}
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

func (a *app) sayStatus(s *runbook.Status, say func(key, text string)) {
	for _, step := range s.Steps {
		if step.State == runbook.StepPending || step.State == runbook.StepNotNeeded {
			continue
		}
		m := marks[step.State]
		text := a.paint(m.colour, m.mark) + " " + oneLine(step.Title)
		if step.Error != "" && step.State != runbook.StepDone {
			text += ": " + a.paint(red, oneLine(step.Error))
		}
		say("step "+step.Name, text)
	}
	for i, d := range s.Approvals {
		result := "counts"
		if !d.Accepted {
			result = "refused: " + oneLine(d.Refusal)
		}
		say(fmt.Sprintf("decision %d", i), fmt.Sprintf("%s by %s %s", d.Action, oneLine(d.By), result))
	}
	say("state", a.paint(stateColour(string(s.State)), string(s.State))+" "+oneLine(s.Says))
	if w := s.WaitingFor; w != nil && len(w.Answers) > 0 {
		say("waiting", "  "+a.paint(cyan, a.answerLine(s, w.Answers[0])))
	} else {
		say("waiting", "")
	}
}

// ended reports how a followed run ended.
func (a *app) ended(v view, id, _ string) error {
	if a.json && v.status != nil {
		if err := a.printJSON(v.status); err != nil {
			return err
		}
	}
	switch {
	case v.status == nil && v.failure != "":
		return fmt.Errorf("run %s ended: %s", id, v.failure)
	case v.status == nil && stateOf(v.info) != "done":
		return fmt.Errorf("run %s ended as %s: %w", id, stateOf(v.info), v.silent)
	case v.status != nil && v.status.State != runbook.Done:
		return fmt.Errorf("run %s ended as %s: %s", id, v.status.State, v.status.Says)
	}
	return nil
}

// sleep waits, and tells whether the waiting was not interrupted.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
