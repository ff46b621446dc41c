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
)

const (
	// backupTag marks a snapshot as a backup; its value is the system's ID. Nothing without it is ever deleted.
	backupTag = "tejun:backup"
	// takenTag says when a copy's data was taken: RDS gives a copy the time of the copying.
	takenTag = "tejun:taken-at"
)

// available is the status of a snapshot that can be restored from, of a cluster that works and of an instance that answers.
const available = "available"

// Backups names the backups of a cluster in a region.
type Backups struct {
	System  string `json:"system"` // its ID, as the tag says
	Cluster string `json:"cluster"`
	Region  string `json:"region"`
}

// Backup is one backup in one region.
type Backup struct {
	ID        string    `json:"id"`
	ARN       string    `json:"arn"`
	Region    string    `json:"region"`
	Status    string    `json:"status"`
	TakenAt   time.Time `json:"takenAt"`   // when the data was taken, for a copy too
	Operation string    `json:"operation"` // of the run that made it
}

// Good tells whether it can be restored from.
func (b Backup) Good() bool { return b.Status == available }

// BackupList is the backups, the newest first.
type BackupList struct {
	Backups []Backup `json:"backups"`
}

// SnapshotCopy is a copy of a snapshot into another region.
type SnapshotCopy struct {
	Operation  string    `json:"operation"`
	Backup     string    `json:"backup"` // the system's ID
	Source     string    `json:"source"` // ARN
	SourceFrom string    `json:"sourceRegion"`
	Region     string    `json:"region"` // of the copy
	SnapshotID string    `json:"snapshotId"`
	KMSKey     string    `json:"kmsKey"` // of the copy's region
	TakenAt    time.Time `json:"takenAt"`
}

// BackupDeletion asks for the deletion of one backup.
type BackupDeletion struct {
	Operation string `json:"operation"`
	Backups
	ID string `json:"id"`
	// Keep is how many good newer ones must be left in the region, at least 1; OlderThan is how old it must be. A zero time
	// means that a person has approved this deletion: then any other good one in the region will do.
	Keep      int       `json:"keep"`
	OlderThan time.Time `json:"olderThan"`
}

func inRegion(region string) func(*rds.Options) {
	return func(o *rds.Options) {
		if region != "" {
			o.Region = region
		}
	}
}

func snapshotTags(operation, backup string) []types.Tag {
	tags := []types.Tag{{Key: aws.String(ownerTag), Value: &operation}}
	if backup != "" {
		tags = append(tags, types.Tag{Key: aws.String(backupTag), Value: &backup})
	}
	return tags
}

