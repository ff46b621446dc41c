package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
)

func TestApprovalLetsTheRunGoOnAndIsEvidence(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("sato"))
	require.NoError(t, b.toy(b.gated))
	require.Equal(t, []string{"on"}, b.calls)
	require.Equal(t, []string{"opened", "plan", "gate-opened", "decision", "gate-passed", "closed"}, b.kinds())
	require.Equal(t, []any{"sato"}, b.body("gate-passed")["approvers"])
	require.Equal(t, b.run.PlanDigest(), b.body("gate-passed")["plan"])
	require.Equal(t, []any{"approve", "reject"}, b.body("gate-opened")["answers"])

	require.Equal(t, []string{"approval-request"}, b.templates())
	request := b.mail[0]
	require.Equal(t, "officers", request.List)
	require.Equal(t, "plan", request.Data["gate"])
	require.Equal(t, plan.Short(b.run.PlanDigest()), request.Data["plan"])
	require.Equal(t, "2027年1月19日(火) 10:00", request.Data["until"])
	require.Equal(t, "・Turn the object on\n", request.Data["detail"])
}

func TestPlanThatCannotBeMadeEndsTheRunBeforeAnyEffect(t *testing.T) {
	b := newBench(t)
	b.fail["plan"] = always(errBroken)
	requireEnd(t, b.toy(b.gated), ErrRefused, "the plan cannot be made: AWS says no")
	require.Empty(t, b.calls)
	require.NotContains(t, b.kinds(), "plan")
	require.Empty(t, b.run.PlanDigest())
}

func TestCancelWhileThePlanIsMade(t *testing.T) {
	b := newBench(t)
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, hour)
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Planned(ctx, func(ctx workflow.Context) ([]plan.Change, error) { return nil, workflow.Sleep(ctx, 2*hour) })
	})
	require.True(t, temporal.IsCanceledError(err), "%v", err)
}

// An approval names the digest, so what the digest covers is where an approval cannot be carried over to.
func TestPlanOfAnotherSystemEnvironmentRunOrRunbookHasAnotherDigest(t *testing.T) {
	digest := func(change func(*Run)) string {
		b := newBench(t)
		require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
			change(r)
			return r.Planned(ctx, b.changes)
		}))
		return b.run.PlanDigest()
	}
	same := digest(func(*Run) {})
	require.Len(t, same, 64)
	require.Equal(t, same, digest(func(*Run) {}))
	for what, change := range map[string]func(*Run){
		"system":      func(r *Run) { r.subject.System = "other" },
		"environment": func(r *Run) { r.subject.Environment = "staging" },
		"run":         func(r *Run) { r.status.operation = activities.OperationOf("other-workflow", "first") },
		"runbook":     func(r *Run) { r.spec.Name = "Other" },
	} {
		require.NotEqual(t, same, digest(change), what)
	}
}

func TestGateThatNobodyCanSatisfyIsRefusedAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		officers []string
		quorum   int
		gates    []string
		says     string // "" if it can be satisfied
	}{
		"enough people":              {[]string{"ito", "sato", "suzuki"}, 2, []string{"plan", "go"}, ""},
		"only the requester":         {[]string{"ito"}, 1, []string{"plan"}, "only [] can give one: [ito tanaka] requested or operate"},
		"only the operator":          {[]string{"tanaka"}, 1, []string{"plan"}, "only [] can give one"},
		"nobody":                     {nil, 1, []string{"plan"}, "needs 1 approval(s) by people with the role officer"},
		"one too few for the quorum": {[]string{"ito", "sato"}, 2, []string{"plan"}, "needs 2 approval(s)"},
		"a gate nobody knows":        {[]string{"sato"}, 1, []string{"plan", "moon"}, `no gate "moon"`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.officers = c.officers
			b.gate = func(_ activities.GateQuestion, terms *activities.Terms) { terms.Quorum = c.quorum }
			err := b.toy(func(ctx workflow.Context, r *Run) error {
				if err := r.Satisfiable(ctx, c.gates...); err != nil {
					return err
				}
				return does("effect")(ctx)
			})
			if c.says == "" {
				require.NoError(t, err)
				require.Len(t, b.asked, len(c.gates))
				require.Equal(t, "ito", b.asked[0].Requester)
				require.Equal(t, "tanaka", b.asked[0].Operator)
				return
			}
			requireEnd(t, err, ErrRefused, c.says)
			require.Empty(t, b.calls, "nothing may happen")
		})
	}
}

