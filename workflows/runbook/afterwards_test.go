package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
)

const (
	day      = 24 * hour
	lateFrom = 8*hour + 15*minute + day // 18:15 on the next business day
	giveUp   = 30 * day
)

// emergency is a runbook that changes first and is approved afterwards.
func (b *bench) emergency(ctx workflow.Context, r *Run) error {
	if err := r.RecordChange(ctx, toyChange); err != nil {
		return err
	}
	if err := r.Planned(ctx, b.changes); err != nil {
		return err
	}
	if err := r.ChangeIs(ctx, store.ChangeRunning, ""); err != nil {
		return err
	}
	for _, name := range []string{"one", "two"} {
		if err := r.Step(ctx, step(name)); err != nil {
			return err
		}
	}
	if err := r.ApproveAfterwards(ctx, b.planGate()); err != nil {
		return err
	}
	r.Keep()
	return nil
}

// newEmergency is a bench whose gate is one of afterwards.
func newEmergency(t *testing.T) (*bench, *[]activities.ChangeRecord) {
	b := newBench(t)
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) {
		terms.Deadline, terms.LateAt, terms.EscalateList = q.OpenedAt.Add(giveUp), q.OpenedAt.Add(lateFrom), "managers"
		terms.Reminders = []time.Time{q.OpenedAt.Add(4 * hour), q.OpenedAt.Add(40 * hour)}
	}
	return b, b.recorded()
}

// Each attack ends with the change undone by an honest rejection, so it was not accepted.
func TestAttacksOnTheApprovalAfterwards(t *testing.T) {
	for name, c := range map[string]struct {
		when    time.Duration
		attack  map[string]any
		prepare func(*bench)
		says    string
	}{
		"the requester":                     {hour, by("ito"), nil, "ito requested or operates this change"},
		"the operator":                      {hour, by("tanaka"), nil, "tanaka does not have the role officer"},
		"the officer of a vendor":           {hour, by("abe"), nil, "abe does not belong to meti"},
		"nobody known":                      {hour, by("mallory"), nil, "nobody that system.yaml knows"},
		"for another plan":                  {hour, by("sato", "plan", "0123456789abcdef"), nil, "it is for plan 01234567"},
		"for another run":                   {hour, by("sato", "run", "other"), nil, "it is for run other"},
		"for another gate":                  {hour, by("sato", "gate", "go"), nil, "it is for go"},
		"without a reason":                  {hour, map[string]any{"by": "sato"}, nil, `"reason" is missing`},
		"whoever had a hand in it":          {5 * hour, by("yamada"), func(b *bench) { b.handIn("yamada") }, "yamada requested or operates this change"},
		"before the effect":                 {2 * minute, by("sato"), func(b *bench) { b.handIn("kato") }, "the run is waiting for retry or rollback"},
		"with a claimed name in production": {hour, by("sato"), func(b *bench) { b.environment = production }, "in production an approval must be signed"},
		"once the role is lost":             {hour, by("sato"), func(b *bench) { b.after(30*minute, func() { b.officers = []string{"ito", "suzuki", "yamada"} }) }, "sato does not have the role officer"},
		"of before a Reset, unnamed":        {hour, by("sato"), func(b *bench) { b.after(30*minute, func() { b.life = "reset-run" }) }, "this run was reset"},
	} {
		t.Run(name, func(t *testing.T) {
			b, told := newEmergency(t)
			if c.prepare != nil {
				c.prepare(b)
			}
			b.at(c.when, Approve, c.attack)
			b.at(6*hour, Reject, by("suzuki"))
			requireEnd(t, b.toy(b.emergency), ErrRejected, "suzuki rejected")
			refused := false
			for _, d := range b.run.status.Approvals {
				refused = refused || !d.Accepted && assert.ObjectsAreEqual(d.Action, Approve)
				assert.False(t, d.Accepted && d.Action == Approve, "an attack was accepted")
				if !d.Accepted {
					assert.Contains(t, d.Refusal, c.says)
				}
			}
			assert.True(t, refused, "the attack was received and refused")
			assert.Contains(t, b.kinds(), "decision", "and is evidence")
			assert.Equal(t, "undone", statesOf(*told)[len(*told)-1])
			assert.Equal(t, []string{"undo two", "undo one"}, b.calls[len(b.calls)-2:], "a rejection puts back, in reverse")
		})
	}
}

// handIn makes the first step fail once, and somebody answer retry: that person has a hand in the change.
func (b *bench) handIn(person string) {
	b.fail["work one"] = once(final("AWS says no"))
	b.at(3*minute, Retry, by(person))
}

// An approval that came before the effect is spent: it does not wait for the gate.
func TestAnApprovalBeforeTheEffectIsNotKeptForTheGate(t *testing.T) {
	b, _ := newEmergency(t)
	b.handIn("kato")
	b.at(minute, Approve, by("sato"))
	requireEnd(t, b.toy(b.emergency), ErrNeverApproved, "nobody approved")
}

