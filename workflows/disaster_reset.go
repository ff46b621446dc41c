package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// resetEdition is the change by which a run that was reset knows what its earlier life may have done.
const resetEdition = "reset-remembered"

// remember is called when the run ends early. After a Reset an earlier life may have done what this one has not come to: its undos are
// registered, which look before they act; and a real run looks whether users were sent away.
func (d *disaster) remember(ctx workflow.Context) {
	if !d.remembers || d.on.SystemID == "" || !d.WasReset(ctx) {
		return
	}
	d.again = true
	if !d.real() {
		d.MayHaveDone(d.recalled()...)
		return
	}
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	d.redirecting = d.redirecting || !d.atHome(ctx)
	if d.on.Via == system.ViaGlobalCluster && !d.graceful() {
		d.failedOver = d.failedOver || !d.writerAtHome(ctx)
	}
	if d.redirecting {
		d.recallHalt(ctx)
	}
	d.MayHaveDone(d.recalled()...)
}

// recallHalt looks whether an earlier life has stopped the DR region on its way back, from which its users still have to be served. How
// far that way back had come is not known, so the primary region is fenced before the DR region serves again.
func (d *disaster) recallHalt(ctx workflow.Context) {
	seen, err := runbook.Call(runbook.WithSummary(ctx, "does the DR region serve?"), runbook.Read, disasterECS.CheckDisasterHalt, activities.FenceCheck{})
	if err != nil || len(seen.Doubts) >= len(d.on.Services) {
		return
	}
	c := &d.changes.back
	c.services = make([]*plan.Change, len(d.on.Services))
	for i := range c.services {
		if change, err := runbook.Call(ctx, runbook.Read, disasterECS.PlanDisasterServiceHalt, d.drService(i)); err == nil {
			c.services[i] = &change
		}
	}
	c.begun, c.started, c.moved = true, true, d.on.Via == system.ViaGlobalCluster && d.graceful()
}

// recalled are the steps that an earlier life may have done. Their undos need the plan, which this life may not have made.
func (d *disaster) recalled() []runbook.StepSpec {
	steps := []runbook.StepSpec{d.database(), d.pipeline(), d.scale(), d.redirectStep()}
	if d.real() {
		fence := d.fenceStep()
		undo := fence.Undo
		fence.Undo = func(ctx workflow.Context) error {
			if err := undo(ctx); err != nil {
				return err
			}
			d.noted("本手順は途中でリセットされています。本番系の定期ジョブの状態を確認してください")
			return d.checkPrimary().Do(ctx) // a plan of after the fence does not know how many tasks there were before
		}
		steps = append([]runbook.StepSpec{fence}, steps...)
	}
	for i, s := range steps {
		if s.Undo == nil {
			continue
		}
		undo := s.Undo
		steps[i].Undo = func(ctx workflow.Context) error {
			if err := d.changes.recall(ctx, d); err != nil {
				return err
			}
			return undo(ctx)
		}
	}
	return steps
}

// recall plans what the undos refer to, if no plan was made: the activities know what the run began with.
func (c *disasterChanges) recall(ctx workflow.Context, d *disaster) error {
	if c.redirect.Resource != "" {
		return nil
	}
	redirect, err := runbook.Call(ctx, runbook.Read, route53.PlanRoute53Redirect, d.redirectChange().Redirect)
	if err != nil {
		return err
	}
	services := make([]plan.Change, len(d.on.Services))
	for i := range services {
		if services[i], err = runbook.Call(ctx, runbook.Read, disasterECS.PlanDisasterService, d.drService(i)); err != nil {
			return err
		}
	}
	c.redirect, c.services = redirect, services
	return nil
}

// atHome tells whether the record of the DR region is certainly not in force.
func (d *disaster) atHome(ctx workflow.Context) bool {
	seen, err := runbook.Call(runbook.WithSummary(ctx, "was anybody redirected?"), runbook.Read, route53.PlanRoute53Redirect, d.redirectChange().Redirect)
	return err == nil && seen.BeforeHash != seen.AfterHash
}

// writerAtHome tells whether the writer of the global cluster is certainly not in the DR region.
func (d *disaster) writerAtHome(ctx workflow.Context) bool {
	seen, err := runbook.Call(runbook.WithSummary(ctx, "were the data failed over?"), runbook.Read, disasterDatabase.PlanDisasterDatabase, activities.DisasterDatabasePlan{Via: d.on.Via})
	return err == nil && seen.BeforeHash != seen.AfterHash
}