func TestGateIsRefusedIfOneMoreHandWouldLeaveNobody(t *testing.T) {
	for name, c := range map[string]struct {
		without []string
		says    string
	}{
		"others are left":  {[]string{"sato"}, ""},
		"nobody else left": {[]string{"sato", "suzuki", "yamada"}, "only [] can give one: [ito sato suzuki tanaka yamada]"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			err := b.toy(func(ctx workflow.Context, r *Run) error { return r.CanPass(ctx, b.planGate(), c.without...) })
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			requireEnd(t, err, ErrRefused, c.says)
		})
	}
}

// What was asked for is accepted by whoever asked for it; whoever had a hand in it accepts nothing.
func TestGateThatAccepts(t *testing.T) {
	accept := func(b *bench) func(workflow.Context, *Run) error {
		return func(ctx workflow.Context, r *Run) error {
			r.executed = append(r.executed, "yamada") // an officer who did some of the work
			if err := r.Planned(ctx, b.changes); err != nil {
				return err
			}
			g := b.planGate()
			g.Accepts, g.Expires = true, "the run ends: not accepted"
			return r.Approve(ctx, g)
		}
	}
	t.Run("the requester", func(t *testing.T) {
		b := newBench(t)
		b.after(minute, func() {
			require.Equal(t, "the run ends: not accepted", b.run.status.WaitingFor.Then)
			require.Equal(t, []string{"ito", "sato", "suzuki"}, b.run.status.WaitingFor.By[Approve])
		})
		b.at(hour, Approve, by("ito"))
		require.NoError(t, b.toy(accept(b)))
		require.Empty(t, b.asked[0].Requester)
	})
	t.Run("who had a hand in it", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("yamada"))
		requireEnd(t, b.toy(accept(b)), ErrExpired, "had 0 of 1")
		b.requireRefused("yamada requested or operates this change")
	})
}

func TestGateThatIsUnknownEndsTheRun(t *testing.T) {
	b := newBench(t)
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		return r.Approve(ctx, Gate{Name: "moon"})
	})
	requireEnd(t, err, ErrRefused, `no gate "moon" of runbook Toy`)
}

func TestGateWithoutAPlanIsRefused(t *testing.T) {
	b := newBench(t)
	err := b.toy(func(ctx workflow.Context, r *Run) error { return r.Approve(ctx, b.planGate()) })
	requireEnd(t, err, ErrRefused, `the gate "plan" has no plan to approve`)
}

// twoApprovals makes every gate ask for two people.
func twoApprovals(_ activities.GateQuestion, terms *activities.Terms) { terms.Quorum = 2 }

func TestQuorumNeedsDifferentPeople(t *testing.T) {
	b := newBench(t)
	b.gate = twoApprovals
	b.at(hour, Approve, by("sato"))
	b.at(2*hour, Approve, by("sato"))
	b.at(3*hour, Approve, by("m-sato")) // a second account of the same person
	b.after(4*hour, func() {
		require.Empty(t, b.calls)
		require.Equal(t, 1, b.run.status.WaitingFor.Got)
		require.Equal(t, []string{"suzuki", "yamada"}, b.run.status.WaitingFor.By[Approve])
	})
	b.at(5*hour, Approve, by("suzuki"))
	require.NoError(t, b.toy(b.gated))
	a := b.run.status.Approvals
	require.Contains(t, a[1].Refusal, "sato has approved already")
	require.Contains(t, a[2].Refusal, "sato has approved already")
	require.Equal(t, []any{"sato", "suzuki"}, b.body("gate-passed")["approvers"])
}

