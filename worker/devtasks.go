package main

import (
	"fmt"
	"os"

	"tejun/internal/devserver"
	"tejun/internal/fargate"
	"tejun/internal/sandbox"
)

// runTasks lets this very program run the sandbox's Fargate tasks, which there are when system.yaml has loads.task.
func (d *dev) runTasks(box *sandbox.Sandbox, servers *devserver.Stack) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program, which Fargate tasks run too: %w", err)
	}
	container := fargate.Worker{
		Program: program, Temporal: servers.Temporal.Address(), System: d.options.System, Records: servers.Postgres.DSN(),
		Operated: servers.Database.DSN(), Sandbox: box.Dir(), SiteURL: d.system.siteURL,
	}
	runner, err := fargate.Start(box, fargate.Options{Command: container.Command, Dir: d.path("tasks"), Log: d.says.about("Fargate tasks")})
	if err != nil {
		return err
	}
	d.started = append(d.started, runner.Close)
	return nil
}
