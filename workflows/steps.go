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

// do is a step's action that consists of one activity.
func do[I, O any](p runbook.Policy, activity runbook.Activity[I, O], in I) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, p, activity, in)
		return err
	}
}
