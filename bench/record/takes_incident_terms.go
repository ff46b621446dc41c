package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// What the description has lost while a take plays: who operates the system, and the gate of the closure.
var nobodyOperates, nobodyCloses atomic.Bool

// withLosses is the description in force.
func withLosses(described func() (*system.System, error)) func() (*system.System, error) {
	return func() (*system.System, error) {
		s, err := described()
		if err != nil {
			return s, err
		}
		changed := *s
		if nobodyOperates.Load() {
			changed.Answers = slices.DeleteFunc(slices.Clone(s.Answers), func(a system.Answer) bool { return a.Kind == "operate" })
		}
		if nobodyCloses.Load() {
			changed.Gates = slices.DeleteFunc(slices.Clone(s.Gates), func(g system.Gate) bool { return g.Gate == "closure" })
		}
		return &changed, nil
	}
}

// unanswerable waits until the run says that nobody may answer, and somebody has been told.
func (s *stage) unanswerable(ctx context.Context) error {
	if _, err := s.until(ctx, func(st runbook.Status) bool { return strings.Contains(st.Says, "nobody may answer") }); err != nil {
		return err
	}
	_, err := s.recordedAs(ctx, func(in records.Incident) bool {
		return slices.ContainsFunc(in.Escalations, func(e records.Escalation) bool { return strings.Contains(e.Why, "system.yaml") })
	})
	return err
}

// incidentTerms are the paths of incidents that no change of the description gives up, and of what an earlier history has handed over.
var incidentTerms = []take{
	{"nobody-may-answer", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil)); err != nil {
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "work" }); err != nil {
			return err
		}
		nobodyOperates.Store(true)
		defer nobodyOperates.Store(false)
		return errors.Join(s.says(ctx, "work", runbook.Note, "kato", nil), s.unanswerable(ctx), s.says(ctx, "work", runbook.Cancel, "kato", nil), s.ended(ctx, runbook.Failed))
	}},
	{"nobody-may-close", func(ctx context.Context, s *stage) error {
		err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil))
		if err != nil {
			return err
		}
		nobodyCloses.Store(true)
		err = errors.Join(s.recovered(ctx), s.unanswerable(ctx))
		nobodyCloses.Store(false)
		if err != nil {
			return err
		}
		return errors.Join(
			s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, workflows.IncidentAlarm{ID: "event-2", Alarm: "gzs-web-unhealthy-hosts", State: "ALARM"}),
			s.recovered(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"handed-over-beside-a-fix", goesOnBesideAFix},
	{"handed-over-at-the-closure", func(ctx context.Context, s *stage) error {
		if _, err := s.floodedAtClosure(ctx); err != nil {
			return err
		}
		return errors.Join(s.says(ctx, "closure", runbook.Approve, "sato", nil), s.ended(ctx, runbook.Done))
	}},
	{"rings-while-the-report-is-held", func(ctx context.Context, s *stage) error {
		err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx), s.denied("s3", "PutObject"),
			s.play(ctx, act{"closure", runbook.Approve, "sato"}))
		if err != nil {
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "report" }); err != nil {
			return err
		}
		ring := s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, workflows.IncidentAlarm{ID: "event-2", Alarm: "gzs-web-unhealthy-hosts", State: "ALARM"})
		if ring != nil {
			return ring
		}
		if _, err := s.recordedAs(ctx, func(in records.Incident) bool { return len(in.Escalations) > 0 }); err != nil {
			return err
		}
		return errors.Join(s.play(ctx, act{"report", runbook.Retry, "kato"}), s.ended(ctx, runbook.Done))
	}},
}
