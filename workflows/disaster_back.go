package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// backChanges are the planned changes by which the DR region stops writing before the data are brought back: the fence on the way back.
type backChanges struct {
	services []*plan.Change // in the order of Services; nil for one that was not looked at
	begun    bool           // one may have been stopped
	moved    bool           // the writer may be in the primary region again
	started  bool           // the services of the primary region may write
}

// backEdition is the change by which nobody writes in the DR region while the data are brought back.
const backEdition = "return-fenced"

// goBack makes the primary region ready for its users. Nobody writes meanwhile: first the DR region stops, then the data are brought back,
// and only then does the primary region start. Who gives it up before the users go back lets the DR region serve again.
func (d *disaster) goBack(ctx workflow.Context) error {
	for again := true; again; {
		if err := d.backStep(ctx, d.fenceBack()); err != nil {
			return err
		}
		if _, err := d.halted(ctx); err != nil {
			return err
		}
		asked, err := d.dataBack(ctx)
		if err != nil {
			return err
		}
		again = false
		if asked { // it may have taken hours: what was written meanwhile is not in the primary region
			if again, err = d.halted(ctx); err != nil {
				return err
			}
		}
	}
	var steps []runbook.StepSpec
	if d.on.Via == system.ViaGlobalCluster && d.graceful() {
		steps = append(steps, runbook.StepSpec{
			Name: "switch-back", Title: "データベースの切り戻し · Make the primary region the writer again",
			Do: func(ctx workflow.Context) error {
				d.changes.back.moved = true
				return d.switchBack(ctx)
			},
		})
	}
	start := d.startStep()
	start.Do = func(ctx workflow.Context) error {
		d.changes.back.started = true
		return d.startPrimary(ctx, d.serves)
	}
	for _, step := range append(steps, start, d.checkPrimary()) {
		if err := d.backStep(ctx, step); err != nil {
			return err
		}
	}
	d.returning = true
	return nil
}

// backStep does a step of the way back that may be given up: until the users go back the DR region can serve again.
func (d *disaster) backStep(ctx workflow.Context, s runbook.StepSpec) error {
	return d.stage(ctx, s.Name, drillreport.PartReturn, func(ctx workflow.Context) error {
		s := d.firm(s)
		s.Onward = nil
		return d.Step(ctx, s)
	})
}

// fenceBack stops the services of the DR region. Whether they have ended is the next question.
func (d *disaster) fenceBack() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "fence-back", Title: "災害対策系の書込み停止 · Keep the DR region from writing before the data are brought back",
		Do: d.halt,
	}
}

// halt stops the services of the DR region, as many tasks as each of them has, and gives them a little time to end.
func (d *disaster) halt(ctx workflow.Context) error {
	c := &d.changes.back
	if c.services == nil {
		c.services = make([]*plan.Change, len(d.on.Services))
	}
	now := make([]plan.Change, len(d.on.Services))
	for i := range d.on.Services {
		change, err := runbook.Call(runbook.WithSummary(ctx, "what does the DR region run?"), runbook.Read, disasterECS.PlanDisasterServiceHalt, d.drService(i))
		if err != nil {
			return err
		}
		now[i] = change
		if first := c.services[i]; first == nil || first.BeforeHash == first.AfterHash { // how many tasks there were before the first try counts
			c.services[i] = &change
		}
	}
	c.begun = true
	err := d.eachService(ctx, func(ctx workflow.Context, i int) runbook.Future[struct{}] {
		return runbook.Start(ctx, runbook.Change, disasterECS.HaltDisasterService, activities.DisasterServiceChange{
			Operation: d.Operation(), DisasterServiceRef: d.drService(i), Change: activities.Ref(now[i]),
		})
	})
	if err != nil {
		return err
	}
	ended := d.eachService(runbook.WithSummary(ctx, "do the services of the DR region end?"), func(ctx workflow.Context, i int) runbook.Future[struct{}] {
		return runbook.Start(ctx, runbook.Linger, disasterECS.AwaitDisasterServiceHalted, d.drService(i))
	})
	if runbook.WasCancelled(ctx, ended) {
		return ended
	}
	return nil // the look that follows says what has not ended
}

func (d *disaster) drService(i int) activities.DisasterServiceRef {
	return activities.DisasterServiceRef{Name: d.on.Services[i].Name}
}

// halted goes on only when no task of the DR region runs any more, or when an officer has decided to go on in spite of doubts. stopped
// says that one was found running, and was stopped.
func (d *disaster) halted(ctx workflow.Context) (stopped bool, err error) {
	var failed error // of the last try to stop them
	for {
		seen, err := runbook.Call(runbook.WithSummary(ctx, "can the DR region still write?"), runbook.Read, disasterECS.CheckDisasterHalt, activities.FenceCheck{})
		if err != nil {
			if runbook.WasCancelled(ctx, err) {
				return stopped, err
			}
			seen = activities.FenceSeen{Doubts: []string{runbook.Words(err)}}
		}
		if !seen.Fenced && failed != nil {
			seen.Doubts = append(seen.Doubts, runbook.Words(failed))
		}
		d.Record(ctx, "fence", "fence-back", seen)
		if seen.Fenced {
			return stopped, nil
		}
		answer, err := d.askDoubt(ctx, "disaster-return-doubt", drillreport.PartReturn, seen.Doubts, runbook.Ask{
			Kind: "decision", Name: "fence-back", Until: d.on.HoldUntil, Then: "the return is given up, and the DR region serves again",
			Why:     "災害対策系が書込みを続けている可能性があります · the DR region may still write, and what it writes now is not brought back: " + strings.Join(seen.Doubts, "; "),
			Answers: map[string]string{runbook.Retry: "operate", runbook.Resume: "decide", runbook.Rollback: "decide"},
		})
		switch {
		case err != nil:
			return stopped, err
		case answer == nil:
			return stopped, runbook.End(runbook.ErrExpired, "nobody decided until %s whether to go back although the DR region may still write: %s", runbook.JST(d.on.HoldUntil), strings.Join(seen.Doubts, "; "))
		case answer.Action == runbook.Rollback:
			return stopped, runbook.End(runbook.ErrRolledBack, "%s gave the return up, as the DR region may still write: %s", answer.By, answer.Reason)
		case answer.Action == runbook.Resume:
			d.goesOn(answer, "災害対策系", seen.Doubts)
			return false, nil
		}
		stopped = true
		if failed = d.halt(ctx); runbook.WasCancelled(ctx, failed) {
			return stopped, failed
		}
	}
}

