package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"tejun/internal/records"
	"tejun/internal/sla"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// soonReported lets the first report of minor incidents be due while they are played.
func soonReported(s *system.System) {
	s.Incidents.Severities = slices.Clone(s.Incidents.Severities)
	for i := range s.Incidents.Severities {
		if one := &s.Incidents.Severities[i]; one.Name == "minor" {
			one.FirstReport, one.Clock = system.Duration(12*time.Second), string(sla.Always)
		}
	}
}

// incidentWaits are the paths of incidents whose waits outlive questions and histories.
var incidentWaits = []take{
	{"withdrawn-beside-a-fix", func(ctx context.Context, s *stage) error {
		change, err := s.fixing(ctx)
		if err != nil {
			return err
		}
		return errors.Join(s.says(ctx, "work", runbook.Cancel, "kato", nil), s.ended(ctx, runbook.Failed),
			change.play(ctx, act{"normal", runbook.Reject, "sato"}), change.ended(ctx, runbook.Failed)) // it has gone on
	}},
	{"goes-on-beside-a-fix", goesOnBesideAFix},
	{"first-report-late", func(ctx context.Context, s *stage) error {
		// Three mails that tell of the incident are denied: that it was opened, the first report, and that it could not be sent.
		for range 3 {
			if err := s.denied("sesv2", "SendEmail"); err != nil {
				return err
			}
		}
		if err := errors.Join(s.reportedAs(ctx, "low"), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil)); err != nil {
			return err
		}
		if _, err := s.recordedAs(ctx, func(in records.Incident) bool { return len(in.Escalations) > 0 }); err != nil {
			return err
		}
		if err := s.recovered(ctx); err != nil {
			return err
		}
		if _, err := s.recordedAs(ctx, func(in records.Incident) bool { return in.ReportedAt != nil }); err != nil { // at the closure's gate
			return err
		}
		return errors.Join(s.play(ctx, act{"closure", runbook.Approve, "suzuki"}), s.ended(ctx, runbook.Done))
	}},
	{"rings-before-the-closure", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx)); err != nil {
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "closure" }); err != nil {
			return err
		}
		return errors.Join(
			s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, workflows.IncidentAlarm{ID: "event-2", Alarm: "gzs-web-unhealthy-hosts", State: "ALARM"}),
			s.recovered(ctx), s.play(ctx, act{"closure", runbook.Reject, "suzuki"}),
			s.explained(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
}

// goesOnBesideAFix takes an incident into a new history while a change that it has started waits for its approval.
func goesOnBesideAFix(ctx context.Context, s *stage) error {
	change, err := s.fixing(ctx)
	if err != nil {
		return err
	}
	before, err := scene.Status(ctx, s.Client, s.id)
	if err != nil {
		return err
	}
	if err := errors.Join(s.flood(ctx, 600), s.says(ctx, "work", runbook.Pause, "kato", nil)); err != nil {
		return err
	}
	if _, err := s.until(ctx, func(st runbook.Status) bool { return st.RunID != before.RunID && st.WaitingFor != nil }); err != nil {
		return err
	}
	if err := errors.Join(s.says(ctx, "work", runbook.Resume, "kato", nil), change.play(ctx, act{"normal", runbook.Reject, "sato"}), change.ended(ctx, runbook.Failed)); err != nil {
		return err
	}
	if _, err := s.fixed(ctx, 1, func(c runbook.ChildLine) bool { return c.State == runbook.Failed }); err != nil {
		return err
	}
	return errors.Join(s.recovered(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
}

// fixing is an incident with a change that waits for its approval, and that change.
func (s *stage) fixing(ctx context.Context) (*stage, error) {
	cfg, err := s.AWS()
	if err != nil {
		return nil, err
	}
	_, err = ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/gzs/web/mode"), Value: aws.String("normal"), Overwrite: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.fixes(ctx, "normal", "read-only")); err != nil {
		return nil, err
	}
	id, err := s.fixed(ctx, 1, func(c runbook.ChildLine) bool { return c.State == runbook.Running })
	change := *s
	change.id = id
	if err == nil {
		_, err = change.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil })
	}
	return &change, err
}

// recordedAs waits until the record of the incident is as wanted.
func (s *stage) recordedAs(ctx context.Context, is func(records.Incident) bool) (last records.Incident, err error) {
	_, err = s.until(ctx, func(runbook.Status) bool {
		history, err := s.Records.IncidentHistory(ctx, s.id)
		if err != nil || len(history) == 0 {
			return false
		}
		last = history[len(history)-1]
		return is(last)
	})
	if err != nil {
		return last, fmt.Errorf("the record of %s is %s after %s: %w", s.id, last.State, last.Event, err)
	}
	return last, nil
}
