package workflows_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// arriving is a world in which files arrive. Their loads are not played, only started.
type arriving struct {
	*vault
	found  activities.ArrivalsFound
	loads  []workflows.DataLoadInput
	starts []string // IDs of the loads
	kept   []string
	told   []string
}

func withArrivals(t *testing.T, loads ...string) *arriving {
	a := &arriving{vault: withVault(newWorld(t)), found: activities.ArrivalsFound{New: []activities.Arrival{}, Waiting: []activities.Arrival{{File: "later.zip", Waits: "an older one came first"}}, Known: 7}}
	for _, id := range loads {
		a.found.New = append(a.found.New, activities.Arrival{Dataset: "d", Table: "public." + id, File: id + ".zip", ETag: "e", Load: id})
	}
	stub(a.world, "ListS3Arrivals", func(in activities.ArrivalQuestion) (activities.ArrivalsFound, error) {
		require.Equal(t, activities.ArrivalQuestion{Requester: "ito", Operator: "tanaka"}, in)
		return a.found, nil
	})
	stub(a.world, "KeepArrivalProblems", func(in activities.ProblemsTold) (struct{}, error) {
		a.told = append(a.told, in.Keys...)
		return struct{}{}, nil
	})
	stub(a.world, "KeepS3Arrival", func(in activities.Arrival) (struct{}, error) {
		a.kept = append(a.kept, in.Load)
		return struct{}{}, nil
	})
	a.env.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, args converter.EncodedValues) {
		var in workflows.DataLoadInput
		require.NoError(t, args.Get(&in))
		a.starts, a.loads = append(a.starts, info.WorkflowExecution.ID), append(a.loads, in)
	})
	a.env.OnWorkflow("DataLoad", mock.Anything, mock.Anything).Return(workflows.DataLoadResult{}, nil).Maybe()
	return a
}

func (a *arriving) look() error {
	return a.execute("DataArrival", workflows.DataArrivalInput{Reason: "届いたファイル", Requester: "ito", Operator: "tanaka"})
}

func TestArrivalStartsALoadForEachNewFile(t *testing.T) {
	a := withArrivals(t, "load-d-1", "load-d-2")
	require.NoError(t, a.look())
	require.Equal(t, []string{"load-d-1", "load-d-2"}, a.starts)
	require.Equal(t, a.starts, a.kept)
	require.Equal(t, workflows.DataLoadInput{Dataset: "d", File: "load-d-1.zip", Reason: "届いたファイル", Requester: "ito", Operator: "tanaka"}, a.loads[0])
	var r workflows.DataArrivalResult
	require.NoError(t, a.env.GetWorkflowResult(&r))
	require.Len(t, r.Started, 2)
	require.Len(t, r.Waiting, 1)
	require.Equal(t, 7, r.Known)
	require.Contains(t, a.kinds(), "arrival")
	require.Contains(t, a.kinds(), "arrivals")
}

func TestArrivalOfNothingStartsNothing(t *testing.T) {
	a := withArrivals(t)
	require.NoError(t, a.look())
	require.Empty(t, a.starts)
	require.NotContains(t, a.kinds(), "arrival")
}

// A worker that is killed after a start finds the load started, and remembers it then.
func TestArrivalWhoseLoadWasStartedIsOnlyRemembered(t *testing.T) {
	a := withArrivals(t, "load-d-1", "load-d-1")
	require.NoError(t, a.look())
	require.Equal(t, []string{"load-d-1", "load-d-1"}, a.kept)
	require.Equal(t, []string{"load-d-1"}, a.starts)
}

// What cannot be remembered is held, and a retry goes on where it stopped.
func TestArrivalThatCannotBeRememberedIsHeld(t *testing.T) {
	a := withArrivals(t, "load-d-1", "load-d-2")
	a.fail["KeepS3Arrival"] = func(n int) error {
		if n == 2 {
			return temporal.NewNonRetryableApplicationError("no", activities.InvalidInput, errors.New("no"))
		}
		return nil
	}
	a.at(start.Add(1e10), "retry", by("kato"))
	require.NoError(t, a.look())
	require.Equal(t, []string{"load-d-1", "load-d-2"}, a.kept)
	require.Equal(t, []string{"load-d-1", "load-d-2"}, a.starts)
}

func TestArrivalRefusesBadInput(t *testing.T) {
	a := withArrivals(t)
	err := a.execute("DataArrival", map[string]any{"requester": "ito", "operator": "tanaka"})
	require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
	require.ErrorContains(t, err, "reason is missing")
}

// What cannot be taken in is told once and stops nothing; what people know of is in the result only.
func TestArrivalTellsOnceWhatItCannotTakeIn(t *testing.T) {
	a := withArrivals(t, "load-d-1")
	a.found.TellTo = "operators"
	a.found.Problems = []activities.ArrivalProblem{{Declaration: "bad.yaml", Why: "line 1"}, {Dataset: "shut", Kind: "Denied", Why: "no access", Untold: "k2"}}
	require.NoError(t, a.look())
	require.Equal(t, []string{"load-d-1"}, a.starts)
	require.Equal(t, []string{"k2"}, a.told)
	require.Equal(t, []string{"mail:arrival-problem"}, a.effects())
	var r workflows.DataArrivalResult
	require.NoError(t, a.env.GetWorkflowResult(&r))
	require.Equal(t, []string{"bad.yaml：line 1", "shut：no access"}, r.Problems)
	var about []string
	for _, f := range a.status().About {
		about = append(about, f.Value)
	}
	require.Equal(t, []string{"7", "d/load-d-1.zip → load-d-1", "/later.zip: an older one came first", "bad.yaml：line 1", "shut：no access"}, about)
}

func TestProblemsThatNobodyCouldBeToldOfAreToldTheNextTime(t *testing.T) {
	a := withArrivals(t)
	a.found.Problems = []activities.ArrivalProblem{{Dataset: "shut", Why: "no access", Untold: "k"}}
	a.fail["SendSESMail"] = func(int) error { return temporal.NewNonRetryableApplicationError("no", activities.Denied, nil) }
	require.NoError(t, a.look())
	require.Empty(t, a.told)
}
