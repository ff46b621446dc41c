package workflows

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/calendar"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// DataArrival (データ登録・更新業務, row 9: the intake) starts a load for each file that has arrived in a bucket. A schedule starts it
// every few minutes.
//
// The load of a file has an ID that follows from the dataset, the key and the content, and Temporal takes an ID once; our own
// database remembers it for longer than Temporal does. So no file is loaded twice and for each a load is started, whatever is
// killed. A load that was refused because another run held what it needs is started once more at a later look, under an ID that
// counts on. One that ended otherwise is not tried again until the file changes: then it is a person's to start. Of several
// files for one table the oldest goes first, and the next when its load has ended. A file that a load would refuse at once, a
// dataset that is declared wrongly and a place that may not be read are told to people once a day, and stop nothing else. The
// intake approves nothing and changes nothing: that is the load's.
var dataArrival = runbook.Spec{Name: "DataArrival", Row: 9, Title: "データ受付 · Data arrival"}

// DataArrivalInput says for whom the loads are started.
type DataArrivalInput struct {
	Reason    string `json:"reason"`    // Japanese; of the loads
	Requester string `json:"requester"` // person in system.yaml who asks for the loads, and so approves none
	Operator  string `json:"operator"`  // person in system.yaml who carries them out
}

// Validate checks what can be checked without the operated system.
func (in *DataArrivalInput) Validate() error {
	var p problems
	p.text("reason", in.Reason, 2000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	return p.err()
}

func (in *DataArrivalInput) request() system.DatabaseRequest {
	return system.DatabaseRequest{What: "the intake of data", Requester: in.Requester, Operator: in.Operator}
}

// DataArrivalResult is what the report needs.
type DataArrivalResult struct {
	Started  []activities.Arrival `json:"started"`            // loads that were started
	Waiting  []activities.Arrival `json:"waiting"`            // new files whose turn has not come, the oldest ones
	More     int                  `json:"more"`               // that wait too and are not named
	Known    int                  `json:"known"`              // files for which a load was started before
	Problems []string             `json:"problems,omitempty"` // what cannot be taken in, in words
	Evidence runbook.Evidence     `json:"evidence"`
}

// intake is one run of the runbook.
type intake struct {
	*runbook.Run
	in     DataArrivalInput
	found  activities.ArrivalsFound
	result DataArrivalResult
}

// DataArrival is the workflow.
func DataArrival(ctx workflow.Context, raw converter.RawValue) (DataArrivalResult, error) {
	a := &intake{}
	ctx, run, err := runbook.Open(ctx, dataArrival, raw, &a.in)
	if err != nil {
		return DataArrivalResult{}, err
	}
	a.Run = run
	a.result.Evidence, err = a.Finish(ctx, a.run(ctx))
	return a.result, err
}

func (a *intake) run(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveDatabase, a.in.request())
	if err != nil {
		return err
	}
	err = a.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: []string{"s3:arrivals"},
		Mail: map[string]string{"title": dataArrival.Title, "reason": a.in.Reason, "services": on.Cluster},
	})
	if err != nil {
		return err
	}
	a.Declare(a.list(), a.start())
	for _, step := range []runbook.StepSpec{a.list(), a.start()} {
		if err := a.Step(ctx, step); err != nil {
			return err
		}
	}
	a.Found(ctx, a.facts()...)
	a.tellProblems(ctx)
	a.Record(ctx, "arrivals", "", a.result)
	return nil
}

// list looks what has arrived.
func (a *intake) list() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "list", Title: "到着ファイルの確認 · Look which files have arrived",
		Do: func(ctx workflow.Context) (err error) {
			a.found, err = runbook.Call(ctx, runbook.Change, arrivals.ListS3Arrivals, activities.ArrivalQuestion{Requester: a.in.Requester, Operator: a.in.Operator})
			a.result.Waiting, a.result.More, a.result.Known = a.found.Waiting, a.found.More, a.found.Known
			a.result.Problems = nil
			for _, p := range a.found.Problems {
				a.result.Problems = append(a.result.Problems, p.String())
			}
			return err
		},
	}
}

// facts are what the look has found, for people who look at the run.
func (a *intake) facts() []runbook.Fact {
	facts := []runbook.Fact{{Name: "登録済み・開始済み · Files for which a load was started before", Value: strconv.Itoa(a.result.Known)}}
	for _, x := range a.result.Started {
		facts = append(facts, runbook.Fact{Name: "登録開始 · Load started", Value: x.Dataset + "/" + x.File + " → " + x.Load})
	}
	for _, x := range a.result.Waiting {
		facts = append(facts, runbook.Fact{Name: "待機 · Waits", Value: x.Dataset + "/" + x.File + ": " + x.Waits})
	}
	for _, p := range a.result.Problems {
		facts = append(facts, runbook.Fact{Name: "受付不可 · Cannot be taken in", Value: p})
	}
	return facts
}

// tellProblems tells people what cannot be taken in, each problem once a day.
func (a *intake) tellProblems(ctx workflow.Context) {
	var lines, keys []string
	for _, p := range a.found.Problems {
		if p.Untold != "" {
			lines, keys = append(lines, "・"+p.String()), append(keys, p.Untold)
		}
	}
	if len(keys) == 0 {
		return
	}
	err := a.Notify(ctx, "problems", "arrival-problem", a.found.TellTo, map[string]string{"detail": strings.Join(lines, "\n")})
	if err == nil {
		_, err = runbook.Call(ctx, runbook.Change, arrivals.KeepArrivalProblems, activities.ProblemsTold{Keys: keys})
	}
	if err != nil { // the next look tells them: twice is better than never
		workflow.GetLogger(ctx).Warn("people may not know of the problems yet", "error", runbook.Words(err))
	}
}

// start starts the loads. They live on by themselves, whatever becomes of the intake.
func (a *intake) start() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "start", Title: "登録の開始 · Start a load for each",
		Do: func(ctx workflow.Context) error {
			for len(a.found.New) > 0 {
				arrived := a.found.New[0]
				if err := a.load(ctx, arrived); err != nil {
					return err
				}
				// Only a load that has been started is remembered: a worker that is killed in between starts it again, which Temporal refuses.
				if _, err := runbook.Call(ctx, runbook.Change, arrivals.KeepS3Arrival, arrived); err != nil {
					return err
				}
				a.found.New = a.found.New[1:]
				a.result.Started = append(a.result.Started, arrived)
				a.Record(ctx, "arrival", "start", arrived)
			}
			return nil
		},
	}
}

// load starts the load of a file; one that was started before is done.
func (a *intake) load(ctx workflow.Context, arrived activities.Arrival) error {
	// A cancelled intake must not take its loads along; nor must the end of this function, so the context is never cancelled.
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		Memo:       a.HandsMemo(),
		WorkflowID: arrived.Load, WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON, StaticSummary: arrived.Dataset + ": " + arrived.File,
	})
	child := workflow.ExecuteChildWorkflow(ctx, dataLoad.Name, DataLoadInput{
		Dataset: arrived.Dataset, File: arrived.File, Reason: a.in.Reason, Requester: a.in.Requester, Operator: a.in.Operator,
	})
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start the load of %s: %w", arrived.File, err)
	}
	return nil
}

func checkDataArrival(raw []byte, sys *system.System, _ *calendar.Calendar, _ time.Time) error {
	var in DataArrivalInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := sys.ResolveDatabase(in.request())
	return err
}
