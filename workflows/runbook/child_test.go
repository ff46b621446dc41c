package runbook

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// nursery is a bench with another runbook, whose runs can be looked for.
type nursery struct {
	*bench
	there   map[string]activities.RunFound // runs that exist, by ID
	ended   activities.RunEnded            // how an adopted one ends
	started []string                       // IDs
	ids     []string                       // that were looked for
	parent  string                         // as the child saw it
	runIDs  map[string]string
	hands   map[string][]string // people who had a hand in a run, by ID
}

type kidInput struct {
	Does string `json:"does"`
}

func newNursery(t *testing.T) *nursery {
	n := &nursery{bench: newBench(t), there: map[string]activities.RunFound{}, runIDs: map[string]string{}}
	stub(n.bench, "FindRun", func(in activities.RunRef) (activities.RunFound, error) {
		n.ids = append(n.ids, in.WorkflowID)
		return n.there[in.WorkflowID], nil
	})
	stub(n.bench, "ListRunHands", func(in activities.RunRef) (activities.RunHands, error) {
		return activities.RunHands{People: n.hands[in.WorkflowID]}, nil
	})
	stub(n.bench, "AwaitRun", func(activities.RunRef) (activities.RunEnded, error) { return n.ended, nil })
	n.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, in kidInput) (int, error) {
		info := workflow.GetInfo(ctx)
		n.runIDs[info.WorkflowExecution.ID] = info.WorkflowExecution.RunID
		n.started, n.parent = append(n.started, info.WorkflowExecution.ID), info.ParentWorkflowExecution.ID
		switch in.Does {
		case "reject":
			return 0, End(ErrRejected, "sato rejected content: no")
		case "half":
			return 0, temporal.NewNonRetryableApplicationError("verify failed. Not put back: rows of t", ErrRolledBack, nil, activities.Remains{Lasts: []string{"rows of t"}})
		case "busy":
			return 0, temporal.NewNonRetryableApplicationError("t is held", ErrRefused, temporal.NewNonRetryableApplicationError("t is held", activities.Locked, nil))
		case "wait":
			return 0, workflow.Sleep(ctx, 5*hour)
		}
		return 7, nil
	}, workflow.RegisterOptions{Name: "Kid"})
	n.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ kidInput) (int, error) {
		alone, stop := workflow.NewDisconnectedContext(ctx)
		defer stop()
		return 7, workflow.Sleep(alone, 2*hour)
	}, workflow.RegisterOptions{Name: "Stubborn"})
	return n
}

func kid(does string) ChildRun {
	return ChildRun{Runbook: "Kid", Name: "kid-1", Title: "子 · Kid", Input: kidInput{does}, Lasts: "what the kid did"}
}

// raise runs a toy that starts children one after another and keeps how they ended.
func (n *nursery) raise(kids ...ChildRun) (ends []Ended[int], err error) {
	err = n.toy(func(ctx workflow.Context, r *Run) error {
		for _, k := range kids {
			end, err := Child[int](ctx, r, k)
			if err != nil {
				return err
			}
			ends = append(ends, end)
		}
		return nil
	})
	return ends, err
}

// end is how a child ends that does its work.
func (n *nursery) end(name string, result int) Ended[int] {
	return Ended[int]{EndedRun: EndedRun{ID: n.id(name), Operation: activities.OperationOf(n.id(name), n.runIDs[n.id(name)])}, Result: result}
}

// id is the ID that a child has.
func (n *nursery) id(name string) string {
	return fmt.Sprintf("default-test-workflow-id-%s-%s", name, activities.OperationOf("default-test-workflow-id", "")) // the test environment knows no first run
}

func TestChildRunsAndItsResultComesBack(t *testing.T) {
	n := newNursery(t)
	second := kid("")
	second.Name = "kid-2"
	ends, err := n.raise(kid(""), second)
	require.NoError(t, err)
	require.Equal(t, []Ended[int]{n.end("kid-1", 7), n.end("kid-2", 7)}, ends)
	require.Equal(t, []string{n.id("kid-1"), n.id("kid-2")}, n.started)
	require.Equal(t, n.ids, n.started, "it is looked for first")
	require.Equal(t, "default-test-workflow-id", n.parent)
	lines := n.run.status.Children
	require.Len(t, lines, 2)
	require.Equal(t, []any{"Kid", "子 · Kid", Done, "succeeded"}, []any{lines[0].Runbook, lines[0].Title, lines[0].State, lines[0].Outcome})
	require.NotNil(t, lines[0].EndedAt)
	require.Equal(t, map[string]any{"run": n.id("kid-2"), "runbook": "Kid", "wasThere": false}, n.body("child-started"))
	require.Equal(t, map[string]any{"run": n.id("kid-2"), "kind": "", "outcome": "succeeded"}, n.body("child-ended"))
	require.Contains(t, n.run.status.Markdown(), "- **done** `"+n.id("kid-1")+"` (Kid): 子 · Kid – succeeded")
}

