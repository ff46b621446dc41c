package runbook

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// leaves opens the gate, gives it up as soon as something happens in the run once the history is long, and hands over.
func (b *bench) leaves(handed *Handed, before ...func(workflow.Context, *Run) error) error {
	b.env.SetCurrentHistoryLength(longHistory)
	return b.toy(func(ctx workflow.Context, r *Run) error {
		for _, first := range before {
			if err := first(ctx, r); err != nil {
				return err
			}
		}
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		gate := b.planGate()
		gate.Wake = func() bool { return r.Long(ctx) && !workflow.Now(ctx).Before(start.Add(2*hour)) }
		err := r.Approve(ctx, gate)
		requireEnd(b.t, err, ErrLeft, "was left")
		*handed, err = r.HandOver(ctx)
		return err
	})
}

// goesOn takes over in a new history and asks at the gate again.
func (b *bench) goesOn(handed Handed, next func(workflow.Context, *Run) error) error {
	return b.toy(func(ctx workflow.Context, r *Run) error {
		r.TakeOver(handed)
		return next(ctx, r)
	})
}

func quorumOfTwo(_ activities.GateQuestion, t *activities.Terms) {
	t.Quorum = 2
	t.Reminders = []time.Time{start.Add(hour), start.Add(5 * hour)}
}

// A gate that is open when the history becomes long goes on in the new one: with the approvals that it has, the deadline that it
// had, and no further request. It has not expired.
func TestAnOpenGateGoesOnInANewHistory(t *testing.T) {
	b := newBench(t)
	b.gate = quorumOfTwo
	b.at(90*minute, Approve, by("sato"))
	b.at(2*hour, Retry, by("kato")) // something that happens
	var handed Handed
	require.NoError(t, b.leaves(&handed))
	require.NotContains(t, b.kinds(), "gate-expired")
	require.Equal(t, true, b.body("gate-left")["goesOn"])
	require.Equal(t, []string{"approval-request", "approval-reminder"}, b.templates())

	next := newBench(t)
	next.gate = quorumOfTwo
	next.env.SetStartTime(start.Add(3 * hour))
	next.at(minute, Approve, by("m-sato"))
	next.after(90*minute, func() {
		w := next.run.status.WaitingFor
		require.Equal(t, []any{1, 2, start.Add(openFor).UTC()}, []any{w.Got, w.Quorum, w.Until}, "the deadline counts from the first history")
		require.Equal(t, []string{"suzuki", "yamada"}, w.By[Approve])
	})
	next.at(3*hour, Approve, by("suzuki"))
	require.NoError(t, next.goesOn(handed, next.gated))
	require.Contains(t, next.run.status.Approvals[len(next.run.status.Approvals)-2].Refusal, "sato has approved already")
	require.Equal(t, []any{"sato", "suzuki"}, next.body("gate-passed")["approvers"])
	require.Equal(t, []string{"sato", "suzuki"}, next.run.Approvers("plan"), "in whichever history")
	require.Empty(t, next.run.Approvers("another"))
	require.Equal(t, b.mail[0].Step, next.mail[0].Step, "the same message: it is not sent twice")
	require.Equal(t, []string{"approval-request", "approval-reminder"}, next.templates())
	require.NotEqual(t, b.mail[1].Step, next.mail[1].Step, "the second reminder")
}

func TestApprovalsOfAGateThatWasLeftCountOnlyWhereNothingHasChanged(t *testing.T) {
	left := func(t *testing.T) (handed Handed) {
		b := newBench(t)
		b.gate = quorumOfTwo
		b.at(90*minute, Approve, by("sato"))
		b.at(2*hour, Retry, by("kato"))
		require.NoError(t, b.leaves(&handed))
		return handed
	}
	for name, c := range map[string]struct {
		change func(*bench)
		before func(workflow.Context, *Run) error
		named  bool // an approval must name the plan
	}{
		"the plan has changed":                {change: func(b *bench) { b.drift++ }, named: true},
		"who approved has no longer the role": {change: func(b *bench) { b.officers = []string{"ito", "suzuki", "yamada"} }},
		"the new history was reset": {
			change: func(b *bench) { b.after(time.Second, func() { b.life = "another-run" }) },
			before: func(ctx workflow.Context, _ *Run) error { return workflow.Sleep(ctx, 30*time.Second) }, named: true,
		},
		"who approved has had a hand since": {before: func(ctx workflow.Context, r *Run) error { return r.HadHand(ctx, "sato") }},
	} {
		t.Run(name, func(t *testing.T) {
			handed := left(t)
			next := newBench(t)
			next.gate = quorumOfTwo
			if c.change != nil {
				c.change(next)
			}
			next.after(minute, func() { require.Zero(t, next.run.status.WaitingFor.Got) })
			next.at(hour, Approve, by("suzuki"))
			next.after(2*hour, func() {
				got := 1
				if c.named {
					got = 0
				}
				require.Equal(t, got, next.run.status.WaitingFor.Got, "%+v", next.run.status.Approvals)
			})
			requireEnd(t, next.goesOn(handed, func(ctx workflow.Context, r *Run) error {
				if c.before != nil {
					if err := c.before(ctx, r); err != nil {
						return err
					}
				}
				return next.gated(ctx, r)
			}), ErrExpired, "was open until")
		})
	}
}

