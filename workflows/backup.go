package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Backup (バックアップ運用, row 7) keeps the operated system's data restorable. It does one of three things, each of
// which has a schedule of its own in system.yaml:
//
//   - backup: snapshot, copy into the DR region, deletion of backups that are past their retention, and of the snapshots that
//     other runs took before a change. Daily, and before 8, 11, 16.
//   - check: is there a good backup of the last 24 hours in both regions? If not, the alarm list gets a mail. It is a run of
//     its own because a backup that never started cannot raise an alarm.
//   - restore-test: the newest backup is restored into a cluster of its own, its rows are counted, the time is measured, and
//     the cluster is deleted. Quarterly. See backup_restore.go.
//
// The operations manager agrees to these by the schedules in system.yaml. Only the deletion of backups that retention does not
// cover asks anybody: an officer of the ministry. A deleted backup cannot be brought back; so the last good copy of a region is
// never deleted, whoever asks, and whether it is the last is looked at again right before each deletion.
var backup = runbook.Spec{Name: "Backup", Row: 7, Title: "バックアップ運用 · Backup"}

// What a run of Backup does.
const (
	doBackup      = "backup"
	doCheck       = "check"
	doRestoreTest = "restore-test"
)

// BackupInput asks for a backup, a check or a restore test.
type BackupInput struct {
	Do        string         `json:"do"`               // backup, check or restore-test
	Reason    string         `json:"reason"`           // Japanese
	Requester string         `json:"requester"`        // person in system.yaml who asks for it
	Operator  string         `json:"operator"`         // person in system.yaml who carries it out
	Delete    []BackupDelete `json:"delete,omitempty"` // backups to delete before their time; an officer approves
}

// BackupDelete names a backup in one region.
type BackupDelete struct {
	Region string `json:"region"`
	ID     string `json:"id"`
}

// Validate checks what can be checked without the operated system.
func (in *BackupInput) Validate() error {
	var p problems
	if !slices.Contains([]string{doBackup, doCheck, doRestoreTest}, in.Do) {
		p.add("do is %q: write backup, check or restore-test", in.Do)
	}
	p.text("reason", in.Reason, 2000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	if len(in.Delete) > 0 && in.Do != doBackup {
		p.add("delete belongs to do: backup, as a deletion comes after a new backup")
	}
	if len(in.Delete) > 50 {
		p.add("delete names %d backups; at most 50 in one run", len(in.Delete))
	}
	for i, d := range in.Delete {
		p.line(fmt.Sprintf("delete[%d].region", i), d.Region, 64)
		p.line(fmt.Sprintf("delete[%d].id", i), d.ID, 63)
		if slices.Index(in.Delete, d) < i {
			p.add("delete names %s in %s twice", d.ID, d.Region)
		}
	}
	return p.err()
}

func (in *BackupInput) request() system.DatabaseRequest {
	needs := []string{"backup"}
	if in.Do == doRestoreTest {
		needs = append(needs, "restore")
	}
	return system.DatabaseRequest{What: "the backup", Requester: in.Requester, Operator: in.Operator, Needs: needs}
}

// BackupResult is what the report needs. Fields of what the run did not do are empty.
type BackupResult struct {
	Snapshot *activities.Backup       `json:"snapshot,omitempty"` // that was taken, found by the check, or restored
	Copy     *activities.Backup       `json:"copy,omitempty"`     // in the DR region
	Minutes  float64                  `json:"minutes"`            // of the backup or the restore
	Expired  []BackupDelete           `json:"expired,omitempty"`  // deleted by retention
	Deleted  []BackupDelete           `json:"deleted,omitempty"`  // deleted by an officer's approval
	Missing  []string                 `json:"missing,omitempty"`  // regions without a good backup that is young enough
	Rows     *activities.RowsCompared `json:"rows,omitempty"`     // of the restore test
	Evidence runbook.Evidence         `json:"evidence"`
}

// backupRun is one run of the runbook.
type backupRun struct {
	*runbook.Run
	in      BackupInput
	on      system.DatabaseTarget
	taken   activities.SnapshotResult
	copied  activities.SnapshotResult
	expired map[string][]activities.Backup // by region, as planned
	before  []activities.Backup            // snapshots that runs took before a change, past their retention, as planned
	result  BackupResult
}

// Backup is the workflow.
func Backup(ctx workflow.Context, raw converter.RawValue) (BackupResult, error) {
	b := &backupRun{}
	ctx, run, err := runbook.Open(ctx, backup, raw, &b.in)
	if err != nil {
		return BackupResult{}, err
	}
	b.Run = run
	b.result.Evidence, err = b.Finish(ctx, b.run(ctx))
	return b.result, err
}

func (b *backupRun) run(ctx workflow.Context) error {
	if err := b.resolve(ctx); err != nil {
		return err
	}
	switch b.in.Do {
	case doCheck:
		return b.check(ctx)
	case doRestoreTest:
		return b.restoreTest(ctx)
	}
	return b.backup(ctx)
}

// backup is the daily procedure.
func (b *backupRun) backup(ctx workflow.Context) error {
	b.Declare(b.take(), b.snapshot(), b.copy(), b.expire(), b.delete())
	// 1. The plan: one snapshot and its copy come, these backups go.
	if err := b.Planned(ctx, b.plan); err != nil {
		return err
	}

	// 2. Only a deletion before its time asks somebody: the ministry.
	if len(b.in.Delete) > 0 {
		if err := b.Approve(ctx, b.deletionGate()); err != nil {
			return err
		}
		if err := b.Confirm(ctx, b.deletionGate()); err != nil {
			return err
		}
	}

	// 3. A new good backup in both regions comes first; only then old ones go.
	for _, step := range []runbook.StepSpec{b.take(), b.snapshot(), b.copy(), b.expire(), b.delete()} {
		if err := b.Step(ctx, step); err != nil {
			return err
		}
	}
	b.Record(ctx, "backup", "", b.result)
	return nil
}

// check is the daily question whether there is a good backup at all.
func (b *backupRun) check(ctx workflow.Context) error {
	b.Declare(b.look(), b.alarm())
	for _, step := range []runbook.StepSpec{b.look(), b.alarm()} {
		if err := b.Step(ctx, step); err != nil {
			return err
		}
	}
	b.Record(ctx, "backup-check", "", b.result)
	return nil
}

// resolve turns the request into AWS names and limits, and makes sure that every gate can be passed.
func (b *backupRun) resolve(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveDatabase, b.in.request())
	if err != nil {
		return err
	}
	b.on = on
	err = b.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: b.resources(),
		Mail: map[string]string{"title": backup.Title, "reason": b.in.Reason, "services": on.Cluster},
	})
	if err != nil || b.in.Do == doCheck { // a check only reads, so it waits for nobody
		return err
	}
	if len(b.in.Delete) > 0 { // it holds the backups once it is approved: the daily ones go on while people decide
		return b.Satisfiable(ctx, "deletion")
	}
	return b.hold(ctx)
}

