package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

func TestClocksAreShownInTheDetails(t *testing.T) {
	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	s := Status{Title: "t", Clocks: []ClockLine{
		{Name: "復旧 · recovery", Due: at.Add(time.Hour), Elapsed: 90 * time.Minute, Remaining: -30 * time.Minute, State: ClockBreached, At: at},
		{Name: "第一報 · first report", Due: at.Add(time.Hour), Elapsed: time.Minute, Remaining: time.Minute, State: ClockPaused, At: at},
	}}
	text := s.Markdown()
	require.Contains(t, text, "| SLA (2027-01-18 10:00 JST) |")
	require.Contains(t, text, "| 復旧 · recovery | 1/18\u00a011:00:00 | 1h30m0s | -30m0s | **breached** |")
	require.Contains(t, text, "| 1m0s | 1m0s | paused |")
	require.NotContains(t, Status{Title: "t"}.Markdown(), "SLA")
}

func TestAlarmsRingWhileAQuestionStaysOpenAndAnotherThingCanCloseIt(t *testing.T) {
	b := newBench(t)
	var rang []time.Duration
	var answers []*Decision
	b.at(5*minute, Note, by("kato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		woken := false
		ring := func(at time.Duration) Alarm {
			return Alarm{At: start.Add(at), Do: func(ctx workflow.Context) { rang = append(rang, workflow.Now(ctx).Sub(start)); woken = at == 9*minute }}
		}
		ask := func(until time.Duration) Ask {
			return Ask{
				Kind: "work", Name: "work", Until: start.Add(until), Answers: map[string]string{Note: "operate"}, Wake: func() bool { return woken },
				Alarms: []Alarm{ring(9 * minute), ring(-minute), ring(3 * minute), ring(20 * minute)},
			}
		}
		for range 2 {
			d, err := r.Asked(ctx, Waiting, ask(15*minute))
			if err != nil {
				return err
			}
			answers = append(answers, d)
		}
		require.Equal(t, start.Add(9*minute).UTC(), workflow.Now(ctx).UTC(), "it is closed as soon as it is woken")
		return nil
	}))
	require.Equal(t, []time.Duration{3 * minute, 9 * minute}, rang, "what is past, or behind the end, does not ring; an answer in between does not matter")
	require.Equal(t, "kato", answers[0].By)
	require.Nil(t, answers[1])
}

func TestAnAlarmWhoseTimeComesWhileAnotherIsSeenToRingsAfterItIfItIsLate(t *testing.T) {
	b := newBench(t)
	var rang []string
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		ring := func(name string, at time.Duration, late bool, takes time.Duration) Alarm {
			return Alarm{At: start.Add(at), Late: late, Do: func(ctx workflow.Context) {
				rang = append(rang, name)
				if err := workflow.Sleep(ctx, takes); err != nil {
					rang = append(rang, err.Error())
				}
			}}
		}
		_, err := r.Asked(ctx, Waiting, Ask{
			Kind: "work", Name: "work", Until: start.Add(20 * minute), Answers: map[string]string{Note: "operate"},
			Alarms: []Alarm{
				ring("long", 3*minute, false, 5*minute), ring("left out", 4*minute, false, 0), ring("late", 5*minute, true, 0),
				ring("past", -minute, true, 0), ring("next", 9*minute, true, 0),
			},
		})
		return err
	}))
	require.Equal(t, []string{"long", "late", "next"}, rang)
}

func TestAGateThatIsWokenIsClosedUnanswered(t *testing.T) {
	b := newBench(t)
	woken, rang := false, 0
	b.after(hour, func() { woken = true })
	b.at(hour, Retry, by("kato")) // something that happens in the run
	err := b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Planned(ctx, b.changes); err != nil {
			return err
		}
		gate := b.planGate()
		gate.Wake = func() bool { return woken }
		gate.Alarms = []Alarm{{At: start.Add(30 * minute), Do: func(workflow.Context) { rang++ }}, {At: start.Add(2 * hour), Do: func(workflow.Context) { rang++ }}}
		err := r.Approve(ctx, gate)
		require.Equal(t, start.Add(hour).UTC(), workflow.Now(ctx).UTC())
		return err
	})
	requireEnd(t, err, ErrLeft, "had 0 of 1 approvals")
	require.Equal(t, 1, rang, "its alarms ring while it is open")
}

func TestWhatARunTakesAlongIntoANewHistory(t *testing.T) {
	b := newBench(t)
	b.env.SetCurrentHistoryLength(longHistory)
	message := by("tanaka", "id", "d1")
	b.at(minute, Note, message)
	var handed Handed
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		require.True(t, r.Long(ctx))
		if _, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Note: "operate"}}); err != nil {
			return err
		}
		var err error
		handed, err = r.HandOver(ctx)
		return err
	}))
	require.Contains(t, handed.Seen, "d1")
	require.Contains(t, handed.Executed, "tanaka")
	require.Len(t, handed.Answers, 1)
	require.Equal(t, start.UTC(), handed.StartedAt.UTC())

	next := newBench(t)
	next.at(minute, Note, message)
	next.at(2*minute, Note, by("kato"))
	require.NoError(t, next.toy(func(ctx workflow.Context, r *Run) error {
		r.TakeOver(handed)
		require.False(t, r.Long(ctx))
		d, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Note: "operate"}})
		require.Equal(t, "kato", d.By)
		return err
	}))
	require.Len(t, next.run.status.Approvals, 3, "the answer of before, the same one again, and another one")
	require.Contains(t, next.run.status.Approvals[1].Refusal, "has been received before")

	undone := newBench(t)
	err := undone.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Step(ctx, StepSpec{Name: "a", Do: does("a"), Undo: does("undo")}); err != nil {
			return err
		}
		_, err := r.HandOver(ctx)
		return err
	})
	requireEnd(t, err, ErrRefused, "cannot go on in a new history")
}
