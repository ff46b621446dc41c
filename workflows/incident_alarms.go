package workflows

import (
	"slices"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// How much of a flood of alarms is taken down. All of it is counted.
const (
	mostAlarms      = 50  // alarms by name
	mostAlarmStates = 200 // changes of state that are recorded one by one
	mostAlarmIDs    = 500 // newest IDs by which a repeated event is known
	mostOdd         = 10  // events that cannot be read, recorded one by one
)

// AlarmNews is an alarm's event that was counted and is still to be written down.
type AlarmNews struct {
	Event   *IncidentAlarm `json:"event"`   // null if it could not be read
	Problem string         `json:"problem"` // why it could not
	Count   int            `json:"count"`   // how many could not, with it
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
		h.signalled(ctx, raw)
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
		h.writeDown(ctx, AlarmNews{Problem: err.Error(), Count: h.odd})
	}
}

// attach takes down an alarm's event; what repeats, and what is too much, is counted only.
func (h *handling) attach(ctx workflow.Context, event IncidentAlarm) {
	if h.count(ctx, event) && h.steps["alarm-states"] < mostAlarmStates {
		h.steps["alarm-states"]++
		h.writeDown(ctx, AlarmNews{Event: &event})
	}
	h.rangClosed(ctx)
}

// rangClosed tells at once of an alarm that has rung after the closure: while the run lasts, which a held step may make days, it opens no
// incident of its own. What comes before those who were told have had their time is told with the next one, or when the run ends.
func (h *handling) rangClosed(ctx workflow.Context) {
	if h.edition < describedEdition || h.record.ClosedAt == nil || h.ending || h.relapsed == "" {
		return
	}
	if told, known := h.told[lateAlarm]; known && workflow.Now(ctx).Before(told.Add(h.pause(h.steps[lateAlarm]-1))) {
		return
	}
	h.telling++
	defer func() { h.telling-- }()
	ctx, stop := workflow.NewDisconnectedContext(ctx) // it counts as told from here on
	defer stop()
	h.relapsed = ""
	h.escalate(ctx, lateAlarm)
}

// writeDown leaves evidence of an event, and a state of the record. On the way into a new history that is left to the new one.
func (h *handling) writeDown(ctx workflow.Context, news AlarmNews) {
	if h.leaving {
		h.news = append(h.news, news)
		return
	}
	h.telling++
	defer func() { h.telling-- }()
	if h.recordAlarm(ctx, news); news.Event != nil && h.record.Seq > 0 {
		h.note(ctx, "alarm")
	}
}

func (h *handling) recordAlarm(ctx workflow.Context, news AlarmNews) {
	if news.Event == nil {
		h.Record(ctx, "alarm-refused", "", map[string]any{"problem": news.Problem, "count": news.Count})
		return
	}
	h.Record(ctx, "alarm", news.Event.Alarm, news.Event)
}

// catchUp writes down what was counted on the way into this history: evidence of each, and one state of the record.
func (h *handling) catchUp(ctx workflow.Context) {
	if len(h.news) == 0 {
		return
	}
	h.telling++
	defer func() { h.telling-- }()
	news := h.news
	h.news = nil
	for _, one := range news {
		h.recordAlarm(ctx, one)
	}
	h.note(ctx, "alarm")
}

// remember keeps the newest IDs of events. An edition before this one kept the first ones.
func (h *handling) remember(ids ...string) {
	for _, id := range ids {
		if h.edition == workflow.DefaultVersion && len(h.recent) == mostAlarmIDs {
			return
		}
		h.events[id] = true
		h.recent = append(h.recent, id)
		if len(h.recent) > mostAlarmIDs {
			delete(h.events, h.recent[0])
			h.recent = slices.Delete(h.recent, 0, 1)
		}
	}
}

// count counts an event, and says whether it is news.
func (h *handling) count(ctx workflow.Context, event IncidentAlarm) bool {
	if event.ID != "" {
		if h.events[event.ID] {
			return false
		}
		h.remember(event.ID)
	}
	h.record.AlarmEvents++
	now := workflow.Now(ctx).UTC()
	if event.State == "ALARM" && (h.ending || h.record.State != store.IncidentOpen && h.record.State != store.IncidentWorking) {
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
