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
