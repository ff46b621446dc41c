package activities

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"tejun/internal/system"
)

// Restore makes a temporary cluster out of a snapshot, or out of a cluster as it was at a moment.
type Restore struct {
	Operation  string     `json:"operation"`
	Cluster    string     `json:"cluster"` // the new one; fixed, so that a repetition finds it
	SnapshotID string     `json:"snapshotId,omitempty"`
	Source     string     `json:"source,omitempty"` // cluster, when no snapshot is named
	At         *time.Time `json:"at,omitempty"`     // of the source; nil: the latest moment there is
}

// RestoredRef names a temporary cluster.
type RestoredRef struct {
	Operation string `json:"operation"`
	Cluster   string `json:"cluster"`
}

// rdsCopiesAPI is the calls used.
type rdsCopiesAPI interface {
	DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error)
	DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error)
	RestoreDBClusterFromSnapshot(context.Context, *rds.RestoreDBClusterFromSnapshotInput, ...func(*rds.Options)) (*rds.RestoreDBClusterFromSnapshotOutput, error)
	RestoreDBClusterToPointInTime(context.Context, *rds.RestoreDBClusterToPointInTimeInput, ...func(*rds.Options)) (*rds.RestoreDBClusterToPointInTimeOutput, error)
	CreateDBInstance(context.Context, *rds.CreateDBInstanceInput, ...func(*rds.Options)) (*rds.CreateDBInstanceOutput, error)
	DeleteDBInstance(context.Context, *rds.DeleteDBInstanceInput, ...func(*rds.Options)) (*rds.DeleteDBInstanceOutput, error)
	DeleteDBCluster(context.Context, *rds.DeleteDBClusterInput, ...func(*rds.Options)) (*rds.DeleteDBClusterOutput, error)
}

// RDSCopies makes temporary clusters and takes them away. Nothing that lacks the run's tag is ever deleted.
type RDSCopies struct {
	client  rdsCopiesAPI
	records fenceStore
	system  func() (*system.System, error)
	wait    time.Duration // between two readings of the same object
}

// engine of all clusters that are described.
const engine = "aurora-postgresql"

func instanceID(cluster string) string { return cluster + "-1" }

// RestoreRDSCluster asks for the cluster and does not wait for it: see AwaitRDSCluster. It has no instance at first.
func (a *RDSCopies) RestoreRDSCluster(ctx context.Context, in Restore) (struct{}, error) {
	s, err := describe(a.system)
	if err != nil {
		return struct{}{}, err
	}
	if in.Cluster == s.Database.Cluster || (in.SnapshotID == "") == (in.Source == "") {
		return struct{}{}, fail(InvalidInput, "restore %q from snapshot %q or cluster %q: name a new cluster and exactly one source", in.Cluster, in.SnapshotID, in.Source)
	}
	return struct{}{}, a.restoreAs(ctx, in, s.Database.Restore)
}

// restoreAs asks for a cluster that is as d says.
func (a *RDSCopies) restoreAs(ctx context.Context, in Restore, d system.DatabaseRestore) error {
	if err := checkOperation(in.Operation); err != nil {
		return err
	}
	if found, err := a.find(ctx, in.Cluster); found != nil || err != nil {
		return ours(found, in.Operation, err)
	}
	if err := fence(ctx, a.records, in.Operation+"/rds:cluster/"+in.Cluster); err != nil {
		return err
	}
	if err := Classify(a.restore(ctx, in, d), "restore the cluster "+in.Cluster); err != nil {
		return err
	}
	found, err := a.find(ctx, in.Cluster)
	if found == nil && err == nil {
		err = fail(NotYet, "the cluster %s was accepted and does not show yet; it is looked at again", in.Cluster)
	}
	return ours(found, in.Operation, err)
}

func (a *RDSCopies) restore(ctx context.Context, in Restore, d system.DatabaseRestore) error {
	tags := snapshotTags(in.Operation, "")
	var subnets *string
	if d.SubnetGroup != "" {
		subnets = &d.SubnetGroup
	}
	var scaling *types.ServerlessV2ScalingConfiguration
	if d.MaxCapacity > 0 {
		scaling = &types.ServerlessV2ScalingConfiguration{MinCapacity: &d.MinCapacity, MaxCapacity: &d.MaxCapacity}
	}
	if in.SnapshotID != "" {
		_, err := a.client.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{
			DBClusterIdentifier: &in.Cluster, SnapshotIdentifier: &in.SnapshotID, Engine: aws.String(engine), Tags: tags,
			DBSubnetGroupName: subnets, VpcSecurityGroupIds: d.SecurityGroups, ServerlessV2ScalingConfiguration: scaling,
		})
		return err
	}
	ask := &rds.RestoreDBClusterToPointInTimeInput{
		DBClusterIdentifier: &in.Cluster, SourceDBClusterIdentifier: &in.Source, Tags: tags, RestoreToTime: in.At,
		DBSubnetGroupName: subnets, VpcSecurityGroupIds: d.SecurityGroups, ServerlessV2ScalingConfiguration: scaling,
	}
	if in.At == nil {
		ask.UseLatestRestorableTime = aws.Bool(true)
	}
	_, err := a.client.RestoreDBClusterToPointInTime(ctx, ask)
	return err
}

