package aurora_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/aurora"
	"tejun/internal/devserver"
	"tejun/internal/operated"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// place is a sandbox with a real server behind its cluster.
type place struct {
	t       *testing.T
	dir     string
	source  *devserver.Postgres
	box     *sandbox.Sandbox
	servers *aurora.Servers
	sys     *system.System
	rds     *rds.Client
	data    *operated.Database
	pool    *pgxpool.Pool
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir()}
	var err error
	p.source, err = devserver.StartDatabase(t.Context(), devserver.PostgresOptions{Dir: filepath.Join(p.dir, "database"), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.source.Stop()) })
	p.sys, err = system.Load("../../examples/system.yaml")
	require.NoError(t, err)
	p.box, err = sandbox.Open(filepath.Join(p.dir, "sandbox"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.box.Close()) })
	require.NoError(t, p.box.Seed(t.Context(), p.sys))
	require.NoError(t, p.box.SetTimeScale(0))
	p.serve()
	t.Cleanup(func() { assert.NoError(t, p.servers.Close()) })
	cfg := aws.Config{Region: p.sys.AWS.Region, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	p.box.Configure(&cfg)
	p.rds = rds.NewFromConfig(cfg)
	p.data, err = operated.Open(p.source.DSN())
	require.NoError(t, err)
	t.Cleanup(p.data.Close)
	p.pool, err = p.data.Pool(t.Context())
	require.NoError(t, err)
	return p
}

func (p *place) serve() {
	p.t.Helper()
	var err error
	p.servers, err = aurora.Serve(p.box, p.sys, p.source, aurora.Options{Dir: filepath.Join(p.dir, "aurora"), Tests: true, Log: func(s string) { p.t.Log(s) }})
	require.NoError(p.t, err)
}

func (p *place) exec(sql string) {
	p.t.Helper()
	_, err := p.pool.Exec(p.t.Context(), sql)
	require.NoError(p.t, err)
}

func (p *place) wait(what string, done func() bool) {
	p.t.Helper()
	require.Eventually(p.t, done, 10*time.Minute, 20*time.Millisecond, what)
}

func (p *place) cluster(name string) types.DBCluster {
	p.t.Helper()
	out, err := p.rds.DescribeDBClusters(p.t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &name})
	require.NoError(p.t, err)
	return out.DBClusters[0]
}

// rows counts the rows in a restored copy, at the address that RDS gives.
func (p *place) rows(name string) (n int) {
	p.t.Helper()
	c := p.cluster(name)
	pool, err := p.data.At(p.t.Context(), *c.Endpoint, *c.Port)
	require.NoError(p.t, err)
	defer pool.Close()
	require.NoError(p.t, pool.QueryRow(p.t.Context(), "SELECT count(*) FROM kept").Scan(&n))
	return n
}

func (p *place) addInstance(cluster string) {
	p.t.Helper()
	p.wait("the cluster "+cluster, func() bool { return *p.cluster(cluster).Status == "available" })
	_, err := p.rds.CreateDBInstance(p.t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String(cluster + "-1"), DBClusterIdentifier: &cluster, DBInstanceClass: aws.String("db.r6g.large"), Engine: aws.String("aurora-postgresql"),
	})
	require.NoError(p.t, err)
	p.running(cluster)
}

func (p *place) running(cluster string) {
	p.t.Helper()
	p.wait("the instance of "+cluster, func() bool {
		out, err := p.rds.DescribeDBInstances(p.t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: aws.String(cluster + "-1")})
		require.NoError(p.t, err)
		require.NotEqual(p.t, "failed", *out.DBInstances[0].DBInstanceStatus)
		return *out.DBInstances[0].DBInstanceStatus == "available"
	})
}

func TestSnapshotsAndPointsInTimeAreRestoredAsServersOfTheirOwn(t *testing.T) {
	p := newPlace(t)
	p.exec("CREATE TABLE kept AS SELECT n FROM generate_series(1, 100) n")
	_, err := p.rds.CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: &p.sys.Database.Cluster, DBClusterSnapshotIdentifier: aws.String("daily"),
	})
	require.NoError(t, err)
	p.wait("the snapshot", func() bool {
		out, err := p.rds.DescribeDBClusterSnapshots(t.Context(), &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: aws.String("daily")})
		require.NoError(t, err)
		return *out.DBClusterSnapshots[0].Status == "available"
	})
	p.wait("the automated backup", func() bool { return p.cluster(p.sys.Database.Cluster).EarliestRestorableTime != nil })
	p.exec("INSERT INTO kept VALUES (101)")
	time.Sleep(2 * time.Millisecond)
	before := time.Now()
	time.Sleep(2 * time.Millisecond)
	p.exec("DELETE FROM kept WHERE n > 50")

	_, err = p.rds.RestoreDBClusterFromSnapshot(t.Context(), &rds.RestoreDBClusterFromSnapshotInput{
		DBClusterIdentifier: aws.String("from-snapshot"), SnapshotIdentifier: aws.String("daily"), Engine: aws.String("aurora-postgresql"),
	})
	require.NoError(t, err)
	_, err = p.rds.RestoreDBClusterToPointInTime(t.Context(), &rds.RestoreDBClusterToPointInTimeInput{
		DBClusterIdentifier: aws.String("from-time"), SourceDBClusterIdentifier: &p.sys.Database.Cluster, RestoreToTime: &before,
	})
	require.NoError(t, err)
	_, err = p.rds.RestoreDBClusterToPointInTime(t.Context(), &rds.RestoreDBClusterToPointInTimeInput{
		DBClusterIdentifier: aws.String("from-now"), SourceDBClusterIdentifier: &p.sys.Database.Cluster, UseLatestRestorableTime: aws.Bool(true),
	})
	require.NoError(t, err)
	for name, rows := range map[string]int{"from-snapshot": 100, "from-time": 101, "from-now": 50} {
		p.addInstance(name)
		assert.Equal(t, rows, p.rows(name), name)
	}

	// Another process goes on with the same servers.
	require.NoError(t, p.servers.Close())
	p.serve()
	p.running("from-time")
	assert.Equal(t, 101, p.rows("from-time"), "after a restart")

	for _, name := range []string{"from-snapshot", "from-time", "from-now"} {
		_, err = p.rds.DeleteDBInstance(t.Context(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String(name + "-1")})
		require.NoError(t, err)
		_, err = p.rds.DeleteDBCluster(t.Context(), &rds.DeleteDBClusterInput{DBClusterIdentifier: &name, SkipFinalSnapshot: aws.Bool(true)})
		require.NoError(t, err)
	}
	_, err = p.rds.DeleteDBClusterSnapshot(t.Context(), &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: aws.String("daily")})
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(p.dir, "aurora", "*", "*"))
	require.NoError(t, err)
	require.Len(t, left, 1, "only the automated backup is left: %v", left)
	var n int
	require.NoError(t, p.pool.QueryRow(context.WithoutCancel(t.Context()), "SELECT count(*) FROM kept").Scan(&n))
	assert.Equal(t, 50, n, "the operated system's own database is untouched")
}
