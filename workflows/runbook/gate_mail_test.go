package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// sent asserts that no message would count as one that was sent before, which it would under the same name.
func (b *bench) sent(templates ...string) {
	b.t.Helper()
	require.Equal(b.t, templates, b.templates())
	steps := map[string]bool{}
	for _, m := range b.mail {
		require.False(b.t, steps[m.Step], "%s is used twice: the second message would count as the first", m.Step)
		steps[m.Step] = true
	}
}

func remindedHourly(q activities.GateQuestion, terms *activities.Terms) {
	terms.Reminders = []time.Time{q.OpenedAt.Add(hour), q.OpenedAt.Add(2 * hour)}
	terms.EscalateAt, terms.EscalateList = q.OpenedAt.Add(90*minute), "managers"
}

// The plan is the same, and it is asked again all the same: people are told again, and reminded again.
func TestAGateThatIsAskedAgainOnAnUnchangedPlanSendsItsMailAgain(t *testing.T) {
	for name, c := range map[string]struct {
		between func(*bench)
	}{
		"approver removed": {func(b *bench) { b.officers = []string{"ito", "suzuki"} }},
		"reset":            {func(b *bench) { b.life = "run-after-reset" }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.gate = remindedHourly
			b.at(100*minute, Approve, by("sato"))
			requireEnd(t, b.toy(b.confirmed(func() { c.between(b) })), ErrExpired, "had 0 of 1")
			b.sent("approval-request", "approval-reminder", "approval-escalation", "approval-request", "approval-reminder", "approval-escalation", "approval-reminder")
		})
	}
}

func TestAnApprovalAfterwardsThatIsVoidSendsItsMailAgain(t *testing.T) {
	b, _ := newEmergency(t)
	both := b.gate
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) { both(q, terms); terms.Quorum = 2 }
	b.at(hour, Approve, by("sato"))
	b.after(5*hour, func() { b.officers = []string{"ito", "suzuki", "yamada"} })
	b.at(6*hour, Approve, by("suzuki"))
	requireEnd(t, b.toy(b.emergency), ErrNeverApproved, "nobody approved")
	b.sent("after-request", "approval-reminder", "after-request", "after-overdue", "approval-reminder", "after-never")
}

// After a Reset to before the gate it is opened for the first time again, and what was approved before is void.
func TestAGateOfARunThatWasResetSendsItsMailAgain(t *testing.T) {
	b := newBench(t)
	requireEnd(t, b.toy(b.gated), ErrExpired, "")
	again := newBench(t)
	again.after(time.Second, func() { again.life = "run-after-reset" })
	requireEnd(t, again.toy(func(ctx workflow.Context, r *Run) error {
		if err := workflow.Sleep(ctx, minute); err != nil {
			return err
		}
		return again.gated(ctx, r)
	}), ErrExpired, "")
	require.Len(t, again.mail, 1)
	require.NotEqual(t, b.mail[0].Step, again.mail[0].Step)
}
