package e2e

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"tejun/workflows/runbook"
)

// reset takes the run back to the end of the first workflow task after an event, as an operator can in the Temporal UI. What
// was signalled later is applied again.
func (r *run) reset(after func(*history.HistoryEvent) bool) {
	r.t.Helper()
	var found, at int64
	for _, e := range r.history() {
		if found == 0 && after(e) {
			found = e.GetEventId()
		}
		if found > 0 && e.GetEventId() > found && e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			at = e.GetEventId()
			break
		}
	}
	require.NotZero(r.t, at, "no workflow task to reset to")
	out, err := r.client.ResetWorkflowExecution(r.t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: &common.WorkflowExecution{WorkflowId: r.id, RunId: r.status().RunID},
		Reason: "a test of Reset", RequestId: uuid.NewString(), WorkflowTaskFinishEventId: at,
	})
	require.NoError(r.t, err)
	r.t.Logf("%s was reset after event %d, to event %d, as run %s", r.id, found, at, out.GetRunId())
	r.until("the run "+out.GetRunId(), func(s runbook.Status) bool { return s.RunID == out.GetRunId() })
}

// The events after which the tests reset.
func started(e *history.HistoryEvent) bool {
	return e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
}

func approvedByUpdate(e *history.HistoryEvent) bool {
	return e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED
}

func approvedBySignal(e *history.HistoryEvent) bool {
	return e.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
}

// untoldByOldApprovals makes sure that nothing that was sent to the old run opens a gate of the new one.
func (r *run) untoldByOldApprovals(old runbook.Status) {
	r.t.Helper()
	a := r.signal(runbook.Approve, by("sato"))
	require.Contains(r.t, a.Refusal, "this run was reset, so an approval must name its run and plan")
	a = r.signal(runbook.Approve, by("sato", "run", old.RunID, "plan", old.WaitingFor.Plan))
	require.Contains(r.t, a.Refusal, "it is for run "+old.RunID)
	require.Zero(r.t, r.status().WaitingFor.Got)
}

func TestResetVoidsApprovalsAndRepeatsNoEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(30 * time.Second))
	old := r.asks("approval", "plan")
	r.answer(old, runbook.Approve, "sato")
	r.asks("approval", "go")
	require.Equal(t, []string{announced}, w.mails("users"))
	key := r.operation()

	r.reset(approvedByUpdate)
	again := r.asks("approval", "plan")
	require.Equal(t, key, r.operation(), "the keys of effects survive a Reset")
	require.Equal(t, 1, r.kinds("approval-void"))
	r.untoldByOldApprovals(old)
	r.answer(again, runbook.Approve, "sato")

	r.answer(r.asks("approval", "go"), runbook.Approve, "suzuki")
	require.Equal(t, []string{announced}, w.mails("users"), "the announcement is not sent twice")
	r.worked()
	r.done()
	r.onceEach()
	r.told()
	w.untouched()
}

func TestResetDoesNotLetOldSignalsApproveAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(later))
	old := r.asks("approval", "plan")
	require.True(t, r.signal(runbook.Approve, by("sato")).Accepted)
	r.asks("approval", "go")
	require.True(t, r.signal(runbook.Approve, by("suzuki")).Accepted)
	r.asks("time", "go")

	// To the very task that took the first approval: it is judged anew, and the second one is applied again.
	r.reset(approvedBySignal)
	s := r.until("both signals", func(s runbook.Status) bool { return len(s.Approvals) == 2 })
	for _, a := range s.Approvals {
		require.False(t, a.Accepted)
		require.Contains(t, a.Refusal, "this run was reset")
	}
	again := r.asks("approval", "plan")
	require.Zero(t, again.WaitingFor.Got)
	r.untoldByOldApprovals(old)
	r.answer(again, runbook.Approve, "sato")
	gate := r.asks("approval", "go")
	require.Equal(t, []string{announced}, w.mails("users"), "the announcement is not sent twice")
	r.answer(gate, runbook.Reject, "suzuki")
	r.ends(runbook.ErrRejected)
	require.Equal(t, []string{announced, calledOff}, w.mails("users"))
	require.Empty(t, effects(w.journal()))
}

func TestResetToTheVeryBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(later))
	old := r.asks("approval", "plan")
	r.answer(old, runbook.Approve, "sato")
	r.asks("approval", "go")
	require.True(t, r.signal(runbook.Approve, by("suzuki")).Accepted)
	r.asks("time", "go")
	key := r.operation()

	r.reset(started)
	again := r.asks("approval", "plan")
	require.Equal(t, key, r.operation())
	s := r.until("the update and the signal that are applied again", func(s runbook.Status) bool { return len(s.Approvals) == 2 })
	for _, a := range s.Approvals {
		require.False(t, a.Accepted, "%+v", a)
	}
	r.untoldByOldApprovals(old)
	r.answer(again, runbook.Approve, "sato")
	r.asks("approval", "go")
	require.Equal(t, []string{announced}, w.mails("users"))
	r.answer(r.status(), runbook.Reject, "suzuki")
	r.ends(runbook.ErrRejected)
	require.Equal(t, []string{announced, calledOff}, w.mails("users"))
	require.Empty(t, effects(w.journal()))
}

// The site is closed when the run is reset to before its plan. It must still find the way back to what was before the first
// run, not to what it finds.
func TestResetInTheMiddleOfTheOutageStillBringsTheSiteBack(t *testing.T) {
	t.Skip("known gap: the new run knows nothing of what the old one changed, so it ends and leaves the site closed")
	for name, point := range map[string]func(*history.HistoryEvent) bool{"to the plan's approval": approvedByUpdate, "to the beginning": started} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.start(window(soon))
			r.approved()
			r.asks("work", "work")
			require.Equal(t, 503, w.look("public").status)
			r.reset(point)
			r.ended()
			require.Equal(t, 200, w.look("public").status)
			w.untouched()
		})
	}
}
