package runbook

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// Reserve holds named resources for a time, so that no two runs work on the same thing. It is refused, with the name
// of the holder and until when, if another run holds one of them at an overlapping time; Busy tells such a refusal from others.
// What the run that has started this one holds lets this one pass: it works for that run, and does not hold it itself.
func (r *Run) Reserve(ctx workflow.Context, resources []string, from, until time.Time) error {
	done, err := local(ctx, records.ReserveResources, activities.Reserve{
		Resources: resources, Runbook: r.spec.Name, Requester: r.subject.Requester, Parent: r.status.Parent, From: from, Until: until,
	})
	if err != nil {
		if WasCancelled(ctx, err) {
			return err
		}
		return temporal.NewNonRetryableApplicationError(Words(err), ErrRefused, err)
	}
	r.holdsNoMore(resources)
	for _, name := range resources {
		if !slices.Contains(done.Passed, name) {
			r.status.Holds = append(r.status.Holds, Hold{Resource: name, From: from.UTC(), Until: until.UTC()})
		}
	}
	r.show(ctx)
	return nil
}

// Busy tells whether a run was refused because another one held what it needs: trying again later can help.
func Busy(err error) bool { return activities.RefusedAsLocked(err) }

// How long a run waits for another one between two tries.
const (
	firstRetry  = time.Minute
	longestWait = time.Hour
)

// ReserveWhenFree reserves as Reserve does, and waits while another run is in the way, at most until giveUp. Who is in the way
// is shown.
func (r *Run) ReserveWhenFree(ctx workflow.Context, resources []string, until, giveUp time.Time) error {
	for try := 1; ; try++ {
		err := r.Reserve(ctx, resources, workflow.Now(ctx), until)
		if !Busy(err) {
			return err
		}
		left := giveUp.Sub(workflow.Now(ctx))
		if left <= 0 {
			return End(ErrExpired, "until %s another run was in the way: %s", JST(giveUp), Words(err))
		}
		if err := r.waitForOther(ctx, min(waitBefore(try), left), Words(err)); err != nil {
			return err
		}
	}
}

// WaitForOther waits before something is tried again because another run was in the way, longer with every try from 1. After two
// days of tries it says false, and people have to look.
func (r *Run) WaitForOther(ctx workflow.Context, try int, why string) (bool, error) {
	if try > mostTries {
		return false, nil
	}
	return true, r.waitForOther(ctx, waitBefore(try), why)
}

// mostTries are about two days of tries.
const mostTries = 50

// waitBefore is 1 minute after the first try, and an hour after the seventh.
func waitBefore(try int) time.Duration {
	return min(firstRetry<<min(try-1, 10), longestWait)
}

func (r *Run) waitForOther(ctx workflow.Context, span time.Duration, why string) error {
	r.say(ctx, Waiting, "waits until another run has ended: "+why)
	return workflow.NewTimerWithOptions(ctx, span, workflow.TimerOptions{Summary: "try again: " + cut(why, 300)}).Get(ctx, nil)
}

// Take makes sure, right before the first effect, that no other run is still at work on what this one has reserved: one that
// has overrun its time, or could not put something back.
func (r *Run) Take(ctx workflow.Context, resources []string) error {
	_, err := local(ctx, records.TakeResources, activities.Take{Resources: resources, Parent: r.status.Parent, At: workflow.Now(ctx).UTC()})
	return err
}

// Release lets go of resources before the run ends; the end lets go of all others.
func (r *Run) Release(ctx workflow.Context, resources []string) error {
	if _, err := local(ctx, records.ReleaseNamedResources, activities.Release{Resources: resources}); err != nil {
		return fmt.Errorf("let go of %v: %w", resources, err)
	}
	r.holdsNoMore(resources)
	r.show(ctx)
	return nil
}

func (r *Run) holdsNoMore(resources []string) {
	r.status.Holds = slices.DeleteFunc(r.status.Holds, func(h Hold) bool { return slices.Contains(resources, h.Resource) })
}
