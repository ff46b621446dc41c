package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// skipEdition is the change by which a person who skips a part of the way back is not taken at their word where users would be hurt.
const skipEdition = "skip-looked-at"

func looksAtSkips(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, skipEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// recordsBack makes sure, when a person says that the records were put back by hand, that they are those which were saved, and waits until the
// old answers of the DNS have run out: what comes next stops the services to which the others lead.
func (d *disaster) recordsBack(ctx workflow.Context) error {
	if !looksAtSkips(ctx) {
		return nil
	}
	seen, err := runbook.Call(runbook.WithSummary(ctx, "were the records put back by hand?"), runbook.Read, route53.PlanRoute53Redirect, d.redirectChange().Redirect)
	if err != nil {
		return runbook.End(activities.Refused, "it cannot be seen whether the records of %s were put back by hand, and users would be left without a site if not: %s", d.on.RecordName, runbook.Words(err))
	}
	saved := d.changes.redirect
	back := seen.BeforeHash == saved.BeforeHash
	if saved.BeforeHash == saved.AfterHash { // the plan of this life was made when users were there already
		back = seen.BeforeHash != seen.AfterHash
	}
	if !back {
		return runbook.End(activities.Refused, "the records of %s are not those which were saved before the redirect: they are %s, and were %s. Put them back by hand, then skip; or retry", d.on.RecordName, seen.Before, saved.Before)
	}
	if d.redirectedBack || !d.redirecting {
		return nil
	}
	return d.waitForTTL(ctx, d.redirected.TTL)
}

// writerBack makes sure, when a person says that the writer was moved back by hand, that it is in the primary region: its services are started
// next, on a database that only reads otherwise.
func (d *disaster) writerBack(ctx workflow.Context) error {
	if !looksAtSkips(ctx) {
		return nil
	}
	seen, err := runbook.Call(runbook.WithSummary(ctx, "was the writer moved back by hand?"), runbook.Read, disasterDatabase.ReadGlobalCluster, activities.GlobalRef{To: d.on.Region})
	if err != nil {
		return runbook.End(activities.Refused, "it cannot be seen whether the writer of the global cluster was moved back by hand: %s", runbook.Words(err))
	}
	if !seen.Unmoved {
		return runbook.End(activities.Refused, "the writer of the global cluster is not in %s (%s). Move it back by hand, then skip; or retry", d.on.Region, seen.Words)
	}
	return nil
}

// mark is what a template tests: "" for no.
func mark(yes bool) string {
	if yes {
		return "yes"
	}
	return ""
}
