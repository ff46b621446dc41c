package workflows

import (
	"fmt"

	"tejun/internal/system"
	"tejun/workflows/runbook"
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

// origin says in Japanese where the data come from, for the report.
func (d *disaster) origin() string {
	at := runbook.JapaneseTime(d.data.DataAt)
	switch {
	case d.data.DataAt.IsZero():
		return ""
	case d.on.Via == system.ViaGlobalCluster && d.real():
		return fmt.Sprintf("グローバルデータベースの複製（%s、%s 時点）", d.on.DRRegion, at)
	}
	return fmt.Sprintf("スナップショット %s（%s、%s 時点）", d.data.SnapshotID, d.on.DRRegion, at)
}
