package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const drKey = "arn:aws:kms:ap-northeast-3:123456789012:key/dr"

func snapshotNamed(t *testing.T, c *rds.Client, name string) *types.DBClusterSnapshot {
	t.Helper()
	out, err := c.CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: aws.String("gzs-db"), DBClusterSnapshotIdentifier: &name, Tags: []types.Tag{{Key: aws.String("by"), Value: aws.String("test")}},
	})
	require.NoError(t, err)
	return out.DBClusterSnapshot
}

func TestASnapshotIsCopiedToAnotherRegionWithAKeyOfThatRegion(t *testing.T) {
	box, cfg := seeded(t)
	at := newClock(box)
	require.NoError(t, box.SetTimeScale(1))
	home, dr := rds.NewFromConfig(cfg), rds.NewFromConfig(in(cfg, "ap-northeast-3"))
	made := snapshotNamed(t, home, "daily-1")
	ask := func(source, key, from string) error {
		in := &rds.CopyDBClusterSnapshotInput{
			SourceDBClusterSnapshotIdentifier: &source, TargetDBClusterSnapshotIdentifier: aws.String("daily-1"), CopyTags: aws.Bool(true),
		}
		if key != "" {
			in.KmsKeyId = &key
		}
		if from != "" {
			in.SourceRegion = &from
		}
		_, err := dr.CopyDBClusterSnapshot(t.Context(), in)
		return err
	}
	var state *types.InvalidDBClusterSnapshotStateFault
	require.ErrorAs(t, ask(*made.DBClusterSnapshotArn, drKey, "ap-northeast-1"), &state, "it is still being created")
	at.move(4 * time.Minute)

	var none *types.DBClusterSnapshotNotFoundFault
	require.ErrorAs(t, ask("daily-1", drKey, "ap-northeast-1"), &none, "another region's snapshot is named by its ARN")
	require.ErrorContains(t, ask(*made.DBClusterSnapshotArn, "", "ap-northeast-1"), "KmsKeyId must be explicitly specified")
	var key *types.KMSKeyNotAccessibleFault
	require.ErrorAs(t, ask(*made.DBClusterSnapshotArn, aws.ToString(made.KmsKeyId), "ap-northeast-1"), &key)
	require.ErrorContains(t, ask(*made.DBClusterSnapshotArn, drKey, ""), "SourceRegion")
	require.NoError(t, ask(*made.DBClusterSnapshotArn, drKey, "ap-northeast-1"))
	assert.NotContains(t, string(lastEntry(t, box).Params), "X-Amz-Signature")
	var clash *types.DBClusterSnapshotAlreadyExistsFault
	require.ErrorAs(t, ask(*made.DBClusterSnapshotArn, drKey, "ap-northeast-1"), &clash)

	look := func(c *rds.Client) types.DBClusterSnapshot {
		out, err := c.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{})
		require.NoError(t, err)
		require.Len(t, out.DBClusterSnapshots, 1, "each region has its own")
		return out.DBClusterSnapshots[0]
	}
	assert.Equal(t, "copying", *look(dr).Status)
	at.move(6 * time.Minute)
	copied := look(dr)
	assert.Equal(t, "available", *copied.Status)
	assert.Equal(t, *made.DBClusterSnapshotArn, *copied.SourceDBClusterSnapshotArn)
	assert.Equal(t, drKey, *copied.KmsKeyId)
	assert.Equal(t, made.TagList, copied.TagList)

	_, err := home.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("daily-1")})
	require.NoError(t, err)
	look(dr)
	_, err = home.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("daily-1")})
	require.ErrorAs(t, err, &none)
}

func TestARestoredClusterHasNoInstancesAndTheDefaultSecurityGroup(t *testing.T) {
	box := open(t, t.TempDir())
	at := newClock(box)
	require.NoError(t, box.Seed(t.Context(), example()))
	require.NoError(t, box.SetTimeScale(1))
	cfg := config(box)
	c := rds.NewFromConfig(cfg)
	before, err := box.Snapshot()
	require.NoError(t, err)
	at.move(time.Hour)

	restore := &rds.RestoreDBClusterToPointInTimeInput{DBClusterIdentifier: aws.String("copy"), SourceDBClusterIdentifier: aws.String("gzs-db")}
	_, err = c.RestoreDBClusterToPointInTime(t.Context(), restore)
	require.ErrorContains(t, err, "Exactly one of")
	restore.RestoreToTime = aws.Time(at.now.Add(time.Hour))
	var bad *types.InvalidRestoreFault
	_, err = c.RestoreDBClusterToPointInTime(t.Context(), restore)
	require.ErrorAs(t, err, &bad, "the future")
	restore.RestoreToTime = aws.Time(at.now.Add(-10 * time.Minute))
	_, err = c.RestoreDBClusterToPointInTime(t.Context(), restore)
	require.NoError(t, err)
	var clash *types.DBClusterAlreadyExistsFault
	_, err = c.RestoreDBClusterToPointInTime(t.Context(), restore)
	require.ErrorAs(t, err, &clash)

	look := func() types.DBCluster {
		out, err := c.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("copy")})
		require.NoError(t, err)
		return out.DBClusters[0]
	}
	assert.Equal(t, "creating", *look().Status)
	assert.Empty(t, look().DBClusterMembers)
	assert.Equal(t, "sg-default", *look().VpcSecurityGroups[0].VpcSecurityGroupId)
	instance := &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("copy-1"), DBClusterIdentifier: aws.String("copy"), DBInstanceClass: aws.String("db.r6g.large"), Engine: aws.String("aurora-postgresql"),
	}
	var state *types.InvalidDBClusterStateFault
	_, err = c.CreateDBInstance(t.Context(), instance)
	require.ErrorAs(t, err, &state, "the cluster is not there yet")
	at.move(7 * time.Minute)
	assert.Equal(t, "available", *look().Status)
	_, err = c.CreateDBInstance(t.Context(), instance)
	require.NoError(t, err)
	status := func() string {
		out, err := c.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{
			Filters: []types.Filter{{Name: aws.String("db-cluster-id"), Values: []string{"copy"}}},
		})
		require.NoError(t, err)
		return *out.DBInstances[0].DBInstanceStatus
	}
	assert.Equal(t, "creating", status())
	at.move(9 * time.Minute)
	assert.Equal(t, "available", status())
	assert.Len(t, look().DBClusterMembers, 1)

	drop := &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("copy"), SkipFinalSnapshot: aws.Bool(true)}
	_, err = c.DeleteDBCluster(t.Context(), drop)
	require.ErrorAs(t, err, &state, "it has an instance")
	_, err = c.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("copy-1")})
	require.NoError(t, err)
	assert.Equal(t, "deleting", status())
	_, err = c.DeleteDBCluster(t.Context(), &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("copy")})
	require.ErrorContains(t, err, "FinalDBSnapshotIdentifier")
	_, err = c.DeleteDBCluster(t.Context(), drop)
	require.NoError(t, err)
	assert.Equal(t, "deleting", *look().Status)
	at.move(3 * time.Minute)
	var gone *types.DBClusterNotFoundFault
	_, err = c.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("copy")})
	require.ErrorAs(t, err, &gone)
	_, err = c.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{})
	require.NoError(t, err)
	after, err := box.Snapshot()
	require.NoError(t, err)
	assert.Equal(t, before.Resources, after.Resources, "nothing of it is left")

	drop.DBClusterIdentifier = aws.String("gzs-db")
	_, err = c.DeleteDBCluster(t.Context(), drop)
	require.ErrorContains(t, err, "Cannot delete protected Cluster")
}