// hold keeps other runs away from the backups of the cluster.
func (b *backupRun) hold(ctx workflow.Context) error {
	from := workflow.Now(ctx)
	return b.Reserve(ctx, b.resources(), from, from.Add(longestBackup))
}

// longestBackup is how long a run may hold the backups of the cluster.
const longestBackup = 12 * time.Hour

// resources names what no other run may touch meanwhile: a restore test needs its snapshot, so nothing expires beside it.
func (b *backupRun) resources() []string { return []string{"rds:backups/" + b.on.Cluster} }

func (b *backupRun) deletionGate() runbook.Gate {
	return runbook.Gate{Name: "deletion", Asks: "保存期間内のバックアップ削除の承認 · approval of deleting backups before their time", Plan: b.plan}
}

// plan is what comes and what goes.
func (b *backupRun) plan(ctx workflow.Context) ([]plan.Change, error) {
	after := map[string]string{"cluster": b.on.Cluster, "snapshot": b.snapshotID()}
	made, err := plan.NewChange("rds:cluster-snapshot/"+b.snapshotID(), "スナップショット取得・DRリージョンへの複製 · Take a snapshot and copy it to "+b.on.DRRegion, nil, after, nil, after)
	if err != nil {
		return nil, err
	}
	changes := []plan.Change{made}
	b.expired = map[string][]activities.Backup{}
	for _, region := range b.regions() {
		list, err := runbook.Call(ctx, runbook.Read, rds.ListRDSBackups, b.backups(region))
		if err != nil {
			return nil, err
		}
		b.expired[region] = activities.Expired(list.Backups, b.on.KeepAtLeast, b.olderThan(ctx))
		for _, old := range b.expired[region] {
			if changes, err = appendDeletion(changes, old, "保存期間を過ぎたバックアップの削除 · Delete a backup past its retention: "); err != nil {
				return nil, err
			}
		}
		if changes, err = b.planRunSnapshots(ctx, changes, region, list.Backups); err != nil {
			return nil, err
		}
		for _, d := range b.in.Delete {
			if d.Region != region {
				continue
			}
			if why := activities.MayDelete(list.Backups, d.ID, 1, time.Time{}); why != "" {
				return nil, runbook.End(runbook.ErrRefused, "%s in %s cannot be deleted: %s", d.ID, region, why)
			}
			at := slices.IndexFunc(list.Backups, func(o activities.Backup) bool { return o.ID == d.ID })
			if changes, err = appendDeletion(changes, list.Backups[at], "保存期間内のバックアップの削除 · Delete a backup before its time: "); err != nil {
				return nil, err
			}
		}
	}
	for _, d := range b.in.Delete {
		if !slices.Contains(b.regions(), d.Region) {
			return nil, runbook.End(runbook.ErrRefused, "there are no backups in %s, only in %v", d.Region, b.regions())
		}
	}
	return changes, nil
}

func appendDeletion(changes []plan.Change, old activities.Backup, words string) ([]plan.Change, error) {
	gone, err := plan.NewChange("rds:"+old.Region+":cluster-snapshot/"+old.ID, words+old.ID+" ("+old.Region+")", old, nil, old, nil)
	return append(changes, gone), err
}

func (b *backupRun) regions() []string { return []string{b.on.Region, b.on.DRRegion} }

func (b *backupRun) backups(region string) activities.Backups {
	return activities.Backups{System: b.on.SystemID, Cluster: b.on.Cluster, Region: region}
}

// olderThan is the moment before which backups were taken that retention deletes. It counts from the run's start, so that
// the plan stays the same while people decide.
func (b *backupRun) olderThan(workflow.Context) time.Time {
	return b.Status().StartedAt.Add(-time.Duration(b.on.KeepDays) * 24 * time.Hour)
}
