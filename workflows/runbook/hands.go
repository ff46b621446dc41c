package runbook

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// HandsMemo is the memo with which a run tells one that it starts who had a hand in that: a list of person IDs. An input can be
// written by anybody who may ask for a run, and names whom it likes; this is written by the run that starts. Temporal keeps it
// over a Reset. Whoever starts a run by hand may bar people by it, and can free nobody.
const HandsMemo = "TejunHands"

// HandsMemo is the memo for a run that this one starts, nil if nobody had a hand in it.
func (r *Run) HandsMemo() map[string]any {
	if people := r.Hands(); len(people) > 0 {
		return map[string]any{HandsMemo: people}
	}
	return nil
}

// Hands are the people who had a hand in this run so far: whoever had one in the run that has started it, its operator, and those
// who carried it on.
func (r *Run) Hands() []string {
	var people []string
	for _, id := range r.executed {
		if !slices.Contains(people, id) {
			people = append(people, id)
		}
	}
	return people
}

// HadHand adds people who had a hand in what this run does, before it began: they may not approve it.
func (r *Run) HadHand(ctx workflow.Context, names ...string) error {
	for _, name := range names {
		person, err := local(ctx, directory.ResolvePerson, activities.Claim{By: name})
		if err != nil {
			return endOr(ctx, err, ErrRefused)
		}
		if !person.Known {
			return End(ErrRefused, "%q, who is said to have had a hand in it, is nobody that system.yaml knows", name)
		}
		r.executed = append(r.executed, person.ID)
	}
	return nil
}

// inherit takes over who had a hand in the run that has started this one. What cannot be read ends the run: without it somebody
// could approve their own work.
func (r *Run) inherit(ctx workflow.Context) error {
	payload := workflow.GetInfo(ctx).Memo.GetFields()[HandsMemo]
	if payload == nil {
		return nil
	}
	var people []string
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &people); err != nil {
		return fmt.Errorf("the memo %s, which says who had a hand in starting this run, cannot be read (%w): start it anew, without the memo or with a list of people", HandsMemo, err)
	}
	r.executed, r.starters = append(r.executed, people...), people
	r.Record(ctx, "hands", "", map[string]any{"parent": r.status.Parent, "people": people})
	return nil
}
