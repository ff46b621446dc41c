// Package fargate runs the tasks of the sandbox's ECS as processes of this machine, as Fargate runs those of AWS.
package fargate

import (
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"tejun/internal/devserver"
	"tejun/internal/sandbox"
)

// pace is how often it is looked at what should run.
const pace = 100 * time.Millisecond

// killed is the exit code of a process that was killed.
const killed = 128 + 9

// Options say how tasks are run.
type Options struct {
	Command func(sandbox.Task) *exec.Cmd // the process of a task
	Dir     string                       // for the logs, one file a task
	Log     func(string)                 // progress in words; nil drops it
}

// Runner runs the tasks of one sandbox, whichever process has ordered them.
type Runner struct {
	o    Options
	box  *sandbox.Sandbox
	stop chan struct{}
	over chan struct{}

	mu      sync.Mutex
	running map[string]*child // by task ID
	waiting sync.WaitGroup
	failed  error // the first thing that went wrong
}

// child is the process of a task.
type child struct {
	*devserver.Program
	stopping bool
}

// Start begins to run tasks. Those whose process died with an earlier runner have ended. Call Close before the sandbox's.
func Start(box *sandbox.Sandbox, o Options) (*Runner, error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	r := &Runner{o: o, box: box, stop: make(chan struct{}), over: make(chan struct{}), running: map[string]*child{}}
	if err := box.UseTaskProcesses(true); err != nil {
		return nil, err
	}
	left, err := box.TaskProcesses()
	if err != nil {
		return nil, err
	}
	for _, t := range left {
		if t.Version.Started != nil {
			if err := box.TaskEnded(t.Task, killed); err != nil {
				return nil, err
			}
		}
	}
	go r.run()
	return r, nil
}

func (r *Runner) run() {
	defer close(r.over)
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-ticks.C:
			r.note(r.look())
		}
	}
}

// look starts what is due and ends what is to end.
func (r *Runner) look() error {
	tasks, err := r.box.TaskProcesses()
	if err != nil {
		return err
	}
	for _, t := range tasks {
		r.mu.Lock()
		program, runs := r.running[t.ID]
		r.mu.Unlock()
		switch {
		case !runs && t.Version.Started != nil: // it has ended a moment ago
		case !runs && t.Stop:
			err = r.box.TaskFailed(t.Task, "it was stopped before it ran")
		case !runs && t.Due:
			err = r.start(t.Task)
		case runs && t.Stop && !program.stopping:
			program.stopping = true
			r.waiting.Go(func() { r.note(program.Stop()) }) // it may take its time
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) start(t sandbox.Task) error {
	program, err := devserver.StartProgram("the task "+t.ID, r.o.Command(t), filepath.Join(r.o.Dir, t.ID+".log"))
	if err != nil {
		r.o.Log(err.Error())
		return r.box.TaskFailed(t, "CannotStartContainerError: "+err.Error())
	}
	r.mu.Lock()
	r.running[t.ID] = &child{Program: program}
	r.mu.Unlock()
	r.o.Log(fmt.Sprintf("task %s runs as process %d: %v", t.ID, program.PID(), t.Command))
	err = r.box.TaskStarted(t)
	r.waiting.Go(func() {
		<-program.Ended()
		r.o.Log(fmt.Sprintf("task %s has ended with exit code %d", t.ID, program.ExitCode()))
		r.note(errors.Join(program.Stop(), r.box.TaskEnded(t, program.ExitCode())))
		r.mu.Lock()
		delete(r.running, t.ID)
		r.mu.Unlock()
	})
	return err
}

func (r *Runner) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.failed == nil {
		r.failed = err
		r.o.Log("running the sandbox's tasks: " + err.Error())
	}
}

// Running are the process IDs of the tasks that run, by the tasks' IDs.
func (r *Runner) Running() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]int{}
	for id, p := range r.running {
		all[id] = p.PID()
	}
	return all
}

// Close ends all tasks, and says what went wrong meanwhile.
func (r *Runner) Close() error {
	close(r.stop)
	<-r.over
	r.mu.Lock()
	programs := maps.Clone(r.running)
	r.mu.Unlock()
	for _, p := range programs {
		r.note(p.Stop())
	}
	r.waiting.Wait()
	return errors.Join(r.failed, r.box.UseTaskProcesses(false))
}
