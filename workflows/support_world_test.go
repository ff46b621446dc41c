package workflows_test

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// office is a world in which data are asked for, created and loaded.
type office struct {
	*world
	checks  []activities.FileChecked       // what the run finds in the files, in order; the last one counts for all later ones
	changed func(look int) bool            // whether the file has become another one by a look at it, counted from 1
	ends    []func(workflow.Context) error // how the loads end, in order; later ones succeed
	loads   []workflows.DataLoadInput      // that were started
	loadIDs []string
	looks   int
	ledger  *activities.LoadFound // what it says of every load; nil: that those that ended well have imported
	loaded  bool                  // the last load has ended well
	found   activities.RunFound   // every run that is looked for
	ended   activities.RunEnded   // how it has ended
	hands   []string              // people who had a hand in the loads
	sought  []string              // runs that were looked for
	already string                // operation that had loaded the file, as the loads say
	claims  []string              // files that are kept from the intake
	holds   []string              // resources that were held and let go, in order
	kept    []string              // snapshots that are kept
	until   time.Time
}

const (
	hashOne = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashTwo = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// due is the deadline of the requests.
var due = start.Add(7 * 24 * time.Hour)

func fits() activities.FileChecked {
	return activities.FileChecked{Fits: true, Counts: load.Counts{Records: 12, Rows: 12}}
}

func refusedWith(words string) error {
	return temporal.NewNonRetryableApplicationError(words, "Refused", nil)
}

func withOffice(w *world) *office {
	o := &office{world: w, checks: []activities.FileChecked{fits()}, changed: func(int) bool { return false }}
	stub(w, "ResolveDataSupport", func(r load.SupportRequest) (load.SupportTarget, error) {
		target := load.SupportTarget{Title: "店舗 · Shops", Table: "public.shops", Declaration: "d", Place: "s3://in/shops/", Match: "*.csv", Deadline: due, Operators: "operators", Officers: "officers"}
		target.SystemID, target.Environment, target.Cluster, target.Requester, target.Operator = "test", "development", "db", r.Requester, r.Operator
		return target, nil
	})
	stub(w, "ResolveDataLoad", func(r load.Request) (load.Target, error) {
		if !strings.HasSuffix(r.File, ".csv") {
			return load.Target{}, refusedWith("the load is refused: file \"" + r.File + "\" does not match *.csv")
		}
		return load.Target{}, nil
	})
	stub(w, "CheckDataFile", func(in activities.DataLoad) (activities.FileChecked, error) {
		w.calls = append(w.calls, "CheckDataFile:"+in.File)
		checked := o.checks[0]
		if len(o.checks) > 1 {
			o.checks = o.checks[1:]
		}
		checked.SHA256 = in.SHA256
		return checked, nil
	})
	stub(w, "HashDataFile", func(in activities.DataLoad) (activities.FileHashed, error) {
		if o.looks++; o.changed(o.looks) {
			return activities.FileHashed{Why: "s3://in/shops/" + in.File + " has another SHA-256: it is another file"}, nil
		}
		return activities.FileHashed{SHA256: in.SHA256, Bytes: 99}, nil
	})
	stub(w, "ClaimS3Arrival", func(in activities.DataLoad) (struct{}, error) {
		o.claims = append(o.claims, in.File)
		return struct{}{}, nil
	})
	stub(w, "ReserveResources", func(in activities.Reserve) (activities.Reserved, error) {
		if strings.HasPrefix(in.Resources[0], "snapshot:") {
			o.kept = append(o.kept, in.Resources...)
			return activities.Reserved{}, nil
		}
		o.holds = append(o.holds, "hold "+strings.Join(in.Resources, ","))
		o.until = in.Until
		return activities.Reserved{}, nil
	})
	stub(w, "ReleaseResources", func(struct{}) (struct{}, error) {
		o.holds = append(o.holds, "release all")
		return struct{}{}, nil
	})
	stub(w, "ReleaseNamedResources", func(in activities.Release) (struct{}, error) {
		o.holds = append(o.holds, "release "+strings.Join(in.Resources, ","))
		return struct{}{}, nil
	})
	stub(w, "FindLoadedFile", func(in activities.LoadedFile) (activities.LoadFound, error) {
		require.NotEmpty(w.t, in.Load)
		if o.ledger == nil && o.loaded {
			return activities.LoadFound{Imported: entry(12), Holds: entry(12)}, nil
		}
		if o.ledger == nil {
			return activities.LoadFound{}, nil
		}
		return *o.ledger, nil
	})
	stub(w, "ListRunHands", func(in activities.RunRef) (activities.RunHands, error) {
		return activities.RunHands{People: o.hands}, nil
	})
	stub(w, "FindRun", func(in activities.RunRef) (activities.RunFound, error) {
		o.sought = append(o.sought, in.WorkflowID)
		return o.found, nil
	})
	stub(w, "AwaitRun", func(activities.RunRef) (activities.RunEnded, error) { return o.ended, nil })
	return o
}

// request is what an officer asks for.
func request() workflows.DataSupportInput {
	return workflows.DataSupportInput{
		Title: "店舗データの作成", Request: "新店舗を追加してください。", Dataset: "shops", Deadline: "2027-01-25", Expected: 12, Requester: "ito", Operator: "tanaka",
	}
}

// ask runs the runbook; DataLoad itself is tested elsewhere. It is replaced, not mocked: a mocked child counts as started only
// when it has ended, so no cancellation would reach it.
func (o *office) ask(in workflows.DataSupportInput) error {
	o.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, raw converter.RawValue) (workflows.DataLoadResult, error) {
		var in workflows.DataLoadInput
		if err := runbook.DecodeStrict(raw.Payload().GetData(), &in); err != nil {
			return workflows.DataLoadResult{}, err
		}
		o.loads, o.loadIDs = append(o.loads, in), append(o.loadIDs, workflow.GetInfo(ctx).WorkflowExecution.ID)
		o.calls = append(o.calls, "DataLoad:"+in.File)
		o.loaded = false
		if n := len(o.loads); n <= len(o.ends) {
			if err := o.ends[n-1](ctx); err != nil {
				return workflows.DataLoadResult{}, err
			}
		}
		o.loaded = true
		return workflows.DataLoadResult{Counts: load.Counts{Records: 12, Rows: 12, New: 12}, Already: o.already}, nil
	}, workflow.RegisterOptions{Name: "DataLoad", DisableAlreadyRegisteredCheck: true})
	o.env.ExecuteWorkflow("DataSupport", in)
	require.True(o.t, o.env.IsWorkflowCompleted())
	return o.env.GetWorkflowError()
}

func hour(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }

// done reports work with values.
func (o *office) done(when time.Time, person string, values map[string]string) {
	message := by(person)
	message["values"] = values
	o.at(when, "done", message)
}

func estimate() map[string]string { return map[string]string{"hours": "6.5", "rows": "12"} }

func created(file, hash string) map[string]string {
	return map[string]string{"file": file, "sha256": hash, "hours": "4"}
}

// agreed is a request whose estimate was given and approved within two hours.
func (o *office) agreed() {
	o.done(hour(1), "tanaka", estimate())
	o.at(hour(2), "approve", by("sato"))
}

// first is the first file, reported after three hours and passed by the second person after four.
func (o *office) first() {
	o.agreed()
	o.done(hour(3), "tanaka", created("one.csv", hashOne))
	o.at(hour(4), "approve", by("kato"))
}