func TestAnApprovalAfterwardsOnceReset(t *testing.T) {
	b, told := newEmergency(t)
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) {
		terms.Deadline, terms.LateAt, terms.Quorum = q.OpenedAt.Add(giveUp), q.OpenedAt.Add(lateFrom), 2
	}
	b.at(hour, Approve, by("sato"))
	b.after(2*hour, func() { b.life = "reset-run" })
	b.env.RegisterDelayedCallback(func() {
		b.env.SignalWorkflow(Approve, by("suzuki", "run", "reset-run", "plan", b.run.PlanDigest()))
	}, 3*hour)
	b.env.RegisterDelayedCallback(func() {
		b.env.SignalWorkflow(Approve, by("sato", "run", "reset-run", "plan", b.run.PlanDigest()))
	}, 4*hour)
	require.NoError(t, b.toy(b.emergency))
	assert.Equal(t, start.Add(4*hour).UTC(), (*told)[len(*told)-1].At, "the first approval, before the Reset, did not count")
}

// The role may be lost between two approvals: then what was gathered is void and the gate asks again.
func TestALostRoleVoidsAnApprovalAfterwards(t *testing.T) {
	b, _ := newEmergency(t)
	both := b.gate
	b.gate = func(q activities.GateQuestion, terms *activities.Terms) { both(q, terms); terms.Quorum = 2 }
	b.at(hour, Approve, by("sato"))
	b.after(90*minute, func() { b.officers = []string{"ito", "suzuki", "yamada"} })
	b.at(2*hour, Approve, by("suzuki"))
	b.at(3*hour, Reject, by("suzuki"))
	requireEnd(t, b.toy(b.emergency), ErrRejected, "suzuki rejected")
	assert.Contains(t, b.body("approval-void")["why"], "sato approved and may not approve any more")
}

func TestAnApprovalInTime(t *testing.T) {
	b, told := newEmergency(t)
	b.at(5*hour, Approve, by("sato"))
	require.NoError(t, b.toy(b.emergency))
	assert.Equal(t, []string{"one", "two"}, b.calls, "what was approved stays")
	assert.Equal(t, []string{"planned", "running", "applied", "done"}, statesOf(*told))
	assert.Equal(t, start.Add(lateFrom).UTC(), (*told)[2].ReviewBy.UTC())
	assert.Nil(t, (*told)[2].ReviewedAt)
	assert.Equal(t, start.Add(5*hour).UTC(), (*told)[3].ReviewedAt.UTC())
	assert.Equal(t, []string{"sato"}, (*told)[3].Approvers)
	assert.Equal(t, []string{"after-request", "approval-reminder"}, b.templates())
}

func TestALateApprovalIsShownAsOverdueUntilItComes(t *testing.T) {
	b, told := newEmergency(t)
	var shown Status
	b.after(lateFrom+hour, func() { shown = b.run.status })
	b.at(3*day, Approve, by("sato"))
	require.NoError(t, b.toy(b.emergency))
	assert.Equal(t, Overdue, shown.State)
	assert.Contains(t, shown.Says, "since 2027-01-19 18:15 JST")
	assert.Contains(t, shown.Markdown(), "OVERDUE")
	require.NotNil(t, shown.WaitingFor)
	assert.Equal(t, start.Add(giveUp).UTC(), shown.WaitingFor.Until)
	assert.Equal(t, []string{"planned", "running", "applied", "overdue", "done"}, statesOf(*told))
	assert.Equal(t, []string{"after-request", "approval-reminder", "after-overdue", "approval-reminder"}, b.templates())
	overdue := b.mail[2]
	assert.Equal(t, "managers", overdue.List)
	assert.Contains(t, b.kinds(), "approval-overdue")
}

func TestAnEmergencyThatIsNeverApprovedEndsAndStays(t *testing.T) {
	b, told := newEmergency(t)
	err := b.toy(b.emergency)
	requireEnd(t, err, ErrNeverApproved, "nobody approved")
	assert.ErrorContains(t, err, "It stays as it was made")
	assert.ErrorContains(t, err, "one, two")
	assert.Equal(t, []string{"one", "two"}, b.calls, "to undo it unseen could break what it mended")
	assert.Equal(t, "failed", statesOf(*told)[len(*told)-1])
	assert.Equal(t, "after-never", b.templates()[len(b.templates())-1])
	assert.Contains(t, b.kinds(), "gate-expired")
	assert.Equal(t, start.Add(giveUp).UTC(), (*told)[len(*told)-1].At, "no wait is without an end")
}

func TestARejectionOverdueStillUndoes(t *testing.T) {
	b, told := newEmergency(t)
	b.at(10*day, Reject, by("sato"))
	requireEnd(t, b.toy(b.emergency), ErrRejected, "sato rejected")
	assert.Equal(t, []string{"one", "two", "undo two", "undo one"}, b.calls)
	assert.Equal(t, []string{"planned", "running", "applied", "overdue", "undone"}, statesOf(*told))
	assert.NotNil(t, (*told)[4].ReviewedAt)
}

func TestAGateThatDoesNotSayWhenItIsLateIsRefusedBeforeTheEffect(t *testing.T) {
	b := newBench(t)
	requireEnd(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.CanPass(ctx, Gate{Name: "plan", Afterwards: true}); err != nil {
			return err
		}
		return r.Step(ctx, step("one"))
	}), ErrRefused, "lateAfter")
	assert.Empty(t, b.calls)
}
