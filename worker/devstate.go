package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// takeState makes the state folder if it is missing and takes it for this process; the path becomes absolute. The system
// gives the folder back however the process ends.
func takeState(dir *string) (unlock func() error, err error) {
	if *dir == "" {
		return nil, errors.New("--state is empty: name a folder, such as .tejun")
	}
	path, err := filepath.Abs(*dir)
	if err != nil {
		return nil, fmt.Errorf("--state %s: %w", *dir, err)
	}
	*dir = path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("--state %s is a file: name a folder, or remove the file", path)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("--state %s cannot be made: %w (choose another folder)", path, err)
	}
	lock := filepath.Join(path, "dev.lock")
	file, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--state %s cannot be written to: %w (choose another folder, or change its rights)", path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("--state %s is in use by another `worker dev`%s: use that one, stop it, or name another folder", path, holderOf(lock))
		} else {
			err = fmt.Errorf("lock --state %s: %w (choose a folder on a local disk)", path, err)
		}
		return nil, errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Truncate(0), writePID(file)); err != nil {
		return nil, errors.Join(fmt.Errorf("--state %s cannot be written to: %w", path, err), file.Close())
	}
	return file.Close, nil
}

func writePID(file *os.File) error {
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holderOf(lock string) string {
	text, err := os.ReadFile(lock)
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return " (process " + pid + ")"
	}
	return ""
}
