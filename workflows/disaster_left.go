package workflows

import (
	"fmt"

	"tejun/internal/system"
)

// left is what a recovery that has gone back leaves in the DR region and what costs until somebody deletes it, for officers. A drill
// leaves nothing.
func (d *disaster) left() string {
	switch {
	case !d.real():
		return ""
	case d.on.Via != system.ViaGlobalCluster:
		return fmt.Sprintf("・復元したデータベースのクラスター %s（%s）", d.on.Cluster, d.on.DRRegion)
	case !d.graceful():
		return fmt.Sprintf("・グローバルデータベースの書込み側となったクラスター（%s）", d.on.DRRegion)
	}
	return ""
}