// A gate that was passed before the history became long is passed in the new one: by whom is known, and they carry out nothing of it.
// After a Reset it must be passed anew, as everywhere.
func TestAGateThatWasPassedIsPassedInANewHistory(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("yamada")) // may operate as well
	var handed Handed
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := b.gated(ctx, r); err != nil {
			return err
		}
		var err error
		handed, err = r.HandOver(ctx)
		return err
	}))
	require.Equal(t, []string{"yamada"}, b.run.Approvers("plan"))
	confirm := func(next *bench) error {
		return next.goesOn(handed, func(ctx workflow.Context, r *Run) error {
			if err := r.Planned(ctx, next.changes); err != nil {
				return err
			}
			_, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Finished: "operate"}})
			if err != nil {
				return err
			}
			return r.Confirm(ctx, next.planGate())
		})
	}
	next := newBench(t)
	next.at(minute, Finished, by("yamada"))
	require.NoError(t, confirm(next))
	require.Equal(t, []string{"yamada"}, next.run.Approvers("plan"))
	require.Contains(t, next.run.status.Approvals[1].Refusal, "yamada approved this change; somebody else must carry it out")
	require.NotContains(t, next.kinds(), "gate-opened", "it need not be asked again")

	reset := newBench(t)
	reset.after(minute, func() { reset.life = "another-run" })
	requireEnd(t, confirm(reset), ErrExpired, "was open until")
	require.Equal(t, "the run was reset after the approval", reset.body("approval-void")["why"])
}

// The attack: an approval that was sent before a rejection, and names nothing, arrives in the new history.
func TestABareApprovalDoesNotCountAtAGateThatWasAskedInAnEarlierHistory(t *testing.T) {
	b := newBench(t)
	b.env.SetCurrentHistoryLength(longHistory)
	b.at(hour, Reject, by("suzuki"))
	var handed Handed
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		requireEnd(t, r.Approve(ctx, b.planGate()), ErrRejected, "suzuki rejected plan")
		var err error
		handed, err = r.HandOver(ctx)
		return err
	}))
	next := newBench(t)
	next.at(hour, Approve, by("sato"))
	requireEnd(t, next.goesOn(handed, next.gated), ErrExpired, "had 0 of 1")
	require.Contains(t, next.run.status.Approvals[1].Refusal, "the gate is asked again because something has changed")
	require.NotEqual(t, b.mail[0].Step, next.mail[0].Step, "it is asked again, so people are told again")
}

// A flood of refused messages does not begin anew with a new history; what counted was work, and does not use up the limit.
func TestAFloodIsCountedOverHistories(t *testing.T) {
	b := newBench(t)
	for n := range 3 {
		b.at(time.Duration(n+1)*minute, Approve, by("mallory"))
	}
	b.at(10*minute, Note, by("kato"))
	var handed Handed
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if _, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Note: "operate"}}); err != nil {
			return err
		}
		var err error
		handed, err = r.HandOver(ctx)
		return err
	}))
	require.Equal(t, 3, handed.Refused)
	next := newBench(t)
	require.NoError(t, next.goesOn(handed, func(_ workflow.Context, r *Run) error {
		require.Equal(t, 3, r.decided)
		return nil
	}))
}

// Evidence that was lost in an earlier history is not forgotten: the run does not end as a success.
func TestLostEvidenceIsHandedOver(t *testing.T) {
	b := newBench(t)
	var handed Handed
	requireEnd(t, b.toy(func(ctx workflow.Context, r *Run) (err error) {
		r.lost = errors.New(`evidence "plan" was not written`)
		handed, err = r.HandOver(ctx)
		return err
	}), ErrEvidenceLost, "was not written")
	next := newBench(t)
	requireEnd(t, next.goesOn(handed, func(workflow.Context, *Run) error { return nil }), ErrEvidenceLost, `evidence "plan" was not written`)
}
