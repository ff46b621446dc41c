package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Nil receivers name the activities; the worker holds the real ones.
var (
	route53          *activities.Route53
	disasterDatabase *activities.DisasterDatabase
	disasterPipeline *activities.DisasterPipeline
	disasterECS      *activities.DisasterECS
	disasterSite     *activities.DisasterSite
	disasterFence    *activities.DisasterFence
	disasters        *activities.Disasters
)

// disasterChanges are the planned changes of a recovery.
type disasterChanges struct {
	fence    fenceChanges
	database plan.Change
	pipeline plan.Change
	services []plan.Change
	redirect plan.Change
	back     backChanges
}

// compute reads everything and returns the changes in the order in which they are made.
func (c *disasterChanges) compute(ctx workflow.Context, d *disaster) ([]plan.Change, error) {
	data, err := runbook.Call(runbook.WithSummary(ctx, "how old are the data in "+d.on.DRRegion), runbook.Read, disasterDatabase.ReadDisasterData, activities.DisasterDataQuery{Mode: d.on.Mode})
	if err != nil {
		return nil, err
	}
	d.learn(ctx, data)
	reads := func(what string) workflow.Context { return runbook.WithSummary(ctx, "read for the plan: "+what) }
	database := runbook.Start(reads("database"), runbook.Read, disasterDatabase.PlanDisasterDatabase, activities.DisasterDatabasePlan{
		Via: d.on.Via, Cluster: d.restored(), SnapshotID: d.data.SnapshotID, Manner: d.loses(ctx),
	})
	redirect := runbook.Start(reads("records of "+d.on.RecordName), runbook.Read, route53.PlanRoute53Redirect, activities.Redirect{Name: d.on.RecordName})
	var services []runbook.Future[plan.Change]
	for _, v := range d.on.Services {
		services = append(services, runbook.Start(reads("service "+v.Name), runbook.Read, disasterECS.PlanDisasterService, activities.DisasterServiceRef{Name: v.Name}))
	}
	fence, failed := c.fence.compute(ctx, d)
	take := func(into *plan.Change, from runbook.Future[plan.Change]) {
		change, err := from.Get(ctx)
		*into, failed = change, errors.Join(failed, err)
	}
	take(&c.database, database)
	c.services = make([]plan.Change, len(services))
	for i := range services {
		take(&c.services[i], services[i])
	}
	take(&c.redirect, redirect)
	if failed != nil {
		return nil, failed
	}
	after := map[string]string{"pipeline": d.on.Pipeline, "database": d.on.Cluster}
	c.pipeline, err = plan.NewChange("codepipeline:"+d.on.DRRegion+"/"+d.on.Pipeline, fmt.Sprintf("CodePipeline %s（%s）: 災害対策系の構築を実行", d.on.Pipeline, d.on.DRRegion), nil, after, nil, after)
	if err != nil {
		return nil, err
	}
	all := append(fence, c.database, c.pipeline)
	return append(append(all, c.services...), c.redirect), nil
}

// loses is the manner in which a global cluster moves, for the words of the plan: whether data are lost.
func (d *disaster) loses(ctx workflow.Context) string {
	if d.on.Via != system.ViaGlobalCluster || workflow.GetVersion(ctx, "plan-says-loss", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return "" // an approval of a run that began before stays one of what it has seen
	}
	return d.on.Manner
}

// restored is the cluster that is made, "" for one that is there already.
func (d *disaster) restored() string {
	if d.on.Via == system.ViaGlobalCluster {
		return ""
	}
	return d.on.Cluster
}

// learn takes over what data there are, and shows it: whoever declares must know what would be lost.
func (d *disaster) learn(ctx workflow.Context, data activities.DisasterData) {
	if d.finalCopy != nil { // what is restored is taken once the primary region writes no more
		data.SnapshotID = d.on.Cluster + "-final"
		data.Words = "a last snapshot, taken after the primary region has stopped writing; before it: " + data.Words
	}
	d.data = data
	now := workflow.Now(ctx)
	age := now.Sub(data.DataAt)
	words := fmt.Sprintf("%s; %s old", data.Words, age.Round(roundTo))
	if d.finalCopy == nil && age > d.on.RPO {
		words += fmt.Sprintf(" – OLDER THAN THE RPO of %s", d.on.RPO)
	}
	d.Restate(ctx, append(d.facts(), runbook.Fact{Name: "データ時点 · Data", Value: words}))
}
