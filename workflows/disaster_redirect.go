package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/workflows/runbook"
)

const (
	watchName  = "watch"
	watchTitle = "経過監視 · Watch the DR site from outside"
)

// redirect sends the users to the DR region and waits until they arrive. The old answers of the DNS run out in between, and
// what the users see counts, not what Route 53 says.
func (d *disaster) redirect(ctx workflow.Context) error {
	if d.real() { // somebody may have started the primary region again meanwhile
		if err := d.certainAgain(ctx); err != nil {
			return err
		}
	}
	if !d.real() && workflow.GetVersion(ctx, "looks-back-apart", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		d.looksApart = true
		d.OnReturn(d.outsideBack())
	}
	step := d.firm(d.redirectStep())
	d.looks = d.real() && workflow.GetVersion(ctx, "redirect-looked-at", workflow.DefaultVersion, 1) != workflow.DefaultVersion
	if !d.looks { // then it counted from the first try on, and rollback was taken all the same
		d.redirecting, step.Onward = true, nil
	}
	err := d.within(ctx, step.Name, step.Title, func(ctx workflow.Context) error {
		return d.stage(ctx, step.Name, drillreport.PartRecovery, func(ctx workflow.Context) error { return d.Step(ctx, step) })
	})
	if err != nil {
		return err
	}
	err = d.within(ctx, "outside", d.outside().Title, func(ctx workflow.Context) error {
		if err := d.stepOnly(ctx, d.ttl()); err != nil {
			return err
		}
		return d.stepOnly(ctx, d.outside())
	})
	if err == nil && d.vouched() {
		d.noted("RTOは機械では測定していません（外部からの確認を人が行ったため）")
	}
	return err
}

func (d *disaster) redirectChange() activities.RedirectChange {
	return activities.RedirectChange{Operation: d.Operation(), Redirect: activities.Redirect{Name: d.on.RecordName}, Change: activities.Ref(d.changes.redirect)}
}

// redirectStep exchanges the records of the name and waits until all of Route 53 answers so.
func (d *disaster) redirectStep() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "redirect", Title: "接続先の切替 · Redirect " + d.on.RecordName + " to the DR region",
		Do: func(ctx workflow.Context) error {
			d.redirecting = true
			done, err := runbook.Call(ctx, runbook.Change, route53.ApplyRoute53Redirect, d.redirectChange())
			if err != nil {
				d.redirecting = d.redirected.ChangeID != "" || !d.unchanged(ctx)
				return err
			}
			d.redirected = done
			_, err = runbook.Call(ctx, runbook.Settle, route53.AwaitRoute53Change, activities.DNSChange{ChangeID: d.redirected.ChangeID})
			return err
		},
		Undo: d.redirectBack, UndoTitle: "接続先の切り戻し · Redirect " + d.on.RecordName + " to the primary region again",
		Skipped: d.recordsBack,
	}
}

// unchanged looks, after a redirect that failed, whether the records are certainly those of the plan still: then no user was sent away,
// and a person may give the run up. It looks even when the run was cancelled, since what goes back depends on it.
func (d *disaster) unchanged(ctx workflow.Context) bool {
	if !d.looks {
		return false
	}
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	planned := d.changes.redirect
	seen, err := runbook.Call(runbook.WithSummary(ctx, "was anybody redirected?"), runbook.Read, route53.PlanRoute53Redirect, activities.Redirect{Name: d.on.RecordName})
	return err == nil && seen.BeforeHash == planned.BeforeHash && seen.BeforeHash != planned.AfterHash
}

// ttl waits until no resolver has the old answer any more.
func (d *disaster) ttl() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "ttl", Title: "旧情報の期限待ち · Wait until the old answers of the DNS have run out", SkipIf: d.seenByPeople(),
		Do: func(ctx workflow.Context) error { return d.waitForTTL(ctx, d.redirected.TTL) },
	}
}

func (d *disaster) waitForTTL(ctx workflow.Context, ttl time.Duration) error {
	if ttl <= 0 {
		return nil
	}
	return workflow.NewTimerWithOptions(ctx, ttl, workflow.TimerOptions{Summary: fmt.Sprintf("the TTL of %s: %s", d.on.RecordName, ttl)}).Get(ctx, nil)
}

// outside looks, as a user does, until the DR region answers. That ends the time that the recovery took.
func (d *disaster) outside() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "outside", Title: "外部からの確認 · Check from outside that the DR region answers", SkipIf: d.seenByPeople(),
		Do: func(ctx workflow.Context) error {
			seen, err := d.lookOutside(ctx, runbook.Observe, d.on.DRRegion)
			if err == nil {
				d.result.RestoredAt = &seen.At
			}
			return err
		},
	}
}

// seenByPeople is when the check from outside may be skipped: in a real run a check that is broken must not keep people from the
// decision to return. A drill is given up instead; it is there to measure.
func (d *disaster) seenByPeople() string {
	if !d.real() {
		return ""
	}
	return "people have seen the DR region answer from outside; the RTO is then not measured by the machine"
}

// vouched tells whether people have said, instead of the check from outside, that the DR region answers.
func (d *disaster) vouched() bool {
	all := d.Status().Steps
	return slices.ContainsFunc(all, func(s runbook.Step) bool { return s.Name == "outside" && s.State == runbook.StepSkipped })
}

