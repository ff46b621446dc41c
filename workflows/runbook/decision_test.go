package runbook

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// Every way to get an approval counted that should not count, sent as a signal and as the update. The gate must stay
// shut, and each attempt must leave its refusal as evidence.
func TestNoAttackPassesAGate(t *testing.T) {
	long := strings.Repeat("長", 700)
	for name, c := range map[string]struct {
		message any
		says    string
		arrange func(*bench)
	}{
		"forged: nobody":                {message: by("mallory"), says: `"mallory" is nobody that system.yaml knows`},
		"forged: no name":               {message: by(""), says: `"by" is missing`},
		"forged: wrong role":            {message: by("kato"), says: "kato does not have the role officer"},
		"forged: other organisation":    {message: by("abe"), says: "abe does not belong to meti"},
		"requester":                     {message: by("ito"), says: "ito requested or operates this change"},
		"requester's second account":    {message: by("m-ito"), says: "ito requested or operates this change"},
		"approver removed":              {message: by("sato"), says: "sato does not have the role", arrange: func(b *bench) { b.officers = []string{"suzuki"} }},
		"another plan":                  {message: by("sato", "plan", strings.Repeat("0", 64)), says: "look at the plan again"},
		"another run":                   {message: by("sato", "run", "run-of-yesterday"), says: "it is for run run-of-yesterday, and this is run " + toyRun},
		"another gate":                  {message: by("sato", "gate", "go"), says: "it is for go, and the run is at plan"},
		"claimed in production":         {message: by("sato"), says: "must be signed with the approver's own key", arrange: func(b *bench) { b.environment = "production" }},
		"no reason":                     {message: map[string]any{"by": "sato"}, says: `"reason" is missing`},
		"unknown field":                 {message: by("sato", "force", true), says: `field "force" is unknown`},
		"not an object":                 {message: []string{"sato"}, says: "send a JSON object"},
		"nothing":                       {message: nil, says: "is empty"},
		"too long a reason":             {message: by("sato", "reason", long), says: "is too long"},
		"too long a name":               {message: by(long), says: "is too long"},
		"too long an ID":                {message: by("sato", "id", long), says: "is too long"},
		"the sender cannot be found":    {message: by("sato"), says: "could not be looked up: system.yaml is broken", arrange: func(b *bench) { b.fail["ResolvePerson"] = always(final("system.yaml is broken")) }},
		"run ID that cannot be read":    {message: by("sato", "run", toyRun), says: "this is run unknown", arrange: func(b *bench) { b.life = 7 }},
		"reset, run and plan not named": {message: by("sato"), says: "must name its run and plan", arrange: func(b *bench) { b.after(minute, func() { b.life = "run-2" }) }},
		"replayed from before a reset":  {message: by("sato", "run", toyRun), says: "it is for run " + toyRun + ", and this is run run-2", arrange: func(b *bench) { b.after(minute, func() { b.life = "run-2" }) }},
	} {
		refused := func(send func(*bench)) func(*testing.T) {
			return func(t *testing.T) {
				b := newBench(t)
				if c.arrange != nil {
					c.arrange(b)
				}
				send(b)
				requireEnd(t, b.toy(b.gated), ErrExpired, "had 0 of 1")
				require.Empty(t, b.calls, "nothing may happen")
				b.requireRefused(c.says)
			}
		}
		t.Run(name+", by signal", refused(func(b *bench) { b.at(hour, Approve, c.message) }))
		t.Run(name+", by update", refused(func(b *bench) {
			message := c.message
			if m, ok := message.(map[string]any); ok {
				m["action"] = Approve
			}
			u := b.update(hour, message)
			t.Cleanup(func() {
				require.NoError(t, u.rejected)
				require.False(t, u.answer.Accepted)
				require.Contains(t, u.answer.Refusal, c.says)
			})
		}))
	}
}

