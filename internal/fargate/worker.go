package fargate

import (
	"os"
	"os/exec"
	"strings"

	"tejun/internal/operated"
	"tejun/internal/sandbox"
)

// Worker is the container of a task definition: a built worker and the settings that it finds.
type Worker struct {
	Program  string // path of the built worker
	Temporal string // host:port
	System   string // path of system.yaml
	Records  string // DSN
	Operated string // DSN
	Sandbox  string // folder
	SiteURL  string // instead of system.yaml's
}

// Command is the process of a task: the worker with the task's command. Settings of this process that are about Temporal and
// tejun are not passed on.
func (w Worker) Command(t sandbox.Task) *exec.Cmd {
	cmd := exec.Command(w.Program, t.Command...)
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "TEMPORAL_") && !strings.HasPrefix(setting, "TEJUN_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.Env = append(cmd.Env,
		"TEMPORAL_ADDRESS="+w.Temporal, "TEJUN_SYSTEM="+w.System, "TEJUN_DATABASE_URL="+w.Records, operated.Variable+"="+w.Operated,
		"TEJUN_AWS=sandbox:"+w.Sandbox, "TEJUN_SITE_URL="+w.SiteURL, "TEJUN_LISTEN=127.0.0.1:0")
	return cmd
}
