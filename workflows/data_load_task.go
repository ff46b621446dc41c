package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/workflows/runbook"
)

// loadTask is the Fargate task in which the heavy part of a load runs, where system.yaml names one.
type loadTask struct {
	try  int    // how many were ordered, the one in use included
	arn  string // of the one in use; "" while none is known
	ends bool   // its end is registered
}

// mostTasks is how many tasks one activity may use up. What ends one may end every one, such as too little memory.
const mostTasks = 4

// heavy calls an activity that reads or writes whole tables: in the worker, or in the load's own task. A task that is not there
// any more is replaced: it was killed, its capacity was taken away, or it ended by itself while people were asked. Every
// activity that runs there withstands that it was done already, wholly or by half.
func heavy[I, O any](ctx workflow.Context, l *loading, p runbook.Policy, activity runbook.Activity[I, O], in I) (O, error) {
	if l.on.Task == nil {
		return runbook.Call(ctx, p, activity, in)
	}
	if !l.task.ends {
		l.task.ends = true
		l.OnReturn(l.endTasks())
	}
	for used := 1; ; used++ {
		var out O
		err := l.inTask(ctx)
		if err == nil {
			out, err = runbook.Call(ctx, p.On(load.TaskQueue(l.Operation())), activity, in)
		}
		if ctx.Err() != nil || !runbook.Gone(err) && !runbook.IsEnd(err, activities.TaskEnded) {
			return out, err
		}
		why, looked := l.replaceTask(ctx, err)
		if looked != nil {
			return out, looked
		}
		if used == mostTasks {
			return out, runbook.End(activities.TaskEnded, "%d tasks on Fargate ended before the work was done; of the last one: %s. Look at the tasks' logs; if they had too little memory, give the task definition %s more; then answer retry",
				used, why, l.on.Task.TaskDefinition)
		}
	}
}

// inTask makes sure that the load's task runs.
func (l *loading) inTask(ctx workflow.Context) error {
	ctx = runbook.WithSummary(ctx, "Fargate タスクの確認 · Make sure that the load's task runs")
	l.task.try = max(l.task.try, 1)
	task, err := runbook.Call(ctx, runbook.Launch, ecsTasks.RunECSLoadTask, activities.LoadTaskOrder{Operation: l.Operation(), Try: l.task.try, Task: *l.on.Task})
	if err != nil {
		return err
	}
	l.task.arn = task.ARN
	if task.Status == activities.TaskRunning {
		return nil
	}
	_, err = runbook.Call(ctx, runbook.Settle, ecsTasks.AwaitECSLoadTask, activities.LoadTaskRef{Cluster: l.on.Task.Cluster, ARN: task.ARN})
	return err
}

// replaceTask makes way for another task, and finds out what became of the one that is gone. One that still runs and does
// nothing is ended.
func (l *loading) replaceTask(ctx workflow.Context, problem error) (why string, err error) {
	was := l.task
	ended, err := l.stopTasks(runbook.WithSummary(ctx, "Fargate タスクの終了理由 · What became of the load's task"), "it did not answer any more")
	if err != nil {
		return "", err
	}
	words := []string{}
	for _, t := range ended.Tasks {
		words = append(words, t.Ended)
	}
	if why = strings.Join(words, "; "); why == "" {
		why = runbook.Words(problem)
	}
	l.task.try, l.task.arn = was.try+1, ""
	l.Record(ctx, "task-ended", "", map[string]any{"task": was.arn, "try": was.try, "noticed": runbook.Words(problem), "why": why})
	return why, nil
}

func (l *loading) stopTasks(ctx workflow.Context, reason string) (activities.LoadTasks, error) {
	return runbook.Call(ctx, runbook.Settle, ecsTasks.StopECSLoadTask, activities.LoadTaskEnd{
		Operation: l.Operation(), Cluster: l.on.Task.Cluster, ARN: l.task.arn, Reason: reason,
	})
}

// endTasks is done on the way back, however the run ends.
func (l *loading) endTasks() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "end-task", Title: "Fargate タスクの停止 · End the load's task",
		Do: func(ctx workflow.Context) error {
			_, err := l.stopTasks(ctx, "the load is over")
			return err
		},
		SkipIf: "no task of the load runs any more",
	}
}