func TestTheHonestApprovalPasses(t *testing.T) {
	t.Run("by update, naming everything", func(t *testing.T) {
		b := newBench(t)
		var u *updated
		b.after(hour, func() {
			u = b.update(0, by("sato", "action", Approve, "run", toyRun, "plan", b.run.PlanDigest(), "gate", "plan", "id", "d-1"))
		})
		require.NoError(t, b.toy(b.gated))
		require.NoError(t, u.err)
		require.Equal(t, Answered{
			ID: "d-1", Action: Approve, By: "sato", Person: "sato", Reason: "checked", Gate: "plan", Plan: b.run.PlanDigest(),
			At: start.Add(hour).UTC(), Accepted: true, Identity: "claimed",
		}, u.answer)
	})
	t.Run("by signal, under a second account, after a reset", func(t *testing.T) {
		b := newBench(t)
		b.after(minute, func() { b.life = "run-2" })
		b.after(hour, func() { b.at(0, Approve, by("m-sato", "run", "run-2", "plan", b.run.PlanDigest())) })
		require.NoError(t, b.toy(b.gated))
		require.Equal(t, "m-sato", b.run.status.Approvals[0].By)
		require.Equal(t, "sato", b.run.status.Approvals[0].Person)
	})
}

func TestActionOfAMessage(t *testing.T) {
	for name, c := range map[string]struct {
		send func(*bench)
		says string
	}{
		"a signal that contradicts its name": {func(b *bench) { b.at(hour, Approve, by("sato", "action", Reject)) }, `is the signal "approve" but says action "reject"`},
		"an update without an action":        {func(b *bench) { b.update(hour, by("sato")) }, `has no "action": send one of [approve reject`},
		"an update with an unknown action":   {func(b *bench) { b.update(hour, by("sato", "action", "force")) }, `waiting for approve or reject, not for "force"`},
		"an answer that is not asked for":    {func(b *bench) { b.at(hour, Retry, by("kato")) }, `waiting for approve or reject, not for "retry"`},
		"a signal that repeats its name":     {func(b *bench) { b.at(hour, Approve, by("ito", "action", Approve)) }, "somebody else must approve it"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c.send(b)
			requireEnd(t, b.toy(b.gated), ErrExpired, "")
			b.requireRefused(c.says)
		})
	}
}

func TestDecisionWhileNothingIsAsked(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("sato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error { return workflow.Sleep(ctx, 2*hour) }))
	b.requireRefused(`the run is not waiting for "approve"`)
}

// Whoever had a hand in the execution approves nothing, even with the role.
func TestExecutorDoesNotApprove(t *testing.T) {
	b := newBench(t)
	b.fail["work first"] = func(try int) error {
		if try <= 6 { // the policy's attempts
			return errBroken
		}
		return nil
	}
	b.at(hour, Retry, by("m-yamada"))
	b.at(2*hour, Approve, by("yamada"))
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Step(ctx, StepSpec{Name: "first", Title: "First", Do: does("first")}); err != nil {
			return err
		}
		return b.gated(ctx, r)
	})
	requireEnd(t, err, ErrExpired, "")
	require.Equal(t, []string{"first"}, b.calls)
	b.requireRefused("yamada requested or operates this change")
}

func TestRepeatedDecisionCountsOnce(t *testing.T) {
	b := newBench(t)
	b.gate = twoApprovals
	b.at(hour, Approve, by("sato", "id", "d-1"))
	b.at(2*hour, Approve, by("suzuki", "id", "d-1")) // somebody else under a spent ID
	b.at(3*hour, Reject, by("sato", "id", "d-1"))
	requireEnd(t, b.toy(b.gated), ErrExpired, "had 1 of 2")
	a := b.run.status.Approvals
	require.True(t, a[0].Accepted)
	require.Equal(t, "decision d-1 has been received before; it counts once", a[1].Refusal)
	require.Equal(t, "decision d-1 has been received before; it counts once", a[2].Refusal)
}

