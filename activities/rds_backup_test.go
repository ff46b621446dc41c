package activities

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

// Whatever backups there are, retention leaves at least one good one, and the newest of them.
func TestRetentionNeverDeletesTheLastGoodCopy(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // the same every time
	now := time.Date(2027, 1, 18, 0, 0, 0, 0, time.UTC)
	for range 5000 {
		var all []Backup
		for i := range random.IntN(12) {
			all = append(all, Backup{
				ID: strconv.Itoa(i), Status: []string{available, available, "failed", "creating"}[random.IntN(4)],
				TakenAt: now.Add(-time.Duration(random.IntN(100)) * 24 * time.Hour),
			})
		}
		keep := random.IntN(5) - 1
		left := map[string]Backup{}
		for _, b := range all {
			left[b.ID] = b
		}
		for _, gone := range Expired(all, keep, now.Add(-35*24*time.Hour)) {
			require.True(t, gone.TakenAt.Before(now.Add(-35*24*time.Hour)))
			require.NotEqual(t, "creating", gone.Status)
			delete(left, gone.ID)
		}
		good, before := 0, 0
		for _, b := range all {
			if b.Good() {
				before++
			}
		}
		for _, b := range left {
			if b.Good() {
				good++
			}
		}
		require.GreaterOrEqual(t, good, min(before, max(keep, 1)), "%v", all)
	}
}

func copyOf(b *bench, from SnapshotResult) SnapshotCopy {
	return SnapshotCopy{
		Operation: b.operation, Backup: b.system.ID, Source: from.ARN, SourceFrom: b.system.AWS.Region, Region: b.system.AWS.DRRegion,
		SnapshotID: snapshotOf(b).SnapshotID, KMSKey: b.system.Database.Backup.DRKMSKey, TakenAt: from.CreatedAt,
	}
}

func (b *bench) backups(region string) Backups {
	return Backups{System: b.system.ID, Cluster: b.system.Database.Cluster, Region: region}
}

// backedUp takes a backup and copies it.
func (b *bench) backedUp() SnapshotResult {
	b.t.Helper()
	in := snapshotOf(b)
	in.Backup = b.system.ID
	taken := must(b, b.set.RDS.CreateRDSClusterSnapshot, in)
	must(b, b.set.RDS.CopyRDSClusterSnapshot, copyOf(b, taken))
	return taken
}

var allFaults = []string{"", sandbox.FaultThrottle, sandbox.Fault500, sandbox.FaultLostRequest, sandbox.FaultExecutedThenTimeout}

func TestBackupIsCopiedOnceWhateverGoesWrong(t *testing.T) {
	for _, kind := range allFaults {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			taken := must(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
			b.since()
			if kind != "" {
				b.fault("rds", "CopyDBClusterSnapshot", kind)
				_, err := try(b, b.set.RDS.CopyRDSClusterSnapshot, copyOf(b, taken))
				require.Error(t, err)
			}
			must(b, b.set.RDS.CopyRDSClusterSnapshot, copyOf(b, taken))
			must(b, b.set.RDS.CopyRDSClusterSnapshot, copyOf(b, taken))
			assert.Equal(t, []string{"CopyDBClusterSnapshot"}, b.effects())
			list := must(b, b.set.RDS.ListRDSBackups, b.backups(b.system.AWS.DRRegion))
			require.Len(t, list.Backups, 1)
			assert.True(t, list.Backups[0].TakenAt.Equal(taken.CreatedAt), "the age of the data, not of the copy")
			other := copyOf(b, taken)
			other.Operation = "another0operation"
			_, err := try(b, b.set.RDS.CopyRDSClusterSnapshot, other)
			requireType(t, err, Drifted)
		})
	}
}

