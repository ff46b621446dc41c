package workflows

import (
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
	"tejun/internal/sla"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// The clocks of an incident. Their names are permanent.
const (
	acknowledgeClock = "acknowledge"
	reportClock      = "first-report"
	recoveryClock    = "recovery"
)

var clockNames = map[string]struct{ ja, en string }{
	acknowledgeClock: {"対応開始", "acknowledge"}, reportClock: {"第一報", "first report"}, recoveryClock: {"復旧", "recovery"},
}

// mostNotes are kept in the record.
const mostNotes = 200

// limits are those of the severity in force, as the description had them when it was set: one that changes later moves no limit of an
// incident that is open.
func (h *handling) limits() system.SeverityTarget {
	if h.inForce.Name == h.record.Severity {
		return h.inForce
	}
	limits, err := h.on.Severity(h.record.Severity)
	switch {
	case err == nil:
		h.inForce = limits
	case len(h.on.Severities) > 0: // an edition before this one has not handed them over, and the severity has gone: the worst one's limits hold
		limits = h.on.Severities[0]
	}
	return limits
}

// clocks are the clocks as they run now.
func (h *handling) clocks() []sla.Clock {
	l := h.limits()
	clock := func(name string, limit time.Duration, met *time.Time) sla.Clock {
		return sla.Clock{Name: name, Kind: l.Clock, Limit: limit, From: h.record.OpenedAt, Pauses: append([]sla.Pause{}, h.pauses...), Met: met}
	}
	return []sla.Clock{
		clock(acknowledgeClock, l.Acknowledge, h.record.AcknowledgedAt), clock(reportClock, l.FirstReport, h.record.ReportedAt),
		clock(recoveryClock, l.Recover, h.record.RecoveredAt),
	}
}

// readClocks reads the clocks and shows them. What cannot be read is due too early rather than never.
func (h *handling) readClocks(ctx workflow.Context) {
	now := workflow.Now(ctx).UTC()
	read, err := runbook.Resolve(runbook.WithSummary(ctx, "read the clocks of the service level"), directory.ReadIncidentClocks, activities.ClockQuestion{Clocks: h.clocks(), At: now})
	if err != nil {
		if !runbook.WasCancelled(ctx, err) {
			h.Record(ctx, "clocks-unread", "", map[string]string{"problem": runbook.Words(err)})
		}
		if h.edition == workflow.DefaultVersion || runbook.WasCancelled(ctx, err) {
			return
		}
		read.Clocks = byTheWall(h.clocks(), now, "every hour counts, as it could not be read: "+runbook.Words(err))
	}
	h.record.Clocks = read.Clocks
	var lines []runbook.ClockLine
	for _, c := range read.Clocks {
		name := clockNames[c.Name]
		lines = append(lines, runbook.ClockLine{
			Name: name.ja + " · " + name.en + " (" + string(c.Kind) + ")", Due: c.Due, Elapsed: c.Elapsed, Remaining: c.Remaining, State: clockState(c), At: now,
		})
	}
	h.ShowClocks(ctx, lines)
}

// byTheWall reads clocks as if every hour counted and nothing had ever been paused.
func byTheWall(clocks []sla.Clock, now time.Time, why string) (read []store.IncidentClock) {
	for _, c := range clocks {
		until := now
		if c.Met != nil {
			until = *c.Met
		}
		elapsed := until.Sub(c.From)
		read = append(read, store.IncidentClock{Clock: c, Note: why, Reading: sla.Reading{
			Due: c.From.Add(c.Limit), Elapsed: elapsed, Remaining: c.Limit - elapsed, Paused: c.Paused(), Done: c.Met != nil, Breached: elapsed > c.Limit,
		}})
	}
	return read
}

func clockState(c store.IncidentClock) string {
	switch {
	case c.Breached:
		return runbook.ClockBreached
	case c.Done:
		return runbook.ClockMet
	case c.Reading.Paused:
		return runbook.ClockPaused
	}
	return runbook.ClockRunning
}

func (h *handling) paused() bool { return len(h.pauses) > 0 && h.pauses[len(h.pauses)-1].Until == nil }

// note adds a state to the record: what has happened, with everything that is known.
func (h *handling) note(ctx workflow.Context, event string) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if h.writing.Lock(ctx) != nil {
		return // not on a context that nothing cancels
	}
	defer h.writing.Unlock()
	h.readClocks(ctx)
	h.written++
	h.record.Event, h.record.At, h.record.Key = event, workflow.Now(ctx).UTC(), strconv.Itoa(h.written)
	kept, err := runbook.Resolve(runbook.WithSummary(ctx, "record the incident: "+event), incidents.RecordIncident, h.record)
	if err != nil {
		h.Record(ctx, "record-refused", "", map[string]string{"event": event, "problem": runbook.Words(err)})
		return
	}
	h.record.Seq = kept.Seq
	h.Restate(ctx, h.facts())
}

// wrote keeps what somebody has written down.
func (h *handling) wrote(ctx workflow.Context, kind, by, text string) {
	h.record.Notes = append(h.record.Notes, store.IncidentNote{At: workflow.Now(ctx).UTC(), By: by, Kind: kind, Text: text})
	h.record.Notes = h.record.Notes[max(0, len(h.record.Notes)-mostNotes):]
}

// facts are what the incident is about, in words.
func (h *handling) facts() []runbook.Fact {
	r := h.record
	severity := fmt.Sprintf("%s (影響度 · impact %s × 緊急度 · urgency %s)", r.Severity, r.Impact, r.Urgency)
	if r.SetBy != "" {
		severity += ", set by " + r.SetBy
	}
	list := []runbook.Fact{
		{Name: "管理番号 · Number", Value: r.ID}, {Name: "件名 · Title", Value: r.Title}, {Name: "状態 · State", Value: r.State},
		{Name: "重要度 · Severity", Value: severity}, {Name: "検知 · Detected", Value: runbook.JST(r.DetectedAt)},
		{Name: "報告者・担当者 · Reported by, operator", Value: r.Requester + ", " + r.Operator},
	}
	if r.AlarmEvents > 0 {
		list = append(list, runbook.Fact{Name: "アラーム · Alarm events", Value: strconv.Itoa(r.AlarmEvents)})
	}
	bad := 0
	for _, f := range r.Facts {
		if f.Bad {
			bad++
		}
	}
	if len(r.Facts) > 0 {
		list = append(list, runbook.Fact{Name: "調査 · Diagnosis", Value: fmt.Sprintf("%d facts, %d of them not as they should be: starter incident show %s", len(r.Facts), bad, r.ID)})
	}
	for _, s := range r.Similar {
		list = append(list, runbook.Fact{Name: "類似の障害 · Known error?", Value: fmt.Sprintf("%s %s (%.0f%%) %s %s", s.Incident, s.Title, 100*s.Likeness, s.RootCause, s.Workaround)})
	}
	return list
}
