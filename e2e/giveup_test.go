package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// slowly makes AWS take its time: a deployment of CloudFront takes about five seconds.
const slowly = 0.02

// wrote waits until a write has had its effect n times.
func (r *run) wrote(operation string, n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("%s, %d times", operation, n), func() error {
		all := effects(r.journal())
		got := len(slices.DeleteFunc(slices.Clone(all), func(e string) bool { return !strings.HasPrefix(e, operation+" ") }))
		if got < n {
			return fmt.Errorf("%w: %v", errNotYet, all)
		}
		return nil
	})
}

// cancelled ends the run by Temporal's own cancel, which the Temporal UI has a button for.
func (r *run) cancelled() {
	r.t.Helper()
	require.NoError(r.t, r.client.CancelWorkflow(r.t.Context(), r.id, ""))
	s := r.ended()
	require.Equal(r.t, runbook.Failed, s.State)
	err := r.failure()
	require.True(r.t, temporal.IsCanceledError(err), "%v", err)
	require.Equal(r.t, 200, r.look("public").status)
	require.Equal(r.t, 200, r.look("operator").status)
	r.untouched()
}

func TestTemporalsCancelDuringTheWorkBringsTheSiteBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(soon))
	r.approved()
	r.asks("work", "work")
	require.Equal(t, 503, w.look("public").status)
	r.cancelled()
	r.onceEach()
	r.told()
}

func TestTemporalsCancelOnTheWayIntoTheOutageTurnsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.box.SetTimeScale(slowly))
	r := w.start(window(soon))
	r.approved()
	r.wrote("UpdateDistribution", 1) // and now it waits for the edges
	r.cancelled()
	done := effects(w.journal())
	into := r.into()[:6]
	require.Equal(t, into, done[:6])
	for _, undone := range []string{"UpdateWebACL", "UpdateService"} {
		require.NotContains(t, strings.Join(done, " "), undone, "it never came that far")
	}
	require.Equal(t, []string{announced, calledOff}, w.mails("users"))
}

func TestCancelByAPersonSaysWhoAndWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(later))
	r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
	s := r.asks("approval", "go")
	require.False(t, r.try(s, runbook.Cancel, "mallory").Accepted)
	r.answer(s, runbook.Cancel, "tanaka")
	r.ends(runbook.ErrCancelled)
	require.ErrorContains(t, r.failure(), "tanaka cancelled")
	require.Equal(t, []string{announced, calledOff}, w.mails("users"))
	require.Empty(t, effects(w.journal()))
}

// Termination gives a run no chance to do anything. What it holds stays held, and the next run is told by whom.
func TestTerminatedRunStillHoldsWhatItHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(soon))
	r.approved()
	r.asks("work", "work")
	require.NoError(t, w.client.TerminateWorkflow(t.Context(), r.id, "", "a test"))
	require.Equal(t, 503, w.look("public").status, "nobody has put it back")

	now, err := w.records.AllReservations(t.Context(), time.Now()) // what `starter locks` lists
	require.NoError(t, err)
	var held []string
	for _, hold := range now {
		if hold.WorkflowID == r.id {
			held = append(held, hold.Resource)
		}
	}
	sys := w.system()
	require.ElementsMatch(t, []string{
		"cloudfront:distribution/" + sys.Distribution.ID, "wafv2:webacl/" + sys.WAF.WebACLID,
		"ecs:" + sys.ECS.Cluster + "/gzs-api", "ecs:" + sys.ECS.Cluster + "/gzs-batch",
	}, held)

	before := len(w.journal())
	next := w.start(window(soon))
	next.ends(runbook.ErrRefused)
	require.ErrorContains(t, next.failure(), "is held by "+r.id)
	require.Len(t, w.journal(), before, "the second run has done nothing")
}

// A run that is past its time and has never released is still at work, as far as anybody knows.
func TestRunPastItsTimeKeepsTheNextOneWaitingAtItsFirstStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *system.System) { s.Outage.OverrunGrace = system.Duration(time.Second) })
	past := records.Reservation{
		Resource: "cloudfront:distribution/" + w.system().Distribution.ID, WorkflowID: "e2e-gone", Runbook: "PlannedOutage", Requester: "ito",
		From: time.Now().Add(-time.Hour), Until: time.Now().Add(-time.Minute),
	}
	conflict, err := w.records.Reserve(t.Context(), past)
	require.NoError(t, err)
	require.Nil(t, conflict)
	r := w.start(window(soon))
	r.approved()
	s := r.asks("held", "take")
	require.Contains(t, step(t, s, "take").Error, "is still held by e2e-gone")
	require.Empty(t, effects(w.journal()))
	require.NoError(t, w.records.Release(t.Context(), past.WorkflowID))
	r.answer(s, runbook.Retry, "kato")
	r.worked()
	r.done()
	r.onceEach()
	w.untouched()
}

// Nobody mends it: the operator gives up, and everything is put back in reverse.
func TestRollbackOfAHeldStepPutsEverythingBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(window(soon))
	r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
	gate := r.asks("approval", "go")
	w.fault(sandbox.Fault{Service: "wafv2", Operation: "UpdateWebACL", Kind: sandbox.FaultDenied, Times: sandbox.Forever})
	r.answer(gate, runbook.Approve, "suzuki")
	r.answer(r.asks("held", "close-site"), runbook.Rollback, "kato")
	r.ends(runbook.ErrRolledBack)
	require.Equal(t, slices.Concat(r.into()[:7], r.back()[3:]), effects(w.journal()))
	w.untouched()
	execution, err := w.client.DescribeWorkflowExecution(t.Context(), r.id, "")
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_FAILED, execution.GetWorkflowExecutionInfo().GetStatus())
}
