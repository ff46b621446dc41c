package workflows

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// What is escalated besides clocks, and why, for mail.
const (
	pausedWait  = "paused"
	reviewWait  = "review"
	fixesWait   = "fixes"
	closureWait = "closure"
	lateAlarm   = "late-alarm"
	failedMail  = "first-report-failed"
	unresolved  = "not-resolved"
)

var escalationWords = map[string]string{
	acknowledgeClock: "対応開始の期限を過ぎても、対応を開始した者がいません。", reportClock: "第一報の期限を過ぎています。", recoveryClock: "復旧の期限を過ぎています。",
	pausedWait: "報告者への確認待ちで、時計が止まったままです。", reviewWait: "復旧後、原因と再発防止策がまだ記録されていません。",
	fixesWait: "復旧しましたが、対応のための変更がまだ終わっていません。", closureWait: "終結の承認期限を過ぎました。改めて承認を依頼します。",
	lateAlarm: "終結または取下げの手続き中にアラームが発生しました。必要に応じて新しい障害として受け付けてください。", failedMail: "第一報のメールを送信できませんでした。電話等でご連絡のうえ、その旨を記録してください。",
	unresolved: "system.yaml の変更により、この障害の前提（担当者・回答者・終結の承認者等）が満たされなくなりました。障害対応はこれまでの内容で継続します。system.yaml をご確認ください。",
}

const (
	mostAlarmsAhead = 30             // of one clock while one question is open; the next question goes on from there
	longestWait     = 24 * time.Hour // between two escalations: the last one is repeated ever more seldom
	mostEscalations = 300            // kept in the record; all are in the evidence
)

// ask fills in what the questions of an incident have in common. Whatever is asked, the clocks that are not met go on telling.
func (h *handling) ask(ctx workflow.Context, a runbook.Ask, answers ...string) runbook.Ask {
	carried := map[string][]runbook.Value{
		runbook.Acknowledge: {impactValue, urgencyValue}, runbook.Note: {kindValue}, runbook.Fix: {runbookValue, inputValue}, runbook.Severity: {severityValue},
	}
	if a.Name == "problem" {
		carried[runbook.Finished] = []runbook.Value{rootCauseValue, actionsValue, workaroundValue}
	}
	a.Kind, a.Check, a.Answers, a.Values = "work", h.check, map[string]string{}, runbook.Carried{}
	for _, name := range answers {
		a.Answers[name] = "operate"
		if values := carried[name]; len(values) > 0 {
			a.Values[name] = values
		}
	}
	if slices.Contains(answers, runbook.Severity) {
		a.Answers[runbook.Severity] = "decide"
	}
	if h.edition > 0 || a.Name == "acknowledge" || a.Name == "work" {
		a.Alarms = append(a.Alarms, h.alarms(ctx)...)
	}
	if a.Until.IsZero() {
		a.Anew = true
		a.Until = endOf(ctx, a.Alarms)
	}
	if h.edition > 0 || a.Name == "acknowledge" {
		a.Alarms = append(a.Alarms, h.reportInTime(ctx)...)
	}
	return a
}

// alarms are the escalations that come while a question is open: those of every clock that is not met, or of the pause.
func (h *handling) alarms(ctx workflow.Context) (alarms []runbook.Alarm) {
	if h.paused() {
		return h.chain(ctx, pausedWait, h.pauses[len(h.pauses)-1].From.Add(longestWait))
	}
	for _, c := range h.record.Clocks {
		inTime := c.Name == recoveryClock && h.record.State == store.IncidentWatching && !h.watched.After(c.Due) // if it proves stable
		if !c.Done && !inTime {
			alarms = append(alarms, h.chain(ctx, c.Name, c.Due)...)
		}
	}
	return alarms
}

