package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// described names the task of loads, lets incidents escalate and recover within seconds, and makes approvals afterwards late in a
// moment and at an end soon.
func described(s *system.System) {
	scene.NameTask(s)
	scene.Hurry(s)
	i := slices.IndexFunc(s.Gates, func(g system.Gate) bool { return g.LateAfter != "" })
	s.Gates = slices.Clone(s.Gates)
	s.Gates[i].LateAfter, s.Gates[i].Deadline = "+1s", system.Duration(15*time.Second)
}

func settingTo(name, from, to string) workflows.SettingValue {
	return workflows.SettingValue{Setting: name, Old: json.RawMessage(from), New: json.RawMessage(to)}
}

var readOnly = settingTo("web-mode", `"normal"`, `"read-only"`)

// normal sets web-mode as it was at first.
func (s *stage) normal(ctx context.Context) error {
	cfg, err := s.AWS()
	if err != nil {
		return err
	}
	_, err = ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/gzs/web/mode"), Value: aws.String("normal"), Overwrite: aws.Bool(true)})
	return err
}

// set starts a change of settings, of which the first kind is as it was at first.
func (s *stage) set(ctx context.Context, class string, settings ...workflows.SettingValue) error {
	return s.setIn(ctx, nil, class, settings...)
}

// setIn starts one that waits for its window.
func (s *stage) setIn(ctx context.Context, window *workflows.ChangeWindow, class string, settings ...workflows.SettingValue) error {
	if err := s.normal(ctx); err != nil {
		return err
	}
	requester := "kato"
	if class == system.ClassEmergency {
		requester = "takahashi"
	}
	return s.start(ctx, "SettingChange", workflows.SettingChangeInput{
		Title: "設定変更", Reason: "記録", Class: class, Requester: requester, Operator: "tanaka", Window: window, Settings: settings,
	})
}

func (s *stage) overdue(ctx context.Context) error {
	_, err := s.until(ctx, func(st runbook.Status) bool { return st.State == runbook.Overdue })
	return err
}

var settingChange = []take{
	{"approve", func(ctx context.Context, s *stage) error {
		more := settingTo("web-tasks", `{"desiredCount":3,"minimumHealthyPercent":100,"maximumPercent":200}`, `{"desiredCount":5,"minimumHealthyPercent":100,"maximumPercent":200}`)
		return errors.Join(s.set(ctx, system.ClassNormal, readOnly, more), s.play(ctx, act{"normal", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"refused-then-reject", func(ctx context.Context, s *stage) error {
		if err := s.set(ctx, system.ClassNormal, readOnly); err != nil {
			return err
		}
		got, err := s.answer(ctx, "normal", runbook.Approve, "kato", nil)
		if err != nil || got.Accepted {
			return errors.Join(err, errors.New("the requester's approval was accepted"))
		}
		return errors.Join(s.play(ctx, act{"normal", runbook.Reject, "sato"}), s.ended(ctx, runbook.Failed))
	}},
	{"old-value-differs", func(ctx context.Context, s *stage) error {
		return errors.Join(s.set(ctx, system.ClassNormal, settingTo("web-mode", `"maintenance"`, `"read-only"`)), s.ended(ctx, runbook.Failed))
	}},
	{"pre-approved", func(ctx context.Context, s *stage) error {
		return errors.Join(s.set(ctx, system.ClassStandard, readOnly), s.ended(ctx, runbook.Done))
	}},
	{"window", func(ctx context.Context, s *stage) error {
		at := time.Now().Add(4 * time.Second)
		window := &workflows.ChangeWindow{Start: runbook.Moment(at.Format(time.RFC3339Nano)), End: runbook.Moment(at.Add(time.Hour).Format(time.RFC3339Nano))}
		return errors.Join(s.setIn(ctx, window, system.ClassNormal, readOnly), s.play(ctx, act{"normal", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"rollback", func(ctx context.Context, s *stage) error {
		blocked := settingTo("blocked-networks", `["203.0.113.128/25"]`, `["198.51.100.0/25"]`)
		return errors.Join(s.denied("wafv2", "UpdateIPSet"), s.set(ctx, system.ClassNormal, readOnly, blocked),
			s.play(ctx, act{"normal", runbook.Approve, "sato"}, act{"set-blocked-networks", runbook.Rollback, "kato"}), s.ended(ctx, runbook.Failed))
	}},
	{"not-compliant", func(ctx context.Context, s *stage) error {
		return errors.Join(s.set(ctx, system.ClassNormal, settingTo("web-log-days", `365`, `7`), readOnly),
			s.play(ctx, act{"normal", runbook.Approve, "sato"}), s.ended(ctx, runbook.Failed))
	}},
	{"emergency-late", func(ctx context.Context, s *stage) error {
		return errors.Join(s.set(ctx, system.ClassEmergency, readOnly), s.overdue(ctx), s.play(ctx, act{"afterwards", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"emergency-rejected", func(ctx context.Context, s *stage) error {
		return errors.Join(s.set(ctx, system.ClassEmergency, readOnly), s.play(ctx, act{"afterwards", runbook.Reject, "sato"}), s.ended(ctx, runbook.Failed))
	}},
	{"emergency-never-approved", func(ctx context.Context, s *stage) error {
		return errors.Join(s.set(ctx, system.ClassEmergency, readOnly), s.overdue(ctx), s.ended(ctx, runbook.Failed))
	}},
}
