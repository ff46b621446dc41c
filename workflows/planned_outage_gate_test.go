package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/workflows/runbook"
)

func TestGateRefusesWhoMayNotApprove(t *testing.T) {
	for name, c := range map[string]struct {
		message any
		says    string
	}{
		"requester":          {by("ito"), "somebody else must approve"},
		"operator":           {by("tanaka"), "does not have the role officer"},
		"stranger":           {by("mallory"), "nobody that system.yaml knows"},
		"other plan":         {map[string]any{"by": "sato", "reason": "ok", "plan": "0000"}, "look at the plan again"},
		"other run":          {map[string]any{"by": "sato", "reason": "ok", "run": "x"}, "it is for run x"},
		"other gate":         {map[string]any{"by": "sato", "reason": "ok", "gate": "go"}, "it is for go"},
		"no reason":          {map[string]any{"by": "sato"}, `"reason" is missing`},
		"unknown field":      {map[string]any{"by": "sato", "reason": "ok", "force": true}, `field "force" is unknown`},
		"not an object":      {"sato", "send a JSON object"},
		"action contradicts": {map[string]any{"by": "sato", "reason": "ok", "action": "reject"}, "says action"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(start.Add(time.Hour), "approve", c.message)
			err := w.run(input())
			require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "the gate must stay shut: %v", err)
			require.Equal(t, release, w.effects(), "nothing may happen")
			refused := w.status().Approvals
			require.Len(t, refused, 1)
			require.False(t, refused[0].Accepted)
			require.Contains(t, refused[0].Refusal, c.says)
			require.Contains(t, w.kinds(), "decision", "the refusal is evidence")
		})
	}
}

func TestRepeatedDecisionsCountOnce(t *testing.T) {
	w := newWorld(t)
	one := map[string]any{"by": "sato", "reason": "ok", "id": "d-1"}
	w.at(start.Add(time.Hour), "approve", one)
	w.at(start.Add(2*time.Hour), "approve", one)
	w.at(windowStart.Add(-time.Hour), "approve", one) // replayed at the second gate: its ID is spent
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired))
	require.Equal(t, []string{"mail:outage-announcement", "mail:outage-cancelled", "ReleaseResources"}, w.effects())
	a := w.status().Approvals
	require.True(t, a[0].Accepted)
	require.Contains(t, a[1].Refusal, "counts once")
	require.Contains(t, a[2].Refusal, "counts once")
}

func TestLateApprovalIsRefusedAndRecorded(t *testing.T) {
	w := newWorld(t)
	w.at(start.Add(time.Hour), "approve", by("sato"))
	w.at(windowStart.Add(14*time.Minute+59*time.Second), "reject", map[string]any{"by": "nobody", "reason": "x"})
	w.at(windowStart.Add(15*time.Minute), "approve", by("suzuki"))
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
	require.NotContains(t, w.effects(), "ApplyWAFMaintenanceRule")
}

func TestRejections(t *testing.T) {
	t.Run("of the plan", func(t *testing.T) {
		w := newWorld(t)
		w.at(start.Add(time.Hour), "reject", by("sato"))
		err := w.run(input())
		require.True(t, runbook.IsEnd(err, runbook.ErrRejected))
		require.Equal(t, release, w.effects())
	})
	t.Run("after go, before the start: the rejection wins, and the outage is called off", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		w.at(windowStart.Add(-time.Minute), "reject", by("sato"))
		err := w.run(input())
		require.True(t, runbook.IsEnd(err, runbook.ErrRejected))
		require.Equal(t, []string{"mail:outage-announcement", "mail:outage-cancelled", "ReleaseResources"}, w.effects())
	})
	t.Run("after the start it is too late", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		w.at(windowStart.Add(10*time.Minute), "reject", by("sato"))
		w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
		require.NoError(t, w.run(input()))
	})
}

func TestDriftSinceTheApprovalAsksAgain(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.env.RegisterDelayedCallback(func() { w.mu.Lock(); w.drift++; w.mu.Unlock() }, windowStart.Add(-30*time.Minute).Sub(start))
	w.at(windowStart.Add(4*time.Minute), "approve", by("suzuki")) // for the plan that was; nobody can tell
	w.approveAsSeen(windowStart.Add(5*time.Minute), "suzuki")
	w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
	require.NoError(t, w.run(input()))
	require.Contains(t, w.kinds(), "approval-void")
	a := w.status().Approvals
	require.Contains(t, a[2].Refusal, "an approval must name its plan")
	require.True(t, a[3].Accepted, a[3].Refusal)
	require.NotEqual(t, a[1].Plan, a[3].Plan, "the second go approval is for the new plan")
	require.Equal(t, slices.Concat(into, back, release), w.effects())
}

func TestDriftThatNobodyApprovesEndsTheRun(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.env.RegisterDelayedCallback(func() { w.mu.Lock(); w.drift++; w.mu.Unlock() }, windowStart.Add(-30*time.Minute).Sub(start))
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired))
	require.NotContains(t, w.effects(), "CreateRDSClusterSnapshot")
}

func TestApproverWhoLostTheRoleMakesTheApprovalVoid(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.env.RegisterDelayedCallback(func() { w.mu.Lock(); w.eligible = []string{"ito", "sato"}; w.mu.Unlock() }, windowStart.Add(-30*time.Minute).Sub(start))
	w.at(windowStart.Add(2*time.Minute), "approve", by("suzuki"))
	w.approveAsSeen(windowStart.Add(5*time.Minute), "sato")
	w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
	require.NoError(t, w.run(input()))
	a := w.status().Approvals
	require.Contains(t, a[2].Refusal, "does not have the role")
	require.True(t, a[3].Accepted)
}

func TestGateThatNobodyCanPassIsRefusedAtTheStart(t *testing.T) {
	w := newWorld(t)
	w.eligible = []string{"ito"}
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused))
	require.ErrorContains(t, err, "requested or operate this change")
	require.Empty(t, w.effects())
}

func TestFloodOfDecisionsIsCapped(t *testing.T) {
	w := newWorld(t)
	for range 300 {
		w.at(start.Add(time.Hour), "approve", by("mallory"))
	}
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired))
	require.Len(t, w.status().Approvals, 200)
	require.Less(t, len(w.evidence), 210)
}
