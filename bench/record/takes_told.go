package main

import (
	"context"
	"errors"
	"slices"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// releasesHeld are releases that are held because the mail about their end does not go out.
var releasesHeld = []take{
	{"told-when-held", func(ctx context.Context, s *stage) error {
		return errors.Join(s.release(ctx, sandbox.Digest("gzs/web", sandbox.ImageNext)), s.play(ctx, releaseApproved), s.atGate(ctx, "watch"),
			s.denied("sesv2", "SendEmail"), s.play(ctx, act{"watch", runbook.Rollback, "kato"}, act{"tell-end", runbook.Retry, "tanaka"}), s.ended(ctx, runbook.Failed))
	}},
}

// settingsTold are changes of whose end people are told: each end once, one of them when the mail did not go out at first.
var settingsTold = []take{
	{"told-done", playOf(settingChange, "approve")},
	{"told-rejected-when-held", func(ctx context.Context, s *stage) error {
		before, err := s.Sandbox.Mails()
		if err != nil {
			return err
		}
		return errors.Join(s.set(ctx, system.ClassNormal, readOnly), s.mailed(ctx, len(before)+1), s.denied("sesv2", "SendEmail"),
			s.play(ctx, act{"normal", runbook.Reject, "sato"}, act{"tell-end", runbook.Retry, "kato"}), s.ended(ctx, runbook.Failed))
	}},
	{"told-rolled-back", playOf(settingChange, "not-compliant")},
	{"told-never-approved", playOf(settingChange, "emergency-never-approved")},
	{"told-after-window", playOf(settingsAgain, "standard-after-window")},
	{"after-a-flood", afterAFlood},
}

// playOf is what an earlier take plays: its path has become another one.
func playOf(takes []take, name string) func(context.Context, *stage) error {
	return takes[slices.IndexFunc(takes, func(t take) bool { return t.name == name })].play
}

// incidentsResumed are incidents whose clocks stood still and go on: whoever says so has no hand in them by that.
var incidentsResumed = []take{
	{"resumed", func(ctx context.Context, s *stage) error {
		return errors.Join(s.reported(ctx), s.says(ctx, "acknowledge", runbook.Acknowledge, "tanaka", nil), s.says(ctx, "work", runbook.Pause, "tanaka", nil),
			s.says(ctx, "work", runbook.Resume, "kato", nil), s.says(ctx, "work", runbook.Cancel, "kato", nil), s.ended(ctx, runbook.Failed))
	}},
}

// afterAFlood is a change of which almost as many decisions are refused as a run takes; those that count are taken all the same.
func afterAFlood(ctx context.Context, s *stage) error {
	blocked := settingTo("blocked-networks", `["203.0.113.128/25"]`, `["198.51.100.0/25"]`)
	err := errors.Join(s.denied("wafv2", "UpdateIPSet"), s.set(ctx, system.ClassNormal, readOnly, blocked), s.atGate(ctx, "normal"))
	if err != nil {
		return err
	}
	const refused = 199 // the requester's own
	for range refused {
		if err := s.Client.SignalWorkflow(ctx, s.id, "", runbook.Approve, runbook.Decision{By: "kato", Reason: "recorded"}); err != nil {
			return err
		}
	}
	_, err = s.until(ctx, func(st runbook.Status) bool { return len(st.Approvals) == refused })
	return errors.Join(err, s.play(ctx, act{"normal", runbook.Approve, "sato"}, act{"set-blocked-networks", runbook.Rollback, "tanaka"}), s.ended(ctx, runbook.Failed))
}

// mailed waits until so many mails were sent.
func (s *stage) mailed(ctx context.Context, want int) error {
	_, err := s.until(ctx, func(runbook.Status) bool {
		sent, err := s.Sandbox.Mails()
		return err == nil && len(sent) >= want
	})
	return err
}

// atGate waits until the run asks something at a gate.
func (s *stage) atGate(ctx context.Context, gate string) error {
	_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == gate })
	return err
}
