package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// A part cannot be put back, and nobody answers: people are told that what is there is unclear, and not that it was rolled back.
func TestAReleaseWhoseWayBackFailsSaysSo(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) {
		s.Releases.Watch.Duration = system.Duration(time.Hour)
		s.Answers = slices.Clone(s.Answers)
		for i := range s.Answers {
			s.Answers[i].Deadline = system.Duration(2 * time.Second)
		}
	})
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	watch := r.asks("watch", "watch")
	w.fault(sandbox.Fault{Service: "lambda", Operation: "UpdateAlias", Kind: sandbox.FaultDenied, Times: 9})
	r.answer(watch, runbook.Rollback, "kato")
	s := r.until("the end", func(s runbook.Status) bool { return s.EndedAt != nil })
	require.Contains(t, s.Says, "Not put back: undo-alias-index")
	require.Equal(t, runbook.StepDone, step(t, s, "tell-end").State)
	mails := w.mails("operators")
	require.Equal(t, "【至急】リリースの異常終了（申請画面の改善（第2版））", mails[len(mails)-1])
	require.NotContains(t, mails, "【要確認】リリースの切り戻し（申請画面の改善（第2版））")
	require.NotEmpty(t, s.Holds, "what is not put back stays held")
}

// SES refuses the mail about the end: the run is held there until somebody has looked, and nothing calls it sent before.
func TestAReleaseOfWhoseEndNobodyCouldBeToldIsHeld(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
	watch := r.asks("watch", "watch")
	w.fault(sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: sandbox.FaultDenied, Times: 1})
	r.answer(watch, runbook.Rollback, "kato")
	held := r.asks("held", "tell-end")
	require.Empty(t, held.Holds, "what the release held is free")
	const rolledBack = "【要確認】リリースの切り戻し（申請画面の改善（第2版））"
	require.NotContains(t, w.mails("operators"), rolledBack)
	r.answer(held, runbook.Retry, "tanaka")
	s := r.until("the end", func(s runbook.Status) bool { return s.EndedAt != nil })
	require.Equal(t, []any{runbook.StepDone, 2}, []any{step(t, s, "tell-end").State, step(t, s, "tell-end").Attempts})
	require.Contains(t, w.mails("operators"), rolledBack)
	require.Zero(t, r.kinds("not-told"))
}

// The mail about the end may be in doubt, as any mail: it is a person's to decide, and the release has ended as it was.
func TestMailAboutTheEndOfAReleaseOfUnknownFateIsAPersonsToDecide(t *testing.T) {
	t.Parallel()
	const subject = "【リリース完了】申請画面の改善（第2版）"
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(5 * time.Second) })
			r := w.begin("Release", wanted(t, sandbox.ImageNext))
			s := r.asks("approval", "release")
			r.officersAreTold(1)
			w.fault(sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: kind, Times: 1})
			r.answer(s, runbook.Approve, "sato")
			if kind != sandbox.FaultThrottle {
				held := r.asks("held", "tell-end")
				require.Contains(t, step(t, held, "tell-end").Error, "may or may not have been sent")
				there := slices.Contains(r.mails("operators"), subject)
				require.Equal(t, kind == sandbox.FaultExecutedThenTimeout, there)
				answer := runbook.Retry
				if there {
					answer = runbook.Skip
				}
				r.answer(held, answer, "kato")
			}
			r.done()
			require.Equal(t, 1, struck(w.journal(), "SendEmail", outcome), "the fault struck")
			require.Equal(t, 1, countOf(w.mails("operators"), subject), "it was sent once")
			require.Equal(t, broughtIn, w.made())
			w.isReleased(true)
		})
	}
}