// serveAgain lets the DR region serve again when a return was given up before the users went back. The primary region writes no more
// before it does.
func (d *disaster) serveAgain() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "serve-again", Title: "災害対策系のサービス再開 · Let the DR region serve again, as the return was given up",
		SkipIf: "the DR region serves, and the primary region does not write",
		Do: func(ctx workflow.Context) error {
			c := &d.changes.back
			if c.started {
				// What cannot be stopped as it was planned, such as what people have changed meanwhile, is looked at all the same.
				if err := d.closeFence(ctx); runbook.WasCancelled(ctx, err) {
					return err
				}
				d.servingAgain = true
				err := d.certain(ctx)
				d.servingAgain = false
				if err != nil {
					return err
				}
				c.started = false
			}
			if c.moved {
				move := activities.GlobalMove{Operation: d.Operation(), To: d.on.DRRegion}
				if _, err := runbook.Call(ctx, runbook.Change, disasterDatabase.SwitchoverGlobalCluster, move); err != nil {
					return err
				}
				if err := d.promoted(ctx, d.on.DRRegion); err != nil {
					return err
				}
				c.moved = false
			}
			if err := d.resumeDR(ctx); err != nil {
				return err
			}
			if _, err := d.lookOutside(ctx, runbook.Observe, d.on.DRRegion); err != nil {
				return err
			}
			c.begun, c.services = false, nil
			return nil
		},
	}
}

// resumeDR starts the services of the DR region again that were stopped, and waits until they run what they ran before.
func (d *disaster) resumeDR(ctx workflow.Context) error {
	var stopped []int
	for i, change := range d.changes.back.services {
		if change != nil {
			stopped = append(stopped, i)
		}
	}
	err := each(ctx, len(stopped), func(ctx workflow.Context, n int) runbook.Future[struct{}] {
		i := stopped[n]
		return runbook.Start(ctx, runbook.Change, disasterECS.ResumeDisasterService, activities.DisasterServiceChange{
			Operation: d.Operation(), DisasterServiceRef: d.drService(i), Change: activities.Ref(*d.changes.back.services[i]),
		})
	})
	if err != nil {
		return err
	}
	return d.awaitDR(ctx, make([]string, len(d.on.Services))) // what people have deployed since is theirs to choose
}

// dataBack waits until people have brought into the primary region what was written in the DR region, and tells them again and again
// while it lasts: nobody is served meanwhile. asked is false where nothing has to be brought.
func (d *disaster) dataBack(ctx workflow.Context) (asked bool, err error) {
	if d.on.Via == system.ViaGlobalCluster && d.graceful() {
		return false, nil
	}
	d.asked++
	tell := func(n int) func(workflow.Context) {
		step := fmt.Sprintf("data-back-%d-%d", d.asked, n) // mail that has the name of an earlier one is not sent
		return func(ctx workflow.Context) {
			d.Tell(ctx, step, "disaster-data-back", d.on.MailList, map[string]string{"until": runbook.JapaneseTime(d.on.HoldUntil)})
		}
	}
	question := runbook.Ask{
		Kind: "work", Name: "data-back", Until: d.on.HoldUntil, Then: "the return is given up, and the DR region serves again",
		Why:     "災害対策系で更新されたデータの本番系への反映 · nobody writes: bring what was written in the DR region into the primary one, then say in the reason how it was done and checked; or give the return up",
		Answers: map[string]string{runbook.Finished: "operate", runbook.Rollback: "decide"},
	}
	for n, at := range d.reminders(ctx) {
		question.Alarms = append(question.Alarms, runbook.Alarm{At: at, Do: tell(n + 1)})
	}
	d.meanwhile(ctx, "data-back", tell(0))
	return true, d.stage(ctx, "data-back", drillreport.PartReturn, func(ctx workflow.Context) error {
		answer, err := d.Asked(ctx, runbook.Waiting, question)
		switch {
		case err != nil:
			return err
		case answer == nil:
			return runbook.End(runbook.ErrExpired, "until %s nobody said that the data are in the primary region again", runbook.JST(d.on.HoldUntil))
		case answer.Action == runbook.Rollback:
			return runbook.End(runbook.ErrRolledBack, "%s gave the return up while the data were brought back: %s", answer.By, answer.Reason)
		}
		d.broughtBack(answer)
		return nil
	})
}
