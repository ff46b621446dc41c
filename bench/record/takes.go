package main

import (
	"context"
	"errors"
	"time"

	"tejun/workflows/runbook"
)

// act is one answer of a person.
type act struct{ gate, action, by string }

// play gives answers one after another.
func (s *stage) play(ctx context.Context, acts ...act) error {
	for _, a := range acts {
		got, err := s.answer(ctx, a.gate, a.action, a.by, nil)
		if err != nil {
			return err
		}
		if !got.Accepted {
			return errors.New(a.action + " by " + a.by + " was refused: " + got.Refusal)
		}
	}
	return nil
}

var (
	planApproved = act{"plan", runbook.Approve, "sato"}
	goApproved   = act{"go", runbook.Approve, "suzuki"}
	workDone     = act{"work", runbook.Finished, "tanaka"}
)

var plannedOutage = []take{
	{"approve", func(ctx context.Context, s *stage) error {
		return errors.Join(s.begin(ctx, 3*time.Second, time.Hour), s.play(ctx, planApproved, goApproved, workDone), s.ended(ctx, runbook.Done))
	}},
	{"refused-then-reject", func(ctx context.Context, s *stage) error {
		if err := s.begin(ctx, time.Hour, time.Hour); err != nil {
			return err
		}
		got, err := s.answer(ctx, "plan", runbook.Approve, "ito", nil)
		if err != nil || got.Accepted {
			return errors.Join(err, errors.New("the requester's approval was accepted"))
		}
		return errors.Join(s.play(ctx, act{"plan", runbook.Reject, "sato"}), s.ended(ctx, runbook.Failed))
	}},
	{"expire", func(ctx context.Context, s *stage) error {
		return errors.Join(s.begin(ctx, 3*time.Second, time.Hour), s.ended(ctx, runbook.Failed))
	}},
	{"hold-and-retry", func(ctx context.Context, s *stage) error {
		return errors.Join(s.denied("wafv2", "UpdateWebACL"), s.begin(ctx, 3*time.Second, time.Hour),
			s.play(ctx, planApproved, goApproved, act{"close-site", runbook.Retry, "kato"}, workDone), s.ended(ctx, runbook.Done))
	}},
	{"rollback", func(ctx context.Context, s *stage) error {
		return errors.Join(s.denied("ecs", "UpdateService"), s.begin(ctx, 3*time.Second, time.Hour),
			s.play(ctx, planApproved, goApproved, act{"stop-services", runbook.Rollback, "kato"}), s.ended(ctx, runbook.Failed))
	}},
	{"undo-held", func(ctx context.Context, s *stage) error {
		return errors.Join(s.denied("cloudwatch", "EnableAlarmActions"), s.begin(ctx, 3*time.Second, time.Hour),
			s.play(ctx, planApproved, goApproved, workDone, act{"undo-mute-alarms", runbook.Retry, "kato"}), s.ended(ctx, runbook.Done))
	}},
	{"cancel", func(ctx context.Context, s *stage) error {
		err := errors.Join(s.begin(ctx, 3*time.Second, time.Hour), s.play(ctx, planApproved, goApproved))
		if err != nil {
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Kind == "work" }); err != nil {
			return err
		}
		return errors.Join(s.Client.CancelWorkflow(ctx, s.id, ""), s.ended(ctx, runbook.Failed))
	}},
	{"cancel-by-person", func(ctx context.Context, s *stage) error {
		return errors.Join(s.begin(ctx, 3*time.Second, time.Hour), s.play(ctx, planApproved, act{"go", runbook.Cancel, "tanaka"}), s.ended(ctx, runbook.Failed))
	}},
	{"extend-and-return", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.begin(ctx, 3*time.Second, 20*time.Second), s.play(ctx, planApproved, goApproved)); err != nil {
			return err
		}
		got, err := s.answer(ctx, "work", runbook.Extend, "sato", func(d *runbook.Decision) {
			until := time.Now().Add(40 * time.Second).Truncate(time.Second)
			d.Until = &until
		})
		if err != nil {
			return err
		}
		if !got.Accepted {
			return errors.New("the extension was refused: " + got.Refusal)
		}
		return errors.Join(s.play(ctx, act{"decision", runbook.Return, "sato"}), s.ended(ctx, runbook.Done))
	}},
}
