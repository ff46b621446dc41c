package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// record is one line of the log: resources that are put and deleted and the journal entry of the operation that did it,
// so that state and journal can never disagree.
type record struct {
	Put   map[string]json.RawMessage `json:"put,omitempty"`
	Del   []string                   `json:"del,omitempty"`
	Seed  bool                       `json:"seed,omitempty"` // the resources have always been so: a stale read sees them too
	Entry *Entry                     `json:"entry,omitempty"`
}

// logFile is log.jsonl, with lock beside it. A line is written by one write call with O_APPEND while the lock is held. It
// is not synced to disk: it survives the death of any process, not that of the machine.
type logFile struct {
	path   string
	file   *os.File
	locker *os.File
	offset int64 // up to here the lines have been applied
}

func openLog(dir string) (*logFile, error) {
	path := filepath.Join(dir, "log.jsonl")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sandbox log: %w", err)
	}
	locker, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox lock: %w", err), file.Close())
	}
	return &logFile{path: path, file: file, locker: locker}, nil
}

func (l *logFile) close() error {
	err := errors.Join(l.file.Close(), l.locker.Close())
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (l *logFile) lock() error   { return l.flock(syscall.LOCK_EX) }
func (l *logFile) unlock() error { return l.flock(syscall.LOCK_UN) }

func (l *logFile) flock(how int) error {
	for {
		err := syscall.Flock(int(l.locker.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			if err != nil {
				return fmt.Errorf("sandbox lock %s: %w", l.locker.Name(), err)
			}
			return nil
		}
	}
}

// read applies the complete lines that other processes have appended, and cuts off a torn last one: nobody can be in the
// middle of writing it, as the lock is held.
func (l *logFile) read(apply func(record)) error {
	size, err := l.size()
	if err != nil || size == l.offset {
		return err
	}
	if size < l.offset {
		return fmt.Errorf("sandbox log %s became shorter while it was open: stop all processes that use it and start them again", l.path)
	}
	data := make([]byte, size-l.offset)
	if _, err := io.ReadFull(io.NewSectionReader(l.file, l.offset, size-l.offset), data); err != nil {
		return fmt.Errorf("sandbox log %s: %w", l.path, err)
	}
	for len(data) > 0 {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return l.cut()
		}
		var rec record
		if err := json.Unmarshal(data[:end], &rec); err != nil {
			return fmt.Errorf("sandbox log %s is damaged at byte %d: %w; remove the folder to start afresh", l.path, l.offset, err)
		}
		apply(rec)
		l.offset += int64(end) + 1
		data = data[end+1:]
	}
	return nil
}

// append writes one line and applies it. When the write fails half-way (a full disk), what was written is taken back.
func (l *logFile) append(rec record, apply func(record)) error {
	line, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("sandbox log: %w", err)
	}
	line = append(line, '\n')
	if _, err := l.file.Write(line); err != nil {
		return errors.Join(fmt.Errorf("sandbox log %s: %w", l.path, err), l.cut())
	}
	l.offset += int64(len(line))
	apply(rec)
	return nil
}

// cut shortens the file to the last complete line.
func (l *logFile) cut() error {
	if err := l.file.Truncate(l.offset); err != nil {
		return fmt.Errorf("sandbox log %s: drop the torn last line: %w", l.path, err)
	}
	return nil
}

func (l *logFile) size() (int64, error) {
	info, err := l.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("sandbox log %s: %w", l.path, err)
	}
	return info.Size(), nil
}

// entries reads the journal out of the lines that have been applied so far. The caller holds the lock.
func (l *logFile) entries() ([]Entry, error) {
	dec := json.NewDecoder(io.NewSectionReader(l.file, 0, l.offset))
	entries := []Entry{}
	for {
		var line struct {
			Entry *Entry `json:"entry"`
		}
		switch err := dec.Decode(&line); {
		case errors.Is(err, io.EOF):
			return entries, nil
		case err != nil:
			return nil, fmt.Errorf("sandbox log %s is damaged: %w", l.path, err)
		}
		if line.Entry != nil {
			entries = append(entries, *line.Entry)
		}
	}
}
