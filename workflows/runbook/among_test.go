package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// ordered is a gate that ito passes at once, sato after ten minutes, suzuki after twenty.
func (b *bench) ordered() Gate {
	g := b.planGate()
	g.Among = []Successor{{"ito", 10 * minute}, {"sato", 10 * minute}, {"suzuki", 0}}
	return g
}

func (b *bench) passesInOrder(ctx workflow.Context, r *Run) error {
	if err := r.Planned(ctx, b.changes); err != nil {
		return err
	}
	return r.Approve(ctx, b.ordered())
}

func TestAGateIsPassedInTheOrderOfItsPeople(t *testing.T) {
	b := newBench(t)
	b.at(9*minute, Approve, by("sato"))
	b.after(9*minute+minute/2, func() { b.requireRefused("sato may approve from 2027-01-18 10:10:00 JST on") })
	b.at(15*minute, Approve, by("suzuki"))
	b.after(15*minute+minute/2, func() { b.requireRefused("suzuki may approve from 2027-01-18 10:20:00 JST on") })
	b.after(16*minute, func() { require.Contains(t, b.run.status.WaitingFor.By[Approve], "sato") })
	b.at(21*minute, Approve, by("suzuki"))
	require.NoError(t, b.toy(b.passesInOrder))
	require.Equal(t, []string{"suzuki"}, b.run.passed["plan"].approvers)
	require.Equal(t, 2, b.countOf("gate-widened"))
}

func TestSomebodyWhoIsNotOnTheListDecidesNothing(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("yamada"))
	b.after(hour+minute/2, func() {
		b.requireRefused("yamada is not among those who decide this: ito, sato from 10:10:00 JST, suzuki from 10:20:00 JST")
	})
	b.at(hour+minute, Reject, by("yamada"))
	b.after(hour+minute+minute/2, func() { b.requireRefused("yamada is not among those who decide this") })
	b.at(2*hour, Reject, by("suzuki"))
	requireEnd(t, b.toy(b.passesInOrder), ErrRejected, "suzuki rejected")
}

// countOf counts the evidence of a kind.
func (b *bench) countOf(kind string) int {
	n := 0
	for _, k := range b.kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

// Whoever is on the list without the role passes nothing, and a list of such people is refused at the start.
func TestAListOfPeopleWithoutTheRoleIsRefusedAtTheStart(t *testing.T) {
	b := newBench(t)
	b.officers = []string{"yamada"}
	err := b.toy(func(ctx workflow.Context, r *Run) error { return r.CanPass(ctx, b.ordered()) })
	requireEnd(t, err, ErrRefused, "only [] can give one")
}
