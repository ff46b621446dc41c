package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"tejun/internal/operated"
	"tejun/internal/records"
)

// The runbooks that are guarded, by the names of their workflow types.
const (
	disasterRunbook  = "DisasterRecovery"
	readinessRunbook = "DisasterReadiness"
)

// modeStore is what the guard needs of the database.
type modeStore interface {
	// DisasterModeOfRun is what the run of an operation was opened as: a drill if any run of its workflow ID was. ErrNotFound: it was not opened.
	DisasterModeOfRun(ctx context.Context, workflowID, operation string) (string, error)
	standingStore
	// LoadState is what a run has kept of a resource before it changed it. ErrNotFound: it has kept nothing.
	LoadState(ctx context.Context, operation, resource string) ([]byte, error)
}

// GuardInterceptor keeps drills away from production, and readiness checks away from everything. It reads from Temporal's own
// task and history which runbook an activity works for and how that run was started; nothing that the workflow says counts. What was
// not started as a real disaster, or is not registered as one, is a drill; what another run of the same ID was says nothing. The clients of New then refuse whatever the rules
// of a drill do not name (guard_rules.go), and all that a DR region which serves has to fear (guard_standing.go); the operated system's database takes no connection.
//
// An activity of which one call was refused fails, whatever it makes of the refusal. A guarded workflow starts, cancels and signals
// no other one, continues as none and calls no other worker, which might not be guarded.
type GuardInterceptor struct {
	interceptor.WorkerInterceptorBase
	store modeStore
	start func(context.Context) (runStart, error)
}

// NewGuardInterceptor makes the interceptor; it goes into worker.Options.Interceptors, last, so that evidence has what it refuses.
func NewGuardInterceptor(store *records.Store) *GuardInterceptor {
	return &GuardInterceptor{store: store, start: startOf}
}

// InterceptActivity puts the guard around the activity.
func (g *GuardInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &guardedActivity{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, guard: g}
}

type guardedActivity struct {
	interceptor.ActivityInboundInterceptorBase
	guard *GuardInterceptor
}

// ExecuteActivity runs the activity under guard if its runbook is guarded.
func (g *guardedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	if info.WorkflowType == nil || info.WorkflowType.Name != disasterRunbook && info.WorkflowType.Name != readinessRunbook {
		return g.Next.ExecuteActivity(ctx, in)
	}
	watch := &guardWatch{runbook: info.WorkflowType.Name, workflowID: info.WorkflowExecution.ID, store: g.guard.store, start: g.guard.start}
	ctx = operated.Guarded(context.WithValue(ctx, guardKey{}, watch), watch.statement)
	out, err := g.Next.ExecuteActivity(ctx, in)
	if refused := watch.refusal(); refused != nil {
		return nil, refused
	}
	return out, err
}

type guardKey struct{}

// guardWatch is the guard of one attempt. It is safe for concurrent use.
type guardWatch struct {
	runbook, workflowID string
	store               modeStore
	start               func(context.Context) (runStart, error)

	mu      sync.Mutex
	mode    string   // once it is known
	run     runStart // likewise
	refused error    // the first refusal, or why the guard could not judge
}

// drills tells whether the rules of a drill apply. Temporal and the register are asked once, at the first call that needs it; while
// they do not answer, nothing is let through.
func (g *guardWatch) drills(ctx context.Context) (bool, error) {
	if g.runbook == readinessRunbook {
		return true, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mode == "" {
		mode, err := g.judged(ctx)
		if err != nil {
			g.refused = cmp.Or(g.refused, err)
			return true, err
		}
		g.mode = mode
	}
	return g.mode != records.ModeReal, nil
}

// operation is the stable key of the run, once drills has asked for it.
func (g *guardWatch) operation() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.run.operation
}

// judged is real where the run was started and registered as real.
func (g *guardWatch) judged(ctx context.Context) (mode string, err error) {
	if g.run, err = g.start(ctx); err != nil {
		return "", err
	}
	mode, err = g.store.DisasterModeOfRun(ctx, g.workflowID, g.run.operation)
	if errors.Is(err, records.ErrNotFound) || err == nil && g.run.mode != records.ModeReal {
		return records.ModeDrill, nil
	}
	return mode, recordsError(err, "look whether "+g.workflowID+" is a drill")
}