func (d *disaster) lookOutside(ctx workflow.Context, policy runbook.Policy, want string) (activities.DisasterOutsideSeen, error) {
	return runbook.Call(ctx, policy, disasterSite.CheckDisasterOutside, activities.DisasterOutsideCheck{Name: d.on.RecordName, Want: want})
}

// watch looks at the DR site for a while. In a drill, what is not well takes it back at once. A real one has nowhere to go back to: it
// is held, and people decide.
func (d *disaster) watch(ctx workflow.Context) error {
	look := func(ctx workflow.Context) (bool, string, error) {
		seen, err := d.lookOutside(ctx, runbook.Glance, d.on.DRRegion)
		switch {
		case runbook.IsEnd(err, activities.NotYet):
			return false, runbook.Words(err), nil
		case err != nil:
			return false, "", err
		}
		return true, fmt.Sprintf("%s answered by %s at %s", d.on.RecordName, seen.AnsweredBy, runbook.JST(seen.At)), nil
	}
	if !d.real() {
		return d.stage(ctx, watchName, drillreport.PartRecovery, func(ctx workflow.Context) error {
			return d.Watch(ctx, runbook.WatchSpec{Name: watchName, Title: watchTitle, For: d.on.WatchFor, Every: d.on.WatchEvery, Then: "an officer is asked whether the users go back", Look: look})
		})
	}
	return d.stepOnly(ctx, runbook.StepSpec{
		Name: watchName, Title: watchTitle, SkipIf: "the DR site is being mended and people look after it",
		Do: func(ctx workflow.Context) error {
			for until := workflow.Now(ctx).Add(d.on.WatchFor); ; {
				good, says, err := look(ctx)
				if err != nil {
					return err
				}
				if !good {
					return runbook.End(activities.Refused, "%s", says)
				}
				if !workflow.Now(ctx).Before(until) {
					return nil
				}
				wait := workflow.TimerOptions{Summary: says}
				if err := workflow.NewTimerWithOptions(ctx, d.on.WatchEvery, wait).Get(ctx, nil); err != nil {
					return err
				}
			}
		},
	})
}

// redirectBack sends the users to the primary region again and waits until they are there. When they were never sent away it is done
// at once.
func (d *disaster) redirectBack(ctx workflow.Context) error {
	var back activities.Redirected
	err := d.stage(ctx, "redirect-back", drillreport.PartReturn, func(ctx workflow.Context) (err error) {
		back, err = runbook.Call(ctx, runbook.Change, route53.RevertRoute53Redirect, d.redirectChange())
		return err
	})
	if err != nil || back.ChangeID == "" {
		return err
	}
	err = d.stage(ctx, "insync-back", drillreport.PartReturn, func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, runbook.Settle, route53.AwaitRoute53Change, activities.DNSChange{ChangeID: back.ChangeID})
		return err
	})
	if err != nil || d.remembers && d.real() && !d.returning { // given up before anybody was sent away: the primary region does not run yet
		return err
	}
	err = d.stage(ctx, "ttl-back", drillreport.PartReturn, func(ctx workflow.Context) error { return d.waitForTTL(ctx, back.TTL) })
	if err != nil {
		return err
	}
	d.redirectedBack = true
	if d.looksApart {
		return nil
	}
	return d.lookBack(ctx, runbook.Observe)
}

// outsideBack is the check of a drill that has redirected its name back. It is a step by itself, which does not wait for long: when a
// disaster strikes during the drill the primary region never answers, and the real recovery begins only when the drill has ended. When nobody
// answers either, it is looked once more, and the drill goes back without: its records are as they were.
func (d *disaster) outsideBack() runbook.StepSpec {
	const name = "outside-back"
	looked := 0
	return runbook.StepSpec{
		Name: name, Title: "外部からの確認（切り戻し後） · Check from outside that the primary region answers again",
		SkipIf: "the primary region is known not to answer, as when a disaster has struck during the drill; what the drill has changed goes back all the same",
		Do: func(ctx workflow.Context) error {
			if !d.redirectedBack {
				return nil
			}
			looked++
			err := d.lookBack(ctx, runbook.Linger)
			if err == nil || runbook.WasCancelled(ctx, err) || looked <= 1+d.retries(name) {
				return err
			}
			d.noted("切り戻し後に本番系が応答することを外部から確認できませんでした（%s）", quoted(runbook.Words(err)))
			return nil
		},
	}
}

// retries counts how often people have answered retry at a step.
func (d *disaster) retries(step string) (n int) {
	for _, a := range d.Status().Approvals {
		if a.Accepted && a.Action == runbook.Retry && a.Gate == step {
			n++
		}
	}
	return n
}

// lookBack looks, as a user does, until the primary region answers.
func (d *disaster) lookBack(ctx workflow.Context, policy runbook.Policy) error {
	return d.stage(ctx, "outside-back", drillreport.PartReturn, func(ctx workflow.Context) error {
		seen, err := d.lookOutside(ctx, policy, d.on.Region)
		d.seenBack = err == nil
		if err == nil && d.result.RestoredAt != nil {
			d.result.ReturnedAt = &seen.At
		}
		return err
	})
}
