package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// review waits until the root cause and the actions are written down, and until every fix has ended.
func (h *handling) review(ctx workflow.Context) (ready bool, err error) {
	back := func() (bool, error) {
		h.unwell(ctx, []string{"the alarm " + h.relapsed + " rang after recovery had been stable"})
		return false, nil
	}
	answered := func(d *runbook.Decision) (relapse bool) {
		h.take(ctx, d)
		why := relapseOf(d)
		if why != "" {
			h.unwell(ctx, []string{why})
		}
		return why != ""
	}
	for h.problem.RootCause == "" {
		if h.relapsed != "" {
			return back()
		}
		if err := h.goOn(ctx); err != nil {
			return false, err
		}
		d, err := h.asked(ctx, h.ask(ctx, runbook.Ask{
			Name: "problem", Why: "原因と再発防止策 · the operator writes down the root cause, and the actions against it", Then: "the chain of escalation goes on",
			Alarms: h.chain(ctx, reviewWait, h.waits(ctx, reviewWait)), Wake: h.disturbed(ctx),
		}, runbook.Note, runbook.Fix, runbook.Severity, runbook.Finished))
		if err != nil {
			return false, err
		}
		if answered(d) {
			return false, nil
		}
	}
	for h.mending > 0 {
		if h.relapsed != "" {
			return back()
		}
		if err := h.goOn(ctx); err != nil {
			return false, err
		}
		d, err := h.asked(ctx, h.ask(ctx, runbook.Ask{
			Name: "fixes", Why: "対応のための変更の終了待ち · every run that mends it must have ended: " + shortened(h.mends()), Then: "the chain of escalation goes on",
			Alarms: h.chain(ctx, fixesWait, h.waits(ctx, fixesWait)), Wake: func() bool { return h.mending == 0 || h.disturbed(ctx)() },
		}, runbook.Note, runbook.Severity))
		if err != nil {
			return false, err
		}
		if answered(d) {
			return false, nil
		}
	}
	if h.relapsed != "" {
		return back()
	}
	return true, nil
}

// shortened lists some runs: the line is also that of a timer, which is short.
func shortened(runs []string) string {
	const most = 2
	if more := len(runs) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(runs[:most], ", "), more)
	}
	return strings.Join(runs, ", ")
}

// disturbed tells whether a question about closing is no longer the one to ask: an alarm has rung, or the history is long.
func (h *handling) disturbed(ctx workflow.Context) func() bool {
	return func() bool { return h.relapsed != "" || h.long(ctx)() }
}

// close asks the ministry. Nobody answers, or the description says of nobody that they may: it is asked again. A rejection leads back
// to the cause.
func (h *handling) close(ctx workflow.Context) (closed bool, err error) {
	for {
		err := h.Planned(ctx, h.closurePlan)
		if err == nil {
			gate := h.closureGate()
			gate.Wake = h.disturbed(ctx)
			if h.edition > 0 {
				gate.Alarms = append(h.alarms(ctx), h.reportInTime(ctx)...)
			}
			err = h.pass(ctx, gate)
		}
		switch {
		case err == nil && h.edition > 0 && h.relapsed != "": // it rang while the approval was checked once more
			h.unwell(ctx, []string{"the alarm " + h.relapsed + " rang before it was closed"})
			return false, nil
		case err == nil:
			delete(h.since, unresolved)
			now := workflow.Now(ctx).UTC()
			h.record.ClosedAt, h.record.State, h.relapsed = &now, store.IncidentClosed, ""
			h.record.ClosedBy = h.Approvers("closure")
			h.note(ctx, "closed")
			return true, nil
		case runbook.IsEnd(err, runbook.ErrRejected):
			h.sentBack(ctx, err)
			return false, nil
		case h.outlives(ctx, err):
			if err := h.unanswered(ctx, h.ask(ctx, runbook.Ask{Name: "closure", Wake: h.disturbed(ctx)}), err); err != nil {
				return false, err
			}
		case !runbook.IsEnd(err, runbook.ErrExpired) && !runbook.IsEnd(err, runbook.ErrLeft):
			return false, err
		}
		if h.relapsed != "" {
			h.unwell(ctx, []string{"the alarm " + h.relapsed + " rang before it was closed"})
			return false, nil
		}
		expired := runbook.IsEnd(err, runbook.ErrExpired)
		if expired && h.edition >= describedEdition { // before anything else: the next history knows nothing of it
			h.escalate(ctx, closureWait)
		}
		if err := h.goOn(ctx); err != nil {
			return false, err
		}
		if expired && h.edition < describedEdition {
			h.escalate(ctx, closureWait)
		}
	}
}

