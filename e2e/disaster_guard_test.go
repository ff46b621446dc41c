package e2e

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/calendar"
	"tejun/internal/records"
	"tejun/internal/system"
)

// liar is the input of a workflow that is what its input says, and registers itself as something else, or not at all.
type liar struct {
	Mode   string `json:"mode"`
	Says   string `json:"says"` // "" to register nothing
	System string `json:"system"`
	Target string `json:"target"` // production's cluster
}

// lies are the answers that it got; "" where it was let.
type lies struct{ Registered, Touched string }

func lie(ctx workflow.Context, in liar) (out lies, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 5}})
	info := workflow.GetInfo(ctx)
	operation := activities.OperationOf(info.WorkflowExecution.ID, info.FirstRunID)
	words := func(f workflow.Future) string {
		if err := f.Get(ctx, nil); err != nil {
			return err.Error()
		}
		return ""
	}
	if in.Says != "" {
		out.Registered = words(workflow.ExecuteActivity(ctx, "OpenDisaster", records.Disaster{
			Operation: operation, System: in.System, Mode: in.Says, Manner: records.MannerUngraceful, Title: "x", StartedAt: info.WorkflowStartTime,
		}))
	}
	out.Touched = words(workflow.ExecuteActivity(ctx, "CreateRDSClusterSnapshot", activities.Snapshot{Operation: operation, Cluster: in.Target, SnapshotID: "x-" + operation}))
	return out, nil
}

// liars is a worker on a world that has all activities, the guard, and a workflow that lies in the place of the runbook.
func (w *world) liars() (queue string) {
	w.t.Helper()
	japan, err := calendar.Japan()
	require.NoError(w.t, err)
	set, err := activities.New(activities.Deps{Config: w.aws, System: w.source.System, Calendar: japan, Records: w.records})
	require.NoError(w.t, err)
	queue = w.queue + "-liars"
	other := worker.New(w.client, queue, worker.Options{Interceptors: []interceptor.WorkerInterceptor{activities.NewGuardInterceptor(w.records)}})
	other.RegisterWorkflowWithOptions(lie, workflow.RegisterOptions{Name: "DisasterRecovery"})
	set.Register(other)
	require.NoError(w.t, other.Start())
	w.t.Cleanup(other.Stop)
	return queue
}

// What a run is says Temporal's own history, not the workflow, nor what another run of its ID was.
func TestAWorkflowThatLiesAboutWhatItIsReachesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *system.System) { s.ID += "-" + uuid.NewString()[:8] })
	queue := w.liars()
	const guarded, drill, genuine = "did not leave the worker", records.ModeDrill, records.ModeReal
	lied := func(id, mode, says string) (string, lies) {
		t.Helper()
		run, err := w.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, "DisasterRecovery", liar{mode, says, w.system().ID, w.system().Database.Cluster})
		require.NoError(t, err)
		var out lies
		require.NoError(t, run.Get(t.Context(), &out))
		return run.GetRunID(), out
	}
	_, out := lied("liar-"+uuid.NewString(), drill, genuine)
	require.Contains(t, out.Registered, `was started as "drill"`)
	require.Contains(t, out.Touched, guarded)
	_, out = lied("liar-"+uuid.NewString(), genuine, "")
	require.Contains(t, out.Touched, guarded, "what is not registered is a drill")
	require.Empty(t, w.journal())

	honest := "honest-" + uuid.NewString()
	run, out := lied(honest, genuine, genuine)
	require.Equal(t, lies{}, out)
	require.Len(t, w.journal(), 1, "a real one reaches production")
	for _, mode := range []string{drill, genuine} {
		_, out = lied(honest, mode, "")
		require.Contains(t, out.Touched, guarded, "a new run under the ID of a real one")
	}
	require.Len(t, w.journal(), 1)

	reset, err := w.client.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: honest, RunId: run}, RequestId: uuid.NewString(), WorkflowTaskFinishEventId: firstTask(t, w.client, honest, run),
	})
	require.NoError(t, err)
	require.NoError(t, w.client.GetWorkflow(t.Context(), honest, reset.GetRunId()).Get(t.Context(), &out))
	require.Equal(t, lies{}, out, "after a Reset it is the same run")
}

// firstTask is the end of the first workflow task of a run.
func firstTask(t *testing.T, c client.Client, id, run string) int64 {
	t.Helper()
	events := c.GetWorkflowHistory(t.Context(), id, run, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(t, err)
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return event.GetEventId()
		}
	}
	require.FailNow(t, "no workflow task has ended")
	return 0
}
