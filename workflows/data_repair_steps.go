package workflows

import (
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

func (m *mending) take() runbook.StepSpec { return takeStep(m.Run, m.resources()) }

func (m *mending) snapshot() runbook.StepSpec {
	return snapshotStep(m.Run, m.on.Cluster, "tejun-repair-"+m.Operation(), &m.result.Snapshot)
}

func (m *mending) repair() activities.Repair {
	return activities.Repair{Operation: m.Operation(), Template: m.in.Template, TemplateHash: m.on.TemplateHash, Parameters: m.in.Parameters}
}

// preview runs the repair on the copy. Its rows before → after become the plan.
func (m *mending) preview() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "preview", Title: "複製での試行 · Try the repair on the copy",
		Do: func(ctx workflow.Context) error {
			seen, err := runbook.Call(ctx, runbook.Settle, repairs.PreviewRepair, activities.RepairPreview{Repair: m.repair(), Cluster: m.copied.cluster})
			m.result.Preview = seen
			return err
		},
	}
}

// dropCopy deletes the copy at once: people may take days to decide, and it costs money. The undo of its making finds it gone.
func (m *mending) dropCopy() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "drop-copy", Title: "一時クラスターの削除 · Delete the temporary cluster",
		Do:     do(runbook.Settle, rdsCopies.DeleteRDSRestoredCluster, m.copied.ref()),
		SkipIf: "it is deleted by hand; the way back deletes it too",
	}
}

// keepUndo keeps the script that would take the repair back, before the repair.
func (m *mending) keepUndo() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "keep-undo", Title: "取り消し用スクリプトの保管 · Keep the script that would take it back",
		Do: func(ctx workflow.Context) error {
			kept, err := runbook.Call(ctx, runbook.Change, s3.PutS3RepairUndo, activities.RepairUndo{Operation: m.Operation(), SHA256: m.result.Preview.UndoHash})
			m.result.Undo = kept
			return err
		},
	}
}

func (m *mending) change() activities.RepairChange {
	return activities.RepairChange{Repair: m.repair(), Plan: m.result.Preview, Digest: m.PlanDigest()}
}

// fix is the repair itself. It cannot be skipped, and has no undo of its own: a committed repair stays.
func (m *mending) fix() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "fix", Title: "データ修正（一つのトランザクション） · Repair the data in one transaction",
		Lasts: "the repair, if it was committed: tejun.repair_ledger has a row of the operation " + m.Operation() + " then, and the undo script is in S3",
		Do: func(ctx workflow.Context) error {
			done, err := runbook.Call(ctx, runbook.Mend, repairs.ExecuteRepair, m.change())
			if err == nil {
				m.result.Rows = done.Rows
			}
			return err
		},
	}
}

func (m *mending) verify() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "verify", Title: "修正結果の確認 · Read the repaired rows again",
		Do:     do(runbook.Settle, repairs.VerifyRepair, m.change()),
		SkipIf: "somebody has looked at the rows and they are right",
	}
}
