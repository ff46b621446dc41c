package workflows_test

import (
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/internal/system"
	"tejun/workflows"
)

// ferry is what a load sees: the file, what is staged of it, and the table.
type ferry struct {
	*world
	counts  load.Counts
	asks    []string
	already *load.Entry // the load that had loaded the file
	backup  bool        // the dataset wants a snapshot
	before  int64       // rows of the table
	sum     string      // its checksum
	loaded  int         // imports that took place
}

// withFerry is a world with a file of five rows, one of them rejected, for a table that is approved by content.
func withFerry(w *world) *ferry {
	f := &ferry{
		world: w, backup: true, before: 100, sum: "1", asks: []string{"1 rows are rejected"},
		counts: load.Counts{Records: 5, Rows: 4, Rejected: 1, New: 1, Changed: 1, Unchanged: 2},
	}
	stub(w, "ResolveDataLoad", func(r load.Request) (load.Target, error) {
		return load.Target{
			DatabaseTarget: system.DatabaseTarget{SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, Cluster: "db", Region: home},
			Title:          "郵便番号 · Postal codes", Table: "public.t", Mode: load.Replace, Declaration: "declared", Source: "s3://in/" + r.File, Backup: f.backup,
		}, nil
	})
	stub(w, "StageDataFile", func(in activities.DataLoad) (activities.FileStaged, error) {
		if f.already != nil {
			return activities.FileStaged{Already: f.already, SHA256: "5a", Counts: f.already.Counts}, nil
		}
		call := "StageDataFile"
		if in.SHA256 != "" {
			call += ":" + in.SHA256
		}
		w.calls = append(w.calls, call)
		return activities.FileStaged{SHA256: "5a", Counts: f.counts}, nil
	})
	stub(w, "PutS3LoadRejects", func(activities.DataLoad) (activities.RejectsKept, error) {
		w.calls = append(w.calls, "PutS3LoadRejects")
		return activities.RejectsKept{Location: "s3://rejects/r", Rows: f.counts.AllRejected()}, nil
	})
	stub(w, "CompareStagedRows", func(activities.DataLoad) (activities.LoadDifference, error) {
		d := load.Difference{Counts: f.counts, Before: f.before, After: f.before + f.counts.New - f.counts.Vanished, Sum: f.sum}
		return activities.LoadDifference{Difference: d, Asks: f.asks}, nil
	})
	stub(w, "ImportStagedRows", func(in activities.LoadImport) (load.Entry, error) {
		w.calls = append(w.calls, "ImportStagedRows")
		f.loaded++
		return load.Entry{Operation: in.Operation, Counts: in.Expect, Rows: f.before + in.Expect.New, Checksum: "2"}, nil
	})
	stub(w, "CheckLoadedRows", func(in activities.LoadCheck) (struct{}, error) {
		w.calls = append(w.calls, "CheckLoadedRows")
		if in.Checksum != "2" {
			return struct{}{}, temporal.NewNonRetryableApplicationError("another checksum", activities.Drifted, nil)
		}
		return struct{}{}, nil
	})
	change[activities.DataLoad](w, "DropStagedRows")
	return f
}

func loadOf() workflows.DataLoadInput {
	return workflows.DataLoadInput{Dataset: "postal-codes", File: "ken_all.zip", Reason: "月次の更新", Requester: "ito", Operator: "tanaka"}
}

func (f *ferry) load() error {
	f.env.ExecuteWorkflow("DataLoad", loadOf())
	return f.env.GetWorkflowError()
}

func (f *ferry) result() (r workflows.DataLoadResult, err error) {
	return r, f.env.GetWorkflowResult(&r)
}
