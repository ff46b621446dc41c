// Package sandbox is AWS in process, for development and tests. It hooks into the AWS SDK as smithy middleware: it keeps the
// typed input in the first step of a call and answers in the last one, so that parameter validation, serialisation, signing
// and the retryer are the SDK's own and only the wire is left out.
//
// State lives in one append-only log under a folder. Several processes may use the folder at once, and any of them may be
// killed at any moment. An operation that the sandbox does not know, or a parameter that it does not model, is an error,
// never a silent success.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// DefaultTimeScale is the time scale of a new sandbox: 1 is about as slow as AWS, 0.02 lets a CloudFront deployment take
// about five seconds.
const DefaultTimeScale = 0.02

// DefaultRegion is where regional services live when the sandbox has not been seeded yet.
const DefaultRegion = "ap-northeast-1"

// Sandbox is one process's handle on the state in a folder. It is safe for concurrent use.
type Sandbox struct {
	// Clock tells the time; time.Now by default. Set it before the first call.
	Clock func() time.Time

	dir       string
	databases Databases  // guarded by mu
	mu        sync.Mutex // guards everything below; the file lock guards against other processes
	log       *logFile
	state     state
	tail      []Entry           // the newest journal entries, for the overview page
	wrote     int               // mails that are known to exist as files
	resolved  map[string]Answer // by client and name, see Resolve
}

// settings is the resource that holds what the sandbox as a whole was told.
type settings struct {
	Account   string
	Region    string
	TimeScale float64
	RealTasks bool `json:",omitempty"` // see UseTaskProcesses
}

const settingsKey = "sandbox:settings/all"

// Open opens the sandbox in dir, creating the folder (mode 0700, as the state holds mail) if it is missing. A half-written
// last line, left by a process that was killed while it wrote, is dropped. A log that is damaged elsewhere is an error that
// says at which byte.
func Open(dir string) (*Sandbox, error) {
	if err := os.MkdirAll(filepath.Join(dir, mailFolder), 0o700); err != nil {
		return nil, fmt.Errorf("sandbox folder: %w", err)
	}
	log, err := openLog(dir)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{Clock: time.Now, dir: dir, log: log, state: newState()}
	if err := s.locked(func() error { return nil }); err != nil {
		return nil, errors.Join(err, log.close())
	}
	return s, nil
}

// Close lets go of the log; a second Close does nothing. Other calls after it fail.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.close()
}

// Dir is the folder that the sandbox lives in.
func (s *Sandbox) Dir() string { return s.dir }

// SetTimeScale stretches (above 1) or shortens (below 1) the time that deployments, snapshots and task starts take, for
// all processes. 0 makes them immediate.
func (s *Sandbox) SetTimeScale(scale float64) error {
	if scale < 0 {
		return fmt.Errorf("time scale %v: must be 0 or more", scale)
	}
	return s.change(context.Background(), func(c *call) error {
		set, err := c.settings()
		if err != nil {
			return err
		}
		set.TimeScale = scale
		return c.put(settingsKey, set)
	})
}

// locked runs do with the file lock held and the state up to date.
func (s *Sandbox) locked(do func() error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.log.lock(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.log.unlock()) }()
	if err := s.log.read(s.apply); err != nil {
		return err
	}
	if err := s.advance(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return s.writeMailFiles()
}

// change runs do as one atomic change that is not an AWS operation: it is not journalled.
func (s *Sandbox) change(ctx context.Context, do func(*call) error) error {
	return s.locked(func() error {
		c := s.newCall(ctx)
		if err := do(c); err != nil {
			return err
		}
		return s.commit(c, record{})
	})
}

// view runs do on the current state and drops whatever it changes.
func (s *Sandbox) view(do func(*call) error) error {
	return s.locked(func() error { return do(s.newCall(context.Background())) })
}

// commit appends what the call changed, together with rec, as one line; without anything to write it does nothing.
func (s *Sandbox) commit(c *call, rec record) error {
	rec.Put, rec.Del = c.puts, c.dels
	if len(rec.Put) == 0 && len(rec.Del) == 0 && rec.Entry == nil {
		return nil
	}
	return s.log.append(rec, s.apply)
}

// apply brings a line of the log into the state.
func (s *Sandbox) apply(rec record) {
	s.state.apply(rec)
	if rec.Entry != nil {
		s.tail = append(s.tail, *rec.Entry)
		if len(s.tail) > 2*tailLength {
			s.tail = append([]Entry(nil), s.tail[len(s.tail)-tailLength:]...)
		}
	}
}
