package main

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"tejun/workflows"
	"tejun/workflows/runbook"
)

// incidentCauses are incidents whose cause is asked for again, with recovery as it was or without, and whose closure is told after a doubt.
var incidentCauses = []take{
	{"sent-back-to-the-cause", func(ctx context.Context, s *stage) error {
		return errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx),
			s.play(ctx, act{"closure", runbook.Reject, "suzuki"}), s.explained(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"cause-disproved", func(ctx context.Context, s *stage) error {
		err := errors.Join(s.alarm(ctx, types.StateValueOk), s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx), s.atGate(ctx, "closure"))
		if err != nil {
			return err
		}
		return errors.Join(
			s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, workflows.IncidentAlarm{ID: "event-2", Alarm: "gzs-web-unhealthy-hosts", State: "ALARM"}),
			s.says(ctx, "work", runbook.Finished, "tanaka", nil), s.says(ctx, "problem", runbook.Note, "kato", map[string]string{"kind": "relapse"}),
			s.recovered(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"closure-told-when-held", func(ctx context.Context, s *stage) error {
		const held = "障害報告書の作成"
		before, err := s.mailsAbout(held)
		if err != nil {
			return err
		}
		err = errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx), s.denied("s3", "PutObject"),
			s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.atGate(ctx, "report"))
		if err != nil {
			return err
		}
		_, err = s.until(ctx, func(runbook.Status) bool { // then nothing but the closure is left to tell
			now, err := s.mailsAbout(held)
			return err == nil && now > before
		})
		if err != nil {
			return err
		}
		return errors.Join(s.denied("sesv2", "SendEmail"), s.play(ctx, act{"report", runbook.Retry, "kato"}, act{"tell-closed", runbook.Retry, "kato"}), s.ended(ctx, runbook.Done))
	}},
}

// mailsAbout counts the mails with a subject that holds some words.
func (s *stage) mailsAbout(words string) (n int, err error) {
	all, err := s.Sandbox.Mails()
	for _, m := range all {
		if strings.Contains(m.Subject, words) {
			n++
		}
	}
	return n, err
}
