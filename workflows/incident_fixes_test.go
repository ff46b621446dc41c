package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// lasting is a fix that takes some time, and says whether it was left to end by itself.
func (o *outbreak) lasting(d time.Duration) *string {
	end := new(string)
	o.fixes["SettingChange"] = func(ctx workflow.Context) error {
		err := workflow.Sleep(ctx, d)
		if *end = "by itself"; err != nil {
			*end = err.Error()
		}
		return err
	}
	return end
}

// The change that was made against the incident is not undone because somebody has taken the incident for a false alarm.
func TestAFixGoesOnByItselfWhenTheIncidentIsWithdrawn(t *testing.T) {
	for name, give := range map[string]func(*outbreak){
		"by a person": func(o *outbreak) { o.at(minute(20), "cancel", by("kato")) },
		"by Temporal": func(o *outbreak) { o.env.RegisterDelayedCallback(o.env.CancelWorkflow, 20*time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			end := o.lasting(30 * time.Hour)
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
			give(o)
			err := o.handle(reported())
			require.Error(t, err)
			require.Equal(t, "by itself", *end)
			last := o.last()
			require.Equal(t, records.IncidentWithdrawn, last.State)
			require.WithinDuration(t, minute(20), last.At, time.Minute, "the incident does not wait for it")
			require.Nil(t, last.Fixes[0].EndedAt)
			require.Empty(t, last.Fixes[0].Outcome)
			left := last.Fixes[0].Run
			require.ErrorContains(t, err, left+" (SettingChange) goes on by itself")
			require.True(t, contains(o.notes("withdrawn"), left), "%v", o.notes("withdrawn"))
			told := o.mails[len(o.mails)-2:]
			for _, m := range told {
				require.Equal(t, "incident-withdrawn", m.Template)
				require.Contains(t, m.Data["detail"], left)
			}
		})
	}
}

func TestAFixThatWasNotStartedYetIsNotStartedByAWithdrawnIncident(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	o.fail["FindRun"] = func(n int) error {
		if n == 1 {
			o.env.SignalWorkflow("cancel", by("kato"))
		}
		return failing(1, 3, "Unavailable")(n) // the cancellation is there before the answer
	}
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	require.Empty(t, o.inputs)
	require.Contains(t, o.last().Fixes[0].Outcome, "not started")
}

func TestTheStateLineIsThatOfTheQuestionThoughFixesGoOn(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.lasting(10 * time.Minute)
	o.fail["FindRun"] = failing(1, 2, "Unavailable") // so that the question is open before the fix has started
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	for _, at := range []int{15, 25} {
		o.env.RegisterDelayedCallback(func() { require.Contains(t, o.status().Says, "復旧作業中") }, time.Duration(at)*time.Minute)
	}
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(110), "sato")
	require.NoError(t, o.handle(reported()))
}

func TestAFixOfWhichNothingIsKnownHasNotEnded(t *testing.T) {
	o := withOutbreak(newWorld(t))
	down := func(int) error {
		if o.env.Now().After(minute(9)) && o.env.Now().Before(minute(200)) {
			return temporal.NewApplicationError("it does not answer", "Unavailable")
		}
		return nil
	}
	o.fail["FindRun"], o.fail["ListRunHands"] = down, down
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.env.RegisterDelayedCallback(func() {
		require.Equal(t, "fixes", o.status().WaitingFor.Gate, "it is not closed while nobody knows")
		require.Contains(t, o.status().WaitingFor.Why, o.last().Fixes[0].Run, "and says what it waits for")
	}, 150*time.Minute)
	o.approveAsSeen(minute(300), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, "succeeded", o.last().Fixes[0].Outcome)
	require.Len(t, o.inputs, 1)
	require.NotNil(t, o.find("fix-unknown"))
}