func (h *handling) pass(ctx workflow.Context, gate runbook.Gate) error {
	if err := h.Approve(ctx, gate); err != nil {
		return err
	}
	return h.Confirm(ctx, gate)
}

func (h *handling) closureGate() runbook.Gate {
	return runbook.Gate{
		Name: "closure", Asks: "障害の終結 · has it recovered, and may it be closed? a rejection sends it back", Plan: h.closurePlan,
		Expires: "it is escalated, and asked again",
	}
}

// closurePlan is what the ministry closes: how it ended, and why it happened.
func (h *handling) closurePlan(workflow.Context) ([]plan.Change, error) {
	r := h.record
	fixes := map[string]string{}
	for _, f := range r.Fixes {
		fixes[f.Run] = f.Outcome
	}
	about := map[string]any{
		"severity": r.Severity, "recoveredAt": r.RecoveredAt, "rootCause": h.problem.RootCause, "workaround": h.problem.Workaround, "actions": h.problem.Actions,
		"fixes": fixes,
	}
	change, err := plan.NewChange("incident:"+r.ID, fmt.Sprintf("終結：%s（重要度 %s）、原因：%s、再発防止策 %d件 · close: %s", r.Title, r.Severity, h.problem.RootCause, len(h.problem.Actions), r.ID), nil, about, nil, about)
	return []plan.Change{change}, err
}

// recordProblem keeps why it happened, and what is done about it.
func (h *handling) recordProblem(ctx workflow.Context) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	h.problem.ID = "PRB-" + strings.TrimPrefix(h.record.ID, "INC-")
	h.problem.Key, h.problem.Incident, h.problem.At, h.problem.Title, h.problem.State = "1", h.record.ID, workflow.Now(ctx).UTC(), h.record.Title, store.ProblemKnown
	if _, err := runbook.Resolve(runbook.WithSummary(ctx, "record the problem"), incidents.RecordProblem, h.problem); err != nil {
		h.Record(ctx, "record-refused", "", map[string]string{"event": "problem", "problem": runbook.Words(err)})
		return
	}
	h.record.Problem = h.problem.ID
	h.Record(ctx, "problem", "", h.problem)
}

// writeReport makes 障害報告書 and keeps it.
func (h *handling) writeReport() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "report", Title: "障害報告書の作成 · Write the report",
		Do: func(ctx workflow.Context) error {
			kept, err := runbook.Call(ctx, runbook.Change, reports.PutS3IncidentReport, activities.IncidentReport{
				Operation: h.Operation(), Incident: h.record, Problem: h.problem, Now: *h.record.ClosedAt,
			})
			if err != nil {
				return err
			}
			h.record.Report = &kept
			h.Record(ctx, "report", "report", kept)
			return nil
		},
		SkipIf: "the report is written by hand",
	}
}

// tellClosed tells the ministry and the vendor that it is over, and where the report lies.
func (h *handling) tellClosed() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "tell-closed", Title: "終結の報告 · Tell that it is closed, and where the report is",
		Do: func(ctx workflow.Context) error {
			detail := h.summary() + "問題管理番号：" + h.record.Problem + "\n"
			if r := h.record.Report; r != nil {
				detail += "障害報告書：" + r.Location + "\nSHA-256：" + r.SHA256 + "\n"
			}
			lists := []string{h.on.ReportList, h.on.Operators}
			data := map[string]string{"end": runbook.JapaneseTime(*h.record.ClosedAt), "detail": detail, "error": h.problem.RootCause}
			if workflow.GetVersion(ctx, "closure-told-as-step", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
				return h.NotifyEach(ctx, "tell-closed", "incident-closed", lists, data)
			}
			var failed error // of a closure that was told before: what is in doubt is not sent again
			for _, list := range slices.Compact(lists) {
				failed = errors.Join(failed, h.Notify(ctx, "closed-"+list, "incident-closed", list, data))
			}
			return failed
		},
		SkipIf: "both lists know of it",
	}
}

