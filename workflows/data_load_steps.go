package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

func words(list []string) string { return strings.Join(list, "; ") }

func (l *loading) file() activities.DataLoad {
	return activities.DataLoad{
		Operation: l.Operation(), Dataset: l.in.Dataset, Declaration: l.on.Declaration, File: l.in.File, SHA256: l.in.SHA256, ExpectedRows: l.in.Expected,
	}
}

func (l *loading) take() runbook.StepSpec { return takeStep(l.Run, l.held()) }

// stage reads the file into staging tables. Its undo, which every run ends with, drops them.
func (l *loading) stage() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "stage", Title: "取得・リデューンチェック・変換 · Fetch, check and convert the file",
		Do: func(ctx workflow.Context) error {
			staged, err := heavy(ctx, l, runbook.Settle, dataLoads.StageDataFile, l.file())
			l.staged = staged
			return err
		},
		Undo:      do(runbook.Change, dataLoads.DropStagedRows, l.file()),
		UndoTitle: "一時表の削除 · Drop the staging tables",
	}
}

func (l *loading) keepRejects() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "keep-rejects", Title: "対象外の行の保管 · Keep the rejected rows for whoever delivered the file",
		Do: func(ctx workflow.Context) error {
			return l.onStaged(ctx, func(bool) error { return l.putRejects(ctx) })
		},
	}
}

func (l *loading) putRejects(ctx workflow.Context) (err error) {
	l.result.Rejects = activities.RejectsKept{}
	if l.staged.Counts.AllRejected() > 0 {
		l.result.Rejects, err = heavy(ctx, l, runbook.Mend, dataLoads.PutS3LoadRejects, l.file())
	}
	return err
}

func (l *loading) snapshotID() string { return loadSnapshotID(l.Operation()) }

// loadSnapshotID names the snapshot that a load takes before it imports.
func loadSnapshotID(operation string) string { return "tejun-load-" + operation }

func (l *loading) snapshot() runbook.StepSpec {
	return snapshotStep(l.Run, l.on.Cluster, l.snapshotID(), &l.result.Snapshot)
}

// mostStagings is how often a file is staged anew after PostgreSQL has lost what was staged: it empties such tables when it
// crashes.
const mostStagings = 5

// importRows is the import itself. What it imports is what was planned, or it imports nothing.
func (l *loading) importRows() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "import", Title: "登録・更新（一つのトランザクション） · Import in one transaction",
		Lasts: "the import, if it was committed: tejun_load.ledger has a row of the operation " + l.Operation() + " then; the way back is the snapshot before it, or the earlier edition of the file",
		Do: func(ctx workflow.Context) error {
			for again := 0; ; again++ {
				entry, err := heavy(ctx, l, runbook.Mend, dataLoads.ImportStagedRows, activities.LoadImport{
					DataLoad: l.file(), Source: l.on.Source, Expect: l.does.Counts,
				})
				if err == nil {
					l.result.Loaded = &entry
				}
				if !runbook.IsEnd(err, activities.NotStaged) || again == mostStagings {
					return err
				}
				if err := l.stageAgain(ctx); err != nil {
					return err
				}
			}
		},
	}
}

// stageAgain makes what was planned once more. If it is not the same, the load needs a new run.
func (l *loading) stageAgain(ctx workflow.Context) error {
	if _, err := l.restage(ctx); err != nil {
		return err
	}
	does, err := l.compare(ctx)
	if err == nil && (does.Counts != l.does.Counts || does.Sum != l.does.Sum) {
		err = runbook.End(activities.Drifted, "the table has changed since the plan was made; nothing was loaded: answer rollback, and start a new run")
	}
	return err
}

// restage stages the very file that was staged before; another one is refused.
func (l *loading) restage(ctx workflow.Context) (activities.FileStaged, error) {
	file := l.file()
	file.SHA256 = l.staged.SHA256
	staged, err := heavy(ctx, l, runbook.Settle, dataLoads.StageDataFile, file)
	if err == nil && staged.Already != nil {
		err = runbook.End(activities.Drifted, "the file has been loaded meanwhile by the operation %s; nothing was loaded: start a new run, which will say so", staged.Already.Operation)
	}
	return staged, err
}

// stagesForPlan is the change by which a plan survives that PostgreSQL lost what was staged. Runs of before have ended there.
const stagesForPlan = "stage-again-for-plan"

// onStaged does something with what is staged. What PostgreSQL has lost of it is staged once more, then it is done again.
func (l *loading) onStaged(ctx workflow.Context, do func(again bool) error) error {
	for again := 0; ; again++ {
		err := do(again > 0)
		if !runbook.IsEnd(err, activities.NotStaged) || again == mostStagings ||
			workflow.GetVersion(ctx, stagesForPlan, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return err
		}
		staged, err := l.restage(ctx)
		if err != nil {
			return err
		}
		l.staged = staged
	}
}

// compare works out what the load would do. Where the file was staged once more, its rejected rows are kept once more: a
// reference that was there may be gone.
func (l *loading) compare(ctx workflow.Context) (does activities.LoadDifference, err error) {
	err = l.onStaged(ctx, func(again bool) error {
		does, err = heavy(ctx, l, runbook.Settle, dataLoads.CompareStagedRows, l.file())
		if err != nil || !again {
			return err
		}
		return l.putRejects(ctx)
	})
	return does, err
}

// verify looks whether the table holds what the import has left.
func (l *loading) verify() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "verify", Title: "件数と台帳の照合 · Compare the row count with the ledger",
		Do: func(ctx workflow.Context) error {
			_, err := heavy(ctx, l, runbook.Settle, dataLoads.CheckLoadedRows, activities.LoadCheck{
				DataLoad: l.file(), Rows: l.result.Loaded.Rows, Checksum: l.result.Loaded.Checksum,
			})
			return err
		},
		SkipIf: "somebody has looked at the table and it is right",
	}
}
