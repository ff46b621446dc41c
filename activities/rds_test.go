package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func snapshotOf(b *bench) Snapshot {
	return Snapshot{Operation: b.operation, Cluster: b.system.Database.Cluster, SnapshotID: "tejun-outage-" + b.operation}
}

func TestSnapshotIsMadeOnce(t *testing.T) {
	for kind, want := range map[string]string{
		"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.Fault500: Unavailable,
		sandbox.FaultThrottle: Throttled, sandbox.FaultDenied: Denied,
	} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			if kind != "" {
				b.fault("rds", "CreateDBClusterSnapshot", kind)
				_, err := try(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
				requireType(t, err, want)
			}
			first := must(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
			again := must(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
			assert.Equal(t, first, again)
			assert.Contains(t, first.ARN, snapshotOf(b).SnapshotID)
			require.Equal(t, []string{"CreateDBClusterSnapshot"}, b.effects())
		})
	}
}

func TestSnapshotThatAStaleReadHidesIsFoundByTheRetry(t *testing.T) {
	b := newBench(t)
	must(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
	b.fault("rds", "DescribeDBClusterSnapshots", sandbox.FaultStaleRead)
	_, err := try(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
	requireType(t, err, Conflict)
	must(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
	require.Equal(t, []string{"CreateDBClusterSnapshot"}, b.effects())
}

func TestSnapshotOfSomebodyElseIsNotAdopted(t *testing.T) {
	b := newBench(t)
	in := snapshotOf(b)
	_, err := rds.NewFromConfig(b.cfg).CreateDBClusterSnapshot(t.Context(), &rds.CreateDBClusterSnapshotInput{
		DBClusterIdentifier: &in.Cluster, DBClusterSnapshotIdentifier: &in.SnapshotID,
	})
	require.NoError(t, err)
	_, err = try(b, b.set.RDS.CreateRDSClusterSnapshot, in)
	requireType(t, err, Drifted)
	assert.Contains(t, err.Error(), "not by this run")

	in.SnapshotID, in.Cluster = "tejun-other", "no-such-cluster"
	_, err = try(b, b.set.RDS.CreateRDSClusterSnapshot, in)
	requireType(t, err, NotFound)
}

func TestSnapshotIsAwaited(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.box.SetTimeScale(0.005))
	must(b, b.set.RDS.CreateRDSClusterSnapshot, snapshotOf(b))
	b.fault("rds", "DescribeDBClusterSnapshots", sandbox.Fault500)
	must(b, b.set.RDS.AwaitRDSClusterSnapshot, SnapshotRef{SnapshotID: snapshotOf(b).SnapshotID})
	found, err := b.set.RDS.find(t.Context(), "", snapshotOf(b).SnapshotID)
	require.NoError(t, err)
	assert.Equal(t, "available", *found.Status)
}

func TestSnapshotThatNeverShowsIsLookedForAgain(t *testing.T) {
	b := newBench(t)
	_, err := try(b, b.set.RDS.AwaitRDSClusterSnapshot, SnapshotRef{SnapshotID: "nowhere"})
	requireType(t, err, NotYet)
}
