package main

import (
	"fmt"
	"os"
	"os/exec"

	"tejun/internal/fargate"
	"tejun/internal/sandbox"
)

// victim is the worker as a process of its own.
type victim struct {
	stage    *stage
	log      string
	operated string // DSN of the operated system's database; "" for none
	queue    string // task queue; "" for the worker's own
	cmd      *exec.Cmd
}

func (v *victim) start() error {
	log, err := os.OpenFile(v.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	v.cmd = fargate.Worker{
		Program: v.stage.binary, Temporal: v.stage.Servers.Temporal.Address(), System: v.stage.system, Records: v.stage.Servers.Postgres.DSN(),
		Operated: v.operated, Sandbox: v.stage.Sandbox.Dir(), SiteURL: v.stage.SiteURL,
	}.Command(sandbox.Task{})
	v.cmd.Env = append(v.cmd.Env, "TEJUN_TASK_QUEUE="+v.queue)
	v.cmd.Stdout, v.cmd.Stderr = log, log
	return v.cmd.Start()
}

// kill ends the worker as a power cut would, and starts the next one.
func (v *victim) kill() error {
	if err := v.stop(); err != nil {
		return err
	}
	return v.start()
}

func (v *victim) stop() error {
	if err := v.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("the worker had ended by itself: %w; see %s", err, v.log)
	}
	_ = v.cmd.Wait() // it was killed, so its status says nothing
	return nil
}
