package workflows

import (
	"encoding/hex"
	"fmt"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// DataLoad (データ登録・更新業務, row 9) loads a file into a table of the operated system's database. It is started when a file
// arrives, by a schedule, or by hand.
//
// The file is fetched, checked (リデューンチェック: was it loaded before, duplicates, contradictions, references) and converted into
// staging tables; what it would do to the table is the plan. Where the dataset's rules ask for it, an officer of the ministry
// approves the content: at the first load, when more than the declared share of rows would change or vanish, when rows are
// rejected, or always.
//
// The import is one transaction with a row of the ledger, so the table holds all of the file or nothing of it. It has no undo
// of its own: the snapshot before it, or the earlier edition of the file, is the way back. Until then nothing but staging
// tables was written, and these are dropped on every way out. A file that is loaded already ends the run at once.
//
// What reads or writes whole tables is done by the worker, or by a Fargate task of the run's own where system.yaml names one.
var dataLoad = runbook.Spec{Name: "DataLoad", Row: 9, Title: "データ登録・更新 · Data load"}

// DataLoadInput asks for a load.
type DataLoadInput struct {
	Dataset   string `json:"dataset"`                // a dataset of the folder that system.yaml names
	File      string `json:"file,omitempty"`         // key below the dataset's prefix, or name in its folder; "" where the source is one address
	SHA256    string `json:"sha256,omitempty"`       // of the file, hex; another file is refused
	Expected  int64  `json:"expectedRows,omitempty"` // rows of the file; another number is refused
	Reason    string `json:"reason"`                 // Japanese
	Requester string `json:"requester"`              // person in system.yaml who asks for it
	Operator  string `json:"operator"`               // person in system.yaml who carries it out

	Hands []string `json:"hands,omitempty"` // people who had a hand in making the file, such as its creator: they do not approve it
}

// Validate checks what can be checked without the operated system.
func (in *DataLoadInput) Validate() error {
	var p problems
	p.line("dataset", in.Dataset, 60)
	if in.File != "" {
		p.line("file", in.File, 1000)
	}
	p.text("reason", in.Reason, 2000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	for _, name := range in.Hands {
		p.line("hands", name, 64)
	}
	if sum, err := hex.DecodeString(in.SHA256); in.SHA256 != "" && (err != nil || len(sum) != 32) {
		p.add("sha256 is %q: want 64 hex digits, or leave it out", in.SHA256)
	}
	if in.Expected < 0 {
		p.add("expectedRows is %d: want a number of rows, or leave it out", in.Expected)
	}
	return p.err()
}

func (in *DataLoadInput) request() load.Request {
	return load.Request{Dataset: in.Dataset, File: in.File, Requester: in.Requester, Operator: in.Operator}
}

// DataLoadResult is what the report needs.
type DataLoadResult struct {
	Plan     string                 `json:"plan"`     // digest; "" when nothing had to be loaded
	Already  string                 `json:"already"`  // operation of the load that had loaded this file; "" if none
	Source   string                 `json:"source"`   // of the file
	SHA256   string                 `json:"sha256"`   // of the file
	Counts   load.Counts            `json:"counts"`   // what became of its rows
	Rejects  activities.RejectsKept `json:"rejects"`  // where the rejected rows lie
	Snapshot string                 `json:"snapshot"` // taken before the import
	Loaded   *load.Entry            `json:"loaded"`   // the ledger's row; null when nothing was imported
	Evidence runbook.Evidence       `json:"evidence"`
}

// loading is one run of the runbook.
type loading struct {
	*runbook.Run
	in     DataLoadInput
	on     load.Target
	staged activities.FileStaged
	does   activities.LoadDifference
	result DataLoadResult
	task   loadTask
}

// DataLoad is the workflow.
func DataLoad(ctx workflow.Context, raw converter.RawValue) (DataLoadResult, error) {
	l := &loading{}
	ctx, run, err := runbook.Open(ctx, dataLoad, raw, &l.in)
	if err != nil {
		return DataLoadResult{}, err
	}
	l.Run = run
	l.result.Evidence, err = l.Finish(ctx, l.run(ctx))
	return l.result, err
}

func (l *loading) run(ctx workflow.Context) error {
	// 1. What does the request mean on this system? The table is held until the run ends.
	if err := l.resolve(ctx); err != nil {
		return err
	}
	l.Declare(l.take(), l.stage(), l.keepRejects(), l.snapshot(), l.importRows(), l.verify())

	// 2. Fetch, check and convert into staging tables. A file that is loaded already ends the run here.
	for _, step := range []runbook.StepSpec{l.take(), l.stage()} {
		if err := l.Step(ctx, step); err != nil {
			return err
		}
	}
	l.result.Source, l.result.SHA256, l.result.Counts = l.on.Source, l.staged.SHA256, l.staged.Counts
	if l.staged.Already != nil {
		l.result.Already = l.staged.Already.Operation
		l.Record(ctx, "already-loaded", "", l.result)
		return nil
	}
	if l.staged.Counts.AllRejected() > 0 {
		if err := l.Step(ctx, l.keepRejects()); err != nil {
			return err
		}
	}

	// 3. The difference is the plan. The ministry approves it where the dataset's rules ask for that.
	if err := l.Planned(ctx, l.plan); err != nil {
		return err
	}
	l.result.Plan, l.result.Counts = l.PlanDigest(), l.does.Counts
	if len(l.does.Asks) > 0 {
		gate := runbook.Gate{Name: "content", Asks: "登録内容の承認 · approval of the content: " + words(l.does.Asks), Plan: l.plan}
		if err := l.Approve(ctx, gate); err != nil {
			return err
		}
		if err := l.Confirm(ctx, gate); err != nil {
			return err
		}
		l.result.Plan, l.result.Counts = l.PlanDigest(), l.does.Counts
	}

	// 4. A snapshot, the import in one transaction, and a look at the table.
	if l.on.Backup {
		if err := l.Step(ctx, l.snapshot()); err != nil {
			return err
		}
	}
	for _, step := range []runbook.StepSpec{l.importRows(), l.verify()} {
		if err := l.Step(ctx, step); err != nil {
			return err
		}
	}
	l.Record(ctx, "load", "", l.result)
	return nil
}

// longestLoad is how long a run may hold the table, the approval included.
const longestLoad = 72 * time.Hour

// resolve turns the request into the dataset, the file and the table, and holds the table.
func (l *loading) resolve(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveDataLoad, l.in.request())
	if err != nil {
		return err
	}
	l.on = on
	err = l.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: l.resources(),
		Mail: map[string]string{"title": "データ登録・更新：" + on.Title, "reason": l.in.Reason, "services": on.Table},
	})
	if err != nil {
		return err
	}
	if err := l.HadHand(ctx, l.in.Hands...); err != nil {
		return err
	}
	if err := l.Satisfiable(ctx, "content"); err != nil {
		return err
	}
	from := workflow.Now(ctx)
	err = l.Reserve(ctx, l.held(), from, from.Add(longestLoad))
	if runbook.Busy(err) && l.Status().Parent != "" { // whoever has started it may start another one later
		if _, kept := runbook.Resolve(ctx, arrivals.KeepArrivalRefused, activities.RunRef{WorkflowID: l.Status().ID}); kept != nil {
			return kept
		}
	}
	return err
}

