package workflows

import (
	"fmt"
	"slices"
	"strings"

	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// left is what a run that has gone back, or was given up, leaves: what costs in the DR region until somebody deletes it, and what was not put
// back by the run. It is "" when everything is as it was.
func (d *disaster) left() string {
	return strings.Join(append(d.lasting(d.tried), d.skipped()...), "\n")
}

// skipped is what the run has not put back, as a person said that it need not.
func (d *disaster) skipped() (all []string) {
	for _, s := range d.Status().Steps {
		if s.State == runbook.StepSkipped && strings.HasPrefix(s.Name, "undo-") {
			all = append(all, "・手順による取り消しを省略したもの："+japanese(s.Title))
		}
	}
	return all
}

// lasting is what steps leave that were tried. A drill leaves nothing.
func (d *disaster) lasting(tried func(step string) bool) (all []string) {
	if !d.real() {
		return nil
	}
	if d.finalCopy != nil && tried("last-copy") {
		all = append(all, fmt.Sprintf("・最終データのスナップショット %s（両リージョン、作成されている場合。保存期間の経過後に削除されます）", d.data.SnapshotID))
	}
	switch {
	case !tried("database"):
	case d.on.Via != system.ViaGlobalCluster:
		all = append(all, fmt.Sprintf("・復元したデータベースのクラスター %s（%s、作成されている場合）", d.on.Cluster, d.on.DRRegion))
	case !d.graceful() && d.failedOver:
		all = append(all, fmt.Sprintf("・グローバルデータベースの書込み側となったクラスター（%s）", d.on.DRRegion))
	}
	return all
}

// tried tells whether a step was begun, perhaps in an earlier life.
func (d *disaster) tried(step string) bool {
	return d.again || slices.ContainsFunc(d.Status().Steps, func(s runbook.Step) bool { return s.Name == step && s.StartedAt != nil })
}

// japanese is what stands before the English of a text in both languages.
func japanese(text string) string {
	ja, _, _ := strings.Cut(text, " · ")
	return ja
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
