package workflows_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// longAt makes the history long at a moment. Something has to happen then for the run to notice.
func (o *outbreak) longAt(when time.Time) {
	o.env.RegisterDelayedCallback(func() {
		o.env.SetCurrentHistoryLength(5000)
		o.env.SignalWorkflow("alarm", map[string]any{"alarm": "quiet", "state": "OK"})
	}, when.Sub(o.begins))
}

// onEvidence does something when evidence of a kind is written for the first time.
func (o *outbreak) onEvidence(kind string, do func()) {
	stub(o.world, "AppendEvidence", func(e records.Evidence) (activities.EvidenceHead, error) {
		o.evidence = append(o.evidence, e)
		if e.Kind == kind && do != nil {
			do()
			do = nil
		}
		return activities.EvidenceHead{Count: len(o.evidence)}, nil
	})
}

// goesOn is the world of the new history, and what it begins with: what the old one has really handed over.
func (o *outbreak) goesOn(err error) (*outbreak, workflows.IncidentInput, *workflows.IncidentHanded) {
	o.t.Helper()
	var next *workflow.ContinueAsNewError
	require.True(o.t, errors.As(err, &next), "%v", err)
	var raw, handed converter.RawValue
	require.NoError(o.t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &raw, &handed))
	var in workflows.IncidentInput
	require.NoError(o.t, json.Unmarshal(raw.Payload().GetData(), &in))
	along := &workflows.IncidentHanded{}
	require.NoError(o.t, json.Unmarshal(handed.Payload().GetData(), along))
	later := withOutbreak(newWorld(o.t))
	later.begins = o.evidence[len(o.evidence)-1].At // the environment itself goes on as long as a fix does
	later.env.SetStartTime(later.begins)
	later.evidence, later.states = o.evidence, o.states // the records go on
	return later, in, along
}

// handleOn lets the run go on with what was handed over.
func (o *outbreak) handleOn(in workflows.IncidentInput, handed *workflows.IncidentHanded) error {
	o.env.ExecuteWorkflow("Incident", in, handed)
	require.True(o.t, o.env.IsWorkflowCompleted())
	return o.env.GetWorkflowError()
}

// alarmsWritten are the IDs of the alarm events of which there is evidence.
func (o *outbreak) alarmsWritten() (ids []string) {
	for _, e := range o.evidence {
		var event workflows.IncidentAlarm
		if e.Kind == "alarm" && json.Unmarshal(e.Body, &event) == nil {
			ids = append(ids, event.ID)
		}
	}
	return ids
}

