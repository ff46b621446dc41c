package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
	"tejun/internal/sla"
	"tejun/workflows/runbook"
)

// What answers carry.
var (
	impactValue     = runbook.Value{Name: "impact", Means: "影響度 · impact: high, medium, low", Optional: true}
	urgencyValue    = runbook.Value{Name: "urgency", Means: "緊急度 · urgency: high, medium, low", Optional: true}
	kindValue       = runbook.Value{Name: "kind", Means: "種別 · note, workaround (暫定対応), report (第一報を別の手段で実施), diagnose (もう一度調査する), relapse (復旧していない)", Optional: true}
	severityValue   = runbook.Value{Name: "severity", Means: "重要度 · a severity of system.yaml"}
	runbookValue    = runbook.Value{Name: "runbook", Means: "SettingChange または · or Release"}
	inputValue      = runbook.Value{Name: "input", Means: "その入力（JSON） · its input, as JSON on one line"}
	rootCauseValue  = runbook.Value{Name: "rootCause", Means: "根本原因 · root cause"}
	workaroundValue = runbook.Value{Name: "workaround", Means: "再発時の暫定対応 · what to do if it happens again", Optional: true}
	actionsValue    = runbook.Value{Name: "actions", Means: `再発防止策 · [{"what": "…", "owner": "tanaka", "due": "2027-01-29"}]`}
)

// noteKinds are what a note may be.
var noteKinds = []string{"note", "workaround", "report", "diagnose", relapseKind}

// insisting is how long a last step is tried again after the closure, each time that nobody has answered its hold, before the run ends
// without it. Earlier editions tried it mostPersisting times.
const (
	insisting      = 3 * 24 * time.Hour
	mostPersisting = 3
)

// acknowledge waits until somebody takes the incident on.
func (h *handling) acknowledge(ctx workflow.Context) error {
	for h.record.AcknowledgedAt == nil {
		if err := h.goOn(ctx); err != nil {
			return err
		}
		h.readClocks(ctx)
		d, err := h.asked(ctx, h.ask(ctx, runbook.Ask{
			Wake: h.long(ctx), Name: "acknowledge", Why: "対応開始待ち · somebody of the vendor takes it on", Then: "the chain of escalation goes on",
		}, runbook.Acknowledge, runbook.Note, runbook.Severity))
		if err != nil {
			return err
		}
		h.take(ctx, d)
	}
	return nil
}

// recover is the work and, once recovery is reported, the watch. A run that goes on in a new history may have it behind it.
func (h *handling) recover(ctx workflow.Context) (bool, error) {
	if h.record.State == store.IncidentRecovered {
		return true, nil
	}
	if err := h.work(ctx); err != nil {
		return false, err
	}
	return h.watch(ctx)
}

// work waits until recovery is reported.
func (h *handling) work(ctx workflow.Context) error {
	h.relapsed = ""
	h.record.State, h.record.RecoveredAt = store.IncidentWorking, nil
	if h.problem.RootCause != "" && staysRecovered(ctx) { // of a recovery that was none
		h.dropCause(ctx)
		h.note(ctx, "cause-dropped")
	}
	for {
		if err := h.goOn(ctx); err != nil {
			return err
		}
		h.readClocks(ctx)
		d, err := h.asked(ctx, h.ask(ctx, runbook.Ask{
			Wake: h.long(ctx), Name: "work", Why: "復旧作業中 · the work is going on; done = recovery", Then: "the chain of escalation goes on",
		}, runbook.Note, runbook.Pause, runbook.Resume, runbook.Fix, runbook.Severity, runbook.Finished))
		if err != nil {
			return err
		}
		if h.take(ctx, d); d != nil && d.Action == runbook.Finished {
			return nil
		}
	}
}

