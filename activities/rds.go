package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"tejun/internal/records"
)

// Snapshot is a snapshot of a database cluster that a run makes.
type Snapshot struct {
	Operation  string `json:"operation"`
	Cluster    string `json:"cluster"`
	SnapshotID string `json:"snapshotId"`       // fixed, so that a repetition finds it
	Backup     string `json:"backup,omitempty"` // the system's ID, for a backup that retention may delete; see Backups
}

// SnapshotResult says which snapshot there is.
type SnapshotResult struct {
	ARN       string    `json:"arn"`
	CreatedAt time.Time `json:"createdAt"` // zero while RDS has not said
}

// SnapshotRef names a snapshot.
type SnapshotRef struct {
	SnapshotID string `json:"snapshotId"`
	Region     string `json:"region,omitempty"` // "" for the system's own
}

// ownerTag marks what a run has made.
const ownerTag = "tejun:operation"

// rdsAPI is the calls used.
type rdsAPI interface {
	CreateDBClusterSnapshot(context.Context, *rds.CreateDBClusterSnapshotInput, ...func(*rds.Options)) (*rds.CreateDBClusterSnapshotOutput, error)
	DescribeDBClusterSnapshots(context.Context, *rds.DescribeDBClusterSnapshotsInput, ...func(*rds.Options)) (*rds.DescribeDBClusterSnapshotsOutput, error)
	CopyDBClusterSnapshot(context.Context, *rds.CopyDBClusterSnapshotInput, ...func(*rds.Options)) (*rds.CopyDBClusterSnapshotOutput, error)
	DeleteDBClusterSnapshot(context.Context, *rds.DeleteDBClusterSnapshotInput, ...func(*rds.Options)) (*rds.DeleteDBClusterSnapshotOutput, error)
}

// RDS makes, copies and deletes snapshots of Aurora clusters.
type RDS struct {
	client  rdsAPI
	records rdsRecords
}

// rdsRecords is what these activities need of our own database.
type rdsRecords interface {
	fenceStore
	LiveRuns(ctx context.Context) ([]records.LiveRun, error)
	AllReservations(ctx context.Context, at time.Time) ([]records.Reservation, error)
}

// CreateRDSClusterSnapshot asks for a snapshot and does not wait for it: see AwaitRDSClusterSnapshot. CreateDBClusterSnapshot
// takes no token; the fixed name and the owner's tag make sure that there is one, and that it is ours.
func (a *RDS) CreateRDSClusterSnapshot(ctx context.Context, in Snapshot) (SnapshotResult, error) {
	if err := checkOperation(in.Operation); err != nil {
		return SnapshotResult{}, err
	}
	if found, err := a.find(ctx, "", in.SnapshotID); found != nil || err != nil {
		return adopt(found, in, err)
	}
	if err := fence(ctx, a.records, in.Operation+"/rds:snapshot/"+in.SnapshotID); err != nil {
		return SnapshotResult{}, err
	}
	_, err := a.client.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: &in.Cluster, DBClusterSnapshotIdentifier: &in.SnapshotID,
		Tags: snapshotTags(in.Operation, in.Backup),
	})
	if err != nil {
		return SnapshotResult{}, Classify(err, fmt.Sprintf("make the snapshot %s of cluster %s", in.SnapshotID, in.Cluster))
	}
	found, err := a.find(ctx, "", in.SnapshotID)
	if found == nil && err == nil {
		err = fail(NotYet, "the snapshot %s was accepted and does not show yet; it is looked at again", in.SnapshotID)
	}
	return adopt(found, in, err)
}

// AwaitRDSClusterSnapshot waits until the snapshot can be restored from.
func (a *RDS) AwaitRDSClusterSnapshot(ctx context.Context, in SnapshotRef) (struct{}, error) {
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		found, err := a.find(ctx, in.Region, in.SnapshotID)
		switch {
		case err != nil:
			return false, "", err
		case found == nil: // it was there when it was made; reads lag behind
			return false, "", fail(NotYet, "the snapshot %s does not show", in.SnapshotID)
		}
		status := aws.ToString(found.Status)
		if status == "failed" {
			return false, "", fail(InvalidInput, "the snapshot %s failed: look at the cluster's events in RDS and delete the failed snapshot, then answer rollback and start again", in.SnapshotID)
		}
		return status == "available", fmt.Sprintf("snapshot %s is %s, %d %%", in.SnapshotID, status, aws.ToInt32(found.PercentProgress)), nil
	})
}

// find returns nil when there is no such snapshot.
func (a *RDS) find(ctx context.Context, region, id string) (*types.DBClusterSnapshot, error) {
	out, err := a.client.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &id}, inRegion(region))
	err = Classify(err, "read the snapshot "+id)
	switch {
	case isType(err, NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case len(out.DBClusterSnapshots) == 0:
		return nil, nil
	}
	return &out.DBClusterSnapshots[0], nil
}

// adopt takes a snapshot for ours only if it says so.
func adopt(found *types.DBClusterSnapshot, in Snapshot, err error) (SnapshotResult, error) {
	if err != nil {
		return SnapshotResult{}, err
	}
	owner := tagOf(found.TagList, ownerTag)
	if owner != in.Operation || !strings.EqualFold(aws.ToString(found.DBClusterIdentifier), in.Cluster) {
		return SnapshotResult{}, fail(Drifted, "there is a snapshot %s already, of cluster %s and made by %q, not by this run (%s). It was left alone: rename or delete it if nobody needs it, then answer retry",
			in.SnapshotID, aws.ToString(found.DBClusterIdentifier), owner, in.Operation)
	}
	return SnapshotResult{ARN: aws.ToString(found.DBClusterSnapshotArn), CreatedAt: aws.ToTime(found.SnapshotCreateTime)}, nil
}
