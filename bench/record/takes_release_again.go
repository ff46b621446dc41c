package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// frozen adds a freeze to the description, from now on.
var frozen atomic.Bool

// frozenWhenAsked is the description in force.
func frozenWhenAsked(described func() (*system.System, error)) func() (*system.System, error) {
	return func() (*system.System, error) {
		s, err := described()
		if err != nil || !frozen.Load() {
			return s, err
		}
		changed := *s
		changed.Freezes = append(slices.Clone(s.Freezes), system.Freeze{Name: "追加の凍結", Start: time.Now(), End: time.Now().Add(time.Hour), Reason: "記録"})
		return &changed, nil
	}
}

// releasesAgain are releases for which freezes are looked for again, and whose watch sees alarms that clear. They leave everything as
// it was.
var releasesAgain = []take{
	{"frozen-meanwhile", func(ctx context.Context, s *stage) error {
		defer frozen.Store(false)
		if err := s.release(ctx, sandbox.Digest("gzs/web", sandbox.ImageNext)); err != nil {
			return err
		}
		_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "release" })
		frozen.Store(true)
		return errors.Join(err, s.play(ctx, releaseApproved), s.ended(ctx, runbook.Failed))
	}},
	{"rings-again", func(ctx context.Context, s *stage) (err error) {
		const alarm = "gzs-api-5xx"
		says := func(words string) error {
			_, err := s.until(ctx, func(st runbook.Status) bool { return strings.Contains(st.Says, words) })
			return err
		}
		defer func() { err = errors.Join(err, s.Sandbox.RingAlarm(alarm, false)) }()
		if err := errors.Join(s.Sandbox.RingAlarm(alarm, true), s.release(ctx, sandbox.Digest("gzs/web", sandbox.ImageNext)), s.play(ctx, releaseApproved)); err != nil {
			return err
		}
		return errors.Join(says("rang before already"), s.Sandbox.RingAlarm(alarm, false), says("alarms: none rings"), s.Sandbox.RingAlarm(alarm, true),
			s.ended(ctx, runbook.Failed))
	}},
}
