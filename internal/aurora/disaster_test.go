package aurora_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSeededCopyIsRestoredInTheDRRegionAsAServerOfItsOwn(t *testing.T) {
	p := newPlace(t)
	p.exec("CREATE TABLE kept AS SELECT n FROM generate_series(1, 30) n")
	require.NoError(t, p.box.SeedCopy(t.Context(), p.sys, time.Now().Add(-time.Hour)))
	cfg := aws.Config{Region: p.sys.AWS.DRRegion, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	p.box.Configure(&cfg)
	p.rds = rds.NewFromConfig(cfg)
	id := ""
	p.wait("the copy", func() bool {
		out, err := p.rds.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterIdentifier: &p.sys.Database.Cluster})
		require.NoError(t, err)
		require.Len(t, out.DBClusterSnapshots, 1)
		require.NotEqual(t, "failed", *out.DBClusterSnapshots[0].Status)
		id = *out.DBClusterSnapshots[0].DBClusterSnapshotIdentifier
		return *out.DBClusterSnapshots[0].Status == "available"
	})
	_, err := p.rds.RestoreDBClusterFromSnapshot(t.Context(), &rds.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: aws.String("tejun-drill-1"), SnapshotIdentifier: &id, Engine: aws.String("aurora-postgresql"),
	})
	require.NoError(t, err)
	p.addInstance("tejun-drill-1")
	assert.Equal(t, 30, p.rows("tejun-drill-1"))
	world, err := p.box.World()
	require.NoError(t, err)
	c := p.cluster("tejun-drill-1")
	assert.Equal(t, p.sys.AWS.DRRegion, world.Databases[endpoint(c.Endpoint, c.Port)])
}

func endpoint(host *string, port *int32) string { return fmt.Sprintf("%s:%d", *host, *port) }
