package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/system"
)

// What goes on costing is said; a drill leaves nothing.
func TestWhatARecoveryLeavesIsNamed(t *testing.T) {
	all := func(string) bool { return true }
	of := func(mode, manner, via string) []string {
		d := &disaster{failedOver: true, on: system.DisasterTarget{Mode: mode, Manner: manner, Via: via, Cluster: "tejun-dr-1", DRRegion: "ap-northeast-3"}}
		require.Empty(t, d.lasting(func(string) bool { return false }), "nothing was tried")
		return d.lasting(all)
	}
	require.Empty(t, of(system.DisasterDrill, system.DisasterGraceful, system.ViaSnapshot))
	require.Empty(t, of(system.DisasterReal, system.DisasterGraceful, system.ViaGlobalCluster), "it was switched back")
	for _, manner := range []string{system.DisasterGraceful, system.DisasterUngraceful} {
		require.Equal(t, []string{"・復元したデータベースのクラスター tejun-dr-1（ap-northeast-3、作成されている場合）"}, of(system.DisasterReal, manner, system.ViaSnapshot))
	}
	require.Contains(t, of(system.DisasterReal, system.DisasterUngraceful, system.ViaGlobalCluster)[0], "ap-northeast-3")
}

func TestWhereTheDataComeFromIsSaidInJapanese(t *testing.T) {
	of := func(mode, via string, data activities.DisasterData) string {
		d := &disaster{on: system.DisasterTarget{Mode: mode, Via: via, DRRegion: "ap-northeast-3"}, data: data}
		return d.origin()
	}
	data := activities.DisasterData{SnapshotID: "tejun-backup-1", DataAt: time.Date(2027, 1, 17, 18, 15, 0, 0, time.UTC), Words: "snapshot tejun-backup-1"}
	require.Regexp(t, `^スナップショット tejun-backup-1（ap-northeast-3、2027年1月18日.*03:15.* 時点）$`, of(system.DisasterReal, system.ViaSnapshot, data))
	require.Contains(t, of(system.DisasterReal, system.ViaGlobalCluster, data), "グローバルデータベースの複製")
	require.Empty(t, of(system.DisasterDrill, system.ViaSnapshot, activities.DisasterData{}), "nothing was found yet")
}
