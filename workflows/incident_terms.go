package workflows

import (
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/workflows/runbook"
)

// describedEdition is the version of incidentEdition from which no change of the description gives up an incident that is open, and
// what an earlier history has handed over comes first.
const describedEdition = 2

// termsPause is how long the run waits before it asks again who may answer.
const termsPause = 5 * time.Minute

// introduce tells the run who and what it is about, as resolved last. A refusal, that nobody may operate the system, is remembered:
// nobody can cancel the run until it is asked for again.
func (h *handling) introduce(ctx workflow.Context) error {
	on := h.on
	err := h.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: h.targets(), About: h.facts(),
		Mail: map[string]string{"title": h.in.Title, "reason": h.in.Symptom, "services": strings.Join(h.in.Services, "、"), "start": runbook.JapaneseTime(on.DetectedAt)},
	})
	h.unmanned = err != nil
	return err
}

// reopen goes on in a new history. What an earlier one has handed over is seen to first, so that nothing of it is lost if the run is
// given up meanwhile. What the description no longer allows is told, and the incident goes on as it was resolved before.
func (h *handling) reopen(ctx workflow.Context) error {
	unfit := h.introduce(ctx)
	h.listen(ctx)
	h.readClocks(ctx)
	h.catchUp(ctx)
	h.findFixes(ctx)
	on, err := runbook.Resolve(ctx, directory.ResolveIncident, h.in.request(h.Status().StartedAt))
	if err == nil {
		h.on = on
		unfit = h.introduce(ctx)
	}
	unfit = errors.Join(unfit, err, h.CanPass(ctx, h.closureGate()))
	if err := ctx.Err(); err != nil {
		return err
	}
	if unfit != nil && h.unfit(ctx, unfit) {
		h.escalate(ctx, unresolved)
	}
	return nil
}

// unfit records that the description no longer takes the incident, once for as long as it does not, and says whether that is news.
func (h *handling) unfit(ctx workflow.Context, why error) bool {
	if _, known := h.since[unresolved]; known {
		return false
	}
	h.since[unresolved], h.steps[unresolved] = workflow.Now(ctx).UTC(), 0
	h.Record(ctx, "not-resolved", "", map[string]string{"problem": inWords(why)})
	return true
}

// inWords are the words of joined errors, each without the SDK's wrapping.
func inWords(err error) string {
	joined, many := err.(interface{ Unwrap() []error }) //nolint:errorlint // the joined error itself is meant, not one that it wraps
	if !many {
		return runbook.Words(err)
	}
	var words []string
	for _, one := range joined.Unwrap() {
		words = append(words, inWords(one))
	}
	return strings.Join(words, "; ")
}

// outlives tells whether an error is that the description does not say who decides, and the incident is open: it goes on then.
func (h *handling) outlives(ctx workflow.Context, err error) bool {
	return h.edition >= describedEdition && h.record.Seq > 0 && ctx.Err() == nil && runbook.IsEnd(err, runbook.ErrRefused)
}

// asked asks a question of the work. While the description does not say who may answer, nobody is asked: the decision is nil then, after a
// while, and it is for the caller to ask again.
func (h *handling) asked(ctx workflow.Context, a runbook.Ask) (*runbook.Decision, error) {
	var d *runbook.Decision
	var err error
	if h.unmanned {
		err = h.introduce(ctx)
	}
	if err == nil {
		d, err = h.Asked(ctx, runbook.Waiting, a)
	}
	if h.outlives(ctx, err) {
		return nil, h.unanswered(ctx, a, err)
	}
	if err == nil {
		delete(h.since, unresolved)
	}
	return d, err
}

// unanswered waits for a while in which nobody may answer. All that would happen while the question is open happens, and the chain of
// escalation is told until somebody has mended the description.
func (h *handling) unanswered(ctx workflow.Context, a runbook.Ask, why error) error {
	h.unfit(ctx, why)
	if again := workflow.Now(ctx).Add(termsPause); a.Until.After(again) {
		a.Until = again
	}
	a.Kind, a.Answers, a.Values, a.Check, a.Anew = "work", nil, nil, nil, true
	a.Why, a.Then = "回答できる者がいません（system.yaml）· nobody may answer: "+runbook.Words(why), "it is asked again"
	a.Alarms = append(a.Alarms, h.chain(ctx, unresolved, h.since[unresolved])...)
	_, err := h.Asked(ctx, runbook.Waiting, a)
	return err
}