// last does a last step. What is closed stays closed: there is no way back. When nobody answers a hold it is tried again, for some days.
// While the description says of nobody that they may answer, the chain is told, and it is tried again likewise.
func (h *handling) last(ctx workflow.Context, step runbook.StepSpec) error {
	if h.edition < describedEdition {
		return h.insist(ctx, step)
	}
	step.Onward = func() bool { return true }
	for until := h.record.ClosedAt.Add(insisting); ; {
		err := h.Step(ctx, step)
		unmanned := h.outlives(ctx, err)
		if !unmanned && !runbook.IsEnd(err, runbook.ErrRolledBack) || !workflow.Now(ctx).Before(until) {
			return err
		}
		if !unmanned {
			continue
		}
		if err := h.unanswered(ctx, h.ask(ctx, runbook.Ask{Name: step.Name}), err); err != nil {
			return err
		}
	}
}

// insist does a last step as earlier editions did: with a way back, after which it was tried again.
func (h *handling) insist(ctx workflow.Context, step runbook.StepSpec) (err error) {
	for range mostPersisting {
		if err = h.Step(ctx, step); !runbook.IsEnd(err, runbook.ErrRolledBack) {
			return err
		}
	}
	return err
}

// ends records how a run ends that was not closed, and that a last alarm was not overlooked.
func (h *handling) ends(ctx workflow.Context, err error) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	h.ending = h.edition > 0
	if h.ending {
		h.letGo()
		if h.mending+h.reading+h.telling > 0 { // a few seconds
			h.Says(ctx, "それまでの記録を終えてから終了します · it ends once what is under way is written down; fixes that go on: "+orNone(h.mends()))
		}
	}
	if waited := workflow.Await(ctx, func() bool {
		return h.mending+h.reading == 0 && (h.telling == 0 || h.edition == workflow.DefaultVersion)
	}); waited != nil {
		return // not on a context that nothing cancels
	}
	if h.relapsed != "" && h.record.ClosedAt != nil && !h.ending {
		h.escalate(ctx, lateAlarm)
	}
	if err == nil || h.record.Seq == 0 || h.record.ClosedAt != nil {
		return
	}
	_, words := activities.HowItEnded(err)
	h.record.State = store.IncidentWithdrawn
	h.wrote(ctx, "withdrawn", "", words+h.goOnBeside())
	h.note(ctx, "withdrawn")
	for _, list := range []string{h.on.ReportList, h.on.Operators} {
		h.Tell(ctx, "withdrawn-"+list, "incident-withdrawn", list, map[string]string{"error": words, "detail": h.summary() + h.goOnBeside()})
	}
}

// tellLate tells of alarms that came too late to be part of the incident: until its run ends they reach it, and open none of their own.
// It comes behind Finish, and not among what Finally does, since one may come even while the last evidence is written. Nothing is waited for
// once it has returned.
func (h *handling) tellLate(ctx workflow.Context) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	for h.ending && h.record.Seq > 0 {
		if waited := workflow.Await(ctx, func() bool { return h.telling == 0 }); waited != nil || h.relapsed == "" {
			return
		}
		h.relapsed = ""
		h.escalate(ctx, lateAlarm)
	}
}

// goOnBeside says which fixes go on although the incident has ended, "" if there are none.
func (h *handling) goOnBeside() string {
	runs := h.mends()
	if len(runs) == 0 {
		return ""
	}
	return "\n次の変更・リリースは取り消されず、このまま続きます。承認や確認はそれぞれの実行で行ってください。不要なら各実行を取り消してください（starter cancel）：" + strings.Join(runs, "、")
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