func TestChildIsShownWhileItRuns(t *testing.T) {
	n := newNursery(t)
	n.after(hour, func() {
		s := n.run.status
		require.Equal(t, Waiting, s.State)
		require.Equal(t, "waits for the end of "+n.id("kid-1")+", which says itself what it needs: 子 · Kid", s.Says)
		require.Nil(t, s.WaitingFor)
		require.Equal(t, Running, s.Children[0].State)
		require.Contains(t, s.Markdown(), "- **running** `"+n.id("kid-1"))
	})
	_, err := n.raise(kid("wait"))
	require.NoError(t, err)
	require.Equal(t, start.Add(5*hour).UTC(), *n.run.status.EndedAt)
}

func TestChildsFailureIsAnAnswer(t *testing.T) {
	n := newNursery(t)
	ends, err := n.raise(kid("reject"))
	require.NoError(t, err, "the runbook decides what it means")
	require.Equal(t, []string{n.id("kid-1"), ErrRejected, "sato rejected content: no"}, []string{ends[0].ID, ends[0].Kind, ends[0].Words})
	require.Equal(t, []any{Failed, "sato rejected content: no"}, []any{n.run.status.Children[0].State, n.run.status.Children[0].Outcome})
	require.Empty(t, n.run.lasts, "it was put back, and says of nothing that it stays")
}

// What a child could not put back stays of this run too, though the child has failed.
func TestWhatAFailedChildLeftIsNamed(t *testing.T) {
	gives := func(n *nursery, c ChildRun) error {
		return n.toy(func(ctx workflow.Context, r *Run) error {
			if _, err := Child[int](ctx, r, c); err != nil {
				return err
			}
			return End(ErrExpired, "nobody accepted it")
		})
	}
	t.Run("as it says itself", func(t *testing.T) {
		requireEnd(t, gives(newNursery(t), kid("half")), ErrExpired, "nobody accepted it. Not put back: rows of t")
	})
	t.Run("as was looked up", func(t *testing.T) {
		c := kid("half")
		c.Left = func(_ workflow.Context, e EndedRun) ([]string, error) {
			require.Equal(t, []string{ErrRolledBack, "rows of t"}, []string{e.Kind, e.Lasts[0]})
			require.NotEmpty(t, e.Operation)
			return []string{"what the ledger says"}, nil
		}
		requireEnd(t, gives(newNursery(t), c), ErrExpired, "nobody accepted it. Not put back: what the ledger says")
	})
	t.Run("perhaps, if it cannot be looked up", func(t *testing.T) {
		c := kid("half")
		c.Left = func(workflow.Context, EndedRun) ([]string, error) { return nil, final("no database") }
		requireEnd(t, gives(newNursery(t), c), "Refused", "no database. Not put back: what the kid did (perhaps: it could not be looked up: no database)")
	})
	t.Run("perhaps, if it did not end by itself", func(t *testing.T) {
		n := newNursery(t)
		n.there[n.id("kid-1")] = activities.RunFound{Found: true, Runbook: "Kid"}
		n.ended = activities.RunEnded{Kind: activities.RunTerminated, Words: "it was terminated"}
		requireEnd(t, gives(n, kid("")), ErrExpired, "Not put back: what the kid did (perhaps: "+n.id("kid-1")+" did not end by itself)")
	})
	t.Run("also when the run is cancelled", func(t *testing.T) {
		n := newNursery(t)
		n.at(hour, Cancel, by("kato", "reason", "storm"))
		c := kid("wait")
		c.Left = func(ctx workflow.Context, _ EndedRun) ([]string, error) { return []string{"rows"}, ctx.Err() }
		requireEnd(t, gives(n, c), ErrCancelled, "kato cancelled: storm. Not put back: rows")
	})
}

