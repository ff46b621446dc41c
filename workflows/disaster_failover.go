package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// maybeMoved is what may stay of a forced failover.
func (d *disaster) maybeMoved() string {
	return "the writer of the global cluster is in " + d.on.DRRegion + ", perhaps"
}

// failOver makes the DR region the writer without the primary one. From the first try on the writer may be there, and the primary region
// must not write again. Only when AWS has refused it and the global cluster certainly stands as before may a person give the run up.
func (d *disaster) failOver(ctx workflow.Context) error {
	d.failedOver = workflow.GetVersion(ctx, "failover-stays", workflow.DefaultVersion, 1) != workflow.DefaultVersion
	_, err := runbook.Call(ctx, runbook.Change, disasterDatabase.FailoverGlobalCluster, activities.GlobalFailover{
		GlobalMove: activities.GlobalMove{Operation: d.Operation(), To: d.on.DRRegion}, AllowDataLoss: true,
	})
	if err != nil {
		return d.unmoved(ctx, err)
	}
	return d.promoted(ctx, d.on.DRRegion)
}

// refusals are the errors by which AWS says no; all others leave it open what it does.
var refusals = []string{activities.Denied, activities.Refused, activities.InvalidInput, activities.NotFound, activities.Conflict}

// unmoved looks, after a failover that AWS has refused, whether the global cluster certainly stands as it did. It looks even when the run
// was cancelled, since what goes back depends on it.
func (d *disaster) unmoved(ctx workflow.Context, refused error) error {
	said := slices.ContainsFunc(refusals, func(kind string) bool { return runbook.IsEnd(refused, kind) })
	if !d.failedOver || !said || workflow.GetVersion(ctx, "refused-failover", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return refused
	}
	apart, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	seen, err := runbook.Call(runbook.WithSummary(apart, "has the writer of the global cluster moved?"), runbook.Read, disasterDatabase.ReadGlobalCluster, activities.GlobalRef{To: d.on.Region})
	if err != nil || !seen.Unmoved {
		return refused
	}
	d.failedOver = false
	d.StaysAs()
	return runbook.End(activities.Refused, "%s. Nothing was moved (%s): retry once that is mended, or rollback, which lets %s write again", runbook.Words(refused), seen.Words, d.on.Region)
}
