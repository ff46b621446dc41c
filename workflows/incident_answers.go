package workflows

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// check looks at an answer before it counts.
func (h *handling) check(ctx workflow.Context, d runbook.Decision) string {
	switch d.Action {
	case runbook.Acknowledge:
		if impact, urgency, anew := h.judged(d); anew {
			if _, err := h.on.SeverityOf(impact, urgency); err != nil {
				return err.Error()
			}
		}
	case runbook.Note:
		kind := d.Values[kindValue.Name]
		if kind != "" && !slices.Contains(noteKinds, kind) || kind == relapseKind && !staysRecovered(ctx) {
			return fmt.Sprintf("kind is %q: want one of %s, or leave it out", kind, strings.Join(noteKinds, ", "))
		}
		if kind == relapseKind {
			return h.checkRelapse()
		}
	case runbook.Pause:
		if h.paused() {
			return "the clocks are paused already, since " + runbook.JST(h.pauses[len(h.pauses)-1].From)
		}
	case runbook.Resume:
		if !h.paused() {
			return "the clocks are not paused"
		}
	case runbook.Severity:
		name := d.Values[severityValue.Name]
		if _, err := h.on.Severity(name); err != nil {
			return err.Error()
		}
		if name == h.record.Severity {
			return "the severity is " + name + " already"
		}
	case runbook.Fix:
		return h.checkFix(d)
	case runbook.Finished:
		return h.checkProblem(ctx, d)
	}
	return ""
}

func (h *handling) checkFix(d runbook.Decision) string {
	name := d.Values[runbookValue.Name]
	if !slices.Contains(incidentFixes, name) {
		return fmt.Sprintf("runbook is %q: an incident starts %s", name, strings.Join(incidentFixes, " or "))
	}
	if len(h.record.Fixes) >= mostFixes {
		return fmt.Sprintf("this incident has started %d runs already: start another one by itself, and note it here", mostFixes)
	}
	if _, err := h.fixInput(d); err != nil {
		return "input " + err.Error()
	}
	return ""
}

// fixInput is the input of a fix.
type fixInput map[string]json.RawMessage

// fixInput is the input that an answer gives, with the incident that the fix mends.
func (h *handling) fixInput(d runbook.Decision) (fixInput, error) {
	in := fixInput{}
	if err := runbook.DecodeStrict([]byte(d.Values[inputValue.Name]), &in); err != nil {
		return nil, err
	}
	const field = "incident"
	id, err := json.Marshal(h.Status().ID)
	if err != nil {
		return nil, err
	}
	if given, there := in[field]; there && string(given) != string(id) {
		return nil, fmt.Errorf("names the incident %s, and this is %s: leave it out", given, id)
	}
	in[field] = id
	return in, nil
}

// checkProblem looks at the root cause and the actions; recovery is reported without any.
func (h *handling) checkProblem(ctx workflow.Context, d runbook.Decision) string {
	if _, asked := d.Values[actionsValue.Name]; !asked {
		return ""
	}
	if _, err := h.actions(ctx, d); err != nil {
		return runbook.Words(err)
	}
	return ""
}

func (h *handling) actions(ctx workflow.Context, d runbook.Decision) ([]store.ProblemAction, error) {
	found, err := runbook.Resolve(runbook.WithSummary(ctx, "read the actions"), directory.ResolveProblemActions, activities.ActionsQuestion{
		Text: d.Values[actionsValue.Name], From: workflow.Now(ctx).UTC(),
	})
	return found.Actions, err
}

// judged are impact and urgency as whoever acknowledges sees them, and whether that is other than before.
func (h *handling) judged(d runbook.Decision) (impact, urgency string, anew bool) {
	impact, urgency = cmp.Or(d.Values[impactValue.Name], h.record.Impact), cmp.Or(d.Values[urgencyValue.Name], h.record.Urgency)
	return impact, urgency, impact != h.record.Impact || urgency != h.record.Urgency
}

// judgeAgain takes over impact and urgency as whoever acknowledges sees them. What the ministry has set stays, and so does the severity if
// nothing is seen otherwise, whatever the description makes of it by now.
func (h *handling) judgeAgain(d *runbook.Decision) {
	impact, urgency, anew := h.judged(*d)
	h.record.Impact, h.record.Urgency = impact, urgency
	if !anew || h.record.SetBy != "" {
		return
	}
	if severity, err := h.on.SeverityOf(impact, urgency); err == nil {
		h.record.Severity = severity
	}
}

// noted takes down a note; some kinds have an effect of their own.
func (h *handling) noted(ctx workflow.Context, d *runbook.Decision) {
	kind := cmp.Or(d.Values[kindValue.Name], "note")
	h.wrote(ctx, kind, d.By, d.Reason)
	switch {
	case kind == "report" && h.record.ReportedAt == nil:
		now := workflow.Now(ctx).UTC()
		h.record.ReportedAt = &now
	case kind == "diagnose":
		h.diagnose(ctx, workflow.Now(ctx))
	}
}

// finished is the report of recovery, or the root cause with its actions.
func (h *handling) finished(ctx workflow.Context, d *runbook.Decision) {
	if d.Values[actionsValue.Name] == "" {
		if h.paused() {
			now := workflow.Now(ctx).UTC()
			h.pauses[len(h.pauses)-1].Until = &now
		}
		h.wrote(ctx, "recovery", d.By, d.Reason)
		return
	}
	actions, err := h.actions(ctx, *d)
	if err != nil { // checked before it counted; the description may have changed since: it is asked again
		h.wrote(ctx, "note", d.By, runbook.Words(err))
		return
	}
	workaround := d.Values[workaroundValue.Name]
	for _, n := range h.record.Notes {
		if workaround == "" && n.Kind == "workaround" {
			workaround = n.Text
		}
	}
	h.problem = store.Problem{RootCause: d.Values[rootCauseValue.Name], Workaround: workaround, Actions: actions, By: d.By}
}
