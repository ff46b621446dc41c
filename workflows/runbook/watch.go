package runbook

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// mostBlind is how many looks in a row may fail before a watch ends: what cannot be watched does not stay.
const mostBlind = 3

// WatchSpec is a time in which what was changed is watched before it may stay.
type WatchSpec struct {
	Name  string // permanent, such as "watch"
	Title string // Japanese and English, for the checklist
	For   time.Duration
	Every time.Duration
	Then  string // what happens when the time is over and all was well; "" for: what was changed stays
	// Look says whether all is well, and in words what it saw.
	Look func(workflow.Context) (good bool, says string, err error)
}

// Watch looks again and again until the time is over, and shows what it sees. When something is not well the run ends as rolled
// back, at once and without asking anybody. Whoever operates may roll back earlier; nobody can end the watch early. It has to come
// before Keep, as a step does.
func (r *Run) Watch(ctx workflow.Context, w WatchSpec) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	began := workflow.Now(ctx)
	until := began.Add(w.For)
	terms, err := local(ctx, directory.AnswerTerms, activities.AnswerQuestion{Kind: "operate", OpenedAt: began.UTC()})
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	if w.Then == "" {
		w.Then = "what was changed stays"
	}
	step := StepSpec{Name: w.Name, Title: w.Title}
	line := r.line(step)
	line.State, line.StartedAt, line.Attempts = StepRunning, moment(ctx), 1
	r.Record(ctx, "watch-began", w.Name, map[string]any{"until": until.UTC()})
	says, err := r.watch(WithSummary(ctx, w.Title), w, until, &question{
		kind: "watch", gate: w.Name, why: w.Title, until: until, then: w.Then, judges: r.approvers(),
		terms: map[string]authority{Rollback: who(terms)},
	})
	line = r.line(step)
	line.EndedAt = moment(ctx)
	outcome := says
	if err != nil {
		line.State, line.Error, outcome = StepFailed, Words(err), Words(err)
	} else {
		line.State = StepDone
	}
	r.Record(ctx, "watch-ended", w.Name, map[string]any{"good": err == nil, "says": outcome})
	r.show(ctx)
	return err
}

// watch returns what was seen last.
func (r *Run) watch(ctx workflow.Context, w WatchSpec, until time.Time, q *question) (says string, err error) {
	r.asking, r.status.WaitingFor = q, q.waitingFor()
	defer func() {
		q.closed = true
		if r.asking == q {
			r.asking, r.status.WaitingFor = nil, nil
		}
	}()
	began, blind := workflow.Now(ctx), 0
	taken := func() error { return End(ErrRolledBack, "%s rolled it back: %s", q.answer.Person, q.answer.Reason) }
	for {
		good, seen, err := w.Look(ctx)
		switch {
		case err != nil && WasCancelled(ctx, err):
			return says, err
		case err != nil:
			if blind++; blind == mostBlind {
				return says, End(ErrRolledBack, "%s: it cannot be watched: %s", w.Title, Words(err))
			}
			says = "the look failed: " + Words(err)
		case !good:
			return seen, End(ErrRolledBack, "%s: %s", w.Title, seen)
		default:
			blind, says = 0, seen
		}
		if q.settled() { // the answer came during the look
			return says, taken()
		}
		now := workflow.Now(ctx)
		if !now.Before(until) && blind == 0 { // the last look comes after the time is over
			return says, nil
		}
		r.say(ctx, Waiting, fmt.Sprintf("%s: %s of %s; %s", w.Title, now.Sub(began).Round(time.Second), w.For, says))
		next := now.Add(w.Every)
		if next.After(until) && now.Before(until) {
			next = until
		}
		if answered, err := r.await(ctx, q, next); err != nil {
			return says, err
		} else if answered {
			return says, taken()
		}
	}
}
