package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// takeStep makes sure, right before the first effect, that no other run is still at work on the resources.
func takeStep(r *runbook.Run, resources []string) runbook.StepSpec {
	return runbook.StepSpec{
		Name: "take", Title: "他の作業がないことの確認 · Make sure that no other run is still at work",
		Do: func(ctx workflow.Context) error { return r.Take(ctx, resources) },
	}
}

// snapshotStep takes a snapshot of a database cluster before something changes, waits for it, and notes its name in taken. It
// stays, whatever becomes of the run.
func snapshotStep(r *runbook.Run, cluster, id string, taken *string) runbook.StepSpec {
	return runbook.StepSpec{
		Name: "snapshot", Title: "スナップショット取得 · Take a database snapshot",
		Do: func(ctx workflow.Context) error {
			_, err := runbook.Call(ctx, runbook.Change, rds.CreateRDSClusterSnapshot, activities.Snapshot{
				Operation: r.Operation(), Cluster: cluster, SnapshotID: id,
			})
			if err != nil {
				return err
			}
			_, err = runbook.Call(ctx, runbook.Settle, rds.AwaitRDSClusterSnapshot, activities.SnapshotRef{SnapshotID: id})
			*taken = id
			return err
		},
	}
}

// mends finds the incident that a change is to mend, before any effect, and gives the ID of its run: "" for none. It must be on record,
// and not over. Earlier editions took any name.
func mends(ctx workflow.Context, incident string) (string, error) {
	if incident == "" || workflow.GetVersion(ctx, "incident-looked-up", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return incident, nil
	}
	found, err := runbook.Resolve(runbook.WithSummary(ctx, "look for the incident "+incident), incidents.FindOpenIncident, activities.IncidentRef{Name: incident})
	return found.WorkflowID, err
}

// do is a step's action that consists of one activity.
func do[I, O any](p runbook.Policy, activity runbook.Activity[I, O], in I) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, p, activity, in)
		return err
	}
}