func TestDecisionIDIsSpentEvenWhenItWasRefused(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("mallory", "id", "d-1"))
	b.at(2*hour, Approve, by("sato", "id", "d-1"))
	requireEnd(t, b.toy(b.gated), ErrExpired, "")
	b.requireRefused("has been received before")
}

// A Reset while a gate is open: what had been approved in the old run does not add up with what comes in the new one.
func TestResetWhileAGateIsOpenVoidsWhatWasApproved(t *testing.T) {
	b := newBench(t)
	b.gate = twoApprovals
	b.at(hour, Approve, by("sato"))
	b.after(2*hour, func() { b.life = "run-2" })
	b.after(3*hour, func() { b.at(0, Approve, by("suzuki", "run", "run-2", "plan", b.run.PlanDigest())) })
	requireEnd(t, b.toy(b.gated), ErrExpired, "had 1 of 2")
	require.True(t, b.run.status.Approvals[1].Accepted)
	require.Empty(t, b.calls)
}

func TestTimerAndAnswerInARace(t *testing.T) {
	gate := func(d time.Duration) (*bench, error) {
		b := newBench(t)
		b.at(d, Approve, by("sato"))
		err := b.toy(func(ctx workflow.Context, r *Run) error {
			err := b.gated(ctx, r)
			_ = workflow.Sleep(ctx, hour) // the run is still there to take what comes late
			return err
		})
		return b, err
	}
	t.Run("shortly before the end it counts", func(t *testing.T) {
		b, err := gate(openFor - 30*time.Second)
		require.NoError(t, err)
		require.Equal(t, []string{"on"}, b.calls)
	})
	t.Run("shortly after the end it is late", func(t *testing.T) {
		b, err := gate(openFor + time.Second)
		requireEnd(t, err, ErrExpired, "")
		require.Empty(t, b.calls)
		b.requireRefused(`not waiting for "approve"`)
	})
}

// The evidence of an approval is written before it counts. If that takes until the gate has closed, it is late after all.
func TestApprovalWhoseEvidenceIsWrittenAfterTheEndDoesNotCount(t *testing.T) {
	b := newBench(t)
	b.fail["AppendEvidence"] = func(int) error {
		if now := b.env.Now(); now.After(start.Add(openFor-minute)) && now.Before(start.Add(openFor)) {
			return errBroken
		}
		return nil
	}
	b.at(openFor-30*time.Second, Approve, by("sato"))
	requireEnd(t, b.toy(b.gated), ErrExpired, "had 0 of 1")
	require.Empty(t, b.calls)
	a := b.run.status.Approvals
	require.Len(t, a, 2)
	require.True(t, a[0].Accepted)
	b.requireRefused("too late: plan is already closed")
}

func TestDecisionsAreJudgedOneAfterAnother(t *testing.T) {
	b := newBench(t)
	b.gate = twoApprovals
	for _, who := range []string{"sato", "sato", "m-sato"} { // all at once: while the first is being recorded the others wait
		b.at(hour, Approve, by(who))
	}
	requireEnd(t, b.toy(b.gated), ErrExpired, "had 1 of 2")
	require.Empty(t, b.calls)
}

func TestFloodOfDecisionsIsCapped(t *testing.T) {
	b := newBench(t)
	for range mostDecisions + 50 {
		b.at(hour, Approve, by("mallory"))
	}
	u := b.update(2*hour, by("sato", "action", Approve))
	requireEnd(t, b.toy(b.gated), ErrExpired, "")
	require.Len(t, b.run.status.Approvals, mostDecisions)
	require.Less(t, len(b.evidence), mostDecisions+10)
	require.ErrorContains(t, u.rejected, "has taken 200 decisions that did not count and takes no more")
	require.LessOrEqual(t, len(b.run.status.Markdown()), most)
}

