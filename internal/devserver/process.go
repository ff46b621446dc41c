package devserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running child. Its output goes to a log file.
type process struct {
	name    string // for messages
	pid     int
	pidFile string // "" if none is written
	log     *os.File
	logFrom int64 // where this run's output begins in the log
	ended   chan struct{}
	err     error // how it ended; read it after ended is closed
}

// startProcess starts cmd with its output appended to the file logPath. onParentDeath is the signal that it gets when this
// process dies, on systems that can do so. The process ID is written to pidFile, so that a later start can find a child
// that outlived its parent; "" writes none.
func startProcess(name string, cmd *exec.Cmd, logPath, pidFile string, onParentDeath syscall.Signal) (*process, error) {
	log, from, err := openLog(logPath)
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, onParentDeath)

	p := &process{name: name, pidFile: pidFile, log: log, logFrom: from, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel sends the death signal when the *thread* that forked ends, and Go ends idle threads that were
		// locked by a goroutine. So this goroutine keeps its thread for itself until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		p.pid = cmd.Process.Pid
		started <- nil
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start %s (%s): %w", name, cmd.Path, err), log.Close())
	}
	if pidFile != "" {
		if err := os.WriteFile(pidFile, []byte(strconv.Itoa(p.pid)+"\n"), 0o600); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: write its process ID: %w", name, err), p.stop(syscall.SIGKILL))
		}
	}
	return p, nil
}

// stop sends the signals one after another, with 10 seconds for each, until the child has ended; after the last one it
// kills the whole group. The child's own exit status is no error: it was asked to end.
func (p *process) stop(signals ...syscall.Signal) error {
	for _, sig := range signals {
		if p.hasEnded() {
			break
		}
		if err := syscall.Kill(p.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop %s (process %d): %w", p.name, p.pid, err)
		}
		if p.waitFor(10 * time.Second) {
			break
		}
	}
	if !p.hasEnded() {
		if err := syscall.Kill(-p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill %s (process group %d): %w", p.name, p.pid, err)
		}
		if !p.waitFor(10 * time.Second) {
			return fmt.Errorf("%s (process %d) does not end even when killed", p.name, p.pid)
		}
	}
	if p.pidFile != "" {
		if err := os.Remove(p.pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("stop %s: %w", p.name, err)
		}
	}
	if err := p.log.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("stop %s: close its log: %w", p.name, err)
	}
	return nil
}

func (p *process) hasEnded() bool { return p.waitFor(0) }

// waitFor reports whether the child has ended within d.
func (p *process) waitFor(d time.Duration) bool {
	if d <= 0 {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.ended:
		return true
	case <-timer.C:
		return false
	}
}

// how says how the child ended, for error messages; call it after that.
func (p *process) how() string {
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

// logTail is the end of what this run wrote, for error messages; a note instead when it cannot be read.
func (p *process) logTail() string { return tail(p.log.Name(), p.logFrom) }

const maxLog = 16 << 20 // bytes; a larger log is put aside at the next start

func openLog(path string) (log *os.File, from int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, 0, fmt.Errorf("make the folder for the log: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("put the old log aside: %w", err)
		}
	}
	log, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open the log: %w", err)
	}
	info, err := log.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("open the log: %w", err), log.Close())
	}
	return log, info.Size(), nil
}

func tail(path string, from int64) string {
	const most = 1500
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	text = text[min(from, int64(len(text))):]
	if len(text) > most {
		text = text[len(text)-most:]
	}
	if out := strings.TrimSpace(string(text)); out != "" {
		return out
	}
	return "(it wrote nothing to " + path + ")"
}