func TestGateThatIsNotPassedInTimeEndsTheRun(t *testing.T) {
	b := newBench(t)
	b.gate = twoApprovals
	b.at(hour, Approve, by("sato"))
	requireEnd(t, b.toy(b.gated), ErrExpired, `the gate "plan" was open until 2027-01-19 10:00 JST and had 1 of 2 approvals`)
	require.Equal(t, start.Add(openFor).UTC(), *b.run.status.EndedAt)
	require.Contains(t, b.kinds(), "gate-expired")
	require.NotContains(t, b.kinds(), "gate-passed")
	require.Empty(t, b.calls)
}

func TestGateClosesAtTheEarlierOfItsDeadlineAndTheRunbooksOwn(t *testing.T) {
	b := newBench(t)
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		return r.Approve(ctx, Gate{Name: "go", NotAfter: start.Add(hour), Plan: b.changes})
	})
	requireEnd(t, err, ErrExpired, "until 2027-01-18 11:00 JST and had 0 of 1")
}

func TestRejectionEndsTheRunEvenAfterAnApproval(t *testing.T) {
	b := newBench(t)
	b.gate = twoApprovals
	b.at(hour, Approve, by("sato"))
	b.at(2*hour, Reject, by("sato")) // the same person thinks better of it
	requireEnd(t, b.toy(b.gated), ErrRejected, "sato rejected plan: checked")
	require.Empty(t, b.calls)
}

// A runbook that asks again after a rejection asks about something else: an approval that was meant for the first must not count.
func TestApprovalAfterARejectionMustNameItsPlan(t *testing.T) {
	b := newBench(t)
	b.at(hour, Reject, by("sato"))
	b.at(2*hour, Approve, by("sato"))
	b.after(3*hour, func() { b.at(hour, Approve, by("suzuki", "plan", b.run.PlanDigest())) })
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		requireEnd(t, r.Approve(ctx, b.planGate()), ErrRejected, "sato rejected plan")
		b.drift++
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		return r.Approve(ctx, b.planGate())
	}))
	require.Equal(t, []any{"suzuki"}, b.body("gate-passed")["approvers"])
}

func TestRemindersAndEscalationRingInOrderWhileTheGateIsOpen(t *testing.T) {
	b := newBench(t)
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) {
		terms.Reminders = []time.Time{q.OpenedAt, q.OpenedAt.Add(3 * hour), q.OpenedAt.Add(hour), q.OpenedAt.Add(openFor), q.OpenedAt.Add(30 * hour)}
		terms.EscalateAt, terms.EscalateList = q.OpenedAt.Add(2*hour), "managers"
	}
	var ahead []string
	for _, at := range []time.Duration{0, hour, 2 * hour, 3 * hour} {
		b.after(at+time.Minute, func() {
			what := "nothing"
			if next := b.run.status.WaitingFor.Next; next != nil {
				what = next.What
			}
			ahead = append(ahead, what)
		})
	}
	requireEnd(t, b.toy(b.gated), ErrExpired, "")
	list := b.mail[0].List
	require.Equal(t, []string{list + " are reminded", "managers are told that nobody answers", list + " are reminded", "nothing"}, ahead, "people see what comes next")
	require.Equal(t, []string{"approval-request", "approval-reminder", "approval-escalation", "approval-reminder"}, b.templates(), "those past, and those at or after the end, are left out")
	require.Equal(t, "managers", b.mail[2].List)
	steps := map[string]bool{}
	for _, m := range b.mail {
		require.False(t, steps[m.Step], "%s is used twice: the second message would count as the first", m.Step)
		steps[m.Step] = true
	}
}

func TestRemindersStopOnceTheGateIsPassed(t *testing.T) {
	b := newBench(t)
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) {
		terms.Reminders = []time.Time{q.OpenedAt.Add(hour), q.OpenedAt.Add(3 * hour)}
	}
	b.at(2*hour, Approve, by("sato"))
	require.NoError(t, b.toy(b.gated))
	require.Equal(t, []string{"approval-request", "approval-reminder"}, b.templates())
}

