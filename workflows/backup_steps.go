package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// snapshotID is the name of the backup in both regions: the day in Japan and the run's key.
func (b *backupRun) snapshotID() string {
	return b.on.Prefix + "-" + runbook.Day(b.Status().StartedAt) + "-" + b.Operation()
}

func (b *backupRun) take() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "take", Title: "他の作業がないことの確認 · Make sure that no other run is still at work",
		Do: func(ctx workflow.Context) error {
			if len(b.in.Delete) > 0 {
				if err := b.hold(ctx); err != nil {
					return err
				}
			}
			return b.Take(ctx, b.resources())
		},
	}
}

// snapshot takes the backup. The rows are counted right before and right after, so that a restore test has something to compare with.
func (b *backupRun) snapshot() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "snapshot", Title: "スナップショット取得 · Take a snapshot",
		Do: func(ctx workflow.Context) error {
			begun := workflow.Now(ctx)
			if err := b.count(ctx, "before"); err != nil {
				return err
			}
			taken, err := runbook.Call(ctx, runbook.Change, rds.CreateRDSClusterSnapshot, activities.Snapshot{
				Operation: b.Operation(), Cluster: b.on.Cluster, SnapshotID: b.snapshotID(), Backup: b.on.SystemID,
			})
			if err != nil {
				return err
			}
			if _, err := runbook.Call(ctx, runbook.Settle, rds.AwaitRDSClusterSnapshot, activities.SnapshotRef{SnapshotID: b.snapshotID()}); err != nil {
				return err
			}
			if err := b.count(ctx, "after"); err != nil {
				return err
			}
			b.taken = taken
			b.result.Snapshot = &activities.Backup{
				ID: b.snapshotID(), ARN: taken.ARN, Region: b.on.Region, Status: "available", TakenAt: taken.CreatedAt, Operation: b.Operation(),
			}
			b.result.Minutes = workflow.Now(ctx).Sub(begun).Minutes()
			return nil
		},
	}
}

// count keeps the number of rows of every table under a name.
func (b *backupRun) count(ctx workflow.Context, name string) error {
	counts, err := runbook.Call(ctx, runbook.Settle, operated.CountOperatedRows, activities.RowCount{Operation: b.Operation(), Name: name})
	if err != nil {
		return err
	}
	b.Record(ctx, "rows-"+name, "snapshot", counts)
	return nil
}

func (b *backupRun) copy() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "copy", Title: "DRリージョンへの複製 · Copy it into the DR region",
		Do: func(ctx workflow.Context) error {
			begun := workflow.Now(ctx)
			copied, err := runbook.Call(ctx, runbook.Change, rds.CopyRDSClusterSnapshot, activities.SnapshotCopy{
				Operation: b.Operation(), Backup: b.on.SystemID, Source: b.taken.ARN, SourceFrom: b.on.Region,
				Region: b.on.DRRegion, SnapshotID: b.snapshotID(), KMSKey: b.on.DRKMSKey, TakenAt: b.taken.CreatedAt,
			})
			if err != nil {
				return err
			}
			_, err = runbook.Call(ctx, runbook.Settle, rds.AwaitRDSClusterSnapshot, activities.SnapshotRef{SnapshotID: b.snapshotID(), Region: b.on.DRRegion})
			if err != nil {
				return err
			}
			b.copied = copied
			b.result.Copy = &activities.Backup{
				ID: b.snapshotID(), ARN: copied.ARN, Region: b.on.DRRegion, Status: "available", TakenAt: b.taken.CreatedAt, Operation: b.Operation(),
			}
			b.result.Minutes += workflow.Now(ctx).Sub(begun).Minutes()
			return nil
		},
	}
}

// expire deletes what the plan says. Each deletion checks again that enough good backups stay.
func (b *backupRun) expire() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "expire", Title: "保存期間を過ぎたバックアップの削除 · Delete backups past their retention",
		Do: func(ctx workflow.Context) error {
			for _, region := range b.regions() {
				for _, old := range b.expired[region] {
					gone := BackupDelete{Region: region, ID: old.ID}
					if err := b.remove(ctx, gone, b.on.KeepAtLeast, b.olderThan(ctx)); err != nil {
						return err
					}
					b.result.Expired = appendOnce(b.result.Expired, gone)
				}
			}
			return b.removeRunSnapshots(ctx)
		},
		SkipIf: "an old backup may stay until the next run",
	}
}

// delete deletes what an officer has approved.
func (b *backupRun) delete() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "delete", Title: "承認されたバックアップの削除 · Delete the backups whose deletion was approved",
		Do: func(ctx workflow.Context) error {
			for _, d := range b.in.Delete {
				if err := b.remove(ctx, d, 1, time.Time{}); err != nil {
					return err
				}
				b.result.Deleted = appendOnce(b.result.Deleted, d)
			}
			return nil
		},
		SkipIf: "the backup may stay",
	}
}

func (b *backupRun) remove(ctx workflow.Context, d BackupDelete, keep int, olderThan time.Time) error {
	_, err := runbook.Call(runbook.WithSummary(ctx, "delete "+d.ID+" in "+d.Region), runbook.Change, rds.DeleteRDSBackup, activities.BackupDeletion{
		Operation: b.Operation(), Backups: b.backups(d.Region), ID: d.ID, Keep: keep, OlderThan: olderThan,
	})
	return err
}

// look finds the newest good backup in each region.
func (b *backupRun) look() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "look", Title: "バックアップの有無の確認 · Look for a good backup in both regions",
		Do: func(ctx workflow.Context) error {
			b.result.Missing = nil
			for _, region := range b.regions() {
				newest, err := b.newest(ctx, region)
				if err != nil {
					return err
				}
				if newest == nil || newest.TakenAt.Before(workflow.Now(ctx).Add(-b.on.MaxAge)) {
					b.result.Missing = append(b.result.Missing, region)
				}
				if region == b.on.Region {
					b.result.Snapshot = newest
				} else {
					b.result.Copy = newest
				}
			}
			return nil
		},
	}
}

// newest is the newest good backup of a region, nil if there is none.
func (b *backupRun) newest(ctx workflow.Context, region string) (*activities.Backup, error) {
	list, err := runbook.Call(ctx, runbook.Read, rds.ListRDSBackups, b.backups(region))
	if err != nil {
		return nil, err
	}
	for _, found := range list.Backups {
		if found.Good() {
			return &found, nil
		}
	}
	return nil, nil
}

// alarm tells people that a backup is missing. Row 10 takes over from there.
func (b *backupRun) alarm() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "alarm", Title: "バックアップ欠落の通知 · Raise the alarm if one is missing",
		Do: func(ctx workflow.Context) error {
			if len(b.result.Missing) == 0 {
				return nil
			}
			words := func(found *activities.Backup) string {
				if found == nil {
					return "なし"
				}
				return found.ID + "（" + runbook.JapaneseTime(found.TakenAt) + "）"
			}
			return b.Notify(ctx, "alarm", "backup-missing", b.on.AlarmList, map[string]string{
				"detail": b.on.Region + "： " + words(b.result.Snapshot) + "\n" + b.on.DRRegion + "： " + words(b.result.Copy),
				"error":  strings.Join(b.result.Missing, "、"), "start": runbook.JapaneseTime(workflow.Now(ctx).Add(-b.on.MaxAge)),
			})
		},
		SkipIf: "the people on the list know that a backup is missing",
	}
}

func appendOnce(all []BackupDelete, d BackupDelete) []BackupDelete {
	for _, there := range all {
		if there == d {
			return all
		}
	}
	return append(all, d)
}
