package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// How much of a flood of alarms is taken down. All of it is counted.
const (
	mostAlarms      = 50  // alarms by name
	mostAlarmStates = 200 // changes of state that are recorded one by one
	mostAlarmIDs    = 500 // IDs by which a repeated event is known
	mostOdd         = 10  // events that cannot be read, recorded one by one
)

// takeOver goes on where an earlier history of the run has ended.
func (h *handling) takeOver(handed *IncidentHanded) {
	if handed == nil {
		return
	}
	h.TakeOver(handed.Run)
	h.record, h.problem, h.pauses, h.odd = handed.Record, handed.Problem, handed.Pauses, handed.Odd
	if handed.Inputs != nil {
		h.inputs = handed.Inputs
	}
	if handed.Steps != nil {
		h.steps = handed.Steps
	}
	if handed.Events != nil {
		h.events = handed.Events
	}
}

// long tells whether the run should go on in a new history, and can: fixes are found again there, a diagnosis is not.
func (h *handling) long(ctx workflow.Context) func() bool {
	return func() bool { return h.reading == 0 && h.Long(ctx) }
}

// goOn lets the run go on in a new history once this one is long.
func (h *handling) goOn(ctx workflow.Context) error {
	if !h.long(ctx)() {
		return nil
	}
	run, err := h.HandOver(ctx)
	if err != nil {
		return err
	}
	h.drain(ctx)
	return workflow.NewContinueAsNewError(ctx, incident.Name, h.in, &IncidentHanded{
		Run: run, Record: h.record, Problem: h.problem, Pauses: h.pauses, Steps: h.steps, Events: h.events, Odd: h.odd, Inputs: h.inputs,
	})
}

// open resolves the report, and records it if it is new.
func (h *handling) open(ctx workflow.Context) error {
	from := h.Status().StartedAt
	on, err := runbook.Resolve(ctx, directory.ResolveIncident, h.in.request(from))
	if err != nil {
		return err
	}
	h.on = on
	if h.record.ID == "" {
		severity, err := on.SeverityOf(h.in.Impact, h.in.Urgency)
		if err != nil {
			return runbook.End(runbook.ErrRefused, "%v", err)
		}
		h.record = store.Incident{
			ID: "INC-" + runbook.Day(from) + "-" + h.Operation(), Fingerprint: h.in.Print(), State: store.IncidentOpen, Title: h.in.Title, Symptom: h.in.Symptom,
			Source: h.in.Source, Services: h.in.Services, Impact: h.in.Impact, Urgency: h.in.Urgency, Severity: severity,
			Requester: on.Requester, Operator: on.Operator, DetectedAt: on.DetectedAt, OpenedAt: from,
		}
	}
	err = h.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: h.targets(), About: h.facts(),
		Mail: map[string]string{"title": h.in.Title, "reason": h.in.Symptom, "services": strings.Join(h.in.Services, "、"), "start": runbook.JapaneseTime(on.DetectedAt)},
	})
	if err != nil {
		return err
	}
	if err := h.CanPass(ctx, h.closureGate()); err != nil {
		return err
	}
	h.listen(ctx)
	if h.record.Seq > 0 { // it goes on
		h.readClocks(ctx)
		h.findFixes(ctx)
		return nil
	}
	if h.in.Alarm != nil {
		h.attach(ctx, *h.in.Alarm)
	}
	h.note(ctx, "opened")
	h.proposeKnownErrors(ctx)
	h.diagnose(ctx, on.DetectedAt)
	h.Tell(ctx, "opened", "incident-opened", on.Operators, map[string]string{"detail": h.summary()})
	return nil
}

func (h *handling) targets() []string {
	names := []string{"incident:" + h.record.ID}
	for _, s := range h.on.Services {
		names = append(names, "ecs:"+h.on.Cluster+"/"+s.Service)
	}
	return names
}

// proposeKnownErrors looks for earlier incidents that look like this one.
func (h *handling) proposeKnownErrors(ctx workflow.Context) {
	found, err := runbook.Resolve(runbook.WithSummary(ctx, "look for known errors"), incidents.FindSimilarIncidents, h.record)
	if err != nil { // the database answers in the end; only a cancellation gets here
		return
	}
	h.record.Similar = found.Similar
	if len(found.Similar) > 0 {
		h.Record(ctx, "known-errors", "", found.Similar)
		h.note(ctx, "known-errors")
	}
}

// diagnose collects facts beside the questions.
func (h *handling) diagnose(ctx workflow.Context, around time.Time) {
	sources := activities.IncidentSources{
		Cluster: h.on.Cluster, Alarms: h.on.Alarms, LogGroups: h.on.LogGroups, Pattern: h.on.Pattern, From: around.Add(-h.on.Around).UTC(), Until: workflow.Now(ctx).UTC(),
	}
	for _, s := range h.on.Services {
		sources.Services = append(sources.Services, s.Service)
	}
	h.reading++
	workflow.GoNamed(ctx, "diagnosis", func(ctx workflow.Context) {
		defer func() { h.reading-- }()
		found, err := runbook.Call(runbook.WithSummary(ctx, "read what may explain it"), runbook.Read, diagnosis.CollectIncidentFacts, sources)
		if err != nil {
			if runbook.WasCancelled(ctx, err) {
				return
			}
			found.Facts = []store.Fact{{Source: "diagnosis", What: "could not be made: " + runbook.Words(err), At: workflow.Now(ctx).UTC(), Bad: true}}
		}
		h.record.Facts = found.Facts
		h.note(ctx, "diagnosed")
	})
}