func TestApprovalThatComesWhileAReminderIsSentCounts(t *testing.T) {
	b := newBench(t)
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) {
		terms.Reminders = []time.Time{q.OpenedAt.Add(hour)}
	}
	b.fail["mail approval-reminder"] = once(errBroken) // the second attempt is two seconds later
	b.at(hour+time.Second, Approve, by("sato"))
	require.NoError(t, b.toy(b.gated))
	require.Equal(t, []string{"on"}, b.calls)
}

func TestCancelWhileAGateIsOpen(t *testing.T) {
	b := newBench(t)
	b.env.RegisterDelayedCallback(b.env.CancelWorkflow, hour)
	require.True(t, temporal.IsCanceledError(b.toy(b.gated)))
	require.Empty(t, b.calls)
	require.NotContains(t, b.kinds(), "gate-expired")
}

// confirmed lets something happen between the approval and the first effect.
func (b *bench) confirmed(between func()) func(workflow.Context, *Run) error {
	return func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		if err := r.Approve(ctx, b.planGate()); err != nil {
			return err
		}
		b.mu.Lock()
		between()
		b.mu.Unlock()
		if err := r.Confirm(ctx, b.planGate()); err != nil {
			return err
		}
		return does("effect")(ctx)
	}
}

func TestApprovalIsVoidBeforeTheFirstEffect(t *testing.T) {
	for name, c := range map[string]struct {
		between func(*bench)
		why     string
	}{
		"drift":            {func(b *bench) { b.drift++ }, "the state has changed since plan"},
		"approver removed": {func(b *bench) { b.officers = []string{"ito", "suzuki"} }, "sato approved and may not approve any more"},
		"reset":            {func(b *bench) { b.life = "run-after-reset" }, "the run was reset after the approval"},
	} {
		t.Run(name+": asks again", func(t *testing.T) {
			b := newBench(t)
			b.at(hour, Approve, by("sato"))
			b.after(2*hour, func() {
				require.Empty(t, b.calls, "nothing happens on a void approval")
				b.at(hour, Approve, by("suzuki", "run", b.life, "plan", b.run.PlanDigest()))
			})
			require.NoError(t, b.toy(b.confirmed(func() { c.between(b) })))
			require.Contains(t, b.body("approval-void")["why"], c.why)
			require.Equal(t, []any{"suzuki"}, b.body("gate-passed")["approvers"])
			require.Equal(t, b.run.PlanDigest(), b.body("gate-passed")["plan"], "it is for the plan in force")
			require.Equal(t, []string{"effect"}, b.calls)
		})
		t.Run(name+": nobody approves again", func(t *testing.T) {
			b := newBench(t)
			b.at(hour, Approve, by("sato"))
			requireEnd(t, b.toy(b.confirmed(func() { c.between(b) })), ErrExpired, "had 0 of 1")
			require.Empty(t, b.calls)
		})
	}
}

func TestConfirmEndsTheRunWhenItCannotLookAgain(t *testing.T) {
	t.Run("the plan cannot be computed", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("sato"))
		err := b.toy(b.confirmed(func() { b.fail["plan"] = always(errBroken) }))
		requireEnd(t, err, ErrRefused, "the plan cannot be made")
		require.Empty(t, b.calls)
	})
	t.Run("the gate is gone", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Approve, by("sato"))
		err := b.toy(b.confirmed(func() { b.fail["GateTerms"] = always(final("the gate is gone")) }))
		requireEnd(t, err, ErrRefused, "the gate is gone")
		require.Empty(t, b.calls)
	})
}

func TestApprovalAtOneGateDoesNotPassAnother(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("sato"))
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		if err := r.Approve(ctx, b.planGate()); err != nil {
			return err
		}
		if err := r.Confirm(ctx, Gate{Name: "go", Plan: b.changes}); err != nil {
			return err
		}
		return does("effect")(ctx)
	})
	requireEnd(t, err, ErrExpired, `the gate "go"`)
	require.Contains(t, b.body("approval-void")["why"], "nobody has approved at this gate yet")
	require.Empty(t, b.calls)
}
