package runbook

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

func TestBadInputEndsTheRunBeforeAnything(t *testing.T) {
	for name, c := range map[string]struct {
		input any
		says  string
	}{
		"unknown field":    {map[string]any{"title": "x", "force": true}, `the input field "force" is unknown`},
		"not an object":    {"x", "the input is a JSON string: send a JSON object"},
		"wrong type":       {map[string]any{"title": 1}, `the input field "title" must not be a number`},
		"empty":            {nil, "the input is empty"},
		"does not hold up": {map[string]any{}, "the input is refused: title is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			err := b.toyWith(c.input, func(workflow.Context, *Run) error { require.Fail(t, "it goes on"); return nil })
			requireEnd(t, err, ErrInvalidInput, c.says)
			require.Empty(t, b.evidence)
			require.Empty(t, b.calls)
			s := b.status()
			require.Equal(t, Failed, s.State)
			require.Contains(t, s.Says, c.says)
		})
	}
}

// status asks the query "status".
func (b *bench) status() Status {
	b.t.Helper()
	value, err := b.env.QueryWorkflow("status")
	require.NoError(b.t, err)
	var s Status
	require.NoError(b.t, value.Get(&s))
	return s
}

func TestOpenRunAnswersWhatItIs(t *testing.T) {
	b := newBench(t)
	b.after(minute, func() {
		s := b.status()
		require.Equal(t, "default-test-workflow-id", s.ID)
		require.Equal(t, toyRun, s.RunID)
		require.Equal(t, "Toy", s.Runbook)
		require.Equal(t, 99, s.Row)
		require.Equal(t, toySpec.Title, s.Title)
		require.Equal(t, "ito", s.Requester)
		require.Equal(t, []Fact{{"Title", "a toy"}}, s.About)
		require.Equal(t, Planning, s.State)
		require.Equal(t, 1, s.Evidence.Count)
		require.Nil(t, s.EndedAt)
	})
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		set := workflow.GetTypedSearchAttributes(ctx)
		row, _ := set.GetInt64(AttributeRow)
		name, _ := set.GetKeyword(AttributeRunbook)
		requester, _ := set.GetKeyword(AttributeRequester)
		target, _ := set.GetKeywordList(AttributeTarget)
		require.Equal(t, int64(99), row)
		require.Equal(t, []string{"Toy", "ito", "toy:object/1"}, []string{name, requester, target[0]})
		return workflow.Sleep(ctx, hour)
	}))
	s := b.status()
	require.Equal(t, Done, s.State)
	require.Equal(t, "finished after 1h0m0s", s.Says)
	require.Equal(t, start.Add(hour).UTC(), *s.EndedAt)
}

func TestOperationIsStableForARunAndItsResets(t *testing.T) {
	one := activities.OperationOf("outage", "first-run")
	require.Regexp(t, regexp.MustCompile(`^[0-9a-f]{12}$`), one)
	require.Equal(t, one, activities.OperationOf("outage", "first-run"))
	require.NotEqual(t, one, activities.OperationOf("outage", "second-run"), "a new run under an old workflow ID")
	require.NotEqual(t, one, activities.OperationOf("outage-2", "first-run"))
	require.NotEqual(t, activities.OperationOf("ab", "c"), activities.OperationOf("a", "bc"))
}

func reserving(end error) func(workflow.Context, *Run) error {
	return func(ctx workflow.Context, r *Run) error {
		if err := r.Reserve(ctx, []string{"x"}, start, start.Add(hour)); err != nil {
			return err
		}
		return end
	}
}

func TestCloseLetsGoOfWhatTheRunHolds(t *testing.T) {
	for name, end := range map[string]error{"success": nil, "failure": End(ErrExpired, "too late")} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			err := b.toy(reserving(end))
			require.Equal(t, end == nil, err == nil)
			require.Equal(t, []string{"reserve", "release"}, b.calls)
			require.Empty(t, b.run.status.Holds)
		})
	}
}

func TestCloseAfterAFailedUndoKeepsTheReservation(t *testing.T) {
	b := newBench(t)
	requireEnd(t, b.toy(reserving(End(ErrUndoFailed, "not put back"))), ErrUndoFailed, "not put back")
	require.Equal(t, []string{"reserve"}, b.calls)
	require.Len(t, b.status().Holds, 1)
}

func TestReservationThatCannotBeReleasedIsNoSuccess(t *testing.T) {
	b := newBench(t)
	b.fail["ReleaseResources"] = always(final("the database is read-only"))
	requireEnd(t, b.toy(reserving(nil)), ErrUndoFailed, "the reservations were not released: the database is read-only")
	require.Len(t, b.status().Holds, 1)
	require.Equal(t, Failed, b.status().State)
}

func TestCancelledRunSaysByWhom(t *testing.T) {
	sleeps := func(ctx workflow.Context, _ *Run) error { return workflow.Sleep(ctx, 5*hour) }
	t.Run("by a person", func(t *testing.T) {
		b := newBench(t)
		b.at(hour, Cancel, by("kato", "reason", "storm"))
		requireEnd(t, b.toy(sleeps), ErrCancelled, "kato cancelled: storm")
		require.Equal(t, "kato cancelled: storm", b.body("closed")["outcome"])
	})
	t.Run("by Temporal's own cancel", func(t *testing.T) {
		b := newBench(t)
		b.env.RegisterDelayedCallback(b.env.CancelWorkflow, hour)
		require.True(t, temporal.IsCanceledError(b.toy(sleeps)))
		require.Equal(t, Failed, b.status().State)
		require.Contains(t, b.kinds(), "closed")
	})
}

func TestRunThatWasDoneAnywayIsDone(t *testing.T) {
	b := newBench(t)
	b.at(hour, Cancel, by("kato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error {
		ctx, stop := workflow.NewDisconnectedContext(ctx)
		defer stop()
		return workflow.Sleep(ctx, 2*hour)
	}))
	require.Equal(t, Done, b.status().State)
}

// Whoever sends a decision gets its answer, even when it comes at the very end.
func TestCloseWaitsForDecisionsThatAreBeingJudged(t *testing.T) {
	b := newBench(t)
	b.fail["ResolvePerson"] = func(int) error {
		if b.env.Now().Before(start.Add(2 * hour)) {
			return errBroken
		}
		return nil
	}
	u := b.update(hour, by("sato", "action", Approve))
	require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error { return workflow.Sleep(ctx, hour+minute) }))
	require.NoError(t, u.err)
	require.Contains(t, u.answer.Refusal, "not waiting")
	require.Equal(t, []string{"opened", "closed", "decision"}, b.kinds())
}

func TestWasCancelled(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, _ *Run) error {
		require.False(t, WasCancelled(ctx, errBroken))
		require.True(t, WasCancelled(ctx, temporal.NewCanceledError()))
		stopped, stop := workflow.WithCancel(ctx)
		stop()
		require.True(t, WasCancelled(stopped, errBroken), "a failure after the cancel is the cancel's")
		return nil
	}))
}
