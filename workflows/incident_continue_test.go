package workflows_test

import (
	"encoding/json"
	"errors"
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
