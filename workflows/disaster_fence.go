package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// fenceChanges are the planned changes by which the primary region stops writing. Where it does not answer, what could be planned
// is nil.
type fenceChanges struct {
	services []*plan.Change // in the order of PrimaryServices
	jobs     *plan.Change
}

// compute plans the fence. A drill has none. When the primary region does not answer the plan says what is tried, and nothing of what
// it finds there: a region that comes and goes must not make every approval void.
func (c *fenceChanges) compute(ctx workflow.Context, d *disaster) ([]plan.Change, error) {
	if !d.real() {
		return nil, nil
	}
	if !d.graceful() {
		tried := map[string]any{"services": d.on.PrimaryServices, "jobs": d.on.PrimaryJobs}
		change, err := plan.NewChange("fence:"+d.on.Region, fmt.Sprintf("%s: 全サービスの停止と定期ジョブの一時停止（到達できる範囲）", d.on.Region), nil, tried, nil, tried)
		return []plan.Change{change}, err
	}
	if err := c.read(ctx, d); err != nil {
		if runbook.WasCancelled(ctx, err) {
			return nil, err
		}
		return nil, fmt.Errorf("the primary region does not answer (%s): ask for an ungraceful recovery instead", runbook.Words(err))
	}
	var all []plan.Change
	for _, s := range c.services {
		all = append(all, *s)
	}
	return append(all, *c.jobs), nil
}

// read plans what has not been planned yet. The error joins what cannot be read; the rest is planned all the same.
func (c *fenceChanges) read(ctx workflow.Context, d *disaster) error {
	if c.services == nil || d.graceful() {
		c.services, c.jobs = make([]*plan.Change, len(d.on.PrimaryServices)), nil
	}
	policy := runbook.Glance
	if !d.graceful() {
		policy = runbook.Peek
	}
	reads := runbook.WithSummary(ctx, "read what the primary region runs")
	var services []runbook.Future[plan.Change]
	for i := range d.on.PrimaryServices {
		services = append(services, runbook.Start(reads, policy, ecs.PlanECSServiceStop, d.primaryService(i)))
	}
	jobs := runbook.Start(reads, policy, scheduler.PlanSchedulerPause, d.primaryJobs())
	var failed error
	take := func(into **plan.Change, from runbook.Future[plan.Change]) {
		change, err := from.Get(ctx)
		if err == nil && *into == nil {
			*into = &change
		}
		failed = errors.Join(failed, err)
	}
	for i, f := range services {
		take(&c.services[i], f)
	}
	take(&c.jobs, jobs)
	return failed
}

func (d *disaster) primaryService(i int) activities.ServiceRef {
	return activities.ServiceRef{Cluster: d.on.PrimaryCluster, Service: d.on.PrimaryServices[i].Service}
}

func (d *disaster) primaryJobs() activities.Jobs { return activities.Jobs{Jobs: d.on.PrimaryJobs} }

// fence makes sure that the primary region writes no more. A drill leaves it alone.
func (d *disaster) fence(ctx workflow.Context) error {
	if !d.real() {
		return nil
	}
	err := d.within(ctx, "fence", fenceTitle, func(ctx workflow.Context) error {
		if err := d.stepOnly(ctx, d.fenceStep()); err != nil {
			return err
		}
		return d.certain(ctx)
	})
	if err != nil {
		return err
	}
	if d.graceful() && d.on.Via == system.ViaGlobalCluster {
		d.data.DataAt = workflow.Now(ctx).UTC() // a switchover loses nothing, and from here on nothing is written
	}
	if d.finalCopy == nil {
		return nil
	}
	return d.step(ctx, d.lastCopy())
}

const fenceTitle = "本番系の書込み停止 · Keep the primary region from writing"

func (d *disaster) fenceStep() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "fence", Title: fenceTitle,
		Do:   d.closeFence,
		Undo: d.back("unfence", d.openFence), UndoTitle: "本番系の書込み再開 · Let the primary region write again",
	}
}

// closeFence stops the services and pauses the jobs. When the primary region does not answer, what cannot be reached is no error
// here: whether it may still write is the next question.
func (d *disaster) closeFence(ctx workflow.Context) error {
	c := &d.changes.fence
	if !d.graceful() {
		if err := c.read(ctx, d); runbook.WasCancelled(ctx, err) {
			return err
		}
	}
	policy := runbook.Change
	if !d.graceful() {
		policy = runbook.Glance
	}
	var begun []runbook.Future[struct{}]
	for i, change := range c.services {
		if change != nil {
			begun = append(begun, runbook.Start(ctx, policy, ecs.StopECSService, d.serviceStop(i)))
		}
	}
	if c.jobs != nil {
		begun = append(begun, runbook.Start(ctx, policy, scheduler.PauseSchedulerJobs, d.jobsPause()))
	}
	var failed error
	for _, f := range begun {
		_, err := f.Get(ctx)
		failed = errors.Join(failed, err)
	}
	if failed == nil && d.graceful() {
		for i := range c.services {
			_, err := runbook.Call(ctx, runbook.Rise, ecs.AwaitECSService, activities.ServiceCheck{ServiceRef: d.primaryService(i), Want: activities.ServiceStopped})
			failed = errors.Join(failed, err)
		}
	}
	if d.graceful() || runbook.WasCancelled(ctx, failed) {
		return failed
	}
	if failed == nil && len(begun) > 0 {
		return d.linger(ctx)
	}
	return nil
}

