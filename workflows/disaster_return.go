package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	store "tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

func (d *disaster) returnGate() runbook.Gate {
	g := runbook.Gate{Name: "return", Asks: "切り戻しの判断 · decision to go back to the primary region", NotAfter: d.on.HoldUntil, Expires: "the drill is given up, and everything is put back"}
	if d.real() {
		g.Expires = "the run ends, and the DR region goes on serving"
	}
	if of := d.on.Budget("return"); of > 0 {
		g.Asks += fmt.Sprintf("（判断後の切り戻しの目標時間：%s · the way back is to take %s at most）", drillreport.InWords(of), of)
	}
	return g
}

// decideReturn waits for an officer's decision that the users go back, and makes the primary region ready for them.
func (d *disaster) decideReturn(ctx workflow.Context) error {
	if d.real() && workflow.GetVersion(ctx, stayEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		d.result.Plan = d.PlanDigest() // that was declared; the return has one of its own
		return d.stay(ctx)
	}
	err := d.stage(ctx, "return", drillreport.PartReturn, func(ctx workflow.Context) error { return d.Approve(ctx, d.returnGate()) })
	if err != nil {
		return err
	}
	if !d.real() {
		d.returning = true
		return nil
	}
	if workflow.GetVersion(ctx, backEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		return d.goBackWithin(ctx)
	}
	if err := d.bringData(ctx); err != nil {
		return err
	}
	if err := d.stepIn(ctx, drillreport.PartReturn, d.startStep()); err != nil {
		return err
	}
	if d.on.Via == system.ViaGlobalCluster && d.graceful() {
		back := runbook.StepSpec{Name: "switch-back", Title: "データベースの切り戻し · Make the primary region the writer again", Do: d.switchBack}
		if err := d.stepIn(ctx, drillreport.PartReturn, back); err != nil {
			return err
		}
	}
	if workflow.GetVersion(ctx, "primary-looked-at", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		if err := d.stepIn(ctx, drillreport.PartReturn, d.checkPrimary()); err != nil {
			return err
		}
	}
	d.returning = true
	return nil
}

// bringData waits until people have brought into the primary region what was written in the DR region, in runs of earlier editions: there
// the DR region goes on writing. Nothing does that by itself, but a global cluster that never lost its first member.
func (d *disaster) bringData(ctx workflow.Context) error {
	if d.on.Via == system.ViaGlobalCluster && d.graceful() {
		return nil
	}
	return d.stage(ctx, "data-back", drillreport.PartReturn, func(ctx workflow.Context) error {
		answer, err := d.Asked(ctx, runbook.Waiting, runbook.Ask{
			Kind: "work", Name: "data-back", Until: d.on.HoldUntil, Then: "the run ends, and the DR region goes on serving",
			Why:     "災害対策系で更新されたデータの本番系への反映 · bring what was written in the DR region into the primary one, then say in the reason how it was done and checked",
			Answers: map[string]string{runbook.Finished: "operate"},
		})
		if err == nil && answer == nil {
			err = runbook.End(runbook.ErrExpired, "until %s nobody said that the data are in the primary region again", runbook.JST(d.on.HoldUntil))
		}
		if err == nil {
			d.broughtBack(answer)
		}
		return err
	})
}

// startStep starts those services of the primary region that users need, before they are sent there. Jobs, and what stands for them,
// come last, when nobody writes in the DR region any more.
func (d *disaster) startStep() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "start-primary", Title: "本番系サービスの起動 · Start the services of the primary region",
		Do:     func(ctx workflow.Context) error { return d.startPrimary(ctx, d.serves) },
		SkipIf: "the primary region's services have been started by hand",
	}
}

// serves tells whether users need a service of the primary region: those that the DR region has in its place.
func (d *disaster) serves(name string) bool {
	return slices.ContainsFunc(d.on.Services, func(v system.DisasterServiceTarget) bool { return v.Name == name })
}

