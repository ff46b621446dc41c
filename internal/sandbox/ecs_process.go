package sandbox

import (
	"context"
	"fmt"
	"sort"
)

// TaskProcess is a task as whoever runs its process needs to know it.
type TaskProcess struct {
	Task
	Due  bool // it is time for the process to run
	Stop bool // the process is to end
}

// UseTaskProcesses says that from now on the tasks of all processes that use this sandbox are real: somebody looks at
// TaskProcesses, runs them, and tells by TaskStarted and TaskEnded. Without it, tasks are states alone: they reach RUNNING in
// their time, do nothing, and stop when they are told to.
func (s *Sandbox) UseTaskProcesses(use bool) error {
	return s.change(context.Background(), func(c *call) error {
		set, err := c.settings()
		if err != nil {
			return err
		}
		set.RealTasks = use
		return c.put(settingsKey, set)
	})
}

// TaskProcesses lists the real tasks that have not ended, oldest first.
func (s *Sandbox) TaskProcesses() (found []TaskProcess, err error) {
	err = s.view(func(c *call) error {
		found = nil
		all, err := list[Task](c, taskKind)
		if err != nil {
			return err
		}
		for _, t := range all {
			if !t.Real || t.Version.Ended != nil {
				continue
			}
			begun, err := c.elapsed(t.Created, taskStartTime)
			if err != nil {
				return err
			}
			found = append(found, TaskProcess{Task: t, Due: begun == 1, Stop: t.Version.Asked != nil})
		}
		sort.SliceStable(found, func(i, j int) bool { return found[i].Created.Before(found[j].Created) })
		return nil
	})
	return found, err
}

// TaskStarted says that the task's process runs.
func (s *Sandbox) TaskStarted(t Task) error {
	return s.changeTask(t, func(c *call, t *Task) { t.Version.Started = ptr(c.at) })
}

// TaskEnded says that the task's process has ended. The first ending counts.
func (s *Sandbox) TaskEnded(t Task, exit int) error {
	return s.changeTask(t, func(c *call, t *Task) { t.Version.Ended, t.Version.Exit = ptr(c.at), ptr(int32(exit)) })
}

// TaskFailed says that the task's process never ran, and why.
func (s *Sandbox) TaskFailed(t Task, why string) error {
	return s.changeTask(t, func(c *call, t *Task) {
		t.Version.Ended = ptr(c.at)
		if t.Version.Asked == nil {
			t.Version.Reason = why
		}
	})
}

func (s *Sandbox) changeTask(which Task, how func(*call, *Task)) error {
	return s.change(context.Background(), func(c *call) error {
		key := taskKey(&which.Cluster, &which.ID)
		t, ok, err := get[Task](c, key)
		if err != nil {
			return err
		}
		if !ok || !t.Real {
			return fmt.Errorf("sandbox: there is no task %s that a process runs", which.ARN)
		}
		if t.Version.Ended != nil {
			return nil
		}
		how(c, &t)
		return c.put(key, t)
	})
}
