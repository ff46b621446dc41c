package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/system"
)

// What goes on costing is said; a drill leaves nothing.
func TestWhatARecoveryLeavesIsNamed(t *testing.T) {
	of := func(mode, manner, via string) string {
		d := &disaster{on: system.DisasterTarget{Mode: mode, Manner: manner, Via: via, Cluster: "tejun-dr-1", DRRegion: "ap-northeast-3"}}
		return d.left()
	}
	require.Empty(t, of(system.DisasterDrill, system.DisasterGraceful, system.ViaSnapshot))
	require.Empty(t, of(system.DisasterReal, system.DisasterGraceful, system.ViaGlobalCluster), "it was switched back")
	for _, manner := range []string{system.DisasterGraceful, system.DisasterUngraceful} {
		require.Equal(t, "・復元したデータベースのクラスター tejun-dr-1（ap-northeast-3）", of(system.DisasterReal, manner, system.ViaSnapshot))
	}
	require.Contains(t, of(system.DisasterReal, system.DisasterUngraceful, system.ViaGlobalCluster), "ap-northeast-3")
}
