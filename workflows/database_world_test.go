package workflows_test

import (
	"slices"
	"time"

	"tejun/activities"
	"tejun/internal/repair"
	"tejun/internal/system"
)

// vault is the backups and temporary clusters of a world, as far as the runbooks see them.
type vault struct {
	*world
	backups  map[string][]activities.Backup // by region
	clusters []string                       // temporary ones that are there
	before   []activities.Backup            // snapshots that runs took before a change
	rows     activities.RowsCompared
	found    int // rows that a repair touches
}

const home, dr = "ap-northeast-1", "ap-northeast-3"

func withVault(w *world) *vault {
	v := &vault{world: w, backups: map[string][]activities.Backup{}, found: 3}
	target := func(requester, operator string) system.DatabaseTarget {
		return system.DatabaseTarget{
			SystemID: "test", Environment: "development", Requester: requester, Operator: operator, Cluster: "db", Region: home, DRRegion: dr,
			Prefix: "backup", KeepAtLeast: 2, KeepDays: 35, MaxAge: 24 * time.Hour, AlarmList: "managers", DRKMSKey: "key", Restored: "restored", RunSnapshotDays: 14,
		}
	}
	stub(w, "ResolveDatabase", func(r system.DatabaseRequest) (system.DatabaseTarget, error) {
		return target(r.Requester, r.Operator), nil
	})
	stub(w, "ResolveRepair", func(r repair.Request) (repair.Target, error) {
		return repair.Target{DatabaseTarget: target(r.Requester, r.Operator), TemplateHash: "hash", Title: "訂正", Table: "public.t", Action: "UPDATE"}, nil
	})
	stub(w, "PreviewRepair", func(activities.RepairPreview) (activities.RepairPlan, error) {
		w.calls = append(w.calls, "PreviewRepair")
		return activities.RepairPlan{
			Rows: v.found, BeforeHash: "before", AfterHash: "after", UndoHash: "undo",
			Samples: []activities.RepairSample{{Before: []byte(`{"id":1,"v":"a"}`), After: []byte(`{"id":1,"v":"b"}`)}},
		}, nil
	})
	stub(w, "PutS3RepairUndo", func(activities.RepairUndo) (activities.RepairUndoKept, error) {
		w.calls = append(w.calls, "PutS3RepairUndo")
		return activities.RepairUndoKept{Location: "s3://b/k", SHA256: "undo"}, nil
	})
	for _, name := range []string{"ExecuteRepair", "VerifyRepair"} {
		stub(w, name, func(in activities.RepairChange) (activities.RepairDone, error) {
			w.calls = append(w.calls, name)
			return activities.RepairDone{Rows: in.Plan.Rows}, nil
		})
	}
	stub(w, "ListRDSBackups", func(in activities.Backups) (activities.BackupList, error) {
		list := slices.Clone(v.backups[in.Region])
		slices.SortFunc(list, func(x, y activities.Backup) int { return y.TakenAt.Compare(x.TakenAt) })
		return activities.BackupList{Backups: list}, nil
	})
	stub(w, "ListRDSRunSnapshots", func(activities.Backups) (activities.BackupList, error) {
		return activities.BackupList{Backups: v.before}, nil
	})
	stub(w, "DeleteRDSRunSnapshot", func(in activities.BackupDeletion) (struct{}, error) {
		w.calls = append(w.calls, "DeleteRDSRunSnapshot:"+in.Region+"/"+in.ID)
		return struct{}{}, nil
	})
	stub(w, "CopyRDSClusterSnapshot", func(in activities.SnapshotCopy) (activities.SnapshotResult, error) {
		w.calls = append(w.calls, "CopyRDSClusterSnapshot:"+in.Region)
		return activities.SnapshotResult{ARN: "arn:copy", CreatedAt: in.TakenAt}, nil
	})
	stub(w, "DeleteRDSBackup", func(in activities.BackupDeletion) (struct{}, error) {
		w.calls = append(w.calls, "DeleteRDSBackup:"+in.Region+"/"+in.ID)
		v.backups[in.Region] = slices.DeleteFunc(v.backups[in.Region], func(b activities.Backup) bool { return b.ID == in.ID })
		return struct{}{}, nil
	})
	stub(w, "CountOperatedRows", func(in activities.RowCount) (activities.RowCounts, error) {
		w.calls = append(w.calls, "CountOperatedRows:"+in.Name)
		return activities.RowCounts{Tables: []activities.TableRows{{Table: "public.t", Rows: 3}}}, nil
	})
	stub(w, "RestoreRDSCluster", func(in activities.Restore) (struct{}, error) {
		from := in.SnapshotID
		if from == "" {
			from = in.Source
		}
		w.calls = append(w.calls, "RestoreRDSCluster:"+from)
		v.clusters = append(v.clusters, in.Cluster)
		return struct{}{}, nil
	})
	change[activities.RestoredRef](w, "AwaitRDSCluster")
	change[activities.RestoredRef](w, "AddRDSInstance")
	change[activities.RestoredRef](w, "AwaitRDSInstance")
	stub(w, "DeleteRDSRestoredCluster", func(in activities.RestoredRef) (struct{}, error) {
		w.calls = append(w.calls, "DeleteRDSRestoredCluster")
		v.clusters = slices.DeleteFunc(v.clusters, func(c string) bool { return c == in.Cluster })
		return struct{}{}, nil
	})
	stub(w, "CompareRestoredRows", func(activities.RowComparison) (activities.RowsCompared, error) {
		w.calls = append(w.calls, "CompareRestoredRows")
		return v.rows, nil
	})
	return v
}

// keep puts good backups of some ages, in days, into a region.
func (v *vault) keep(region string, ages ...int) {
	for _, days := range ages {
		at := start.Add(-time.Duration(days) * 24 * time.Hour).Add(time.Hour)
		v.backups[region] = append(v.backups[region], activities.Backup{
			ID: "backup-" + at.UTC().Format("20060102"), Region: region, Status: "available", TakenAt: at, Operation: "0123456789ab",
		})
	}
}

func (v *vault) execute(name string, in any) error {
	v.env.ExecuteWorkflow(name, in)
	return v.env.GetWorkflowError()
}