// What counts is work: it may go on for as long as it takes.
func TestAcceptedDecisionsDoNotUseUpTheLimit(t *testing.T) {
	b := newBench(t)
	for n := range mostDecisions + 5 {
		b.at(time.Duration(n+1)*minute, Note, by("kato"))
	}
	b.at(10*hour, Finished, by("kato"))
	notes := 0
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		for {
			d, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(20 * hour), Answers: map[string]string{Note: "operate", Finished: "operate"}})
			if err != nil || d == nil {
				return errors.Join(err, errors.New("nobody finished it"))
			}
			if d.Action == Finished {
				return nil
			}
			notes++
		}
	}))
	require.Equal(t, mostDecisions+5, notes)
}

// A flood of updates may pass the validator before the first of it is counted.
func TestFloodOfUpdatesInOneTaskIsCapped(t *testing.T) {
	b := newBench(t)
	sent := []*updated{}
	b.after(hour, func() {
		b.run.decided = mostDecisions - 1
		sent = append(sent, b.update(0, by("mallory", "action", Approve)), b.update(0, by("sato", "action", Approve)))
	})
	requireEnd(t, b.toy(b.gated), ErrExpired, "")
	require.Contains(t, sent[0].answer.Refusal, "is nobody")
	last := sent[1]
	require.True(t, last.rejected != nil || strings.Contains(last.answer.Refusal, "takes no more"))
	require.Len(t, b.run.status.Approvals, 1)
}

func TestCancelIsTakenAtAnyTimeButOnlyFromOperators(t *testing.T) {
	for name, body := range map[string]func(*bench) func(workflow.Context, *Run) error{
		"while a gate is open": func(b *bench) func(workflow.Context, *Run) error { return b.gated },
		"while nothing is asked": func(*bench) func(workflow.Context, *Run) error {
			return func(ctx workflow.Context, _ *Run) error { return workflow.Sleep(ctx, 5*hour) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.at(hour, Cancel, by("sato"))
			b.at(2*hour, Cancel, by("kato", "plan", "any", "gate", "any"))
			b.at(2*hour, Cancel, by("tanaka"))
			requireEnd(t, b.toy(body(b)), ErrCancelled, "kato cancelled: checked")
			require.Contains(t, b.run.status.Approvals[0].Refusal, "sato does not have the role operator")
			require.Equal(t, start.Add(2*hour).UTC(), *b.run.status.EndedAt)
			require.Contains(t, b.run.executed, "kato", "who cancels has had a hand in it")
		})
	}
}

func TestCheckOfAnAnswerRefusesIt(t *testing.T) {
	b := newBench(t)
	b.at(hour, Finished, by("kato"))
	b.at(2*hour, Finished, by("kato", "id", "second"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		d, err := r.Asked(ctx, Waiting, Ask{
			Kind: "work", Name: "work", Why: "work", Until: start.Add(5 * hour), Answers: map[string]string{Finished: "operate"},
			Check: func(_ workflow.Context, d Decision) string {
				if d.ID == "" {
					return "the ID is missing"
				}
				return ""
			},
		})
		require.Equal(t, "second", d.ID)
		return err
	}))
	require.Equal(t, "the ID is missing", b.run.status.Approvals[0].Refusal)
	require.True(t, b.run.status.Approvals[1].Accepted)
}

func TestDecisionIsRecordedWithWhatWasJudged(t *testing.T) {
	b := newBench(t)
	b.gate = func(_ activities.GateQuestion, terms *activities.Terms) { terms.Deadline = start.Add(2 * hour) }
	b.at(hour, Reject, by("m-sato", "id", "d-9"))
	requireEnd(t, b.toy(b.gated), ErrRejected, "")
	body := b.body("decision")
	for field, want := range map[string]any{"id": "d-9", "action": Reject, "by": "m-sato", "person": "sato", "reason": "checked", "gate": "plan", "plan": b.run.PlanDigest(), "accepted": true, "identity": "claimed"} {
		require.Equal(t, want, body[field], field)
	}
}