func TestALongHistoryGoesOnInANewOne(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.lasting(10 * time.Hour)
	acknowledged := by("tanaka")
	acknowledged["id"] = "d1"
	o.at(minute(4), "alarm", map[string]any{"id": "e2", "alarm": "hosts", "state": "ALARM"})
	o.at(minute(4), "alarm", "nonsense")
	o.at(minute(5), "acknowledge", acknowledged)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{"value": "40"}`))
	o.say(minute(11), "sato", "severity", map[string]string{"severity": "minor"})
	o.say(minute(12), "kato", "pause", nil)
	o.longAt(minute(20))
	next, in, handed := o.goesOn(o.handle(reported()))
	require.Equal(t, reported(), in, "the report goes along as it was")

	started := handed.Record.Fixes[0].Run
	stub(next.world, "FindRun", func(r activities.RunRef) (activities.RunFound, error) {
		return activities.RunFound{Found: r.WorkflowID == started, Runbook: "SettingChange"}, nil
	})
	stub(next.world, "AwaitRun", func(activities.RunRef) (activities.RunEnded, error) {
		return activities.RunEnded{Kind: runbook.ErrRolledBack, Words: "the watch was not passed"}, nil
	})
	next.at(minute(21), "alarm", map[string]any{"id": "e2", "alarm": "hosts", "state": "ALARM"})
	next.at(minute(22), "acknowledge", acknowledged)
	next.env.RegisterDelayedCallback(func() {
		require.Equal(t, runbook.ClockPaused, next.status().Clocks[2].State)
		require.Contains(t, next.status().Says, "復旧作業中", "not that a fix is found again")
	}, 5*time.Minute)
	next.say(minute(32), "kato", "resume", nil)
	next.say(minute(60), "tanaka", "done", nil)
	next.say(minute(100), "tanaka", "done", cause())
	next.approveAsSeen(minute(110), "sato")
	require.NoError(t, next.handleOn(in, handed))
	end := next.last()
	require.Equal(t, 3, end.AlarmEvents, "that of the report, e2, and the quiet one: an event that came before does not count again")
	require.True(t, contains(next.refusals(), "has been received before"), "nor does a decision")
	require.Equal(t, []string{"fix", "closed", "closed"}, next.mailed(), "what was done is not done again")
	require.Equal(t, next.states[0].ID, end.ID)
	require.Equal(t, "RolledBack: the watch was not passed", end.Fixes[0].Outcome, "a fix is waited for again, and not started again")
	require.Empty(t, next.inputs)
	require.Equal(t, []any{"minor", "sato", minute(5).UTC(), minute(60).UTC()}, []any{end.Severity, end.SetBy, end.AcknowledgedAt.UTC(), end.RecoveredAt.UTC()})
	require.Equal(t, 40*time.Minute, next.result().Clocks[2].Elapsed, "an hour, with a pause of 20 minutes over both histories")
}

func TestRecoveryThatWasStableIsNotWatchedAgainInANewHistory(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.longAt(minute(120))
	next, in, handed := o.goesOn(o.handle(reported()))
	next.approveAsSeen(minute(130), "sato")
	require.NoError(t, next.handleOn(in, handed))
	require.Contains(t, o.kinds(), "gate-left")
	require.Empty(t, next.escalatedAt("終結の承認期限"), "what was left has not expired")
	require.Zero(t, next.looks)
	require.Equal(t, "接続プールの枯渇", next.problems[0].RootCause)
}

func TestOnlyTheNewestEventsAreKnownByTheirIDs(t *testing.T) {
	const known = 500
	o := withOutbreak(newWorld(t))
	event := func(o *outbreak, at, n int) {
		o.at(minute(at), "alarm", map[string]any{"id": fmt.Sprint("flood-", n), "alarm": "5xx", "state": "ALARM"})
	}
	for n := range known + 100 {
		event(o, 3, n)
	}
	event(o, 4, known+99) // the newest
	event(o, 4, 100)      // the oldest that is known
	event(o, 4, 0)        // so long ago that it counts again
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.longAt(minute(20))
	next, in, handed := o.goesOn(o.handle(reported()))
	require.Equal(t, 1+known+100+1+1, handed.Record.AlarmEvents)
	event(next, 21, known+99)
	event(next, 21, 0)
	next.say(minute(60), "tanaka", "done", nil)
	next.say(minute(100), "tanaka", "done", cause())
	next.approveAsSeen(minute(110), "sato")
	require.NoError(t, next.handleOn(in, handed))
	require.Equal(t, handed.Record.AlarmEvents, next.last().AlarmEvents)
}

// An alarm that rings while the run moves into a new history is an alarm there, wherever the old one has got to.
func TestAnAlarmThatRingsDuringTheHandoverKeepsTheIncidentOpen(t *testing.T) {
	for name, c := range map[string]struct {
		long int
		say  func(*outbreak)
	}{
		"before the cause is known":  {95, func(o *outbreak) {}},
		"while the ministry decides": {105, func(o *outbreak) { o.say(minute(100), "tanaka", "done", cause()) }},
		"while a fix is not over yet": {105, func(o *outbreak) {
			o.fixes["SettingChange"] = func(ctx workflow.Context) error { return workflow.Sleep(ctx, 300*time.Minute) }
			o.say(minute(50), "tanaka", "fix", fix("SettingChange", `{}`))
			o.say(minute(100), "tanaka", "done", cause())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(60), "tanaka", "done", nil)
			c.say(o)
			o.longAt(minute(c.long))
			o.onEvidence("continued", func() {
				for _, id := range []string{"e7", "e8"} {
					o.env.SignalWorkflow("alarm", map[string]any{"id": id, "alarm": "hosts-" + id, "state": "ALARM"})
				}
			})
			next, in, handed := o.goesOn(o.handle(reported()))
			require.Equal(t, records.IncidentRecovered, handed.Record.State)
			next.say(minute(300), "tanaka", "done", nil)
			next.say(minute(400), "tanaka", "done", cause())
			next.approveAsSeen(minute(500), "sato")
			require.NoError(t, next.handleOn(in, handed))
			require.True(t, contains(next.notes("unstable"), "the alarm hosts-e8 rang"), "%v", next.notes("unstable"))
			require.Equal(t, minute(300).UTC(), next.last().RecoveredAt.UTC(), "it has recovered only after that alarm")
			require.Subset(t, next.alarmsWritten(), []string{"e7", "e8"}, "each is evidence, in the old history or in the new one")
			require.Equal(t, 4, next.last().AlarmEvents)
		})
	}
}

func TestACancellationDuringTheHandoverIsNotLost(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.longAt(minute(30))
	o.onEvidence("continued", func() { o.env.SignalWorkflow("cancel", by("kato")) })
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	require.Equal(t, records.IncidentWithdrawn, o.last().State)
}

// A closure that nobody has decided is told, though the history is long by then.
func TestAClosureThatExpiresInALongHistoryIsToldBeforeItGoesOn(t *testing.T) {
	const days = 24 * hours
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.onEvidence("gate-expired", func() { o.env.SetCurrentHistoryLength(5000) })
	next, in, handed := o.goesOn(o.handle(reported()))
	require.Equal(t, []int{100 + 5*days}, o.escalatedAt("終結の承認期限"))
	require.NotContains(t, o.kinds(), "gate-left")
	next.approveAsSeen(minute(130+5*days), "sato")
	require.NoError(t, next.handleOn(in, handed))
	require.Equal(t, []int{100 + 5*days}, next.escalatedAt("終結の承認期限"), "once")
}

// Two answers that wait for each other are both judged before the history ends.
func TestAnswersDuringTheHandoverAreAllRecorded(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.longAt(minute(30))
	o.onEvidence("continued", func() {
		for _, answer := range []string{"resume", "note", "done", "acknowledge"} {
			o.env.SignalWorkflow(answer, by("kato"))
		}
	})
	_, _, handed := o.goesOn(o.handle(reported()))
	require.Len(t, handed.Run.Answers, 5, "the first one, and four that came when nothing was asked")
	for _, a := range handed.Run.Answers[1:] {
		require.Contains(t, a.Refusal, "the run is not waiting for")
	}
}

// The description may have changed while the incident was open: it goes on as it was resolved at first, and somebody is told.
func TestAnIncidentGoesOnThoughTheDescriptionNoLongerTakesIt(t *testing.T) {
	for name, spoil := range map[string]func(*outbreak){
		"its operator has left": func(o *outbreak) {
			o.fail["ResolveIncident"] = func(int) error { return refusedWith("the operator tanaka is unknown") }
		},
		"nobody can pass the gate now": func(o *outbreak) { o.eligible = []string{"ito"} },
		"nobody may answer now": func(o *outbreak) {
			o.fail["AnswerTerms"] = func(int) error {
				if o.env.Now().Before(minute(55)) {
					return refusedWith("system.yaml says nobody gives answers")
				}
				return nil
			}
		},
		"its severity has been renamed":     func(o *outbreak) { o.severities = []string{"p1", "p2"} },
		"its limits have been made shorter": func(o *outbreak) { o.severities = []string{"critical", "minor"} },
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.longAt(minute(20))
			next, in, handed := o.goesOn(o.handle(reported()))
			spoil(next)
			next.env.RegisterDelayedCallback(func() { next.eligible = []string{"ito", "sato"} }, 30*time.Minute) // and somebody mends it
			next.say(minute(60), "tanaka", "done", nil)
			next.say(minute(100), "tanaka", "done", cause())
			next.approveAsSeen(minute(110), "sato")
			require.NoError(t, next.handleOn(in, handed))
			require.Equal(t, records.IncidentClosed, next.last().State)
			told := map[string]int{"nobody may answer now": 3, "its operator has left": 1, "nobody can pass the gate now": 1}[name]
			require.Len(t, next.escalatedAt("system.yaml"), told)
			require.Equal(t, told > 0, slices.Contains(next.kinds(), "not-resolved"))
			for i, limit := range []time.Duration{15 * time.Minute, 40 * time.Minute, 4 * time.Hour} {
				require.Equal(t, limit, next.result().Clocks[i].Limit, "those with which it was opened")
			}
			require.Equal(t, "critical", next.result().Severity)
			require.Contains(t, next.mails[len(next.mails)-1].Data["detail"], "重要度：重大 · Critical")
		})
	}
}

// What the ministry, or whoever takes it on, sets later has the limits of the description as it is then.
func TestASeverityThatIsSetInANewHistoryHasTheLimitsOfTheDescription(t *testing.T) {
	for name, set := range map[string]func(*outbreak){
		"by the ministry":                func(o *outbreak) { o.say(minute(25), "sato", "severity", map[string]string{"severity": "minor"}) },
		"by who acknowledges it":         func(o *outbreak) { o.say(minute(25), "tanaka", "acknowledge", map[string]string{"impact": "low"}) },
		"not, if nothing is judged anew": func(o *outbreak) { o.say(minute(25), "tanaka", "acknowledge", map[string]string{"impact": "high"}) },
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.longAt(minute(20))
			next, in, handed := o.goesOn(o.handle(reported()))
			next.severities = []string{"p1", "minor"}
			set(next)
			next.say(minute(26), "tanaka", "acknowledge", nil)
			next.say(minute(60), "tanaka", "done", nil)
			next.say(minute(100), "tanaka", "done", cause())
			next.approveAsSeen(minute(110), "suzuki")
			require.NoError(t, next.handleOn(in, handed))
			want := []any{"minor", 8 * time.Hour}
			if strings.HasPrefix(name, "not") {
				want = []any{"critical", 4 * time.Hour}
			}
			require.Equal(t, want, []any{next.result().Severity, next.result().Clocks[2].Limit})
		})
	}
}
