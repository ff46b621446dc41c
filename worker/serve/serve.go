// Package serve puts a worker together: the runbooks, the activities with their connections, and the interceptor that
// leaves evidence. The production worker, `worker dev`, the tests and the benchmarks all run this one.
package serve

import (
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"tejun/activities"
	"tejun/internal/calendar"
	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
)

// Options is what a worker works with. Client, AWS, System and Records must be set.
type Options struct {
	Client     client.Client
	AWS        aws.Config
	System     func() (*system.System, error) // read anew at each use
	Records    *records.Store
	Operated   *operated.Database // the operated system's own database; nil: runbooks that need it are refused
	TaskQueue  string             // "" means workflows.TaskQueue
	UI         string             // address of the Temporal UI, for links in mail; "" for none
	Identity   string             // how the worker shows in the Temporal UI; "" for the SDK's own
	StopWithin time.Duration      // how long running activities may take to end; what takes longer is done again elsewhere
	Fatal      func(error)        // called when the worker cannot go on; nil logs it
}

// stuckAfter is how long workflow code may go without yielding before its workflow task is failed. The SDK's one second is
// too short for a machine that is short of processors: it gives up workflow tasks that only wait for their turn, and with
// them the answers of people that they carry. It is less than the ten seconds after which the server gives a task to
// another worker.
const stuckAfter = 8 * time.Second

// New builds the worker. It does not start it.
func New(o Options) (worker.Worker, error) {
	set, err := o.activities()
	if err != nil {
		return nil, err
	}
	if o.TaskQueue == "" {
		o.TaskQueue = workflows.TaskQueue
	}
	w := worker.New(o.Client, o.TaskQueue, o.worker())
	workflows.Register(w)
	set.Register(w)
	return w, nil
}

// activities connects the activities with the outside.
func (o Options) activities() (activities.Set, error) {
	japan, err := calendar.Japan()
	if err != nil {
		return activities.Set{}, fmt.Errorf("the calendar that is shipped with the program: %w", err)
	}
	return activities.New(activities.Deps{Config: o.AWS, System: o.System, Calendar: japan, Records: o.Records, Operated: o.Operated, UI: o.UI})
}

// worker is what is the same for every worker.
func (o Options) worker() worker.Options {
	return worker.Options{
		Identity:                   o.Identity,
		WorkerStopTimeout:          o.StopWithin,
		OnFatalError:               o.Fatal,
		DeadlockDetectionTimeout:   stuckAfter,
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		Interceptors: []interceptor.WorkerInterceptor{
			&activities.HeartbeatInterceptor{}, activities.NewEvidenceInterceptor(o.Records), activities.NewGuardInterceptor(o.Records),
		},
	}
}
