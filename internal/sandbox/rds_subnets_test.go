package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/system"
)

// A cluster lies in a subnet group of its region that is there, and keeps it from being deleted.
func TestARestoredClusterLiesInASubnetGroupOfItsRegion(t *testing.T) {
	s, cfg, _ := withDisaster(t, func(d *system.Disaster) { d.Database.SubnetGroup = "dr-db" })
	require.NoError(t, s.SetTimeScale(0)) // the copy and the deletion take time
	require.NoError(t, s.SeedCopy(t.Context(), disasterExample(), time.Now().Add(-time.Hour)))
	c := rds.NewFromConfig(in(cfg, osaka))
	out, err := c.DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("DR-db")})
	require.NoError(t, err)
	require.Len(t, out.DBSubnetGroups, 1)
	assert.Equal(t, "Complete", *out.DBSubnetGroups[0].SubnetGroupStatus)
	assert.NotEqual(t, *out.DBSubnetGroups[0].Subnets[0].SubnetAvailabilityZone.Name, *out.DBSubnetGroups[0].Subnets[1].SubnetAvailabilityZone.Name)
	all, err := c.DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{})
	require.NoError(t, err)
	assert.Equal(t, out.DBSubnetGroups, all.DBSubnetGroups)
	_, err = rds.NewFromConfig(cfg).DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("dr-db")})
	require.ErrorContains(t, err, "DBSubnetGroupNotFoundFault", "it lies in the other region")

	copies, err := c.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{})
	require.NoError(t, err)
	require.NotEmpty(t, copies.DBClusterSnapshots)
	restore := func(group string) error {
		_, err := c.RestoreDBClusterFromSnapshot(t.Context(), &rds.RestoreDBClusterFromSnapshotInput{
			DBClusterIdentifier: aws.String("restored"), SnapshotIdentifier: copies.DBClusterSnapshots[0].DBClusterSnapshotIdentifier, Engine: aws.String("aurora-postgresql"), DBSubnetGroupName: &group,
		})
		return err
	}
	require.ErrorContains(t, restore("none"), "DBSubnetGroupNotFoundFault")
	require.NoError(t, restore("dr-db"))
	drop := &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: aws.String("dr-db")}
	_, err = c.DeleteDBSubnetGroup(t.Context(), drop)
	require.ErrorContains(t, err, "InvalidDBSubnetGroupStateFault")
	_, err = c.DeleteDBCluster(t.Context(), &rds.DeleteDBClusterInput{DBClusterIdentifier: aws.String("restored"), SkipFinalSnapshot: aws.Bool(true)})
	require.NoError(t, err)
	_, err = c.DeleteDBSubnetGroup(t.Context(), drop)
	require.NoError(t, err)
	_, err = c.DescribeDBSubnetGroups(t.Context(), &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: aws.String("dr-db")})
	require.ErrorContains(t, err, "DBSubnetGroupNotFoundFault")
}
