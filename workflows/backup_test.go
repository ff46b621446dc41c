package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

func backupOf(do string, remove ...workflows.BackupDelete) workflows.BackupInput {
	return workflows.BackupInput{Do: do, Reason: "毎日のバックアップ", Requester: "takahashi", Operator: "tanaka", Delete: remove}
}

func (v *vault) result() (r workflows.BackupResult) {
	require.NoError(v.t, v.env.GetWorkflowResult(&r))
	return r
}

var backedUp = []string{"CountOperatedRows:before", "CreateRDSClusterSnapshot", "CountOperatedRows:after", "CopyRDSClusterSnapshot:" + dr}

func TestBackupIsTakenCopiedAndOldOnesExpire(t *testing.T) {
	v := withVault(newWorld(t))
	v.keep(home, 40, 39, 2, 1)
	v.keep(dr, 40, 1) // keepAtLeast is 2: the old one is the second
	require.NoError(t, v.execute("Backup", backupOf("backup")))
	require.Equal(t, slices.Concat(backedUp, []string{"DeleteRDSBackup:" + home + "/backup-20261209", "DeleteRDSBackup:" + home + "/backup-20261210"}, release), v.effects())
	r := v.result()
	require.Contains(t, r.Snapshot.ID, "backup-20270118-")
	require.Equal(t, r.Snapshot.ID, r.Copy.ID)
	require.Len(t, r.Expired, 2)
	require.Contains(t, v.kinds(), "rows-before")
	require.Contains(t, v.kinds(), "backup")
	require.NotContains(t, v.kinds(), "gate-opened", "retention asks nobody")
}

func TestBackupThatCannotBeCopiedDeletesNothing(t *testing.T) {
	v := withVault(newWorld(t))
	v.keep(home, 40, 39, 2, 1)
	v.fail["CopyRDSClusterSnapshot"] = func(int) error { return temporal.NewNonRetryableApplicationError("no key", "Denied", nil) }
	v.at(start.Add(time.Minute), "rollback", by("kato"))
	err := v.execute("Backup", backupOf("backup"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.Len(t, v.backups[home], 4)
}

func TestDeletionBeforeItsTimeNeedsAnOfficer(t *testing.T) {
	early := workflows.BackupDelete{Region: home, ID: "backup-20270115"}
	t.Run("approved", func(t *testing.T) {
		v := withVault(newWorld(t))
		v.keep(home, 3, 1)
		v.at(start.Add(time.Hour), "approve", by("sato"))
		require.NoError(t, v.execute("Backup", backupOf("backup", early)))
		require.Equal(t, slices.Concat(backedUp, []string{"DeleteRDSBackup:" + home + "/" + early.ID}, release), v.effects())
		require.Equal(t, []workflows.BackupDelete{early}, v.result().Deleted)
	})
	t.Run("by the requester's side only", func(t *testing.T) {
		v := withVault(newWorld(t))
		v.keep(home, 3, 1)
		v.at(start.Add(time.Hour), "approve", by("tanaka"))
		err := v.execute("Backup", backupOf("backup", early))
		require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
		require.Empty(t, v.effects(), "nothing happens")
	})
	t.Run("rejected", func(t *testing.T) {
		v := withVault(newWorld(t))
		v.keep(home, 3, 1)
		v.at(start.Add(time.Hour), "reject", by("sato"))
		err := v.execute("Backup", backupOf("backup", early))
		require.True(t, runbook.IsEnd(err, runbook.ErrRejected), "%v", err)
		require.Empty(t, v.effects())
	})
	t.Run("the last good one", func(t *testing.T) {
		v := withVault(newWorld(t))
		v.keep(home, 3)
		err := v.execute("Backup", backupOf("backup", early))
		require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
		require.ErrorContains(t, err, "no good backup in the region")
	})
	t.Run("elsewhere", func(t *testing.T) {
		v := withVault(newWorld(t))
		err := v.execute("Backup", backupOf("backup", workflows.BackupDelete{Region: "us-east-1", ID: "x"}))
		require.ErrorContains(t, err, "there are no backups in us-east-1")
	})
}

func TestCheckRaisesTheAlarmOnlyWhenABackupIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		home, dr []int
		missing  []string
	}{
		"both are there":    {[]int{1}, []int{1}, nil},
		"the copy is old":   {[]int{1}, []int{3}, []string{dr}},
		"there is none yet": {nil, nil, []string{home, dr}},
	} {
		t.Run(name, func(t *testing.T) {
			v := withVault(newWorld(t))
			v.keep(home, c.home...)
			v.keep(dr, c.dr...)
			require.NoError(t, v.execute("Backup", backupOf("check")))
			require.Equal(t, c.missing, v.result().Missing)
			want := []string(nil)
			if c.missing != nil {
				want = []string{"mail:backup-missing"}
			}
			require.Equal(t, want, v.effects())
		})
	}
}

func TestRestoreTestMeasuresComparesAndDeletesTheCluster(t *testing.T) {
	v := withVault(newWorld(t))
	v.keep(home, 5, 1)
	v.rows = activities.RowsCompared{Tables: []activities.TableCompared{{Table: "public.t", Before: 3, After: 3, Restored: 3, Verdict: "same"}}}
	require.NoError(t, v.execute("Backup", backupOf("restore-test")))
	require.Equal(t, []string{"RestoreRDSCluster:backup-20270117", "AddRDSInstance", "CompareRestoredRows", "DeleteRDSRestoredCluster", "ReleaseResources"}, v.effects())
	require.Empty(t, v.clusters)
	r := v.result()
	require.Equal(t, "same", r.Rows.Tables[0].Verdict)
	require.Equal(t, "backup-20270117", r.Snapshot.ID)
}

func TestRestoreTestDeletesTheClusterWhateverFails(t *testing.T) {
	denied := func(int) error { return temporal.NewNonRetryableApplicationError("no", "Denied", nil) }
	for name, prepare := range map[string]func(*vault){
		"restore":  func(v *vault) { v.fail["AwaitRDSCluster"] = denied },
		"instance": func(v *vault) { v.fail["AddRDSInstance"] = denied },
		"compare":  func(v *vault) { v.rows.Differs = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			v := withVault(newWorld(t))
			v.keep(home, 1)
			prepare(v)
			v.at(start.Add(time.Minute), "rollback", by("kato"))
			err := v.execute("Backup", backupOf("restore-test"))
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.Empty(t, v.clusters)
			require.Contains(t, v.effects(), "DeleteRDSRestoredCluster")
		})
	}
	v := withVault(newWorld(t))
	err := v.execute("Backup", backupOf("restore-test"))
	require.ErrorContains(t, err, "no good backup")
}

func TestBackupRefusesBadInputBeforeAnyEffect(t *testing.T) {
	for name, c := range map[string]struct {
		in   any
		says string
	}{
		"what":            {backupOf("copy"), "write backup, check or restore-test"},
		"delete in check": {backupOf("check", workflows.BackupDelete{Region: home, ID: "x"}), "delete belongs to do: backup"},
		"twice":           {backupOf("backup", workflows.BackupDelete{Region: home, ID: "x"}, workflows.BackupDelete{Region: home, ID: "x"}), "twice"},
		"unknown field":   {map[string]any{"do": "backup", "force": true}, `field "force" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			v := withVault(newWorld(t))
			err := v.execute("Backup", c.in)
			require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, v.effects())
		})
	}
}
