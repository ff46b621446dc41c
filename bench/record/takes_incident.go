package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// reported starts an incident that monitoring reports.
func (s *stage) reported(ctx context.Context) error { return s.reportedAs(ctx, "medium") }

func (s *stage) reportedAs(ctx context.Context, impact string) error {
	return s.start(ctx, "Incident", workflows.IncidentInput{
		Title: "検索画面が表示されない", Symptom: "APIが5xxを返す", Source: "monitoring", Fingerprint: s.id, Services: []string{"api"}, Impact: impact, Urgency: "high",
		Alarm: &workflows.IncidentAlarm{ID: "event-1", Alarm: "gzs-api-5xx", State: "ALARM", Reason: "5 of 5"}, Requester: "takahashi", Operator: "tanaka",
	})
}

// says gives an answer with values. The question is opened anew after every answer, so an answer may come too early.
func (s *stage) says(ctx context.Context, gate, action, by string, values map[string]string) error {
	for range 20 {
		got, err := s.answer(ctx, gate, action, by, func(d *runbook.Decision) { d.Values = values })
		if err != nil || got.Accepted {
			return err
		}
	}
	return fmt.Errorf("%s at %s never counted", action, gate)
}

func (s *stage) alarm(ctx context.Context, state types.StateValue) error {
	cfg, err := s.AWS()
	if err != nil {
		return err
	}
	_, err = cloudwatch.NewFromConfig(cfg).SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("gzs-api-5xx"), StateValue: state, StateReason: aws.String("recorded")})
	return err
}

var incidentCause = map[string]string{"rootCause": "接続プールの枯渇", "actions": `[{"what":"監視の追加","owner":"tanaka","due":"2027-12-24"}]`}

// recovered reports recovery and writes down the cause.
func (s *stage) recovered(ctx context.Context) error {
	return errors.Join(s.says(ctx, "work", runbook.Finished, "tanaka", nil), s.explained(ctx))
}

// explained writes down the cause.
func (s *stage) explained(ctx context.Context) error {
	return s.says(ctx, "problem", runbook.Finished, "tanaka", incidentCause)
}

// fixes starts a change of the setting web-mode as a fix.
func (s *stage) fixes(ctx context.Context, from, to string) error {
	input, err := json.Marshal(workflows.SettingChangeInput{
		Title: "設定変更", Reason: "記録", Class: system.ClassNormal, Requester: "kato", Operator: "tanaka", Incident: s.id,
		Settings: []workflows.SettingValue{settingTo("web-mode", `"`+from+`"`, `"`+to+`"`)},
	})
	if err != nil {
		return err
	}
	return s.says(ctx, "work", runbook.Fix, "tanaka", map[string]string{"runbook": "SettingChange", "input": string(input)})
}

// fixed waits until the n-th fix is as wanted, and gives its ID.
func (s *stage) fixed(ctx context.Context, n int, is func(runbook.ChildLine) bool) (string, error) {
	status, err := s.until(ctx, func(st runbook.Status) bool { return len(st.Children) == n && is(st.Children[n-1]) })
	if err != nil {
		return "", err
	}
	return status.Children[n-1].ID, nil
}

// flood signals alarms, many of them again and again.
func (s *stage) flood(ctx context.Context, events int) error {
	for n := range events { // the server calls 500 events long
		alarm := workflows.IncidentAlarm{ID: fmt.Sprint("flood-", n), Alarm: fmt.Sprint("other-", n%60), State: "ALARM"}
		if err := s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, alarm); err != nil {
			return err
		}
	}
	return nil
}

var incident = slices.Concat(incidentFirst, incidentWaits)

// incidentFirst were played before what an incident waits for outlived its questions.
var incidentFirst = []take{
	{"closed", func(ctx context.Context, s *stage) error {
		return errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.recovered(ctx),
			s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"escalated-and-sent-back", func(ctx context.Context, s *stage) error {
		if err := s.reported(ctx); err != nil {
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return len(st.Clocks) > 0 && st.Clocks[0].State == runbook.ClockBreached }); err != nil {
			return err
		}
		return errors.Join(
			s.says(ctx, "acknowledge", runbook.Severity, "sato", map[string]string{"severity": "critical"}),
			s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", map[string]string{"urgency": "medium"}),
			s.says(ctx, "work", runbook.Note, "kato", map[string]string{"kind": "workaround"}), s.says(ctx, "work", runbook.Note, "kato", map[string]string{"kind": "diagnose"}),
			s.says(ctx, "work", runbook.Pause, "kato", nil), s.says(ctx, "work", runbook.Resume, "kato", nil),
			s.recovered(ctx), s.play(ctx, act{"closure", runbook.Reject, "suzuki"}), s.explained(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"not-stable", func(ctx context.Context, s *stage) error {
		return errors.Join(s.alarm(ctx, types.StateValueAlarm), s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil),
			s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, workflows.IncidentAlarm{ID: "event-2", Alarm: "gzs-web-unhealthy-hosts", State: "ALARM"}),
			s.Client.SignalWorkflow(ctx, s.id, "", workflows.AlarmSignal, map[string]string{"alarm": "x", "state": "LOUD"}),
			s.says(ctx, "work", runbook.Finished, "tanaka", nil), s.alarm(ctx, types.StateValueOk), s.recovered(ctx),
			s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"fix-refused-then-mended", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.fixes(ctx, "read-only", "normal")); err != nil {
			return err
		}
		if _, err := s.fixed(ctx, 1, func(c runbook.ChildLine) bool { return c.State == runbook.Failed }); err != nil {
			return err
		}
		if err := s.fixes(ctx, "normal", "read-only"); err != nil {
			return err
		}
		id, err := s.fixed(ctx, 2, func(c runbook.ChildLine) bool { return c.State == runbook.Running })
		if err != nil {
			return err
		}
		change := *s
		change.id = id
		if err := errors.Join(change.play(ctx, act{"normal", runbook.Approve, "sato"}), change.ended(ctx, runbook.Done)); err != nil {
			return err
		}
		if _, err := s.fixed(ctx, 2, func(c runbook.ChildLine) bool { return c.State == runbook.Done }); err != nil {
			return err
		}
		return errors.Join(s.recovered(ctx), s.play(ctx, act{"closure", runbook.Approve, "suzuki"}), s.ended(ctx, runbook.Done))
	}},
	{"goes-on", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil)); err != nil {
			return err
		}
		before, err := scene.Status(ctx, s.Client, s.id)
		if err != nil {
			return err
		}
		if err := s.flood(ctx, 600); err != nil {
			return err
		}
		if err := s.says(ctx, "work", runbook.Note, "kato", nil); err != nil { // the next question is where it goes on
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return st.RunID != before.RunID && st.WaitingFor != nil }); err != nil {
			return err
		}
		return errors.Join(s.recovered(ctx), s.play(ctx, act{"closure", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"cancel", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil)); err != nil {
			return err
		}
		return errors.Join(s.says(ctx, "work", runbook.Cancel, "kato", nil), s.ended(ctx, runbook.Failed))
	}},
}