// Of a fix that could not be looked for when the incident was withdrawn nobody knows whether it was ever started: it may be changing
// the system, so nobody may be told that it is not.
func TestAFixOfWhichNothingIsKnownIsPerhapsLeftByAWithdrawnIncident(t *testing.T) {
	for name, c := range map[string]struct {
		down    []string // what does not answer
		started int      // fixes
	}{
		"it was never started": {down: []string{"FindRun"}},
		"it has ended already": {down: []string{"FindRun", "ListRunHands"}, started: 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			for _, name := range c.down {
				o.fail[name] = func(n int) error {
					if name == "FindRun" && n <= c.started {
						return nil
					}
					return temporal.NewApplicationError("it does not answer", "Unavailable")
				}
			}
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
			o.at(minute(14), "cancel", by("kato"))
			err := o.handle(reported())
			require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
			require.Len(t, o.inputs, c.started)
			last := o.last()
			require.Equal(t, records.IncidentWithdrawn, last.State)
			require.Nil(t, last.Fixes[0].EndedAt, last.Fixes[0].Outcome)
			require.Contains(t, last.Fixes[0].Outcome, "perhaps started")
			require.ErrorContains(t, err, "perhaps "+last.Fixes[0].Run+" (SettingChange) was started and goes on by itself")
			require.True(t, contains(o.notes("withdrawn"), "開始されたかどうかを確認できませんでした"), "%v", o.notes("withdrawn"))
			require.NotContains(t, o.mailed(), "fix", "it has not ended, as far as anybody knows")
		})
	}
}

func TestAFixThatEndedWhileTheIncidentWasWithdrawnHasEnded(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fail["ListRunHands"] = func(n int) error {
		if n == 1 {
			o.env.SignalWorkflow("cancel", by("kato"))
		}
		return temporal.NewApplicationError("it does not answer", "Unavailable")
	}
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	require.Len(t, o.inputs, 1)
	require.Equal(t, "succeeded", o.last().Fixes[0].Outcome)
}

// A fix that ends while the run moves into a new history is told of once.
func TestTheEndOfAFixIsToldThoughTheRunMovesMeanwhile(t *testing.T) {
	for _, during := range []string{"record", "mail"} {
		t.Run(during, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.lasting(20 * time.Minute)
			long := func() {
				o.env.RegisterDelayedCallback(func() {
					o.env.SetCurrentHistoryLength(5000)
					o.env.SignalWorkflow("alarm", map[string]any{"alarm": "quiet", "state": "OK"})
				}, 0)
			}
			o.onState = func(in records.Incident) {
				if in.Event == "fix-ended" && during == "record" {
					long()
				}
			}
			o.fail["SendSESMail"] = func(n int) error { // the third mail is that about the fix; it gets through at its third attempt
				if n == 3 && during == "mail" {
					long()
				}
				return failing(3, 4, "Unavailable")(n)
			}
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
			next, in, handed := o.goesOn(o.handle(reported()))
			require.NotNil(t, handed.Record.Fixes[0].EndedAt)
			next.say(minute(60), "tanaka", "done", nil)
			next.say(minute(100), "tanaka", "done", cause())
			next.approveAsSeen(minute(110), "sato")
			require.NoError(t, next.handleOn(in, handed))
			require.Equal(t, "succeeded", next.last().Fixes[0].Outcome)
			require.Contains(t, next.eventsOf(), "fix-ended")
			told := 0
			for _, m := range append(o.mails, next.mails...) {
				if m.Template == "incident-fix" {
					told++
				}
			}
			require.Equal(t, 1, told)
			require.Empty(t, next.inputs, "it is not started again")
		})
	}
}

// running lets a fix of an earlier history go on for ever, and nobody cancel it.
func (o *outbreak) running(name string) {
	stub(o.world, "FindRun", func(activities.RunRef) (activities.RunFound, error) {
		return activities.RunFound{Found: true, Runbook: name}, nil
	})
	stub(o.world, "AwaitRun", func(activities.RunRef) (activities.RunEnded, error) {
		return activities.RunEnded{}, temporal.NewApplicationError("it goes on", "Unavailable")
	})
	o.env.OnRequestCancelExternalWorkflow(mock.Anything, mock.Anything, mock.Anything).Return(func(_, id, _ string) error {
		o.t.Error("cancels " + id)
		return nil
	}).Maybe()
}

func TestAFixOfAnEarlierHistoryIsLeftAloneToo(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.lasting(30 * time.Hour)
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	o.longAt(minute(20))
	next, in, handed := o.goesOn(o.handle(reported()))
	next.running("SettingChange")
	next.at(minute(30), "cancel", by("kato"))
	err := next.handleOn(in, handed)
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	require.ErrorContains(t, err, handed.Record.Fixes[0].Run+" (SettingChange) goes on by itself")
	require.Empty(t, next.last().Fixes[0].Outcome)
}
