package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/plan"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func (b *bench) copyTaken(ago time.Duration) time.Time {
	b.t.Helper()
	taken := time.Now().Add(-ago).UTC()
	require.NoError(b.t, b.box.SeedCopy(b.t.Context(), b.system, taken))
	return taken
}

func drillCluster(b *bench) DisasterCluster {
	return DisasterCluster{b.operation, b.system.Disaster.Database.DrillPrefix + "-" + b.operation}
}

func TestNewestGoodCopyIsFound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := try(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterDrill})
	requireType(t, err, Refused)
	b.copyTaken(30 * time.Hour)
	newest := b.copyTaken(2 * time.Hour)
	data := must(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterDrill})
	assert.Equal(t, system.ViaSnapshot, data.Via)
	assert.Equal(t, newest, data.DataAt)
	assert.NotEmpty(t, data.SnapshotID)
	assert.Contains(t, data.ARN, ":"+b.system.AWS.DRRegion+":")
	change := must(b, b.set.DisasterDatabase.PlanDisasterDatabase, DisasterDatabasePlan{Via: data.Via, Cluster: drillCluster(b).Cluster, SnapshotID: data.SnapshotID})
	assert.Contains(t, change.Title, data.SnapshotID)
}

func TestDRClusterIsMadeOnceAndTakenAway(t *testing.T) {
	for kind, want := range map[string]string{
		"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.Fault500: Unavailable, sandbox.FaultThrottle: Throttled,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.copyTaken(time.Hour)
			before := contentOf(b)
			data := must(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterDrill})
			at := drillCluster(b)
			restore := DisasterRestore{at.Operation, at.Cluster, data.SnapshotID}
			faulty := func(operation string, again func() error) {
				t.Helper()
				if kind != "" {
					b.fault("rds", operation, kind)
					requireType(t, again(), want)
				}
				require.NoError(t, again())
				require.NoError(t, again(), "a repetition finds it done")
			}
			faulty("RestoreDBClusterFromSnapshot", func() error {
				_, err := try(b, b.set.DisasterDatabase.RestoreDisasterCluster, restore)
				return err
			})
			must(b, b.set.DisasterDatabase.AwaitDisasterCluster, at)
			_, err := try(b, b.set.DisasterDatabase.AwaitDisasterInstance, at)
			requireType(t, err, NotYet)
			faulty("CreateDBInstance", func() error {
				_, err := try(b, b.set.DisasterDatabase.AddDisasterInstance, at)
				return err
			})
			endpoint := must(b, b.set.DisasterDatabase.AwaitDisasterInstance, at)
			assert.Contains(t, endpoint.Endpoint, at.Cluster+".")
			assert.Contains(t, endpoint.Endpoint, b.system.AWS.DRRegion)
			assert.Contains(t, endpoint.Endpoint, ":5432")
			assert.Equal(t, []string{"RestoreDBClusterFromSnapshot", "CreateDBInstance"}, b.effects())
			for _, e := range b.writes() {
				assert.Equal(t, b.system.AWS.DRRegion, e.Region)
			}
			out, err := rds.NewFromConfig(b.cfg).DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &at.Cluster}, inRegion(b.system.AWS.DRRegion))
			require.NoError(t, err)
			assert.Equal(t, b.system.Disaster.Database.SecurityGroups[0], *out.DBClusters[0].VpcSecurityGroups[0].VpcSecurityGroupId)

			if kind != "" { // it looks again and goes on
				b.fault("rds", "DeleteDBCluster", kind)
			}
			must(b, b.set.DisasterDatabase.DeleteDisasterCluster, at)
			must(b, b.set.DisasterDatabase.DeleteDisasterCluster, at)
			assert.Equal(t, before, contentOf(b))
		})
	}
}

func TestOnlyClustersOfItsOwnAreMadeAndDeleted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.copyTaken(time.Hour)
	data := must(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterDrill})
	for _, name := range []string{b.system.Database.Cluster, "tejun-drill", "tejun-drill-", ""} {
		_, err := try(b, b.set.DisasterDatabase.RestoreDisasterCluster, DisasterRestore{b.operation, name, data.SnapshotID})
		requireType(t, err, InvalidInput)
		_, err = try(b, b.set.DisasterDatabase.DeleteDisasterCluster, DisasterCluster{b.operation, name})
		requireType(t, err, InvalidInput)
	}
	_, err := try(b, b.set.DisasterDatabase.DeleteDisasterCluster, DisasterCluster{b.operation, b.system.Disaster.Database.RealPrefix + "-" + b.operation})
	requireType(t, err, Refused)
	others := DisasterCluster{"anotherone12", drillCluster(b).Cluster}
	must(b, b.set.DisasterDatabase.RestoreDisasterCluster, DisasterRestore{others.Operation, others.Cluster, data.SnapshotID})
	_, err = try(b, b.set.DisasterDatabase.DeleteDisasterCluster, drillCluster(b))
	requireType(t, err, Drifted)
	_, err = try(b, b.set.DisasterDatabase.RestoreDisasterCluster, DisasterRestore{b.operation, drillCluster(b).Cluster, ""})
	requireType(t, err, InvalidInput)
}

func withGlobalCluster(s *system.System) {
	v := &s.Disaster.Database
	v.Via, v.GlobalCluster, v.Secondary = system.ViaGlobalCluster, "gzs-infra-global", "gzs-infra-db-dr"
}

