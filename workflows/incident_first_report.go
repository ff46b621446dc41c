package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/workflows/runbook"
)

// reportInTime lets the first report go out before its limit, acknowledged or not, and tries again if it does not get through.
func (h *handling) reportInTime(ctx workflow.Context) (alarms []runbook.Alarm) {
	for _, c := range h.record.Clocks {
		if c.Name != reportClock || c.Done {
			continue
		}
		soon := workflow.Now(ctx).Add(time.Second)
		for _, share := range []time.Duration{4, 8, 16} {
			if at := c.Due.Add(-c.Limit / share); !at.Before(soon) {
				alarms = append(alarms, runbook.Alarm{At: at, Do: h.firstReport, Late: h.edition > 0, Says: "第一報 · the first report goes to " + h.on.ReportList})
			}
			if h.edition == workflow.DefaultVersion {
				break
			}
		}
		if len(alarms) == 0 && h.steps[failedMail] == 0 { // late, and not tried yet
			alarms = append(alarms, runbook.Alarm{At: soon, Do: h.firstReport, Late: h.edition > 0, Says: "第一報 · the first report goes to " + h.on.ReportList})
		}
	}
	return alarms
}

// firstReport tells the ministry, once. If it cannot be told the chain of escalation is: then somebody calls, and notes it. It is tried
// again before the limit, and whenever the chain is told that it has passed: a mail that may have arrived stays in doubt then, and is not
// sent a second time.
func (h *handling) firstReport(ctx workflow.Context) {
	if h.record.ReportedAt != nil {
		return
	}
	h.readClocks(ctx)
	err := h.Notify(runbook.WithSummary(ctx, "第一報 · first report"), "first-report", "incident-first-report", h.on.ReportList, map[string]string{"detail": h.summary()})
	if err != nil {
		if runbook.WasCancelled(ctx, err) {
			return
		}
		h.Record(ctx, "first-report-failed", "", map[string]string{"problem": runbook.Words(err)})
		if h.edition == workflow.DefaultVersion || h.steps[failedMail] == 0 { // from then on the clock's own chain tells
			h.escalate(ctx, failedMail)
		}
		return
	}
	now := workflow.Now(ctx).UTC()
	h.record.ReportedAt = &now
	h.note(ctx, "first-report")
}
