package devserver

import (
	"errors"
	"os/exec"
	"syscall"
)

// Program is a child process that ends with this one, where the system can do so.
type Program struct{ process *process }

// StartProgram starts cmd with its output appended to the file log. Stop must be called in any case.
func StartProgram(name string, cmd *exec.Cmd, log string) (*Program, error) {
	p, err := startProcess(name, cmd, log, "", syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	return &Program{p}, nil
}

// PID is its process ID.
func (p *Program) PID() int { return p.process.pid }

// Ended is closed once it has ended.
func (p *Program) Ended() <-chan struct{} { return p.process.ended }

// ExitCode is how it ended, as a shell has it: 128 and the signal for one that was killed. Read it after Ended is closed.
func (p *Program) ExitCode() int {
	var exit *exec.ExitError
	if !errors.As(p.process.err, &exit) {
		return 0
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// Stop asks it to end, kills it if it does not, and waits for its end.
func (p *Program) Stop() error { return p.process.stop(syscall.SIGTERM) }
