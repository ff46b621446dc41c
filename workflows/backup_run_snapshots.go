package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// Outages, repairs and loads take a snapshot before they change something, in the system's own region. It is not theirs to delete:
// it is needed longest after they have ended. The daily backup deletes those that are past their own retention, once enough
// good backups are newer, and never that of a run that still goes on.

// planRunSnapshots adds to the plan the snapshots that go. Runs that began before there was a retention for them keep them all.
func (b *backupRun) planRunSnapshots(ctx workflow.Context, changes []plan.Change, region string, backups []activities.Backup) ([]plan.Change, error) {
	if b.on.RunSnapshotDays == 0 || region != b.on.Region {
		return changes, nil
	}
	list, err := runbook.Call(ctx, runbook.Read, rds.ListRDSRunSnapshots, b.backups(region))
	if err != nil {
		return nil, err
	}
	stay := slices.DeleteFunc(slices.Clone(backups), func(o activities.Backup) bool {
		return slices.ContainsFunc(b.expired[region], func(e activities.Backup) bool { return e.ID == o.ID }) || slices.Contains(b.in.Delete, BackupDelete{Region: region, ID: o.ID})
	})
	b.before = activities.ExpiredRunSnapshots(stay, list.Backups, b.on.KeepAtLeast, b.runSnapshotsBefore())
	for _, old := range b.before {
		if changes, err = appendDeletion(changes, old, "保存期間を過ぎた作業前スナップショットの削除 · Delete a snapshot from before a change, past its retention: "); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// runSnapshotsBefore counts from the run's start, as olderThan does.
func (b *backupRun) runSnapshotsBefore() time.Time {
	return b.Status().StartedAt.Add(-time.Duration(b.on.RunSnapshotDays) * 24 * time.Hour)
}

// removeRunSnapshots deletes what the plan says. Each deletion checks again that its run has ended and that enough good backups
// are newer.
func (b *backupRun) removeRunSnapshots(ctx workflow.Context) error {
	for _, old := range b.before {
		_, err := runbook.Call(runbook.WithSummary(ctx, "delete "+old.ID), runbook.Change, rds.DeleteRDSRunSnapshot, activities.BackupDeletion{
			Operation: b.Operation(), Backups: b.backups(old.Region), ID: old.ID, Keep: b.on.KeepAtLeast, OlderThan: b.runSnapshotsBefore(),
		})
		if err != nil {
			return err
		}
		b.result.Expired = appendOnce(b.result.Expired, BackupDelete{Region: old.Region, ID: old.ID})
	}
	return nil
}
