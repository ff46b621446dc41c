package runbook

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// told is what the children of a run are told of its hands, in the order of their start. The test environment itself gives a child no memo.
func (n *nursery) told() *[]any {
	var told []any
	n.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute, Interceptors: []interceptor.WorkerInterceptor{&listening{told: &told}}})
	return &told
}

type listening struct {
	interceptor.WorkerInterceptorBase
	told *[]any
}

func (l *listening) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &inbound{WorkflowInboundInterceptorBase: interceptor.WorkflowInboundInterceptorBase{Next: next}, told: l.told}
}

type inbound struct {
	interceptor.WorkflowInboundInterceptorBase
	told *[]any
}

func (i *inbound) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&outbound{WorkflowOutboundInterceptorBase: interceptor.WorkflowOutboundInterceptorBase{Next: out}, told: i.told})
}

type outbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	told *[]any
}

func (o *outbound) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	*o.told = append(*o.told, workflow.GetChildWorkflowOptions(ctx).Memo[HandsMemo])
	return o.Next.ExecuteChildWorkflow(ctx, name, args...)
}

// A child is told of everybody who had a hand in the run that starts it: its operator, whoever answered, whoever had a hand in that
// run's own start, and in an earlier child.
func TestAChildIsToldWhoHadAHandInItsParent(t *testing.T) {
	n := newNursery(t)
	told := n.told()
	require.NoError(t, n.env.SetMemoOnStart(map[string]any{HandsMemo: []string{"suzuki"}}))
	n.hands = map[string][]string{n.id("kid-1"): {"sato"}}
	n.at(minute, Note, by("kato"))
	second := kid("")
	second.Name = "kid-2"
	require.NoError(t, n.toy(func(ctx workflow.Context, r *Run) error {
		if _, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Note: "operate"}}); err != nil {
			return err
		}
		for _, c := range []ChildRun{kid(""), second} {
			if _, err := Child[int](ctx, r, c); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, []any{[]string{"suzuki", "tanaka", "kato"}, []string{"suzuki", "tanaka", "kato", "sato"}}, *told)
}

// The attack: whoever had a hand in starting a run approves it, since its input names somebody else as requester and operator.
func TestWhoHadAHandInTheParentDoesNotApproveTheChild(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.env.SetMemoOnStart(map[string]any{HandsMemo: []string{"yamada"}}))
	b.at(hour, Approve, by("yamada"))
	b.at(2*hour, Approve, by("m-yamada"))
	b.at(3*hour, Approve, by("suzuki"))
	b.after(minute, func() { require.NotContains(t, b.run.status.WaitingFor.By[Approve], "yamada") })
	require.NoError(t, b.toy(b.gated))
	said := b.run.status.Approvals
	require.Len(t, said, 3)
	for _, attack := range said[:2] {
		require.Equal(t, "yamada had a hand in the run that has started this one; somebody else must approve it", attack.Refusal)
	}
	require.True(t, said[2].Accepted)
	require.Equal(t, map[string]any{"parent": "", "people": []any{"yamada"}}, b.body("hands"), "auditors see why somebody may not approve")
}

// A gate that only those could pass who had a hand in the start is refused before any effect.
func TestAChildThatNobodyElseCouldApproveIsRefused(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.env.SetMemoOnStart(map[string]any{HandsMemo: []string{"sato", "suzuki", "yamada"}}))
	err := b.toy(func(ctx workflow.Context, r *Run) error { return r.Satisfiable(ctx, "plan") })
	requireEnd(t, err, ErrRefused, "requested or operate this change, or had a hand in starting it")
}

func TestHandsThatCannotBeReadEndTheRun(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.env.SetMemoOnStart(map[string]any{HandsMemo: "yamada"}))
	requireEnd(t, b.toy(b.gated), ErrInvalidInput, "the memo "+HandsMemo)
	require.Empty(t, b.calls)
}

// handIn says of every answer whether whoever gives it has a hand in the run. It says it once more on purpose: who may approve must not
// change by the way.
var handIn = map[string]bool{
	Approve: false, Reject: false, Extend: false, Return: false, Resume: false, Severity: false,
	Retry: true, Skip: true, Rollback: true, Finished: true, Cancel: true, Acknowledge: true, Note: true, Pause: true, Fix: true,
}

// An answer is taken, and the gate that comes later knows whether its giver had a hand: in the run itself, in what it starts, and by the
// one predicate that also reads the evidence of runs that have ended.
func TestWhoHasAHandByWhichAnswer(t *testing.T) {
	require.Len(t, handIn, len(Answers()))
	for _, name := range Answers() {
		t.Run(name, func(t *testing.T) {
			hand, said := handIn[name]
			require.True(t, said)
			require.Equal(t, hand, activities.HasHand(name))
			if slices.Contains(carriesOut, name) {
				require.True(t, hand, "whoever carries it out has a hand in it")
			}
			if slices.Contains([]string{Approve, Reject, Cancel}, name) { // no question about work takes them
				return
			}
			b := newBench(t)
			b.at(minute, name, by("yamada"))
			b.at(2*hour, Approve, by("yamada"))
			b.at(3*hour, Approve, by("suzuki"))
			require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
				d, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{name: "operate"}})
				if err != nil || d == nil {
					return errors.Join(err, errBroken)
				}
				return b.gated(ctx, r)
			}))
			require.Equal(t, hand, slices.Contains(b.run.Hands(), "yamada"))
			approval := b.run.status.Approvals[1]
			require.Equal(t, hand, !approval.Accepted, approval.Refusal)
		})
	}
	require.True(t, activities.HasHand("something new"), "in doubt somebody has a hand in it")
}

// A run that was under way when Resume became a decision keeps whom it has barred.
func TestWhoLetARunGoOnBeforeStaysBarred(t *testing.T) {
	b := newBench(t)
	b.ready = func() {
		b.env.OnGetVersion(resumeEdition, workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	}
	b.at(minute, Resume, by("yamada"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		_, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Resume: "operate"}})
		return err
	}))
	require.Contains(t, b.run.Hands(), "yamada")
}
