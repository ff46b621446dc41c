package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// The attack: an operator who may approve standard changes, too, has an incident start one. Its input names other people, so that
// nothing in it speaks against the operator's own approval.
func TestWhoHadAFixStartedDoesNotApproveIt(t *testing.T) {
	t.Parallel()
	w := newCabinet(t, scene.Hurry, func(s *system.System) {
		s.People = slices.Clone(s.People)
		for i, more := range map[string]string{"takahashi": system.RoleOperator, "kato": system.RoleManager} {
			at := slices.IndexFunc(s.People, func(p system.Person) bool { return p.ID == i })
			s.People[at].Roles = append(slices.Clone(s.People[at].Roles), more)
		}
	})
	r := w.ring("gzs-api-5xx", "event-1")
	r.said("acknowledge", runbook.Acknowledge, "tanaka", nil)
	r.said("work", runbook.Fix, "takahashi", map[string]string{
		"runbook": "SettingChange",
		"input":   `{"title":"閾値の変更","reason":"障害対応","class":"standard","settings":[{"setting":"api-error-alarm","old":1,"new":5}],"requester":"tanaka","operator":"tanaka"}`,
	})
	child := r.child(1)
	asked := child.asks("approval", "standard")
	require.Equal(t, []string{"kato"}, asked.WaitingFor.By[runbook.Approve])
	for _, account := range []string{"takahashi", "takahashi@example.jp"} {
		require.Contains(t, child.try(asked, runbook.Approve, account).Refusal, "takahashi had a hand in the run that has started this one; somebody else must approve it")
	}
	require.Empty(t, w.written(), "nothing was changed on the attacker's word")
	require.Equal(t, 1, child.kinds("hands"))

	// A Reset of the child to its very start frees nobody.
	child.reset(started)
	asked = child.asks("approval", "standard")
	require.Contains(t, child.try(asked, runbook.Approve, "takahashi").Refusal, "takahashi had a hand in the run that has started this one")
	child.answer(asked, runbook.Approve, "kato")
	child.done()
	fixed := r.record("the end of the fix", func(in records.Incident) bool { return in.Fixes[0].EndedAt != nil })
	require.Equal(t, "succeeded", fixed.Fixes[0].Outcome)
}