func TestChildThatWasInAnothersWayIsBusy(t *testing.T) {
	ends, err := newNursery(t).raise(kid("busy"))
	require.NoError(t, err)
	require.Equal(t, []any{ErrRefused, true}, []any{ends[0].Kind, ends[0].Busy})
}

// Whoever carried a child on had a hand in this run, and approves nothing of it.
func TestWhoHadAHandInAChildDoesNotApproveTheRun(t *testing.T) {
	n := newNursery(t)
	n.hands = map[string][]string{n.id("kid-1"): {"sato", "tanaka"}}
	n.at(hour, Approve, by("sato"))
	n.at(2*hour, Approve, by("m-sato"))
	n.at(3*hour, Approve, by("suzuki"))
	require.NoError(t, n.toy(func(ctx workflow.Context, r *Run) error {
		if _, err := Child[int](ctx, r, kid("")); err != nil {
			return err
		}
		require.Equal(t, []string{"tanaka", "sato"}, r.Hands())
		return n.gated(ctx, r)
	}))
	said := n.run.status.Approvals
	require.Len(t, said, 3)
	for _, attack := range said[:2] {
		require.Equal(t, "sato requested or operates this change; somebody else must approve it", attack.Refusal)
	}
	require.True(t, said[2].Accepted)
}

func TestWhoHadAHandBeforeTheRunDoesNotApproveIt(t *testing.T) {
	n := newNursery(t)
	n.at(hour, Approve, by("sato"))
	n.at(2*hour, Approve, by("suzuki"))
	require.NoError(t, n.toy(func(ctx workflow.Context, r *Run) error {
		requireEnd(t, r.HadHand(ctx, "mallory"), ErrRefused, `"mallory", who is said to have had a hand in it, is nobody`)
		if err := r.HadHand(ctx, "m-sato"); err != nil {
			return err
		}
		return n.gated(ctx, r)
	}))
	require.Contains(t, n.run.status.Approvals[0].Refusal, "sato requested or operates this change")
}

func TestCancellationReachesTheChildAndWaitsForIt(t *testing.T) {
	t.Run("it gives up", func(t *testing.T) {
		n := newNursery(t)
		n.at(hour, Cancel, by("kato", "reason", "storm"))
		ends, err := n.raise(kid("wait"))
		requireEnd(t, err, ErrCancelled, "kato cancelled: storm")
		require.Empty(t, ends)
		require.Equal(t, []any{Failed, "it was cancelled"}, []any{n.run.status.Children[0].State, n.run.status.Children[0].Outcome})
	})
	t.Run("it has finished all the same", func(t *testing.T) {
		n := newNursery(t)
		n.at(hour, Cancel, by("kato", "reason", "storm"))
		stubborn := kid("")
		stubborn.Runbook = "Stubborn"
		_, err := n.raise(stubborn)
		requireEnd(t, err, ErrCancelled, "kato cancelled: storm. Not put back: what the kid did")
		require.Equal(t, Done, n.run.status.Children[0].State)
		require.Equal(t, start.Add(2*hour).UTC(), *n.run.status.EndedAt, "its end is waited for")
	})
	t.Run("before it is started", func(t *testing.T) {
		n := newNursery(t)
		n.env.RegisterDelayedCallback(n.env.CancelWorkflow, hour)
		err := n.toy(func(ctx workflow.Context, r *Run) error {
			_ = workflow.Sleep(ctx, 2*hour)
			_, err := Child[int](ctx, r, kid(""))
			return err
		})
		require.Error(t, err)
		require.Empty(t, n.ids)
	})
}

func TestWhatAChildDidIsNamedWhenTheRunIsGivenUpLater(t *testing.T) {
	n := newNursery(t)
	err := n.toy(func(ctx workflow.Context, r *Run) error {
		if _, err := Child[int](ctx, r, kid("")); err != nil {
			return err
		}
		return End(ErrExpired, "nobody accepted it")
	})
	requireEnd(t, err, ErrExpired, "nobody accepted it. Not put back: what the kid did")
}

