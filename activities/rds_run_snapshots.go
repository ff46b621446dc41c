package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"tejun/internal/records"
)

// ofRun tells whether a run took a snapshot before it changed something: it has the run's tag and the run's key at the end of
// its name, and is no backup.
func ofRun(s types.DBClusterSnapshot) bool {
	operation := tagOf(s.TagList, ownerTag)
	return checkOperation(operation) == nil && tagOf(s.TagList, backupTag) == "" && strings.HasSuffix(aws.ToString(s.DBClusterSnapshotIdentifier), "-"+operation)
}

// ListRDSRunSnapshots lists the snapshots that runs took before they changed something, the newest first. Those of runs that still
// go on are left out, and those that a run has reserved until it ends: they may be the way back.
func (a *RDS) ListRDSRunSnapshots(ctx context.Context, in Backups) (BackupList, error) {
	found, err := a.list(ctx, in, ofRun)
	if err != nil {
		return BackupList{}, err
	}
	live, err := a.live(ctx)
	if err != nil {
		return BackupList{}, err
	}
	held, err := a.records.AllReservations(ctx, time.Time{})
	if err != nil {
		return BackupList{}, recordsError(err, "look which snapshots are reserved")
	}
	found.Backups = slices.DeleteFunc(found.Backups, func(b Backup) bool {
		return live[b.Operation] || slices.ContainsFunc(held, func(r records.Reservation) bool { return r.Resource == SnapshotResource(b.ID) })
	})
	return found, nil
}

// SnapshotResource is the name under which a run reserves the snapshot that another one took: while it is held nobody deletes it.
func SnapshotResource(id string) string { return "snapshot:" + id }

// live is the operations of the runs that still go on: a run holds something until it ends, and has written evidence before.
func (a *RDS) live(ctx context.Context) (map[string]bool, error) {
	runs, err := a.records.LiveRuns(ctx)
	if err != nil {
		return nil, recordsError(err, "look which runs still go on")
	}
	live := map[string]bool{}
	for _, r := range runs {
		live[OperationOf(r.WorkflowID, r.RunID)] = true
	}
	return live, nil
}

// DeleteRDSRunSnapshot deletes the snapshot that a run took before it changed something, if right before the deletion it still may
// be: the run has ended, it is old enough, and enough good backups are newer. One that is gone is done.
func (a *RDS) DeleteRDSRunSnapshot(ctx context.Context, in BackupDeletion) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	if in.OlderThan.IsZero() {
		return struct{}{}, fail(InvalidInput, "%s in %s: only retention deletes the snapshots of runs, so say how old it must be", in.ID, in.Region)
	}
	if err := fence(ctx, a.records, in.Operation+"/rds:snapshot/"+in.Region+"/"+in.ID); err != nil {
		return struct{}{}, err
	}
	list, err := a.ListRDSRunSnapshots(ctx, in.Backups)
	if err != nil {
		return struct{}{}, err
	}
	at := slices.IndexFunc(list.Backups, func(b Backup) bool { return b.ID == in.ID })
	if at < 0 {
		switch other, err := a.find(ctx, in.Region, in.ID); {
		case err != nil:
			return struct{}{}, err
		case other != nil:
			return struct{}{}, fail(Refused, "%s in %s is no snapshot of %s that a run took, or that run still goes on: it was left alone", in.ID, in.Region, in.Cluster)
		}
		return struct{}{}, nil
	}
	backups, err := a.ListRDSBackups(ctx, in.Backups)
	if err != nil {
		return struct{}{}, err
	}
	if why := MayDelete(append(backups.Backups, list.Backups[at]), in.ID, in.Keep, in.OlderThan); why != "" {
		return struct{}{}, fail(Refused, "%s in %s was not deleted: %s", in.ID, in.Region, why)
	}
	return struct{}{}, a.delete(ctx, in)
}

// delete deletes a snapshot and makes sure that it is gone.
func (a *RDS) delete(ctx context.Context, in BackupDeletion) error {
	_, err := a.client.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: &in.ID}, inRegion(in.Region))
	if err = Classify(err, fmt.Sprintf("delete the snapshot %s in %s", in.ID, in.Region)); err != nil && !isType(err, NotFound) {
		return err
	}
	switch left, err := a.find(ctx, in.Region, in.ID); {
	case err != nil:
		return err
	case left != nil:
		return fail(NotYet, "the deletion of %s in %s was accepted and does not show yet; it is looked at again", in.ID, in.Region)
	}
	return nil
}

// ExpiredRunSnapshots lists the snapshots of runs that retention deletes, the oldest first. The last good copies that must stay are
// backups: each snapshot is checked with MayDelete beside the backups alone.
func ExpiredRunSnapshots(backups, snapshots []Backup, keep int, olderThan time.Time) []Backup {
	expired := []Backup{}
	for _, s := range slices.Backward(snapshots) {
		if MayDelete(append(slices.Clone(backups), s), s.ID, keep, olderThan) == "" {
			expired = append(expired, s)
		}
	}
	return expired
}
