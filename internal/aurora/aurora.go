// Package aurora runs real PostgreSQL servers behind the sandbox's RDS: the operated system's own, backups of it, and the
// copies that are restored from them. What takes long runs beside the sandbox's calls.
package aurora

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"tejun/internal/devserver"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// Options say what is run where.
type Options struct {
	Dir     string              // backups and restored clusters
	Cluster string              // the server's name in the sandbox: region.identifier
	Source  *devserver.Postgres // the operated system's own server; it must archive
	Tests   bool                // see devserver.PostgresOptions
	Log     func(string)        // progress in words; nil drops it
}

// Servers implements sandbox.Databases.
type Servers struct {
	o   Options
	ctx context.Context
	end context.CancelFunc

	mu      sync.Mutex
	jobs    map[string]*job
	serving map[string]*devserver.Postgres
}

var _ sandbox.Databases = (*Servers)(nil)

// job is work that goes on beside the calls.
type job struct {
	stop  context.CancelFunc
	ended chan struct{}
	err   error // read it after ended is closed
}

// Start begins the automated backup that restores to a point in time build on, if there is none, and returns at once. Call
// Close before the source is stopped.
func Start(o Options) (*Servers, error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	s := &Servers{o: o, jobs: map[string]*job{}, serving: map[string]*devserver.Postgres{}}
	s.ctx, s.end = context.WithCancel(context.Background())
	for _, dir := range []string{s.backup(""), s.cluster("")} {
		// Other users may pass: the servers of restored clusters may run as one.
		if err := errors.Join(os.MkdirAll(dir, 0o711), os.Chmod(o.Dir, 0o711)); err != nil {
			return nil, fmt.Errorf("folder for backups and restored clusters: %w", err)
		}
	}
	_, err := s.Backup(o.Cluster, s.automated())
	return s, err
}

