package main

import (
	"fmt"
	"os"
	"os/exec"
)

// victim is the worker as a process of its own.
type victim struct {
	stage *stage
	log   string
	env   []string // beside what every worker gets
	cmd   *exec.Cmd
}

func (v *victim) start() error {
	log, err := os.OpenFile(v.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()   // the child has its own descriptor
	v.cmd = exec.Command(v.stage.binary) //nolint:gosec // built above
	v.cmd.Env = append(append(os.Environ(),
		"TEMPORAL_ADDRESS="+v.stage.Servers.Temporal.Address(), "TEJUN_SYSTEM="+v.stage.system, "TEJUN_DATABASE_URL="+v.stage.Servers.Postgres.DSN(),
		"TEJUN_AWS=sandbox:"+v.stage.Sandbox.Dir(), "TEJUN_LISTEN=127.0.0.1:0", "TEJUN_SITE_URL="+v.stage.SiteURL), v.env...)
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
