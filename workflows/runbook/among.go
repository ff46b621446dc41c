package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// Successor is one of the people who may pass a gate, in order: the first at once, each later one also when those before have not
// answered within their waits. When there is nobody left to wait for, the last one's wait has no meaning.
type Successor struct {
	Person string // person ID
	Wait   time.Duration
}

// from is when a person may approve at a gate that was opened at a time; false for somebody who is not on the list.
func (g Gate) from(person string, opened time.Time) (time.Time, bool) {
	at := opened
	for _, s := range g.Among {
		if s.Person == person {
			return at, true
		}
		at = at.Add(s.Wait)
	}
	return time.Time{}, false
}

// listed leaves of people those who are on the gate's list; all of them if it has none.
func (g Gate) listed(people []string) []string {
	if len(g.Among) == 0 {
		return people
	}
	return slices.DeleteFunc(slices.Clone(people), func(id string) bool {
		_, on := g.from(id, time.Time{})
		return !on
	})
}

// order writes who may approve from when.
func (g Gate) order(opened time.Time) string {
	var parts []string
	for i, s := range g.Among {
		part := s.Person
		if at, _ := g.from(s.Person, opened); i > 0 {
			part += " from " + at.In(jst).Format("15:04:05 JST")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// among lets only those on the gate's list answer, each in their turn, and returns what widens the gate with time. Whoever is on the
// list may reject at once.
func (r *Run) among(ctx workflow.Context, g Gate, q *question, terms activities.Terms, tell func(template, list string, n int) func(workflow.Context)) []Alarm {
	if len(g.Among) == 0 {
		return nil
	}
	opened := q.openedAt
	people := func(now time.Time) authority {
		a := who(terms)
		a.people = slices.DeleteFunc(g.listed(terms.Eligible), func(id string) bool {
			at, _ := g.from(id, opened)
			return now.Before(at)
		})
		return a
	}
	q.terms[Approve] = people(workflow.Now(ctx))
	q.terms[Reject] = authority{role: terms.Role, organisation: terms.Organisation, people: g.listed(terms.Eligible)}
	q.why += " (" + g.order(opened) + ")"
	q.check = func(ctx workflow.Context, d Decision) string {
		at, on := g.from(d.By, opened)
		switch {
		case !on:
			return fmt.Sprintf("%s is not among those who decide this: %s", d.By, g.order(opened))
		case d.Action == Approve && workflow.Now(ctx).Before(at):
			return fmt.Sprintf("%s may approve from %s on, if nobody before has answered by then: %s", d.By, at.In(jst).Format("2006-01-02 15:04:05 JST"), g.order(opened))
		}
		return ""
	}
	var alarms []Alarm
	for i, s := range g.Among[1:] {
		at, _ := g.from(s.Person, opened)
		alarms = append(alarms, Alarm{At: at, Do: func(ctx workflow.Context) {
			q.terms[Approve] = people(at)
			if r.asking == q {
				r.status.WaitingFor = q.waitingFor()
			}
			r.show(ctx)
			r.Record(ctx, "gate-widened", g.Name, map[string]any{"to": s.Person, "since": at.UTC()})
			tell("approval-reminder", terms.NotifyList, 100+i)(ctx)
		}})
	}
	return alarms
}
