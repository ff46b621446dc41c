package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// restoreTest is the quarterly procedure: the newest backup is brought back to life, looked at, and taken away again.
func (b *backupRun) restoreTest(ctx workflow.Context) error {
	newest, err := b.newest(ctx, b.on.Region)
	if err != nil {
		return err
	}
	if newest == nil {
		return runbook.End(runbook.ErrRefused, "there is no good backup in %s to restore: run Backup first, and find out why there is none", b.on.Region)
	}
	b.result.Snapshot = newest
	restored := restoredCopy{Run: b.Run, cluster: b.on.Restored + "-" + b.Operation(), snapshot: newest.ID}
	steps := append([]runbook.StepSpec{b.take()}, restored.restore(), restored.instance(), b.compare(&restored))
	b.Declare(steps...)
	begun := workflow.Now(ctx)
	for _, step := range steps {
		if err := b.Step(ctx, step); err != nil {
			return err
		}
		if step.Name == "instance" {
			b.result.Minutes = workflow.Now(ctx).Sub(begun).Minutes()
		}
	}
	b.Record(ctx, "restore-test", "", b.result)
	return nil // the way back deletes the cluster
}

// compare counts the rows of the restored tables. A table that nobody wrote to while the backup was taken must have as many rows
// as then, and none may be missing.
func (b *backupRun) compare(restored *restoredCopy) runbook.StepSpec {
	return runbook.StepSpec{
		Name: "compare", Title: "件数の照合 · Count the rows and compare them with the source at the time of the backup",
		Do: func(ctx workflow.Context) error {
			rows, err := runbook.Call(ctx, runbook.Settle, operated.CompareRestoredRows, activities.RowComparison{
				Cluster: restored.cluster, BackupOperation: b.result.Snapshot.Operation,
			})
			if err != nil {
				return err
			}
			b.result.Rows = &rows
			if rows.Differs > 0 {
				return runbook.End(runbook.ErrRefused, "%d table(s) of the restored copy are not as the source had them around the backup: %s", rows.Differs, rows.Words())
			}
			return nil
		},
		SkipIf: "somebody has found out why the numbers differ and it is no fault of the backup",
	}
}

// restoredCopy is a temporary cluster, and the steps that make it and take it away.
type restoredCopy struct {
	*runbook.Run
	cluster  string
	snapshot string     // to restore from; or
	source   string     // the cluster to restore, as it was
	at       *time.Time // at this moment; nil: the latest there is
}

func (c *restoredCopy) ref() activities.RestoredRef {
	return activities.RestoredRef{Operation: c.Operation(), Cluster: c.cluster}
}

// restore asks for the cluster. Its undo takes away whatever of it there is.
func (c *restoredCopy) restore() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "restore", Title: "新しいクラスターへの復元 · Restore into a new cluster",
		Do: func(ctx workflow.Context) error {
			_, err := runbook.Call(ctx, runbook.Change, rdsCopies.RestoreRDSCluster, activities.Restore{
				Operation: c.Operation(), Cluster: c.cluster, SnapshotID: c.snapshot, Source: c.source, At: c.at,
			})
			if err != nil {
				return err
			}
			_, err = runbook.Call(ctx, runbook.Settle, rdsCopies.AwaitRDSCluster, c.ref())
			return err
		},
		Undo:      do(runbook.Settle, rdsCopies.DeleteRDSRestoredCluster, c.ref()),
		UndoTitle: "一時クラスターの削除 · Delete the temporary cluster",
	}
}

// instance makes the cluster reachable: AWS restores one without instances.
func (c *restoredCopy) instance() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "instance", Title: "インスタンスの追加 · Add an instance, so that it can be connected to",
		Do: func(ctx workflow.Context) error {
			if _, err := runbook.Call(ctx, runbook.Change, rdsCopies.AddRDSInstance, c.ref()); err != nil {
				return err
			}
			_, err := runbook.Call(ctx, runbook.Settle, rdsCopies.AwaitRDSInstance, c.ref())
			return err
		},
	}
}