// waits is when a matter is escalated first: a day after the waiting for it began, however often it was asked for since.
func (h *handling) waits(ctx workflow.Context, about string) time.Time {
	now := workflow.Now(ctx).UTC()
	if h.edition == workflow.DefaultVersion {
		return now.Add(longestWait)
	}
	if _, begun := h.since[about]; !begun {
		h.since[about], h.steps[about] = now, 0
	}
	return h.since[about].Add(longestWait)
}

// waitsAnew lets the waiting for cause and fixes begin anew, as the work goes on.
func (h *handling) waitsAnew() {
	delete(h.since, reviewWait)
	delete(h.since, fixesWait)
}

// chain are the times from due on at which somebody is told about a matter, beginning where it has got to: whoever was told last has
// their time, also if they were told late.
func (h *handling) chain(ctx workflow.Context, about string, due time.Time) (alarms []runbook.Alarm) {
	at, now := due, workflow.Now(ctx)
	if told, known := h.told[about]; known && h.steps[about] > 0 {
		if next := told.Add(h.pause(h.steps[about] - 1)); next.After(due) {
			at = next
		}
	} else {
		for n := range h.steps[about] {
			at = at.Add(h.pause(n))
		}
	}
	if at.Before(now.Add(time.Second)) { // late, as after an outage of the worker: told at once
		at = now.Add(time.Second)
	}
	for n := h.steps[about]; len(alarms) < mostAlarmsAhead; n++ {
		to := h.on.Escalation[min(n, len(h.on.Escalation)-1)].To
		alarms = append(alarms, runbook.Alarm{At: at, Late: h.edition > 0, Says: "escalation to " + to + ": " + escalationWords[about], Do: func(ctx workflow.Context) {
			if about == reportClock && h.edition > 0 {
				h.firstReport(ctx) // perhaps the mail goes out by now
			}
			h.escalate(ctx, about)
		}})
		at = at.Add(h.pause(n))
	}
	return alarms
}

// pause is how long those who are told at a step of the chain have. The last step is repeated, each time after twice as long.
func (h *handling) pause(n int) time.Duration {
	last := len(h.on.Escalation) - 1
	wait := h.on.Escalation[min(n, last)].Wait
	for ; n > last && wait < longestWait; n-- {
		wait *= 2
	}
	return min(wait, longestWait)
}

// escalate tells the next ones of the chain, unless the clock was met meanwhile.
func (h *handling) escalate(ctx workflow.Context, about string) {
	for _, c := range h.clocks() {
		if c.Name == about && c.Met != nil {
			return
		}
	}
	n := h.steps[about]
	h.steps[about]++
	if h.edition > 0 {
		h.told[about] = workflow.Now(ctx).UTC()
	}
	to := h.on.Escalation[min(n, len(h.on.Escalation)-1)].To
	why := escalationWords[about]
	h.readClocks(ctx)
	h.record.Escalations = append(h.record.Escalations, store.Escalation{At: workflow.Now(ctx).UTC(), To: to, Why: why})
	h.record.Escalations = h.record.Escalations[max(0, len(h.record.Escalations)-mostEscalations):]
	h.Record(ctx, "escalated", about, map[string]any{"to": to, "step": n, "why": why})
	h.Tell(ctx, "escalation-"+about+h.round(about)+"-"+strconv.Itoa(n), "incident-escalation", to, map[string]string{"error": why, "detail": h.summary()})
	h.note(ctx, "escalated")
}

// round tells the waits for one matter apart, so that the second pause has mails of its own: one name is one mail.
func (h *handling) round(about string) string {
	began := h.since[about]
	if about == pausedWait && h.paused() {
		began = h.pauses[len(h.pauses)-1].From
	}
	if began.IsZero() {
		return ""
	}
	return fmt.Sprintf("-%d", began.Unix())
}

// endOf is the end of a question: behind its last alarm, so that it is opened again.
func endOf(ctx workflow.Context, alarms []runbook.Alarm) time.Time {
	end := workflow.Now(ctx).Add(longestWait)
	for _, a := range alarms {
		if !a.At.Before(end) {
			end = a.At.Add(time.Second)
		}
	}
	return end
}