func TestGlobalClusterIsSwitchedOverAndBack(t *testing.T) {
	for _, kind := range []string{"", sandbox.FaultExecutedThenTimeout, sandbox.FaultLostRequest} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, withGlobalCluster)
			require.NoError(t, b.box.SetTimeScale(0.001))
			before := contentOf(b)
			data := must(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterReal})
			assert.Equal(t, system.ViaGlobalCluster, data.Via)
			assert.InDelta(t, 0.8, data.LagSeconds, 0.001)
			assert.WithinDuration(t, time.Now(), data.DataAt, 2*time.Minute)
			assert.Equal(t, 800*time.Millisecond, data.TakenAt.Sub(data.DataAt))
			digests := map[string]string{}
			for manner, says := range map[string]string{"": "昇格", system.DisasterGraceful: "失われるデータはありません", system.DisasterUngraceful: "複製が済んでいないデータは失われます"} {
				change := must(b, b.set.DisasterDatabase.PlanDisasterDatabase, DisasterDatabasePlan{Via: data.Via, Manner: manner})
				assert.NotEqual(t, change.BeforeHash, change.AfterHash)
				assert.Contains(t, change.Title, says)
				assert.Equal(t, manner == system.DisasterUngraceful, strings.Contains(string(change.After), `"AllowDataLoss":true`), string(change.After))
				whole, err := plan.New("scope", []plan.Change{change})
				require.NoError(t, err)
				assert.Empty(t, digests[whole.Digest], "officers approve the digest: a plan that loses data has one of its own")
				digests[whole.Digest] = "manner " + manner
			}
			for _, region := range []string{b.system.AWS.DRRegion, b.system.AWS.Region} {
				b.since()
				if kind != "" {
					b.fault("rds", "SwitchoverGlobalCluster", kind)
					_, err := try(b, b.set.DisasterDatabase.SwitchoverGlobalCluster, GlobalMove{b.operation, region})
					requireType(t, err, Unavailable)
				}
				must(b, b.set.DisasterDatabase.SwitchoverGlobalCluster, GlobalMove{b.operation, region})
				must(b, b.set.DisasterDatabase.SwitchoverGlobalCluster, GlobalMove{b.operation, region})
				done := must(b, b.set.DisasterDatabase.AwaitGlobalCluster, GlobalRef{region})
				assert.Contains(t, done.Writer, ":"+region+":")
				assert.Contains(t, done.Endpoint, region)
				assert.Equal(t, []string{"SwitchoverGlobalCluster"}, b.effects())
			}
			assert.Equal(t, before, contentOf(b))
		})
	}
}

// Whether anything has moved is asked after a refusal: a writer that moves, or has moved, is not one that stays.
func TestAGlobalClusterThatMovesIsNotCalledUnmoved(t *testing.T) {
	t.Parallel()
	b := newBench(t, withGlobalCluster)
	home, dr := GlobalRef{b.system.AWS.Region}, GlobalRef{b.system.AWS.DRRegion}
	require.NoError(t, b.box.LoseRegion(home.To))
	began := time.Now()
	assert.True(t, must(b, b.set.DisasterDatabase.ReadGlobalCluster, home).Unmoved)
	assert.Greater(t, time.Since(began), 5*time.Second, "reads lag behind writes: it looks for a while")
	assert.False(t, must(b, b.set.DisasterDatabase.ReadGlobalCluster, dr).Unmoved)
	must(b, b.set.DisasterDatabase.FailoverGlobalCluster, GlobalFailover{GlobalMove{b.operation, dr.To}, true})
	assert.False(t, must(b, b.set.DisasterDatabase.ReadGlobalCluster, home).Unmoved)
	require.NoError(t, b.box.SetTimeScale(0.001))
	must(b, b.set.DisasterDatabase.AwaitGlobalCluster, dr)
	assert.False(t, must(b, b.set.DisasterDatabase.ReadGlobalCluster, home).Unmoved)
}

func TestLostWriterIsReplacedOnlyWhenLossIsAllowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, withGlobalCluster)
	require.NoError(t, b.box.LoseRegion(b.system.AWS.Region))
	to := GlobalMove{b.operation, b.system.AWS.DRRegion}
	_, err := try(b, b.set.DisasterDatabase.SwitchoverGlobalCluster, to)
	requireType(t, err, Conflict)
	_, err = try(b, b.set.DisasterDatabase.FailoverGlobalCluster, GlobalFailover{GlobalMove: to})
	requireType(t, err, Refused)
	b.since()
	must(b, b.set.DisasterDatabase.FailoverGlobalCluster, GlobalFailover{to, true})
	must(b, b.set.DisasterDatabase.FailoverGlobalCluster, GlobalFailover{to, true})
	done := must(b, b.set.DisasterDatabase.AwaitGlobalCluster, GlobalRef{to.To})
	assert.Contains(t, done.Writer, to.To)
	assert.Equal(t, []string{"FailoverGlobalCluster"}, b.effects())
	_, err = try(b, b.set.DisasterDatabase.SwitchoverGlobalCluster, GlobalMove{b.operation, "moon-1"})
	requireType(t, err, InvalidInput)
}

func TestGlobalClusterThatDoesNotMoveIsUnfit(t *testing.T) {
	t.Parallel()
	b := newBench(t, withGlobalCluster)
	_, err := try(b, b.set.DisasterDatabase.AwaitGlobalCluster, GlobalRef{b.system.AWS.DRRegion})
	requireType(t, err, Unfit)
	c := newBench(t)
	_, err = try(c, c.set.DisasterDatabase.AwaitGlobalCluster, GlobalRef{c.system.AWS.DRRegion})
	requireType(t, err, Refused)
}