// linger gives the services that were told to stop a little time for it: otherwise the next look would find what is ending just then.
// Whether they have ended is not decided here.
func (d *disaster) linger(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, "fence-lingers", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	ctx = runbook.WithSummary(ctx, "do the services of the primary region end?")
	var waits []runbook.Future[struct{}]
	for i, change := range d.changes.fence.services {
		if change != nil {
			waits = append(waits, runbook.Start(ctx, runbook.Linger, ecs.AwaitECSService, activities.ServiceCheck{ServiceRef: d.primaryService(i), Want: activities.ServiceStopped}))
		}
	}
	for _, w := range waits {
		if _, err := w.Get(ctx); runbook.WasCancelled(ctx, err) {
			return err
		}
	}
	return nil
}

func (d *disaster) serviceStop(i int) activities.ServiceChange {
	return activities.ServiceChange{Operation: d.Operation(), ServiceRef: d.primaryService(i), Change: activities.Ref(*d.changes.fence.services[i])}
}

func (d *disaster) jobsPause() activities.JobsChange {
	return activities.JobsChange{Operation: d.Operation(), Jobs: d.primaryJobs(), Change: activities.Ref(*d.changes.fence.jobs)}
}

// openFence starts what was stopped: services first, jobs once they run.
func (d *disaster) openFence(ctx workflow.Context) error {
	if err := d.startPrimary(ctx, func(string) bool { return true }); err != nil {
		return err
	}
	if d.changes.fence.jobs == nil {
		return nil
	}
	_, err := runbook.Call(ctx, runbook.Change, scheduler.ResumeSchedulerJobs, d.jobsPause())
	return err
}

// startPrimary starts those services of the primary region again that the run has stopped, and waits until they run.
func (d *disaster) startPrimary(ctx workflow.Context, wanted func(name string) bool) error {
	var stopped []int
	for i, change := range d.changes.fence.services {
		if change != nil && wanted(d.on.PrimaryServices[i].Name) {
			stopped = append(stopped, i)
		}
	}
	err := each(ctx, len(stopped), func(ctx workflow.Context, n int) runbook.Future[struct{}] {
		return runbook.Start(ctx, runbook.Change, ecs.StartECSService, d.serviceStop(stopped[n]))
	})
	if err != nil {
		return err
	}
	return each(ctx, len(stopped), func(ctx workflow.Context, n int) runbook.Future[struct{}] {
		return runbook.Start(ctx, runbook.Rise, ecs.AwaitECSService, activities.ServiceCheck{ServiceRef: d.primaryService(stopped[n]), Want: activities.ServiceStarted})
	})
}

// How often people are told that a doubt is still open: at first often, then, as mail does not seem to help, less often.
const (
	askAgain  = 10 * time.Minute
	oftenFor  = 6 // reminders
	askSeldom = time.Hour
)

// certain goes on only when the primary region is sure to write no more, or when an officer has decided to go on in spite of doubts:
// two regions that both write leave data that nobody can join again.
func (d *disaster) certain(ctx workflow.Context) error {
	var failed error // of the last try to close the fence
	for {
		seen, err := runbook.Call(runbook.WithSummary(ctx, "can the primary region still write?"), runbook.Glance, disasterFence.CheckDisasterFence, activities.FenceCheck{})
		if err != nil {
			if runbook.WasCancelled(ctx, err) {
				return err
			}
			seen = activities.FenceSeen{Doubts: []string{runbook.Words(err)}}
		}
		if !seen.Fenced && failed != nil {
			seen.Doubts = append(seen.Doubts, runbook.Words(failed))
		}
		d.Record(ctx, "fence", "fence", seen)
		if seen.Fenced {
			return nil
		}
		answer, err := d.doubt(ctx, seen.Doubts)
		switch {
		case err != nil:
			return err
		case answer == nil:
			return runbook.End(runbook.ErrExpired, "nobody decided until %s whether to go on although the primary region may still write: %s", runbook.JST(d.on.HoldUntil), strings.Join(seen.Doubts, "; "))
		case answer.Action == runbook.Rollback:
			return runbook.End(runbook.ErrRolledBack, "%s gave it up, as the primary region may still write: %s", answer.By, answer.Reason)
		case answer.Action == runbook.Resume:
			d.goesOn(answer, "本番系", seen.Doubts)
			return nil
		}
		failed = d.closeFence(ctx)
		if runbook.WasCancelled(ctx, failed) || failed != nil && workflow.GetVersion(ctx, "fence-asks-again", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return failed
		}
	}
}