// checkPrimary looks at every service that users need, also at those that the run has not stopped, as the primary region may have lost
// them by itself. Nobody can skip it: users are not sent to a region that does not serve.
func (d *disaster) checkPrimary() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "check-primary", Title: "本番系の稼働確認 · Make sure that the primary region serves before its users come back",
		Do: func(ctx workflow.Context) error {
			var needed []int
			for i, v := range d.on.PrimaryServices {
				if d.serves(v.Name) {
					needed = append(needed, i)
				}
			}
			return each(ctx, len(needed), func(ctx workflow.Context, n int) runbook.Future[struct{}] {
				return runbook.Start(ctx, runbook.Rise, ecs.AwaitECSService, activities.ServiceCheck{ServiceRef: d.primaryService(needed[n]), Want: activities.ServiceServing})
			})
		},
	}
}

// back notes the time of a way back for the report.
func (d *disaster) back(name string, undo func(workflow.Context) error) func(workflow.Context) error {
	return func(ctx workflow.Context) error { return d.stage(ctx, name, drillreport.PartReturn, undo) }
}

// wayBack puts everything back, where it may: always in a drill; in a real disaster only when an officer has decided it, or when a
// person has given the run up before any user was sent to the DR region. Otherwise everything stays as it is.
func (d *disaster) wayBack(ctx workflow.Context, err error) error {
	if d.real() && d.stays(err) {
		d.Keep()
		if d.changes.back.begun {
			d.OnReturn(d.serveAgain())
		}
		d.StaysAs("everything, as it is: " + strings.Join(d.reached(), ", ") + ". Nothing goes back by itself after a real disaster" + d.whyFenced())
	}
	left := error(nil)
	back := func(ctx workflow.Context) error {
		left = d.Return(ctx)
		return left
	}
	if d.returning {
		left = d.wayBackWithin(ctx, back)
	} else {
		_ = back(ctx)
	}
	if left != nil {
		return left
	}
	if err == nil {
		d.tell(ctx, "disaster-returned", map[string]string{"detail": d.measured(), "left": strings.Join(d.lasting(d.tried), "\n"), "skipped": strings.Join(d.skipped(), "\n"), "seen": mark(d.seenBack)})
	}
	return err
}

// stays tells whether a real run that ends leaves everything as it is.
func (d *disaster) stays(err error) bool {
	switch {
	case err == nil, d.result.DeclaredAt == nil && !d.again: // it goes back; or nothing was begun
		return false
	case d.onward():
		return true
	}
	rejected := d.again && d.result.DeclaredAt == nil && runbook.IsEnd(err, runbook.ErrRejected)
	return !d.givenUp() && !rejected
}

// onward tells whether there is no way back by itself, whoever gives the run up: users may have been sent away; or the data may have been
// failed over, and a primary region that wrote again would write data that nobody can join with them.
func (d *disaster) onward() bool { return d.redirecting || d.failedOver }

// whyFenced says why the primary region is not let write again, although nobody was sent away yet.
func (d *disaster) whyFenced() string {
	if !d.failedOver || d.redirecting {
		return ""
	}
	return ": the global cluster was failed over, perhaps, without what " + d.on.Region + " wrote last, so " + d.on.Region + " must not write again. Look where its writer is, then bring the services up beside it"
}

// givenUp tells whether a person has given the run up: what ends it otherwise is that nobody answered.
func (d *disaster) givenUp() bool {
	all := d.Status().Approvals
	return slices.ContainsFunc(all, func(a runbook.Answered) bool {
		return a.Accepted && (a.Action == runbook.Rollback || a.Action == runbook.Cancel)
	})
}

// reached are the steps whose effects stand.
func (d *disaster) reached() []string {
	var names []string
	for _, s := range d.Status().Steps {
		if s.StartedAt != nil && !onlyLooks(s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		names = []string{"nothing was changed yet"}
	}
	return names
}

// outcome says how the run ended, in the words of the register.
func (d *disaster) outcome(err error) string {
	switch {
	case runbook.IsEnd(err, runbook.ErrUndoFailed):
		return store.DisasterFailed
	case err == nil:
		return store.DisasterReturned
	case d.result.DeclaredAt == nil && !d.again:
		return store.DisasterDeclined
	case d.real() && d.stays(err):
		if d.result.RestoredAt != nil || d.vouched() {
			return store.DisasterStays
		}
		return store.DisasterFailed
	}
	return store.DisasterUndone
}
