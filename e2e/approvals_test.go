package e2e

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// signal sends any payload under a signal's name, as the Temporal UI does, and waits until it has been answered.
func (r *run) signal(name string, payload any) runbook.Answered {
	r.t.Helper()
	before := len(r.status().Approvals)
	require.NoError(r.t, r.client.SignalWorkflow(r.t.Context(), r.id, "", name, payload))
	s := r.until("an answer to the signal "+name, func(s runbook.Status) bool { return len(s.Approvals) > before })
	return s.Approvals[before]
}

// by is a signal's payload.
func by(person string, more ...string) map[string]string {
	m := map[string]string{"by": person, "reason": "ok"}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return m
}

// twoOfThem asks for two approvals of the plan.
func twoOfThem(s *system.System) {
	for i := range s.Gates {
		if s.Gates[i].Gate == "plan" {
			s.Gates[i].Quorum = 2
		}
	}
}

// approvers are the officers who can still approve; those who have can still reject.
func approvers(s runbook.Status) []string {
	var left []string
	for _, id := range s.WaitingFor.Eligible {
		approved := func(a runbook.Answered) bool { return a.Accepted && a.Action == runbook.Approve && a.Person == id }
		if id != s.Requester && !slices.ContainsFunc(s.Approvals, approved) {
			left = append(left, id)
		}
	}
	return left
}

func TestApprovalsBySignalAndByUpdateAreJudgedAlikeAndAllRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoOfThem)
	r := w.start(window(later))
	plan := r.asks("approval", "plan")
	digest := plan.WaitingFor.Plan

	// Refused, on whichever way it comes.
	refusals := []struct {
		name, action, person string
		change               func(*runbook.Decision)
		says                 string
	}{
		{"requester", runbook.Approve, "ito", nil, "ito requested or operates this change"},
		{"requester under another account", runbook.Approve, "ITO@example.go.jp", nil, "ito requested or operates this change"},
		{"operator", runbook.Approve, "tanaka", nil, "tanaka does not have the role officer"},
		{"auditor", runbook.Reject, "watanabe", nil, "watanabe does not have the role officer"},
		{"nobody", runbook.Approve, "mallory", nil, "nobody that system.yaml knows"},
		{"other plan", runbook.Approve, "sato", func(d *runbook.Decision) { d.Plan = "0f" + digest[2:] }, "look at the plan again"},
		{"other run", runbook.Approve, "sato", func(d *runbook.Decision) { d.Run = "0f0e0d0c" }, "it is for run 0f0e0d0c"},
		{"other gate", runbook.Approve, "sato", func(d *runbook.Decision) { d.Gate = "go" }, "it is for go"},
		{"not asked for", runbook.Finished, "tanaka", nil, "the run is waiting for approve or reject"},
	}
	for _, c := range refusals {
		byUpdate, err := scene.DecideWith(t.Context(), w.client, plan, c.action, c.person, "ok", c.change)
		require.NoError(t, err)
		require.False(t, byUpdate.Accepted, c.name)
		require.Contains(t, byUpdate.Refusal, c.says, c.name)

		d := runbook.Decision{By: c.person, Reason: "ok"}
		if c.change != nil {
			c.change(&d)
		}
		bySignal := r.signal(c.action, d)
		require.False(t, bySignal.Accepted, c.name)
		require.Equal(t, byUpdate.Refusal, bySignal.Refusal, "both end in the same place")
	}
	// Malformed: nothing of it is believed, and it is recorded all the same.
	malformed := []struct {
		payload any
		says    string
	}{
		{"approve", "send a JSON object"},
		{json.RawMessage(`[1, 2]`), "send a JSON object"},
		{json.RawMessage(`{"by": "sato", "by": "suzuki", "reason": "ok"}`), "given twice"},
		{json.RawMessage(`{"by": "sato", "reason": "ok", "force": true}`), `field "force" is unknown`},
		{json.RawMessage(`{"by": 7}`), "by"},
		{json.RawMessage(`{"by": "sato", "reason": "ok", "action": "reject"}`), "says action"},
		{nil, ""},
	}
	for _, c := range malformed {
		a := r.signal(runbook.Approve, c.payload)
		require.False(t, a.Accepted, "%v", c.payload)
		require.Contains(t, a.Refusal, c.says, "%v", c.payload)
	}
	require.Zero(t, r.status().WaitingFor.Got)

	// The same person twice, under two accounts and on two ways, counts once.
	require.True(t, r.signal(runbook.Approve, by("m-sato")).Accepted)
	again := r.try(plan, runbook.Approve, "sato")
	require.Contains(t, again.Refusal, "sato has approved already")
	require.Equal(t, 1, r.status().WaitingFor.Got)
	require.Equal(t, []string{"suzuki"}, approvers(r.status()), "who can still approve")
	r.answer(plan, runbook.Approve, "suzuki")

	// The second gate passes by a signal with nothing but a name and a reason, as a person writes it in the Temporal UI.
	r.asks("approval", "go")
	require.Contains(t, r.try(plan, runbook.Approve, "sato").Refusal, "it is for plan", "an approval of the gate before")
	require.True(t, r.signal(runbook.Approve, by("suzuki")).Accepted)
	// A rejection wins until the start.
	r.asks("time", "go")
	require.True(t, r.signal(runbook.Reject, by("sato")).Accepted)
	s := r.ends(runbook.ErrRejected)

	require.Equal(t, []string{announced, calledOff}, w.mails("users"))
	require.Empty(t, effects(w.journal()))
	w.untouched()
	recorded := r.decisions()
	require.Len(t, recorded, 2*len(refusals)+len(malformed)+6)
	require.Equal(t, s.Approvals, recorded, "the evidence has every decision, refused ones too")
	for _, a := range recorded {
		require.Equal(t, "claimed", a.Identity)
	}
	late := w.client.SignalWorkflow(t.Context(), r.id, "", runbook.Approve, by("sato"))
	require.Error(t, late, "the run is over")
}

func TestRepeatedSendingOfOneDecisionCountsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, twoOfThem)
	r := w.start(window(later))
	plan := r.asks("approval", "plan")
	require.True(t, r.signal(runbook.Approve, by("sato", "id", "d-1")).Accepted)
	require.Contains(t, r.signal(runbook.Approve, by("suzuki", "id", "d-1")).Refusal, "counts once")
	d := runbook.Decision{Action: runbook.Approve, By: "suzuki", Reason: "ok", ID: "d-1"}
	byUpdate, err := scene.DecideWith(t.Context(), w.client, plan, d.Action, d.By, d.Reason, func(sent *runbook.Decision) { sent.ID = d.ID })
	require.NoError(t, err)
	require.Contains(t, byUpdate.Refusal, "counts once")
	r.answer(plan, runbook.Reject, "suzuki")
	r.ends(runbook.ErrRejected)
	require.Empty(t, w.mails("users"))
}
