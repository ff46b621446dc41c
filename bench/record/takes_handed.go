package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// settingsAgain are changes that are judged again after a wait, and that an incident has started.
var settingsAgain = []take{
	{"standard-after-window", func(ctx context.Context, s *stage) error {
		at := time.Now().Add(4 * time.Second)
		window := &workflows.ChangeWindow{Start: runbook.Moment(at.Format(time.RFC3339Nano)), End: runbook.Moment(at.Add(time.Hour).Format(time.RFC3339Nano))}
		return errors.Join(s.setIn(ctx, window, system.ClassStandard, readOnly), s.ended(ctx, runbook.Done))
	}},
	{"started-by-incident", func(ctx context.Context, s *stage) error {
		parent := *s
		err := errors.Join(s.normal(ctx), parent.reported(ctx), parent.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), parent.fixes(ctx, "normal", "read-only"))
		if err != nil {
			return err
		}
		if s.id, err = parent.fixed(ctx, 1, func(c runbook.ChildLine) bool { return c.State == runbook.Running }); err != nil {
			return err
		}
		return errors.Join(s.play(ctx, act{"normal", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done),
			parent.says(ctx, "work", runbook.Cancel, "kato", nil), parent.ended(ctx, runbook.Failed))
	}},
}

// releasesTold are releases of which is told at last how they ended.
var releasesTold = []take{
	{"told-at-last", released(sandbox.ImageNext, runbook.Failed, releaseApproved, act{"watch", runbook.Rollback, "kato"})},
}

// incidentsHanded are incidents that a flood takes into another history while they are to be closed: the one that they leave, and
// the one in which the gate goes on.
var incidentsHanded = []take{
	{"gate-left", func(ctx context.Context, s *stage) error {
		first, err := s.floodedAtClosure(ctx)
		if err != nil {
			return err
		}
		s.run = first
		return errors.Join(s.says(ctx, "closure", runbook.Cancel, "kato", nil), s.ended(ctx, runbook.Failed))
	}},
	{"gate-goes-on", func(ctx context.Context, s *stage) error {
		if _, err := s.floodedAtClosure(ctx); err != nil {
			return err
		}
		return errors.Join(s.says(ctx, "closure", runbook.Approve, "sato", nil), s.ended(ctx, runbook.Done))
	}},
}

// floodedAtClosure brings an incident to its closure, and past the end of its first history, whose run it gives.
func (s *stage) floodedAtClosure(ctx context.Context) (string, error) {
	if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx)); err != nil {
		return "", err
	}
	first, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "closure" })
	if err != nil {
		return "", err
	}
	atClosure := func(st runbook.Status) bool {
		return st.RunID != first.RunID && st.WaitingFor != nil && st.WaitingFor.Gate == "closure"
	}
	for n := range 600 { // the server calls 500 events long
		alarm := workflows.IncidentAlarm{ID: fmt.Sprint("quiet-", n), Alarm: fmt.Sprint("other-", n%60), State: "OK"}
		if err := s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, alarm); err != nil {
			return "", err
		}
		if n%20 > 0 {
			continue
		}
		if status, err := scene.Status(ctx, s.Client, s.id); err == nil && atClosure(status) {
			break // what else would come belongs to the next history
		}
	}
	_, err = s.until(ctx, atClosure)
	return first.RunID, err
}