// watch looks whether recovery is stable: the alarms silent, and the site there, for the whole period.
func (h *handling) watch(ctx workflow.Context) (stable bool, err error) {
	const looks = 10
	since := workflow.Now(ctx).UTC()
	until := since.Add(h.on.Stable)
	h.relapsed, h.record.State, h.watched = "", store.IncidentWatching, since
	h.note(ctx, "recovery-reported")
	var against []string
	look := func(ctx workflow.Context) {
		seen, err := runbook.Call(runbook.WithSummary(ctx, "look whether it is well"), runbook.Read, diagnosis.CheckIncidentRecovery, activities.RecoveryCheck{Alarms: h.on.Alarms, Since: since})
		switch {
		case err == nil:
			against = append(against, seen.Against...)
		case !runbook.WasCancelled(ctx, err):
			against = append(against, "it could not be looked at: "+runbook.Words(err))
		}
	}
	well := func() bool { return len(against) == 0 && h.relapsed == "" }
	look(ctx)
	for well() && workflow.Now(ctx).Before(until) {
		var alarms []runbook.Alarm
		for n := range looks {
			alarms = append(alarms, runbook.Alarm{At: since.Add(h.on.Stable * time.Duration(n) / looks), Do: look})
		}
		d, err := h.asked(ctx, h.ask(ctx, runbook.Ask{
			Name: "watch", Why: "復旧の安定確認中 · is recovery stable?", Until: until, Then: "recovery counts, if nothing has happened", Alarms: alarms,
			Wake: func() bool { return !well() },
		}, runbook.Note, runbook.Fix, runbook.Severity))
		if err != nil {
			return false, err
		}
		h.take(ctx, d)
		if d != nil && d.Action == runbook.Fix {
			against = append(against, "a fix was started: "+d.Reason)
		}
		if why := relapseOf(d); why != "" {
			against = append(against, why)
		}
	}
	if well() {
		look(ctx)
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if h.relapsed != "" {
		against = append(against, "the alarm "+h.relapsed+" rang")
	}
	if len(against) > 0 {
		h.unwell(ctx, against)
		return false, nil
	}
	h.record.RecoveredAt, h.record.State = &since, store.IncidentRecovered
	h.wrote(ctx, "stable", "", fmt.Sprintf("%s の間、アラームもなく、サイトも正常でした。", h.on.Stable))
	h.Record(ctx, "recovered", "", map[string]any{"since": since, "watched": h.on.Stable.String()})
	h.note(ctx, "recovered")
	return true, nil
}

// unwell says why recovery does not count, and that the work goes on.
func (h *handling) unwell(ctx workflow.Context, against []string) {
	words := strings.Join(against, "; ")
	h.waitsAnew()
	h.record.State, h.record.RecoveredAt = store.IncidentWorking, nil
	h.wrote(ctx, "unstable", "", words)
	h.Record(ctx, "not-recovered", "", map[string]any{"against": against})
	h.note(ctx, "not-recovered")
	h.Tell(ctx, fmt.Sprintf("not-recovered-%d", len(h.record.Notes)), "incident-unstable", h.on.Operators, map[string]string{"error": words, "detail": h.summary()})
}

// take lets an answer have its effect.
func (h *handling) take(ctx workflow.Context, d *runbook.Decision) {
	if d == nil {
		return
	}
	now := workflow.Now(ctx).UTC()
	switch d.Action {
	case runbook.Acknowledge:
		h.record.AcknowledgedAt, h.record.AcknowledgedBy, h.record.State = &now, d.By, store.IncidentWorking
		h.judgeAgain(d)
	case runbook.Note:
		h.noted(ctx, d)
	case runbook.Pause:
		h.pauses = append(h.pauses, sla.Pause{From: now, Why: d.Reason})
		h.steps[pausedWait] = 0
		h.wrote(ctx, "pause", d.By, d.Reason)
	case runbook.Resume:
		h.pauses[len(h.pauses)-1].Until = &now
		h.wrote(ctx, "resume", d.By, d.Reason)
	case runbook.Severity:
		h.wrote(ctx, "severity", d.By, fmt.Sprintf("%s → %s：%s", h.record.Severity, d.Values[severityValue.Name], d.Reason))
		h.record.Severity, h.record.SetBy = d.Values[severityValue.Name], d.By
	case runbook.Fix:
		h.startFix(ctx, d)
	case runbook.Finished:
		h.finished(ctx, d)
	}
	h.note(ctx, d.Action)
}