// held is what a load needs for itself: the table, and the dataset, of which nobody may load a file while one is created and
// not yet looked at. The load of that very file is started by the run that holds the dataset, and passes.
func (l *loading) held() []string { return append(l.resources(), load.Resource(l.in.Dataset)) }

// resources names what no other run may touch meanwhile.
func (l *loading) resources() []string {
	return []string{"database:" + l.on.Cluster + "/" + l.on.Table}
}

// plan compares what is staged with the table as it is now. If the staged rows are gone it stages the file again: a plan that
// comes out as it was approved keeps its approval.
func (l *loading) plan(ctx workflow.Context) ([]plan.Change, error) {
	does, err := l.compare(ctx)
	if err != nil {
		return nil, err
	}
	l.does = does
	n := does.Counts
	before := map[string]any{"rows": does.Before}
	after := map[string]any{
		"rows": does.After, "new": n.New, "changed": n.Changed, "unchanged": n.Unchanged, "vanished": n.Vanished, "rejected": n.AllRejected(),
		"duplicates": n.Duplicates, "superseded": n.Superseded, "samples": does.Samples, "asks": does.Asks,
	}
	title := fmt.Sprintf("%s：新規 %d、変更 %d、削除 %d、対象外 %d · %s: %d new, %d changed, %d deleted, %d rejected",
		l.on.Title, n.New, n.Changed, n.Vanished, n.AllRejected(), l.on.Table, n.New, n.Changed, n.Vanished, n.AllRejected())
	whole := map[string]any{"file": l.staged.SHA256, "declaration": l.on.Declaration, "counts": n, "after": does.After, "samples": does.Samples}
	change, err := plan.NewChange(l.resources()[0], title, before, after, map[string]any{"rows": does.Before, "checksum": does.Sum}, whole)
	return []plan.Change{change}, err
}
