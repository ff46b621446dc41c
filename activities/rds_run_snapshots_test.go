package activities

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

// ofOperation takes the snapshot that a run takes before it changes something.
func (b *bench) ofOperation(operation string) string {
	b.t.Helper()
	id := "tejun-load-" + operation
	must(b, b.set.RDS.CreateRDSClusterSnapshot, Snapshot{Operation: operation, Cluster: b.system.Database.Cluster, SnapshotID: id})
	return id
}

// going makes a run that still goes on, as far as our own database says, and returns its operation.
func going(t *testing.T, workflow string) string {
	t.Helper()
	now := time.Now()
	_, err := database.AppendEvidence(t.Context(), records.Evidence{WorkflowID: workflow, RunID: "first-run", Key: "opened", Kind: "opened", At: now, Body: []byte(`{}`)})
	require.NoError(t, err)
	holder, err := database.ReserveAll(t.Context(), []records.Reservation{{
		Resource: "database:db/" + workflow, WorkflowID: workflow, Runbook: "DataLoad", Requester: "ito", From: now.Add(-time.Hour), Until: now.Add(-time.Minute),
	}})
	require.NoError(t, err)
	require.Nil(t, holder)
	t.Cleanup(func() { assert.NoError(t, database.Release(context.Background(), workflow)) })
	return OperationOf(workflow, "first-run")
}

func ids(list BackupList) []string {
	names := []string{}
	for _, b := range list.Backups {
		names = append(names, b.ID)
	}
	return names
}

func TestSnapshotsOfRunsGoAfterTheirTimeAndBackupsStay(t *testing.T) {
	b := newBench(t)
	in := b.backups(b.system.AWS.Region)
	old := b.ofOperation("00000000aaaa")
	// Neither is what it seems: one is named by hand, the other has no such owner.
	must(b, b.set.RDS.CreateRDSClusterSnapshot, Snapshot{Operation: "00000000bbbb", Cluster: in.Cluster, SnapshotID: "before-the-move"})
	require.Equal(t, []string{old}, ids(must(b, b.set.RDS.ListRDSRunSnapshots, in)))
	future := time.Now().Add(time.Hour)
	gone := BackupDeletion{Operation: b.operation, Backups: in, ID: old, Keep: 1, OlderThan: future}

	_, err := try(b, b.set.RDS.DeleteRDSRunSnapshot, gone)
	requireType(t, err, Refused)
	require.ErrorContains(t, err, "it would leave no good backup in the region")
	b.backedUp()
	early := gone
	early.OlderThan = time.Now().Add(-time.Hour)
	_, err = try(b, b.set.RDS.DeleteRDSRunSnapshot, early)
	require.ErrorContains(t, err, "is kept until it is older than")
	unlimited := gone
	unlimited.OlderThan = time.Time{}
	_, err = try(b, b.set.RDS.DeleteRDSRunSnapshot, unlimited)
	requireType(t, err, InvalidInput)
	more := gone
	more.Keep = 2
	_, err = try(b, b.set.RDS.DeleteRDSRunSnapshot, more)
	require.ErrorContains(t, err, "only 1 newer good backups are left")
	for _, id := range []string{"before-the-move", snapshotOf(b).SnapshotID} {
		other := gone
		other.ID = id
		_, err = try(b, b.set.RDS.DeleteRDSRunSnapshot, other)
		requireType(t, err, Refused)
	}
	b.since()
	must(b, b.set.RDS.DeleteRDSRunSnapshot, gone)
	must(b, b.set.RDS.DeleteRDSRunSnapshot, gone) // once more, as a retry does
	assert.Equal(t, []string{"DeleteDBClusterSnapshot"}, b.effects())
	require.Empty(t, ids(must(b, b.set.RDS.ListRDSRunSnapshots, in)))
}

// The snapshot of a run that still goes on may be its way back, however old it is.
func TestSnapshotsOfLiveRunsStay(t *testing.T) {
	b := newBench(t)
	in := b.backups(b.system.AWS.Region)
	workflow := "live-" + b.operation
	operation := going(t, workflow)
	id := b.ofOperation(operation)
	b.backedUp()
	require.Empty(t, ids(must(b, b.set.RDS.ListRDSRunSnapshots, in)))
	gone := BackupDeletion{Operation: b.operation, Backups: in, ID: id, Keep: 1, OlderThan: time.Now().Add(time.Hour)}
	b.since()
	_, err := try(b, b.set.RDS.DeleteRDSRunSnapshot, gone)
	requireType(t, err, Refused)
	require.ErrorContains(t, err, "that run still goes on")
	require.Empty(t, b.effects())

	require.NoError(t, database.Release(t.Context(), workflow))
	must(b, b.set.RDS.DeleteRDSRunSnapshot, gone)
	require.Equal(t, []string{"DeleteDBClusterSnapshot"}, b.effects())
}

func TestExpiredSnapshotsOfRunsNeverCountAsBackups(t *testing.T) {
	now := time.Now()
	at := func(id string, days int) Backup {
		return Backup{ID: id, Status: available, TakenAt: now.Add(-time.Duration(days) * 24 * time.Hour)}
	}
	snapshots := []Backup{at("new", 1), at("old", 20), at("older", 30)}
	limit := now.Add(-14 * 24 * time.Hour)
	require.Empty(t, ExpiredRunSnapshots(nil, snapshots, 1, limit), "no backup")
	require.Empty(t, ExpiredRunSnapshots([]Backup{at("backup", 25)}, snapshots[:2], 1, limit), "the backup is older")
	require.Equal(t, []Backup{at("older", 30)}, ExpiredRunSnapshots([]Backup{at("backup", 25)}, snapshots, 1, limit))
	require.Equal(t, []Backup{at("older", 30), at("old", 20)}, ExpiredRunSnapshots([]Backup{at("backup", 0)}, snapshots, 1, limit))
}

// A run that may still want another one's snapshot back reserves it, and nobody deletes it until then.
func TestReservedSnapshotsStay(t *testing.T) {
	b := newBench(t)
	in := b.backups(b.system.AWS.Region)
	id := b.ofOperation(b.operation)
	b.backedUp()
	require.Equal(t, []string{id}, ids(must(b, b.set.RDS.ListRDSRunSnapshots, in)))
	now := time.Now()
	holder, err := database.Reserve(t.Context(), records.Reservation{
		Resource: SnapshotResource(id), WorkflowID: "support-" + b.operation, Runbook: "DataSupport", Requester: "ito", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour),
	})
	require.NoError(t, err)
	require.Nil(t, holder)
	require.Empty(t, ids(must(b, b.set.RDS.ListRDSRunSnapshots, in)), "also beyond the time that was thought of")
	gone := BackupDeletion{Operation: b.operation, Backups: in, ID: id, Keep: 1, OlderThan: now.Add(time.Hour)}
	_, err = try(b, b.set.RDS.DeleteRDSRunSnapshot, gone)
	requireType(t, err, Refused)
	require.NoError(t, database.Release(t.Context(), "support-"+b.operation))
	must(b, b.set.RDS.DeleteRDSRunSnapshot, gone)
}