// doubt asks what to do, and reminds people until somebody has answered; nil means that nobody has.
func (d *disaster) doubt(ctx workflow.Context, doubts []string) (answer *runbook.Decision, err error) {
	if d.servingAgain { // nothing is left to give up, and nobody is served
		return d.askDoubt(ctx, "disaster-again-doubt", drillreport.PartReturn, doubts, runbook.Ask{
			Kind: "decision", Name: "primary-writes", Until: d.on.HoldUntil, Then: "the DR region does not serve again by itself",
			Why:     "本番系が書込みを続けている可能性があり、災害対策系のサービスを再開できません · nobody is served, and the primary region may still write, so the DR region does not serve again: " + strings.Join(doubts, "; "),
			Answers: map[string]string{runbook.Retry: "operate", runbook.Resume: "decide"},
		})
	}
	return d.askDoubt(ctx, "disaster-doubt", drillreport.PartRecovery, doubts, runbook.Ask{
		Kind: "decision", Name: "fence", Until: d.on.HoldUntil, Then: "the run ends and leaves everything as it is",
		Why:     "本番系が書込みを続けている可能性があります · the primary region may still write: " + strings.Join(doubts, "; "),
		Answers: map[string]string{runbook.Retry: "operate", runbook.Resume: "decide", runbook.Rollback: "decide"},
	})
}

// askDoubt asks about doubts, and tells people of them by mail, again and again, until somebody has answered.
func (d *disaster) askDoubt(ctx workflow.Context, template, part string, doubts []string, question runbook.Ask) (answer *runbook.Decision, err error) {
	name := fmt.Sprintf("doubt-%d", d.doubts()+1) // of the whole run: mail that has the name of an earlier one is not sent
	tell := func(n int) func(workflow.Context) {
		return func(ctx workflow.Context) {
			d.Tell(ctx, fmt.Sprintf("%s-%d", name, n), template, d.on.MailList, map[string]string{
				"error": "・" + strings.Join(doubts, "\n・"), "until": runbook.JapaneseTime(d.on.HoldUntil),
			})
		}
	}
	for n, at := range d.reminders(ctx) {
		question.Alarms = append(question.Alarms, runbook.Alarm{At: at, Do: tell(n + 1)})
	}
	d.meanwhile(ctx, "doubt", tell(0))
	err = d.stage(ctx, name, part, func(ctx workflow.Context) error {
		answer, err = d.Asked(ctx, runbook.Held, question)
		return err
	})
	return answer, err
}

// reminders are when people are told again about a doubt that is open from now on.
func (d *disaster) reminders(ctx workflow.Context) (all []time.Time) {
	goesOn := workflow.GetVersion(ctx, "doubt-until-answered", workflow.DefaultVersion, 1) != workflow.DefaultVersion
	for at := workflow.Now(ctx).Add(askAgain); at.Before(d.on.HoldUntil); {
		all = append(all, at)
		switch {
		case len(all) < oftenFor:
			at = at.Add(askAgain)
		case !goesOn:
			return all
		default:
			at = at.Add(askSeldom)
		}
	}
	return all
}

// doubts counts the doubts that were asked about so far.
func (d *disaster) doubts() int {
	n := 0
	for _, s := range d.stages {
		if strings.HasPrefix(s.name, "doubt-") {
			n++
		}
	}
	return n
}

// lastCopy takes the data once nobody writes any more, and copies them into the DR region, so that nothing is lost.
func (d *disaster) lastCopy() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "last-copy", Title: "最終データの複製 · Take and copy the last data",
		Lasts: "the snapshot " + d.data.SnapshotID + " in both regions, if it was taken; retention deletes it",
		Do: func(ctx workflow.Context) error {
			id, on := d.data.SnapshotID, d.finalCopy
			taken, err := runbook.Call(ctx, runbook.Change, rds.CreateRDSClusterSnapshot, activities.Snapshot{
				Operation: d.Operation(), Cluster: d.on.Database, SnapshotID: id, Backup: on.SystemID,
			})
			if err != nil {
				return err
			}
			if _, err := runbook.Call(ctx, runbook.Settle, rds.AwaitRDSClusterSnapshot, activities.SnapshotRef{SnapshotID: id}); err != nil {
				return err
			}
			_, err = runbook.Call(ctx, runbook.Change, rds.CopyRDSClusterSnapshot, activities.SnapshotCopy{
				Operation: d.Operation(), Backup: on.SystemID, Source: taken.ARN, SourceFrom: d.on.Region, Region: d.on.DRRegion,
				SnapshotID: id, KMSKey: on.DRKMSKey, TakenAt: taken.CreatedAt,
			})
			if err != nil {
				return err
			}
			_, err = runbook.Call(ctx, runbook.Settle, rds.AwaitRDSClusterSnapshot, activities.SnapshotRef{SnapshotID: id, Region: d.on.DRRegion})
			if err == nil {
				d.data.DataAt = taken.CreatedAt
			}
			return err
		},
	}
}

// noted keeps a problem for the report.
func (d *disaster) noted(format string, args ...any) {
	if d.note != "" {
		d.note += " / "
	}
	d.note += fmt.Sprintf(format, args...)
}
