package scene

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	"tejun/internal/system"
)

// NameTask lets a description name the Fargate task of loads that the example shows.
func NameTask(s *system.System) {
	s.Loads.Task = &system.LoadTask{
		Cluster: s.ECS.Cluster, TaskDefinition: "gzs-tejun-load", Container: "worker",
		Subnets: []string{"subnet-0a1b2c3d4e5f60718"}, SecurityGroups: []string{"sg-0c1d2e3f405162738"},
	}
}

// BuildWorker builds the worker into a folder, as the program that tasks run, and says where it is.
func BuildWorker(ctx context.Context, dir string) (string, error) {
	program := filepath.Join(dir, "worker")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "tejun/worker").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	return program, nil
}
