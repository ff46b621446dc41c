package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// fargate is a world in which loads run in tasks that end when they are told to.
type fargate struct {
	*world
	tries []int    // tasks that were started, by their try
	alive bool     // the latest one
	why   string   // it ended
	kills []string // activities during which the task ends, one after another
	asks  []string // why people have to agree
}

func withFargate(w *world, kills ...string) *fargate {
	f := &fargate{world: w, kills: kills}
	stub(w, "ResolveDataLoad", func(r load.Request) (load.Target, error) {
		return load.Target{
			DatabaseTarget: system.DatabaseTarget{SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, Cluster: "db"},
			Title:          "見本", Table: "public.t", Declaration: "declaration", Source: "s3://in/" + r.File,
			Task: &system.LoadTask{Cluster: "loads", TaskDefinition: "tejun-load", Container: "worker", Subnets: []string{"subnet-1"}, SecurityGroups: []string{"sg-1"}},
		}, nil
	})
	stub(w, "RunECSLoadTask", func(in activities.LoadTaskOrder) (activities.LoadTask, error) {
		if !slices.Contains(f.tries, in.Try) && !f.alive {
			w.calls = append(w.calls, fmt.Sprintf("RunECSLoadTask:%d", in.Try))
			f.tries, f.alive = append(f.tries, in.Try), true
		}
		return f.task("PENDING"), nil
	})
	stub(w, "AwaitECSLoadTask", func(activities.LoadTaskRef) (activities.LoadTask, error) {
		if !f.alive {
			return f.task(""), temporal.NewNonRetryableApplicationError("the task ended before it ran: "+f.why, activities.TaskEnded, nil)
		}
		return f.task(activities.TaskRunning), nil
	})
	stub(w, "StopECSLoadTask", func(in activities.LoadTaskEnd) (activities.LoadTasks, error) {
		if f.alive {
			f.dies("stopped: " + in.Reason)
			w.calls = append(w.calls, "StopECSLoadTask")
		}
		return activities.LoadTasks{Tasks: []activities.LoadTask{f.task("")}}, nil
	})
	elsewhere(f, "StageDataFile", func(activities.DataLoad) activities.FileStaged {
		return activities.FileStaged{SHA256: "sum", Counts: load.Counts{Records: 3, Rows: 3}}
	})
	elsewhere(f, "CompareStagedRows", func(activities.DataLoad) activities.LoadDifference {
		return activities.LoadDifference{Difference: load.Difference{Counts: load.Counts{Records: 3, Rows: 3, New: 3}, After: 3}, Asks: f.asks}
	})
	elsewhere(f, "ImportStagedRows", func(in activities.LoadImport) load.Entry {
		return load.Entry{Operation: in.Operation, Counts: in.Expect, Rows: 3}
	})
	elsewhere(f, "CheckLoadedRows", func(activities.LoadCheck) struct{} { return struct{}{} })
	change[activities.DataLoad](w, "DropStagedRows")
	return f
}

// elsewhere is an activity of the task: without a task nobody takes it, and the death of the task is noticed by its silence.
func elsewhere[I, O any](f *fargate, name string, do func(I) O) {
	stub(f.world, name, func(in I) (out O, err error) {
		if f.alive && len(f.kills) > 0 && f.kills[0] == name { // the test environment tries time-outs again
			f.kills = f.kills[1:]
			f.dies("exit code 137")
			return out, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil)
		}
		if !f.alive {
			return out, temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
		}
		f.calls = append(f.calls, name)
		return do(in), nil
	})
}

func (f *fargate) dies(why string) { f.alive, f.why = false, why }

func (f *fargate) task(status string) activities.LoadTask {
	t := activities.LoadTask{ARN: fmt.Sprint("task-", len(f.tries)), Status: status}
	if !f.alive {
		t.Status, t.Ended = "STOPPED", f.why
	}
	return t
}

func (f *fargate) load() error {
	f.env.ExecuteWorkflow("DataLoad", workflows.DataLoadInput{Dataset: "shops", File: "shops.csv", Reason: "試験", Requester: "ito", Operator: "tanaka"})
	require.True(f.t, f.env.IsWorkflowCompleted())
	return f.env.GetWorkflowError()
}

// reasons are those that the evidence has of tasks that ended.
func (f *fargate) reasons() (all []string) {
	for _, e := range f.evidence {
		if e.Kind == "task-ended" {
			all = append(all, string(e.Body))
		}
	}
	return all
}

func TestLoadRunsInOneTaskThatIsStoppedAtTheEnd(t *testing.T) {
	f := withFargate(newWorld(t))
	require.NoError(t, f.load())
	require.Equal(t, []string{
		"RunECSLoadTask:1", "StageDataFile", "CompareStagedRows", "ImportStagedRows", "CheckLoadedRows", "StopECSLoadTask", "DropStagedRows", "ReleaseResources",
	}, f.effects())
	require.Empty(t, f.reasons())
}