// After a Reset the child that was there is waited for, or its end is taken over: it is not started again.
func TestChildThatIsThereIsAdopted(t *testing.T) {
	t.Run("found", func(t *testing.T) {
		n := newNursery(t)
		n.there[n.id("kid-1")] = activities.RunFound{Found: true, RunID: "r", Runbook: "Kid"}
		n.ended = activities.RunEnded{Result: json.RawMessage("9"), FirstRun: "first"}
		says := ""
		n.fail["AwaitRun"] = func(int) error { says = n.run.status.Says; return nil }
		ends, err := n.raise(kid(""))
		require.NoError(t, err)
		require.Equal(t, []any{n.id("kid-1"), 9, true, activities.OperationOf(n.id("kid-1"), "first")}, []any{ends[0].ID, ends[0].Result, ends[0].Adopted, ends[0].Operation})
		require.Empty(t, n.started)
		require.Equal(t, 1, n.tries["AwaitRun"])
		require.Equal(t, Done, n.run.status.Children[0].State)
		require.Equal(t, true, n.body("child-started")["wasThere"])
		require.Contains(t, says, "was started before this run was reset: if you terminate this run in Temporal, cancel that one as well (`starter cancel "+n.id("kid-1"))
	})
	t.Run("started meanwhile", func(t *testing.T) {
		n := newNursery(t)
		n.ended = activities.RunEnded{Result: json.RawMessage("9")}
		require.NoError(t, n.toy(func(ctx workflow.Context, r *Run) error {
			first := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: n.id("kid-1")})
			require.NoError(t, workflow.ExecuteChildWorkflow(first, "Kid", kidInput{"wait"}).GetChildWorkflowExecution().Get(ctx, nil))
			end, err := Child[int](ctx, r, kid(""))
			require.Equal(t, []any{n.id("kid-1"), 9, true}, []any{end.ID, end.Result, end.Adopted})
			return err
		}))
		require.Equal(t, []string{n.id("kid-1")}, n.started, "once")
	})
	t.Run("it has failed", func(t *testing.T) {
		n := newNursery(t)
		n.there[n.id("kid-1")] = activities.RunFound{Found: true, Runbook: "Kid"}
		n.ended = activities.RunEnded{Kind: ErrRolledBack, Words: "the step failed"}
		ends, err := n.raise(kid(""))
		require.NoError(t, err)
		require.Equal(t, []string{ErrRolledBack, "the step failed"}, []string{ends[0].Kind, ends[0].Words})
	})
	t.Run("of another runbook", func(t *testing.T) {
		n := newNursery(t)
		n.there[n.id("kid-1")] = activities.RunFound{Found: true, Runbook: "Other"}
		_, err := n.raise(kid(""))
		requireEnd(t, err, ErrRefused, "is one of Other, and Kid was to be started under this ID")
		require.Empty(t, n.started)
	})
	t.Run("it cannot be looked for", func(t *testing.T) {
		n := newNursery(t)
		n.fail["FindRun"] = always(final("no permission"))
		_, err := n.raise(kid(""))
		require.ErrorContains(t, err, "no permission")
		require.Empty(t, n.started, "what cannot be looked for is not started")
	})
	t.Run("its result is something else", func(t *testing.T) {
		n := newNursery(t)
		n.there[n.id("kid-1")] = activities.RunFound{Found: true, Runbook: "Kid"}
		n.ended = activities.RunEnded{Result: json.RawMessage(`"nine"`)}
		_, err := n.raise(kid(""))
		require.ErrorContains(t, err, "cannot unmarshal")
	})
}

func TestCancellationReachesAnAdoptedChild(t *testing.T) {
	for name, answer := range map[string]error{"it takes it": nil, "it has just ended": errors.New("not found")} {
		t.Run(name, func(t *testing.T) {
			n := newNursery(t)
			n.there[n.id("kid-1")] = activities.RunFound{Found: true, Runbook: "Kid"}
			cancelled := ""
			n.ended = activities.RunEnded{Kind: activities.RunCancelled, Words: "it was cancelled"}
			tried := 0
			n.fail["AwaitRun"] = func(int) error {
				if tried++; n.env.Now().Before(start.Add(3 * minute)) {
					return errBroken // it takes until then
				}
				return nil
			}
			n.at(minute, Cancel, by("kato", "reason", "storm"))
			n.ready = func() {
				n.env.OnRequestCancelExternalWorkflow(mock.Anything, mock.Anything, mock.Anything).Return(func(_, id, _ string) error { cancelled = id; return answer })
			}
			_, err := n.raise(kid(""))
			requireEnd(t, err, ErrCancelled, "kato cancelled: storm")
			require.Equal(t, n.id("kid-1"), cancelled)
			require.Equal(t, "it was cancelled", n.run.status.Children[0].Outcome)
			require.Positive(t, tried)
		})
	}
}
