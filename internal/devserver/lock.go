package devserver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// lockFolder makes the folder (0700 if it is new), takes it for this process, and returns what gives it back. The system
// gives it back too when this process ends in any way.
func lockFolder(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w (choose another folder, or remove what is in the way)", err)
	}
	path := filepath.Join(dir, "lock")
	file, err := lockFile(path, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("the state folder %s is in use%s: stop that one, or choose another folder", dir, holder(path))
	}
	if err != nil {
		return nil, fmt.Errorf("lock the state folder: %w", err)
	}
	if err := errors.Join(file.Truncate(0), writeAt(file, strconv.Itoa(os.Getpid())+"\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("write the lock of the state folder: %w", err), file.Close())
	}
	return file.Close, nil
}

// lockFile opens path and locks it; closing the file unlocks it.
func lockFile(path string, how int) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

func holder(lock string) string {
	if text, err := os.ReadFile(lock); err == nil && len(strings.TrimSpace(string(text))) > 0 {
		return " by process " + strings.TrimSpace(string(text))
	}
	return ""
}

// stopOrphan stops a child of an earlier, killed parent. The caller holds the folder's lock, so no living parent wants
// that child. pidFile's first line is its process ID; command must occur in its command line, as process IDs are used
// again. A stale file is removed.
func stopOrphan(name, pidFile, command string, sig syscall.Signal, log func(string)) error {
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the process ID of an earlier %s: %w", name, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && pid > 1 {
		runs := func() bool { return strings.Contains(commandLine(pid), command) }
		// On Linux it is already ending by itself; elsewhere, or when it hangs, it is told to.
		for _, s := range []syscall.Signal{0, sig, syscall.SIGKILL} {
			if !runs() {
				break
			}
			if s != 0 {
				log(fmt.Sprintf("stopping %s left by an earlier start (process %d)", name, pid))
				if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
					return fmt.Errorf("stop %s left by an earlier start: %w (stop process %d by hand)", name, err, pid)
				}
			}
			for end := time.Now().Add(5 * time.Second); runs() && time.Now().Before(end); {
				time.Sleep(20 * time.Millisecond)
			}
		}
		if runs() {
			return fmt.Errorf("%s left by an earlier start (process %d) does not end: stop it by hand", name, pid)
		}
	}
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the stale %s: %w", pidFile, err)
	}
	return nil
}