// Whenever the task dies, the run starts another one and does again what the dead one had not finished.
func TestLoadGoesOnInAnotherTaskWhenItsTaskDies(t *testing.T) {
	for _, name := range []string{"StageDataFile", "CompareStagedRows", "ImportStagedRows", "CheckLoadedRows"} {
		t.Run(name, func(t *testing.T) {
			f := withFargate(newWorld(t), name, name)
			require.NoError(t, f.load())
			require.Equal(t, []int{1, 2, 3}, f.tries)
			require.Equal(t, 1, count(f.effects(), name), "%v", f.effects())
			require.Equal(t, 1, count(f.effects(), "StopECSLoadTask"), "the last one")
			require.Len(t, f.reasons(), 2)
			require.Contains(t, f.reasons()[0], "exit code 137")
			require.NotContains(t, f.kinds(), "held")
		})
	}
}

func count(all []string, name string) (n int) {
	for _, s := range all {
		if s == name {
			n++
		}
	}
	return n
}

func TestLoadIsHeldWhenEveryTaskDies(t *testing.T) {
	f := withFargate(newWorld(t), slices.Repeat([]string{"StageDataFile"}, 4)...)
	f.at(start.Add(time.Hour), "retry", by("kato"))
	require.NoError(t, f.load())
	require.Equal(t, []int{1, 2, 3, 4, 5}, f.tries, "four, and one after the answer")
	i := slices.IndexFunc(f.evidence, func(e records.Evidence) bool { return e.Kind == "held" })
	require.GreaterOrEqual(t, i, 0)
	require.Contains(t, string(f.evidence[i].Body), "4 tasks on Fargate ended before the work was done; of the last one: exit code 137")
}

// Nothing is to be done while people are asked, so the task ends by itself.
func TestLoadStartsAnotherTaskAfterAnApprovalThatTookLong(t *testing.T) {
	f := withFargate(newWorld(t))
	f.asks = []string{"it is the first load of the table"}
	f.env.RegisterDelayedCallback(func() { f.dies("exit code 0") }, 10*time.Minute)
	f.at(start.Add(24*time.Hour), "approve", by("sato"))
	require.NoError(t, f.load())
	require.Equal(t, []int{1, 2}, f.tries)
	require.Equal(t, 1, count(f.effects(), "ImportStagedRows"))
	require.Contains(t, strings.Join(f.reasons(), ""), "exit code 0")
}

func TestLoadStopsItsTaskOnEveryWayOut(t *testing.T) {
	for name, spoil := range map[string]func(*fargate){
		"rolled back": func(f *fargate) {
			f.fail["ImportStagedRows"] = func(int) error { return temporal.NewNonRetryableApplicationError("no", activities.Refused, nil) }
			f.at(start.Add(time.Minute), "rollback", by("kato"))
		},
		"rejected": func(f *fargate) {
			f.asks = []string{"always"}
			f.at(start.Add(time.Minute), "reject", by("sato"))
		},
		"cancelled": func(f *fargate) {
			f.asks = []string{"always"}
			f.env.RegisterDelayedCallback(f.env.CancelWorkflow, time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := withFargate(newWorld(t))
			spoil(f)
			require.Error(t, f.load())
			require.False(t, f.alive)
			require.Equal(t, []string{"StopECSLoadTask", "DropStagedRows", "ReleaseResources"}, f.effects()[len(f.effects())-3:])
		})
	}
}

// A task that still runs and does nothing is stopped before another one is started: two would work at the same time.
func TestLoadStopsATaskThatFellSilent(t *testing.T) {
	f := withFargate(newWorld(t))
	f.fail["StageDataFile"] = func(int) error {
		if len(f.tries) == 1 {
			return temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
		}
		return nil
	}
	require.NoError(t, f.load())
	require.Equal(t, []string{"RunECSLoadTask:1", "StopECSLoadTask", "RunECSLoadTask:2", "StageDataFile"}, f.effects()[:4])
}

func TestLoadIsHeldWhenNoTaskCanBeStarted(t *testing.T) {
	f := withFargate(newWorld(t))
	f.fail["RunECSLoadTask"] = func(try int) error {
		if try <= 12 {
			return temporal.NewApplicationError("Capacity is unavailable", activities.Unavailable)
		}
		return nil
	}
	f.at(start.Add(time.Hour), "retry", by("kato"))
	require.NoError(t, f.load())
	require.Contains(t, f.kinds(), "held")
	require.Equal(t, []int{1}, f.tries)
	require.Equal(t, runbook.Done, f.status().State)
}