func TestDeletionLooksAgainRightBefore(t *testing.T) {
	b := newBench(t)
	b.backedUp()
	region := b.system.AWS.Region
	deletion := BackupDeletion{Operation: b.operation, Backups: b.backups(region), ID: snapshotOf(b).SnapshotID, Keep: 1, OlderThan: time.Now().Add(time.Hour)}
	_, err := try(b, b.set.RDS.DeleteRDSBackup, deletion)
	requireType(t, err, Refused)
	assert.ErrorContains(t, err, "no good backup in the region")

	first := b.operation
	b.operation = "second0operation"
	b.backedUp()
	deletion.Keep = 2
	_, err = try(b, b.set.RDS.DeleteRDSBackup, deletion)
	requireType(t, err, Refused)
	deletion.Keep, deletion.OlderThan = 1, time.Now().Add(-time.Hour)
	_, err = try(b, b.set.RDS.DeleteRDSBackup, deletion)
	requireType(t, err, Refused)
	deletion.OlderThan = time.Now().Add(time.Hour)

	// Somebody else's snapshot, and one of an outage, are nobody's to delete.
	outage := snapshotOf(b)
	outage.SnapshotID, outage.Operation = "tejun-outage-x", b.operation
	must(b, b.set.RDS.CreateRDSClusterSnapshot, outage)
	foreign := deletion
	foreign.ID = outage.SnapshotID
	_, err = try(b, b.set.RDS.DeleteRDSBackup, foreign)
	requireType(t, err, Refused)

	for _, kind := range allFaults[1:] {
		b.operation = "roundabout0" + kind
		b.backedUp()
		again := deletion
		again.ID = snapshotOf(b).SnapshotID
		again.OlderThan = time.Time{} // approved: another good one will do
		b.since()
		b.fault("rds", "DeleteDBClusterSnapshot", kind)
		_, err = try(b, b.set.RDS.DeleteRDSBackup, again)
		require.Error(t, err, kind)
		must(b, b.set.RDS.DeleteRDSBackup, again)
		assert.Equal(t, []string{"DeleteDBClusterSnapshot"}, b.effects(), kind)
	}
	must(b, b.set.RDS.DeleteRDSBackup, deletion)
	list := must(b, b.set.RDS.ListRDSBackups, b.backups(region))
	require.Len(t, list.Backups, 1, "the newest stays")
	assert.NotEqual(t, first, list.Backups[0].Operation)
}

func TestTemporaryClusterIsMadeAndTakenAwayOnceWhateverGoesWrong(t *testing.T) {
	for _, kind := range allFaults {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			before, err := b.box.Snapshot()
			require.NoError(t, err)
			restore := Restore{Operation: b.operation, Cluster: "tejun-restored-" + b.operation, Source: b.system.Database.Cluster}
			ref := RestoredRef{Operation: b.operation, Cluster: restore.Cluster}
			disturb := func(operation string) {
				if kind != "" {
					b.fault("rds", operation, kind)
				}
			}
			until := func(do func() error) {
				for i := 0; ; i++ {
					err := do()
					if err == nil {
						return
					}
					require.Less(t, i, 3, "%v", err)
				}
			}
			must(b, b.set.RDSCopies.DeleteRDSRestoredCluster, ref) // harmless when there is none
			b.since()
			disturb("RestoreDBClusterToPointInTime")
			until(func() error { _, err := try(b, b.set.RDSCopies.RestoreRDSCluster, restore); return err })
			must(b, b.set.RDSCopies.AwaitRDSCluster, ref)
			disturb("CreateDBInstance")
			until(func() error { _, err := try(b, b.set.RDSCopies.AddRDSInstance, ref); return err })
			must(b, b.set.RDSCopies.AwaitRDSInstance, ref)
			disturb("DeleteDBInstance")
			disturb("DeleteDBCluster")
			until(func() error { _, err := try(b, b.set.RDSCopies.DeleteRDSRestoredCluster, ref); return err })
			assert.Equal(t, []string{"RestoreDBClusterToPointInTime", "CreateDBInstance", "DeleteDBInstance", "DeleteDBCluster"}, b.effects())
			after, err := b.box.Snapshot()
			require.NoError(t, err)
			assert.Equal(t, before.Resources, after.Resources)
		})
	}
	b := newBench(t)
	_, err := try(b, b.set.RDSCopies.DeleteRDSRestoredCluster, RestoredRef{Operation: b.operation, Cluster: b.system.Database.Cluster})
	requireType(t, err, Drifted)
}

func TestRowsAreComparedAsFarAsTheyCanBeKnown(t *testing.T) {
	rows := func(a, c int64) []TableRows { return []TableRows{{"p.a", a}, {"p.c", c}} }
	got := compareRows(rows(1, 5), rows(1, 7), []TableRows{{"p.a", 1}, {"p.c", 6}, {"p.new", 2}})
	verdicts := map[string]string{}
	for _, line := range got.Tables {
		verdicts[line.Table] = line.Verdict
	}
	assert.Equal(t, map[string]string{"p.a": "same", "p.c": "moving", "p.new": "unknown"}, verdicts)
	assert.Equal(t, 1, got.Differs)
	assert.Equal(t, 1, compareRows(rows(1, 5), rows(1, 5), []TableRows{{"p.a", 1}}).Differs, "a table that is not in the copy")
	unknown := compareRows(nil, nil, rows(1, 2))
	assert.NotEmpty(t, unknown.Unknown)
	assert.Zero(t, unknown.Differs)
}