// AwaitRDSCluster waits until an instance can be added.
func (a *RDSCopies) AwaitRDSCluster(ctx context.Context, in RestoredRef) (struct{}, error) {
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		found, err := a.find(ctx, in.Cluster)
		if found == nil && err == nil {
			err = fail(NotYet, "the cluster %s does not show", in.Cluster)
		}
		if err != nil {
			return false, "", err
		}
		return settled("cluster "+in.Cluster, aws.ToString(found.Status))
	})
}

// settled tells whether a status is the wanted end, and makes an error of one from which nothing comes any more.
func settled(what, status string) (bool, string, error) {
	switch status {
	case "failed", "restore-failed", "incompatible-restore", "incompatible-network", "inaccessible-encryption-credentials":
		return false, "", fail(InvalidInput, "the %s is %s: look at its events in RDS; the run takes it away again", what, status)
	}
	return status == available, what + " is " + status, nil
}

// AddRDSInstance asks for the cluster's instance, without which nobody can connect.
func (a *RDSCopies) AddRDSInstance(ctx context.Context, in RestoredRef) (struct{}, error) {
	s, err := describe(a.system)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, a.addInstance(ctx, in, s.Database.Restore.InstanceClass)
}

func (a *RDSCopies) addInstance(ctx context.Context, in RestoredRef, class string) error {
	id := instanceID(in.Cluster)
	if found, err := a.instance(ctx, id); found != nil || err != nil {
		return err
	}
	if err := fence(ctx, a.records, in.Operation+"/rds:db/"+id); err != nil {
		return err
	}
	_, err := a.client.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &id, DBClusterIdentifier: &in.Cluster, DBInstanceClass: &class, Engine: aws.String(engine),
		Tags: snapshotTags(in.Operation, ""),
	})
	return Classify(err, "add the instance "+id)
}

// AwaitRDSInstance waits until the instance answers.
func (a *RDSCopies) AwaitRDSInstance(ctx context.Context, in RestoredRef) (struct{}, error) {
	id := instanceID(in.Cluster)
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		found, err := a.instance(ctx, id)
		if found == nil && err == nil {
			err = fail(NotYet, "the instance %s does not show", id)
		}
		if err != nil {
			return false, "", err
		}
		return settled("instance "+id, aws.ToString(found.DBInstanceStatus))
	})
}

// DeleteRDSRestoredCluster takes the temporary cluster and its instance away and waits until they are gone. It is harmless
// when there is none.
func (a *RDSCopies) DeleteRDSRestoredCluster(ctx context.Context, in RestoredRef) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	// First of all, so that an old attempt of the restore cannot make it after this has looked.
	for _, kind := range []string{"cluster/" + in.Cluster, "db/" + instanceID(in.Cluster)} {
		if err := fence(ctx, a.records, in.Operation+"/rds:"+kind); err != nil {
			return struct{}{}, err
		}
	}
	absent := 0
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		found, err := a.find(ctx, in.Cluster)
		if err != nil {
			return false, "", err
		}
		if found == nil { // believed only when it has been so several times: a restore may not show yet
			absent++
			return absent >= settleReads, "no cluster " + in.Cluster, nil
		}
		absent = 0
		if err := ours(found, in.Operation, nil); err != nil {
			return false, "", err
		}
		return false, fmt.Sprintf("the cluster %s goes: %s", in.Cluster, aws.ToString(found.Status)), a.takeAway(ctx, found)
	})
}

// takeAway deletes whatever of the cluster is not being deleted yet: first its instances, then itself.
func (a *RDSCopies) takeAway(ctx context.Context, c *types.DBCluster) error {
	const deleting = "deleting"
	for _, m := range c.DBClusterMembers {
		i, err := a.instance(ctx, aws.ToString(m.DBInstanceIdentifier))
		if err != nil {
			return err
		}
		if i == nil || aws.ToString(i.DBInstanceStatus) == deleting {
			continue
		}
		_, err = a.client.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: i.DBInstanceIdentifier, SkipFinalSnapshot: aws.Bool(true)})
		if err = Classify(err, "delete the instance "+aws.ToString(i.DBInstanceIdentifier)); err != nil && !isType(err, NotFound) {
			return err
		}
	}
	if aws.ToString(c.Status) == deleting {
		return nil
	}
	_, err := a.client.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, SkipFinalSnapshot: aws.Bool(true)})
	if err = Classify(err, "delete the cluster "+aws.ToString(c.DBClusterIdentifier)); isType(err, NotFound) {
		return nil
	}
	return err
}

// find returns nil when there is no such cluster.
func (a *RDSCopies) find(ctx context.Context, id string) (*types.DBCluster, error) {
	out, err := a.client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &id})
	err = Classify(err, "read the cluster "+id)
	switch {
	case isType(err, NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case len(out.DBClusters) == 0:
		return nil, nil
	}
	return &out.DBClusters[0], nil
}

func (a *RDSCopies) instance(ctx context.Context, id string) (*types.DBInstance, error) {
	out, err := a.client.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
	err = Classify(err, "read the instance "+id)
	switch {
	case isType(err, NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case len(out.DBInstances) == 0:
		return nil, nil
	}
	return &out.DBInstances[0], nil
}

// ours takes a cluster for ours only if it says so.
func ours(found *types.DBCluster, operation string, err error) error {
	if err != nil {
		return err
	}
	if owner := tagOf(found.TagList, ownerTag); owner != operation {
		return fail(Drifted, "there is a cluster %s already, made by %q, not by this run (%s). It was left alone: delete it if nobody needs it, then answer retry",
			aws.ToString(found.DBClusterIdentifier), owner, operation)
	}
	return nil
}