// refuse notes a refusal and returns it.
func (g *guardWatch) refuse(what, why string) error {
	err := &guardError{words: fmt.Sprintf("%s was refused by the guard of drills and did not leave the worker: %s", what, why)}
	if g.runbook == readinessRunbook {
		err.words = fmt.Sprintf("%s was refused and did not leave the worker: a check of readiness changes nothing", what)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = cmp.Or(g.refused, fail(Refused, "%s", err.words))
	return err
}

// doubts fails the attempt, which is then made again: what the guard needs to know could not be read.
func (g *guardWatch) doubts(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = cmp.Or(g.refused, err)
	return err
}

func (g *guardWatch) refusal() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// statement refuses connections to the operated system's database.
func (g *guardWatch) statement(ctx context.Context) error {
	drills, err := g.drills(ctx)
	if err != nil || !drills {
		return err
	}
	return g.refuse("a connection to the operated system's database", "a drill neither reads nor changes its data")
}

// guardError is what the clients answer for a call that the guard has refused, in the form of AWS's own errors.
type guardError struct{ words string }

// guardCode is the error's code; the table of errors.go knows it.
const guardCode = "RefusedByGuard"

func (e *guardError) Error() string        { return e.words }
func (e *guardError) ErrorCode() string    { return guardCode }
func (e *guardError) ErrorMessage() string { return e.words }

// InterceptWorkflow keeps guarded workflows from acting through other ones.
func (g *GuardInterceptor) InterceptWorkflow(ctx workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	name := workflow.GetInfo(ctx).WorkflowType.Name
	if name != disasterRunbook && name != readinessRunbook {
		return next
	}
	return &guardedWorkflow{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type guardedWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
}

// Init puts the guard around what the workflow asks for.
func (g *guardedWorkflow) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return g.Next.Init(&guardedCommands{interceptor.WorkflowOutboundInterceptorBase{Next: next}})
}

type guardedCommands struct {
	interceptor.WorkflowOutboundInterceptorBase
}

func noOther(ctx workflow.Context, what, id string) error {
	return fail(Refused, "%s %s was refused: a run of %s acts by its own activities alone, which are guarded", what, id, workflow.GetInfo(ctx).WorkflowType.Name)
}

// ExecuteChildWorkflow is refused.
func (*guardedCommands) ExecuteChildWorkflow(ctx workflow.Context, childWorkflowType string, _ ...any) workflow.ChildWorkflowFuture {
	refused, settle := workflow.NewFuture(ctx)
	settle.SetError(noOther(ctx, "starting the runbook", childWorkflowType))
	return refusedChild{refused}
}

// ExecuteActivity is refused on another task queue, whose workers need have no guard.
func (c *guardedCommands) ExecuteActivity(ctx workflow.Context, activityType string, args ...any) workflow.Future {
	if queue := workflow.GetActivityOptions(ctx).TaskQueue; queue != "" && queue != workflow.GetInfo(ctx).TaskQueueName {
		refused, settle := workflow.NewFuture(ctx)
		settle.SetError(noOther(ctx, "the activity "+activityType+" on the task queue", queue))
		return refused
	}
	return c.Next.ExecuteActivity(ctx, activityType, args...)
}

// ExecuteNexusOperation is refused.
func (*guardedCommands) ExecuteNexusOperation(ctx workflow.Context, in interceptor.ExecuteNexusOperationInput) workflow.NexusOperationFuture {
	refused, settle := workflow.NewFuture(ctx)
	settle.SetError(noOther(ctx, "the Nexus operation", fmt.Sprintf("%v at %s", in.Operation, in.Client.Endpoint())))
	return refusedOperation{refused}
}

type refusedOperation struct{ workflow.Future }

func (f refusedOperation) GetNexusOperationExecution() workflow.Future { return f.Future }

// NewContinueAsNewError is refused: what follows could be a run of another type, which nobody guards.
func (*guardedCommands) NewContinueAsNewError(ctx workflow.Context, wfn any, _ ...any) error {
	return noOther(ctx, "going on as the runbook", fmt.Sprint(wfn))
}

type refusedChild struct{ workflow.Future }

func (f refusedChild) GetChildWorkflowExecution() workflow.Future { return f.Future }

func (f refusedChild) SignalChildWorkflow(workflow.Context, string, any) workflow.Future {
	return f.Future
}

// RequestCancelExternalWorkflow is refused.
func (*guardedCommands) RequestCancelExternalWorkflow(ctx workflow.Context, workflowID, _ string) workflow.Future {
	refused, settle := workflow.NewFuture(ctx)
	settle.SetError(noOther(ctx, "cancelling the run", workflowID))
	return refused
}

// SignalExternalWorkflow is refused.
func (*guardedCommands) SignalExternalWorkflow(ctx workflow.Context, workflowID, _, _ string, _ any) workflow.Future {
	refused, settle := workflow.NewFuture(ctx)
	settle.SetError(noOther(ctx, "signalling the run", workflowID))
	return refused
}

// isRead tells whether an operation only looks.
func isRead(operation string) bool {
	for _, verb := range []string{"Describe", "Get", "List", "Head", "BatchGet", "Filter"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
