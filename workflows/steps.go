package workflows

import (
	"errors"

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

// mends finds the incident that a change is to mend, before any effect; none if none is named. It must be on record, and not over.
// Earlier editions took any name.
func mends(ctx workflow.Context, incident string) (activities.OpenIncident, error) {
	if incident == "" || workflow.GetVersion(ctx, "incident-looked-up", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return activities.OpenIncident{WorkflowID: incident}, nil
	}
	return runbook.Resolve(runbook.WithSummary(ctx, "look for the incident "+incident), incidents.FindOpenIncident, activities.IncidentRef{Name: incident})
}

// reading says what an activity reads for the plan: the Temporal UI shows it beside the activity.
func reading(ctx workflow.Context, what string) workflow.Context {
	return runbook.WithSummary(ctx, "read for the plan: "+what)
}

// do is a step's action that consists of one activity.
func do[I, O any](p runbook.Policy, activity runbook.Activity[I, O], in I) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		_, err := runbook.Call(ctx, p, activity, in)
		return err
	}
}

// each begins n activities at once and waits for all of them.
func each(ctx workflow.Context, n int, begin func(workflow.Context, int) runbook.Future[struct{}]) error {
	var begun []runbook.Future[struct{}]
	for i := range n {
		begun = append(begun, begin(ctx, i))
	}
	var failed error
	for _, f := range begun {
		_, err := f.Get(ctx)
		failed = errors.Join(failed, err)
	}
	return failed
}
