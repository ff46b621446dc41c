package runbook

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
)

// recorded makes the bench keep change records.
func (b *bench) recorded() *[]activities.ChangeRecord {
	told := &[]activities.ChangeRecord{}
	stub(b, "RecordChange", func(c activities.ChangeRecord) (activities.ChangeRecorded, error) {
		*told = append(*told, c)
		return activities.ChangeRecorded{Seq: len(*told)}, nil
	})
	return told
}

func statesOf(told []activities.ChangeRecord) []string {
	states := []string{}
	for _, c := range told {
		states = append(states, c.State)
	}
	return states
}

var toyChange = ChangeRecord{Kind: activities.SettingKind, Class: activities.NormalChange, Title: "おもちゃ", Targets: []string{"toy:object/1"}, From: start, Until: start.Add(hour), Incident: "incident-1"}

// changing is a runbook that makes a change behind a gate and keeps it.
func (b *bench) changing(ctx workflow.Context, r *Run) error {
	if err := r.RecordChange(ctx, toyChange); err != nil {
		return err
	}
	if err := r.Planned(ctx, b.changes); err != nil {
		return err
	}
	if err := r.Approve(ctx, b.planGate()); err != nil {
		return err
	}
	if err := r.ChangeIs(ctx, store.ChangeRunning, ""); err != nil {
		return err
	}
	if err := r.Step(ctx, step("on")); err != nil {
		return err
	}
	r.Keep()
	return nil
}

func TestAChangeIsRecordedFromItsPlanToItsEnd(t *testing.T) {
	b := newBench(t)
	told := b.recorded()
	b.at(minute, Approve, by("sato"))
	require.NoError(t, b.toy(b.changing))
	assert.Equal(t, []string{"planned", "running", "done"}, statesOf(*told))
	last := (*told)[2]
	assert.Equal(t, []string{"sato"}, last.Approvers)
	assert.Equal(t, "incident-1", last.Incident)
	assert.Equal(t, "ito", last.Requester)
	assert.Equal(t, start.UTC(), last.WindowFrom.UTC())
	assert.Equal(t, []string{"on"}, b.calls, "what was kept is not put back")
}

func TestTheRecordOfAChangeSaysHowItEnded(t *testing.T) {
	b := newBench(t)
	told := b.recorded()
	b.at(minute, Reject, by("sato"))
	requireEnd(t, b.toy(b.changing), ErrRejected, "sato rejected")
	assert.Equal(t, []string{"planned", "rejected"}, statesOf(*told))

	b = newBench(t)
	told = b.recorded()
	requireEnd(t, b.toy(b.changing), ErrExpired, "the gate")
	assert.Equal(t, []string{"planned", "failed"}, statesOf(*told))
	assert.Contains(t, (*told)[1].Note, "nothing was changed")

	b = newBench(t)
	told = b.recorded()
	b.at(minute, Approve, by("sato"))
	b.fail["work on"] = always(final("AWS says no"))
	requireEnd(t, b.toy(b.changing), ErrRolledBack, "AWS says no")
	assert.Equal(t, []string{"planned", "running", "undone"}, statesOf(*told))
	assert.Contains(t, (*told)[2].Note, "AWS says no")
	assert.Equal(t, []string{"undo on"}, b.calls)

	b = newBench(t)
	told = b.recorded()
	b.at(minute, Approve, by("sato"))
	b.fail["work on"], b.fail["work undo on"] = always(final("AWS says no")), always(final("no again"))
	requireEnd(t, b.toy(b.changing), ErrUndoFailed, "no again")
	assert.Equal(t, []string{"planned", "running", "failed"}, statesOf(*told))
}

func TestARefusedRecordEndsTheRunBeforeAnyEffect(t *testing.T) {
	b := newBench(t)
	b.recorded()
	b.fail["RecordChange"] = always(final("no such class"))
	requireEnd(t, b.toy(b.changing), ErrEvidenceLost, "no such class")
	assert.Empty(t, b.calls)
}

// A Reset must not make a change look as if it had never been made.
func TestAChangeThatWasMadeBeforeAResetIsNotCalledUnmade(t *testing.T) {
	b := newBench(t)
	var told []activities.ChangeRecord
	stub(b, "RecordChange", func(c activities.ChangeRecord) (activities.ChangeRecorded, error) {
		told = append(told, c)
		return activities.ChangeRecorded{Seq: len(told), Made: true}, nil
	})
	b.at(minute, Reject, by("sato"))
	requireEnd(t, b.toy(b.changing), ErrRejected, "sato rejected")
	assert.Equal(t, []string{"planned", "failed"}, statesOf(told))
	assert.Contains(t, told[1].Note, "which is not put back")
}

func TestKeepLeavesWhatIsForTheWayBackInAnyCase(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		r.OnReturn(StepSpec{Name: "tidy", Title: "Tidy", Do: does("tidy")})
		if err := r.Step(ctx, step("on")); err != nil {
			return err
		}
		r.Keep()
		return r.Step(ctx, step("more"))
	}))
	assert.Equal(t, []string{"on", "more", "undo more", "tidy"}, b.calls)
}