// listen attaches the alarms that are signalled.
func (h *handling) listen(ctx workflow.Context) {
	channel := workflow.GetSignalChannelWithOptions(ctx, AlarmSignal, workflow.SignalChannelOptions{
		Description: `An alarm has changed its state: {"id": "…", "alarm": "…", "state": "ALARM", "reason": "…"}`,
	})
	workflow.GoNamed(ctx, "signal "+AlarmSignal, func(ctx workflow.Context) {
		for {
			var raw converter.RawValue
			if more := channel.Receive(ctx, &raw); !more {
				return
			}
			h.signalled(ctx, raw)
		}
	})
}

// drain takes what was signalled and not yet read, so that nothing is lost between two histories.
func (h *handling) drain(ctx workflow.Context) {
	channel := workflow.GetSignalChannel(ctx, AlarmSignal)
	var raw converter.RawValue
	for channel.ReceiveAsync(&raw) {
		var event IncidentAlarm
		if runbook.DecodeStrict(raw.Payload().GetData(), &event) == nil && event.Validate() == nil {
			h.count(ctx, event)
		} else {
			h.odd++
		}
	}
}

func (h *handling) signalled(ctx workflow.Context, raw converter.RawValue) {
	var event IncidentAlarm
	err := runbook.DecodeStrict(raw.Payload().GetData(), &event)
	if err == nil {
		err = event.Validate()
	}
	if err == nil {
		h.attach(ctx, event)
		return
	}
	if h.odd++; h.odd <= mostOdd {
		h.Record(ctx, "alarm-refused", "", map[string]any{"problem": err.Error(), "count": h.odd})
	}
}

// attach takes down an alarm's event; what repeats, and what is too much, is counted only.
func (h *handling) attach(ctx workflow.Context, event IncidentAlarm) {
	if !h.count(ctx, event) || h.steps["alarm-states"] >= mostAlarmStates {
		return
	}
	h.steps["alarm-states"]++
	h.Record(ctx, "alarm", event.Alarm, event)
	if h.record.Seq > 0 {
		h.note(ctx, "alarm")
	}
}

// count counts an event, and says whether it is news.
func (h *handling) count(ctx workflow.Context, event IncidentAlarm) bool {
	if event.ID != "" {
		if h.events[event.ID] {
			return false
		}
		if len(h.events) < mostAlarmIDs {
			h.events[event.ID] = true
		}
	}
	h.record.AlarmEvents++
	now := workflow.Now(ctx).UTC()
	if event.State == "ALARM" && h.record.State != store.IncidentOpen && h.record.State != store.IncidentWorking {
		h.relapsed = event.Alarm
	}
	i := slices.IndexFunc(h.record.Alarms, func(a store.IncidentAlarm) bool { return a.Alarm == event.Alarm })
	if i < 0 {
		if len(h.record.Alarms) < mostAlarms {
			h.record.Alarms = append(h.record.Alarms, store.IncidentAlarm{Alarm: event.Alarm, State: event.State, Reason: event.Reason, Count: 1, First: now, Last: now})
			return true
		}
		return false
	}
	a := &h.record.Alarms[i]
	news := a.State != event.State
	a.State, a.Reason, a.Last = event.State, event.Reason, now
	a.Count++
	return news
}

// summary is the incident in a few lines, for mail.
func (h *handling) summary() string {
	var b strings.Builder
	severity := h.record.Severity
	if limits, err := h.on.Severity(severity); err == nil {
		severity = limits.Title
	}
	fmt.Fprintf(&b, "管理番号：%s\n重要度：%s（影響度 %s、緊急度 %s）\n", h.record.ID, severity, h.record.Impact, h.record.Urgency)
	for _, c := range h.record.Clocks {
		fmt.Fprintf(&b, "%sの期限：%s\n", clockNames[c.Name].ja, runbook.JapaneseTime(c.Due))
	}
	if h.record.AlarmEvents > 0 {
		fmt.Fprintf(&b, "アラーム：%d件\n", h.record.AlarmEvents)
	}
	for _, f := range h.record.Facts[:min(len(h.record.Facts), 10)] {
		if f.Bad {
			fmt.Fprintf(&b, "・%s：%s\n", f.Source, f.What)
		}
	}
	for _, s := range h.record.Similar {
		fmt.Fprintf(&b, "類似の障害：%s %s（類似度 %.0f%%）", s.Incident, s.Title, 100*s.Likeness)
		if s.RootCause != "" {
			fmt.Fprintf(&b, " 原因：%s", s.RootCause)
		}
		if s.Workaround != "" {
			fmt.Fprintf(&b, " 暫定対応：%s", s.Workaround)
		}
		b.WriteString("\n")
	}
	return b.String()
}