func tagOf(tags []types.Tag, key string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == key {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// ListRDSBackups lists the backups of a cluster in a region, whatever their state.
func (a *RDS) ListRDSBackups(ctx context.Context, in Backups) (BackupList, error) {
	return a.list(ctx, in, func(s types.DBClusterSnapshot) bool {
		return in.System != "" && tagOf(s.TagList, backupTag) == in.System
	})
}

// list lists the manual snapshots of a cluster in a region that are wanted, the newest first.
func (a *RDS) list(ctx context.Context, in Backups, wanted func(types.DBClusterSnapshot) bool) (BackupList, error) {
	found := BackupList{Backups: []Backup{}}
	pages := rds.NewDescribeDBClusterSnapshotsPaginator(a.client, &rds.DescribeDBClusterSnapshotsInput{
		DBClusterIdentifier: &in.Cluster, SnapshotType: aws.String("manual"),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx, inRegion(in.Region))
		if err != nil {
			return BackupList{}, Classify(err, "list the backups of "+in.Cluster+" in "+in.Region)
		}
		for _, s := range page.DBClusterSnapshots {
			if !wanted(s) || !strings.EqualFold(aws.ToString(s.DBClusterIdentifier), in.Cluster) {
				continue
			}
			b := Backup{
				ID: aws.ToString(s.DBClusterSnapshotIdentifier), ARN: aws.ToString(s.DBClusterSnapshotArn), Region: in.Region,
				Status: aws.ToString(s.Status), TakenAt: aws.ToTime(s.SnapshotCreateTime).UTC(), Operation: tagOf(s.TagList, ownerTag),
			}
			if taken, err := time.Parse(time.RFC3339Nano, tagOf(s.TagList, takenTag)); err == nil {
				b.TakenAt = taken.UTC()
			}
			found.Backups = append(found.Backups, b)
		}
	}
	slices.SortStableFunc(found.Backups, func(x, y Backup) int { return y.TakenAt.Compare(x.TakenAt) })
	return found, nil
}

// CopyRDSClusterSnapshot asks for a copy of a finished snapshot in another region and does not wait for it: see
// AwaitRDSClusterSnapshot. It is made once: the name is fixed, and the tags say whose it is.
func (a *RDS) CopyRDSClusterSnapshot(ctx context.Context, in SnapshotCopy) (SnapshotResult, error) {
	if err := checkOperation(in.Operation); err != nil {
		return SnapshotResult{}, err
	}
	if found, err := a.find(ctx, in.Region, in.SnapshotID); found != nil || err != nil {
		return adoptCopy(found, in, err)
	}
	if err := fence(ctx, a.records, in.Operation+"/rds:snapshot/"+in.Region+"/"+in.SnapshotID); err != nil {
		return SnapshotResult{}, err
	}
	tags := append(snapshotTags(in.Operation, in.Backup), types.Tag{Key: aws.String(takenTag), Value: aws.String(in.TakenAt.UTC().Format(time.RFC3339Nano))})
	_, err := a.client.CopyDBClusterSnapshot(ctx, &rds.CopyDBClusterSnapshotInput{
		SourceDBClusterSnapshotIdentifier: &in.Source, TargetDBClusterSnapshotIdentifier: &in.SnapshotID, KmsKeyId: &in.KMSKey,
		SourceRegion: &in.SourceFrom, Tags: tags,
	}, inRegion(in.Region))
	if err != nil {
		return SnapshotResult{}, Classify(err, fmt.Sprintf("copy the snapshot %s to %s", in.Source, in.Region))
	}
	found, err := a.find(ctx, in.Region, in.SnapshotID)
	if found == nil && err == nil {
		err = fail(NotYet, "the copy %s in %s was accepted and does not show yet; it is looked at again", in.SnapshotID, in.Region)
	}
	return adoptCopy(found, in, err)
}

// adoptCopy takes a copy for ours only if it says so.
func adoptCopy(found *types.DBClusterSnapshot, in SnapshotCopy, err error) (SnapshotResult, error) {
	if err != nil {
		return SnapshotResult{}, err
	}
	if owner, from := tagOf(found.TagList, ownerTag), aws.ToString(found.SourceDBClusterSnapshotArn); owner != in.Operation || from != in.Source {
		return SnapshotResult{}, fail(Drifted, "there is a snapshot %s in %s already, copied from %q and made by %q, not by this run (%s). It was left alone: rename or delete it if nobody needs it, then answer retry",
			in.SnapshotID, in.Region, from, owner, in.Operation)
	}
	return SnapshotResult{ARN: aws.ToString(found.DBClusterSnapshotArn), CreatedAt: aws.ToTime(found.SnapshotCreateTime)}, nil
}

// DeleteRDSBackup deletes one backup, if right before the deletion it is still one that may be deleted: ours, finished, old
// enough, and enough good ones stay in its region. One that is gone is done.
func (a *RDS) DeleteRDSBackup(ctx context.Context, in BackupDeletion) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	if err := fence(ctx, a.records, in.Operation+"/rds:snapshot/"+in.Region+"/"+in.ID); err != nil {
		return struct{}{}, err
	}
	list, err := a.ListRDSBackups(ctx, in.Backups)
	if err != nil {
		return struct{}{}, err
	}
	if !slices.ContainsFunc(list.Backups, func(b Backup) bool { return b.ID == in.ID }) {
		// Not in the list: gone, or none of ours. The second must not pass for done.
		switch other, err := a.find(ctx, in.Region, in.ID); {
		case err != nil:
			return struct{}{}, err
		case other != nil:
			return struct{}{}, fail(Refused, "%s in %s is no backup of %s that a run has made: it was left alone", in.ID, in.Region, in.Cluster)
		}
		return struct{}{}, nil
	}
	if why := MayDelete(list.Backups, in.ID, in.Keep, in.OlderThan); why != "" {
		return struct{}{}, fail(Refused, "%s in %s was not deleted: %s", in.ID, in.Region, why)
	}
	return struct{}{}, a.delete(ctx, in)
}

// MayDelete says why a backup must stay, or "". The backups are all of one region. It is the one rule about deleting
// backups, and it can never give up the last good one: without olderThan another good one must be left, with it keep good
// ones that are newer, and at least one.
func MayDelete(backups []Backup, id string, keep int, olderThan time.Time) string {
	at := slices.IndexFunc(backups, func(b Backup) bool { return b.ID == id })
	if at < 0 {
		return "it is no backup that a run has made"
	}
	it := backups[at]
	others, newer := 0, 0
	for _, b := range backups {
		if !b.Good() || b.ID == id {
			continue
		}
		others++
		if b.TakenAt.After(it.TakenAt) {
			newer++
		}
	}
	switch {
	case it.Status != available && it.Status != "failed":
		return "it is " + it.Status
	case others == 0:
		return "it would leave no good backup in the region"
	case olderThan.IsZero():
		return ""
	case !it.TakenAt.Before(olderThan):
		return fmt.Sprintf("it was taken at %s and is kept until it is older than %s", inJapan(it.TakenAt), inJapan(olderThan))
	case newer < max(keep, 1):
		return fmt.Sprintf("only %d newer good backups are left in the region, and %d must stay", newer, max(keep, 1))
	}
	return ""
}

// Expired lists the backups of one region that retention deletes, the oldest first. Each is checked with MayDelete as if those
// before it were gone.
func Expired(backups []Backup, keep int, olderThan time.Time) []Backup {
	left := slices.Clone(backups)
	slices.SortStableFunc(left, func(x, y Backup) int { return x.TakenAt.Compare(y.TakenAt) })
	expired := []Backup{}
	for _, b := range slices.Clone(left) {
		if MayDelete(left, b.ID, keep, olderThan) == "" {
			expired = append(expired, b)
			left = slices.DeleteFunc(left, func(o Backup) bool { return o.ID == b.ID })
		}
	}
	return expired
}
