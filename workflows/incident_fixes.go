package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// incidentFixes are the runbooks that an incident may start.
var incidentFixes = []string{"SettingChange", "Release"}

// mostFixes is how many runs one incident starts.
const mostFixes = 20

// startFix starts a run that mends the incident. It goes on beside the questions.
func (h *handling) startFix(ctx workflow.Context, d *runbook.Decision) {
	input, err := h.fixInput(*d)
	if err != nil { // checked before it counted
		h.wrote(ctx, "note", d.By, err.Error())
		return
	}
	name := d.Values[runbookValue.Name]
	sum := sha256.Sum256([]byte(name + "\x00" + d.Values[inputValue.Name]))
	fix := store.IncidentFix{
		Name: fmt.Sprintf("fix-%d-%s", len(h.record.Fixes)+1, hex.EncodeToString(sum[:4])), Runbook: name, By: d.By, Why: d.Reason, StartedAt: workflow.Now(ctx).UTC(),
	}
	fix.Run = h.ChildID(fix.Name)
	h.record.Fixes, h.inputs[fix.Name] = append(h.record.Fixes, fix), input
	h.follow(ctx, len(h.record.Fixes)-1)
}

// findFixes waits again for the fixes that an earlier history has started.
func (h *handling) findFixes(ctx workflow.Context) {
	for n, fix := range h.record.Fixes {
		if fix.EndedAt == nil {
			h.follow(ctx, n)
		}
	}
}

// follow starts the n-th fix, unless it is there, and takes down how it ends.
func (h *handling) follow(ctx workflow.Context, n int) {
	fix := h.record.Fixes[n]
	child := runbook.ChildRun{
		Runbook: fix.Runbook, Name: fix.Name, Title: h.in.Title + " · " + fix.Why, Input: h.inputs[fix.Name], Stays: true, Beside: h.edition > 0,
		Lasts: fmt.Sprintf("what %s (%s) has changed: its own evidence says what", fix.Run, fix.Runbook),
	}
	ctx = h.beside(ctx)
	h.mending++
	workflow.GoNamed(ctx, fix.Name, func(ctx workflow.Context) {
		defer func() { h.mending-- }()
		ended, err := h.awaitFix(ctx, child)
		h.telling++
		defer func() { h.telling-- }()
		if h.edition > 0 {
			ctx, _ = workflow.NewDisconnectedContext(ctx)
		}
		now := workflow.Now(ctx).UTC()
		outcome := "succeeded"
		switch {
		case ended.Unseen:
			h.record.Fixes[n].Outcome = "perhaps started: it could not be looked up (" + runbook.Words(err) + "). Look for it under its ID"
			return
		case ended.Left:
			return // it has not ended
		case err != nil && h.edition > 0 && runbook.WasCancelled(ctx, err):
			outcome = "not started: the incident was withdrawn before"
		case err != nil && h.edition > 0:
			outcome = "not started: " + runbook.Words(err)
		case err != nil:
			outcome = "cancelled: " + runbook.Words(err)
		case ended.Kind != "":
			outcome = ended.Kind + ": " + ended.Words
		}
		h.record.Fixes[n].EndedAt, h.record.Fixes[n].Outcome = &now, outcome
		h.note(ctx, "fix-ended")
		h.Tell(ctx, "fix-ended-"+fix.Name, "incident-fix", h.on.Operators, map[string]string{"step": fix.Runbook + " " + fix.Run, "error": outcome, "detail": h.summary()})
	})
}

// awaitFix waits for the end of a fix. One of which nothing can be known for a while has not ended: it is asked for again.
func (h *handling) awaitFix(ctx workflow.Context, child runbook.ChildRun) (runbook.EndedRun, error) {
	const pause = 5 * time.Minute
	for {
		ended, err := runbook.Child[json.RawMessage](ctx, h.Run, child)
		if err == nil || h.edition == workflow.DefaultVersion || runbook.WasCancelled(ctx, err) || runbook.IsEnd(err, runbook.ErrRefused) {
			return ended.EndedRun, err
		}
		h.Record(ctx, "fix-unknown", child.Name, map[string]string{"run": ended.ID, "problem": runbook.Words(err)})
		if err := workflow.Sleep(ctx, pause); err != nil {
			h.Record(ctx, "fix-unknown", child.Name, map[string]string{"run": ended.ID, "problem": "the incident was withdrawn before it answered"})
		}
	}
}

// beside is the context of what goes on beside the questions, until the run lets go of it.
func (h *handling) beside(ctx workflow.Context) workflow.Context {
	ctx, stop := workflow.WithCancel(ctx)
	h.stops = append(h.stops, stop)
	return ctx
}

// letGo ends what goes on beside the questions, except the fixes themselves.
func (h *handling) letGo() {
	for _, stop := range h.stops {
		stop()
	}
}

// mends are the fixes that have not ended, as far as anybody knows.
func (h *handling) mends() (runs []string) {
	for _, f := range h.record.Fixes {
		if f.EndedAt != nil {
			continue
		}
		run := f.Run + " (" + f.Runbook + ")"
		if f.Outcome != "" {
			run += "（開始されたかどうかを確認できませんでした。この実行IDでお探しください）"
		}
		runs = append(runs, run)
	}
	return runs
}