// Serve puts the source behind the sandbox's cluster that is described.
func Serve(box *sandbox.Sandbox, sys *system.System, source *devserver.Postgres, o Options) (*Servers, error) {
	o.Source, o.Cluster = source, sandbox.ServerName(sys.AWS.Region, sys.Database.Cluster)
	s, err := Start(o)
	if err != nil {
		return nil, err
	}
	if err := box.UseDatabases(s); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close gives up what is going on and stops the servers of restored clusters. What was given up begins anew when it is asked
// for again.
func (s *Servers) Close() error {
	s.end()
	s.mu.Lock()
	jobs := make([]*job, 0, len(s.jobs))
	for _, j := range s.jobs {
		jobs = append(jobs, j)
	}
	s.mu.Unlock()
	for _, j := range jobs {
		<-j.ended
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed error
	for name, server := range s.serving {
		failed = errors.Join(failed, server.Stop())
		delete(s.serving, name)
	}
	return failed
}

func (s *Servers) backup(name string) string  { return filepath.Join(s.o.Dir, "backups", name) }
func (s *Servers) cluster(name string) string { return filepath.Join(s.o.Dir, "clusters", name) }
func (s *Servers) automated() string          { return s.o.Cluster + ".automated" }

// work begins a job unless it is going on, and says how it ended once it has.
func (s *Servers) work(name string, do func(context.Context) error) (done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, going := s.jobs[name]
	if !going {
		j = &job{ended: make(chan struct{})}
		var ctx context.Context
		ctx, j.stop = context.WithCancel(s.ctx)
		s.jobs[name] = j
		go func() {
			defer close(j.ended)
			defer j.stop()
			if j.err = do(ctx); j.err != nil && ctx.Err() == nil {
				s.o.Log(j.err.Error())
			}
		}()
	}
	select {
	case <-j.ended:
		return j.err == nil, j.err
	default:
		return false, nil
	}
}

// giveUp ends a job, waits for its end and forgets it.
func (s *Servers) giveUp(name string) {
	s.mu.Lock()
	j, going := s.jobs[name]
	delete(s.jobs, name)
	s.mu.Unlock()
	if going {
		j.stop()
		<-j.ended
	}
}

func (s *Servers) running(cluster string) (*devserver.Postgres, bool) {
	if cluster == s.o.Cluster {
		return s.o.Source, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	server, ok := s.serving[cluster]
	return server, ok
}

// Backup backs up the source. Restored clusters keep no archive and are not backed up.
func (s *Servers) Backup(cluster, backup string) (bool, error) {
	into := s.backup(backup)
	if _, err := devserver.ReadBackup(into); err == nil {
		return true, nil
	}
	if cluster != s.o.Cluster {
		return false, fmt.Errorf("the sandbox backs up %s only, not the restored cluster %s", s.o.Cluster, cluster)
	}
	return s.work("backup "+backup, func(ctx context.Context) error {
		if err := os.RemoveAll(into); err != nil { // what a killed process left
			return err
		}
		return s.o.Source.Backup(ctx, into)
	})
}

// CopyBackup copies a backup.
func (s *Servers) CopyBackup(backup, to string) (bool, error) {
	into := s.backup(to)
	if _, err := devserver.ReadBackup(into); err == nil {
		return true, nil
	}
	return s.work("backup "+to, func(ctx context.Context) error { return devserver.CopyBackup(ctx, s.backup(backup), into) })
}

// DropBackup removes a backup.
func (s *Servers) DropBackup(backup string) error {
	s.giveUp("backup " + backup)
	return os.RemoveAll(s.backup(backup))
}

// Restore lays a cluster in place.
func (s *Servers) Restore(cluster string, from sandbox.Restoration) (bool, error) {
	into := s.cluster(cluster)
	if _, err := os.Stat(filepath.Join(into, "data")); err == nil {
		return true, nil
	}
	return s.work("restore "+cluster, func(ctx context.Context) error {
		if err := os.RemoveAll(into); err != nil {
			return err
		}
		backup := s.backup(from.Backup)
		if from.Cluster != "" {
			if from.Cluster != s.o.Cluster {
				return fmt.Errorf("the sandbox restores %s only, not the restored cluster %s", s.o.Cluster, from.Cluster)
			}
			backup = s.backup(s.automated())
			if _, err := s.o.Source.Archived(ctx); err != nil {
				return err
			}
		}
		return devserver.Restore(ctx, backup, s.o.Source.Archive(), into, from.At)
	})
}

// Serve runs the cluster's server on a port of its own.
func (s *Servers) Serve(cluster string) (host string, port int32, done bool, err error) {
	server, ok := s.running(cluster)
	if !ok {
		done, err := s.work("serve "+cluster, func(ctx context.Context) error {
			server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: s.cluster(cluster), Name: devserver.DatabaseName, Tests: s.o.Tests, Log: s.o.Log})
			if err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.serving[cluster] = server
			return nil
		})
		if !done || err != nil {
			return "", 0, false, err
		}
		if server, ok = s.running(cluster); !ok {
			return "", 0, false, nil
		}
	}
	host, port, err = address(server.DSN())
	return host, port, err == nil, err
}

func address(dsn string) (string, int32, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return "", 0, errors.New("the server's address is no URL")
	}
	host, text, err := net.SplitHostPort(u.Host)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	return host, int32(port), err
}

// Halt stops the cluster's server.
func (s *Servers) Halt(cluster string) error {
	if cluster == s.o.Cluster {
		return errors.New("the operated system's own server is not stopped")
	}
	s.giveUp("serve " + cluster)
	s.mu.Lock()
	server, ok := s.serving[cluster]
	delete(s.serving, cluster)
	s.mu.Unlock()
	if !ok {
		return nil
	}
	return server.Stop()
}

// Drop removes a restored cluster.
func (s *Servers) Drop(cluster string) error {
	if err := s.Halt(cluster); err != nil {
		return err
	}
	s.giveUp("restore " + cluster)
	return os.RemoveAll(s.cluster(cluster))
}

// Restorable is from the end of the automated backup until now.
func (s *Servers) Restorable(cluster string) (from, until time.Time) {
	if cluster != s.o.Cluster {
		return from, until
	}
	b, err := devserver.ReadBackup(s.backup(s.automated()))
	if err != nil {
		return from, until
	}
	return b.Ended, time.Now().UTC()
}
