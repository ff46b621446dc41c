package devserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Names in the private cluster. The user is its superuser.
const (
	postgresUser     = "tejun"
	postgresDatabase = "tejun"
)

// PostgresOptions say where the cluster is and how it is reached.
type PostgresOptions struct {
	Dir   string       // state folder, made if it is missing: the cluster, its password, its log
	Port  int          // on 127.0.0.1; 0 takes a free one
	Name  string       // of the database; "" means "tejun"
	Log   func(string) // progress in words; nil drops it
	Tests bool         // do not wait for the disk: faster, but a power cut may cost the data
	// Archive keeps every finished piece of the write-ahead log, so that a backup can be brought to any later moment; see Backup.
	Archive bool
	// NoChecksums makes the cluster as initdb does by default, without checksums of its pages: for measurements.
	NoChecksums bool
}

// Postgres is a running private cluster.
type Postgres struct {
	cluster  cluster
	process  *process
	dsn      string
	stopOnce sync.Once
	stopped  error
	unlock   func() error
}

// StartPostgres starts the cluster in Dir, makes it first if it is not there, and returns when it answers. Binaries are
// looked for on this machine; see findBinaries. Only 127.0.0.1 and a socket in Dir are listened on, with a random password that
// is kept in Dir/password. ctx limits the start, not the life; call Stop.
func StartPostgres(ctx context.Context, o PostgresOptions) (_ *Postgres, err error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("PostgreSQL's folder: %w", err)
	}
	unlock, err := lockFolder(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	p := &Postgres{unlock: unlock}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()

	p.cluster = cluster{dir: o.Dir, data: filepath.Join(o.Dir, "data"), database: o.Name, tests: o.Tests, archives: o.Archive, plain: o.NoChecksums, log: o.Log}
	c := &p.cluster
	if err := c.prepare(ctx); err != nil {
		return nil, fmt.Errorf("start PostgreSQL in %s: %w", o.Dir, err)
	}
	for attempt := 1; ; attempt++ {
		port, err := checkPort("PostgreSQL", o.Port)
		if err != nil {
			return nil, fmt.Errorf("start PostgreSQL: %w", err)
		}
		p.dsn = c.dsn(port, c.name())
		p.process, err = c.start(ctx, port)
		if err == nil {
			return p, nil
		}
		// Somebody may take the free port in between; then another one will do.
		if !errors.Is(err, syscall.EADDRINUSE) || o.Port != 0 || attempt == 5 {
			return nil, fmt.Errorf("start PostgreSQL in %s: %w", o.Dir, err)
		}
	}
}

// DSN is the address as a URL, with user and password, for pgx and libpq.
func (p *Postgres) DSN() string { return p.dsn }

// Ended is closed when the server has ended, wanted or not.
func (p *Postgres) Ended() <-chan struct{} { return p.process.ended }

// Stop ends all connections, then the server, in order (a "fast" shutdown), and gives the folder back. Calling it again is harmless.
func (p *Postgres) Stop() error {
	p.stopOnce.Do(func() {
		var stopped error
		if p.process != nil {
			stopped = p.process.stop(syscall.SIGINT, syscall.SIGQUIT)
		}
		p.stopped = errors.Join(stopped, p.unlock())
	})
	return p.stopped
}

// Crash ends the server at once, as `pg_ctl stop -m immediate` does: whatever was under way is lost, and the next start recovers
// from the log. It gives the folder back; calling it, or Stop, again is harmless.
func (p *Postgres) Crash() error {
	p.stopOnce.Do(func() { p.stopped = errors.Join(p.process.stop(syscall.SIGQUIT), p.unlock()) })
	return p.stopped
}

// cluster is a private cluster on disk.
type cluster struct {
	dir, data string
	database  string // "" means postgresDatabase
	tests     bool
	plain     bool // without checksums of pages
	archives  bool
	log       func(string)
	binaries  binaries
	rights    rights
	password  string
}

// prepare finds the programs, stops what an earlier start left, and makes the cluster if there is none.
func (c *cluster) prepare(ctx context.Context) error {
	made, major, err := c.madeBy()
	if err != nil {
		return err
	}
	if c.binaries, err = findBinaries(major, c.log); err != nil {
		return err
	}
	if c.rights, err = postgresRights(c.binaries.postgres(), c.log); err != nil {
		return err
	}
	for _, path := range []string{c.dir, c.binaries.dir} {
		if err := c.rights.checkPath(path); err != nil && !(path == c.dir && c.opened()) {
			return err
		}
	}
	if !made {
		if c.password, err = c.writePassword(); err != nil {
			return err
		}
		return c.initialise(ctx)
	}
	if err := stopOrphan("PostgreSQL", filepath.Join(c.data, "postmaster.pid"), c.data, syscall.SIGINT, c.log); err != nil {
		return err
	}
	if err := c.rights.own(c.data); err != nil {
		return err
	}
	text, err := os.ReadFile(c.passwordFile())
	if err != nil {
		return fmt.Errorf("read the cluster's password: %w (put the file back, or move the whole folder away to begin anew)", err)
	}
	c.password = strings.TrimSpace(string(text))
	return nil
}

// opened lets other users pass through the state folder itself, which this package made, so that a user to whom root drops
// can reach the cluster in it; what is in there has modes of its own. It reports whether all of the way is open then.
func (c *cluster) opened() bool {
	return os.Geteuid() == 0 && os.Chmod(c.dir, 0o711) == nil && c.rights.checkPath(c.dir) == nil
}

// madeBy says whether there is a whole cluster, and which major version made it.
func (c *cluster) madeBy() (made bool, major int, err error) {
	text, err := os.ReadFile(filepath.Join(c.data, "PG_VERSION"))
	switch {
	case err == nil:
		major, err = strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			return false, 0, fmt.Errorf("%s is damaged: PG_VERSION says %q: move the folder away to begin anew, or restore it", c.data, text)
		}
		return true, major, nil
	case !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return false, 0, fmt.Errorf("look for the cluster: %w", err)
	}
	if _, err := os.Lstat(c.data); err == nil {
		// The cluster is moved here only when it is whole, so this is something else, or a damaged one.
		return false, 0, fmt.Errorf("%s is not a PostgreSQL cluster (it has no PG_VERSION): move it away to begin anew, or restore it", c.data)
	}
	return false, 0, nil
}

func (c *cluster) name() string {
	if c.database == "" {
		return postgresDatabase
	}
	return c.database
}

func (c *cluster) passwordFile() string { return filepath.Join(c.dir, "password") }

func (c *cluster) writePassword() (string, error) {
	password := rand.Text()
	if err := os.WriteFile(c.passwordFile(), []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the cluster's password: %w", err)
	}
	return password, nil
}

// initialise makes the cluster aside and moves it into place when it is whole, so that a killed start leaves no half one.
func (c *cluster) initialise(ctx context.Context) error {
	c.log(fmt.Sprintf("making a PostgreSQL %d cluster in %s", c.binaries.major, c.data))
	aside := c.data + ".new"
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("remove the half-made cluster of an earlier start: %w", err)
	}
	if err := os.Mkdir(aside, 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	// initdb reads the password as the user that it runs as, so it gets a copy of its own.
	copied := filepath.Join(aside, "password")
	inner := filepath.Join(aside, "data")
	if err := errors.Join(os.WriteFile(copied, []byte(c.password+"\n"), 0o600), os.Mkdir(inner, 0o700)); err != nil {
		return fmt.Errorf("make the cluster: %w", err)
	}
	if err := c.rights.own(aside); err != nil {
		return err
	}
	args := []string{"--pgdata=" + inner, "--username=" + postgresUser, "--pwfile=" + copied, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-instructions"}
	if !c.plain {
		args = append(args, "--data-checksums")
	}
	if c.tests {
		args = append(args, "--no-sync")
	}
	p, err := startProcess("initdb", c.command(c.binaries.initdb(), args...), c.logFile(), "", syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("make the cluster: %w", ctx.Err()), p.stop(syscall.SIGTERM))
	}
	if p.err != nil {
		return errors.Join(fmt.Errorf("make the cluster as %s: %w: %s", c.rights.says, p.err, p.logTail()), p.stop())
	}
	if err := errors.Join(p.stop(), os.Rename(inner, c.data), os.RemoveAll(aside)); err != nil {
		return fmt.Errorf("move the cluster into place: %w", err)
	}
	return nil
}

// start runs the server and returns when it answers and the database is there.
func (c *cluster) start(ctx context.Context, port int) (*process, error) {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port), "unix_socket_directories=" + c.socketFolder(port),
		"max_connections=200", "timezone=UTC", "log_timezone=UTC",
	}
	if c.tests {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	if c.archives {
		if err := c.makeArchive(); err != nil {
			return nil, err
		}
		settings = append(settings, "archive_mode=on", "archive_command="+archiveCommand)
	}
	args := []string{"-D", c.data}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	p, err := startProcess("PostgreSQL", c.command(c.binaries.postgres(), args...), c.logFile(), "", syscall.SIGINT)
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, p, port); err != nil {
		return nil, errors.Join(err, p.stop(syscall.SIGINT, syscall.SIGQUIT))
	}
	return p, nil
}

// await connects until the server answers. After a crash it replays its log first, which may take a while.
func (c *cluster) await(ctx context.Context, p *process, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.dsn(port, "postgres"))
		if err == nil {
			return errors.Join(c.ensureDatabase(ctx, conn), conn.Close(ctx))
		}
		select {
		case <-p.ended:
			return c.whyEnded(p, port)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer on port %d: %w: %s", port, err, p.logTail())
		case <-time.After(20 * time.Millisecond):
		}
		if strings.Contains(err.Error(), "password authentication failed") {
			return fmt.Errorf("the password in %s is not the cluster's: put the right file back, or move the whole folder away to begin anew: %w", c.passwordFile(), err)
		}
	}
}

func (c *cluster) whyEnded(p *process, port int) error {
	said := p.logTail()
	if strings.Contains(said, "Address already in use") {
		return fmt.Errorf("port %d was taken by another program: choose another port: %w", port, syscall.EADDRINUSE)
	}
	return fmt.Errorf("it ended at once (%v); if the cluster in %s is damaged, restore it, or move the folder away to begin anew. It said: %s", p.how(), c.data, said)
}

func (c *cluster) ensureDatabase(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`, c.name()).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{c.name()}.Sanitize()) //nolint:misspell // pgx spells it so
	}
	if err != nil {
		return fmt.Errorf("make the database %s: %w", c.name(), err)
	}
	return nil
}

// socketFolder is Dir when the socket's path fits into the 103 bytes that the systems have in common, else none: the port
// is enough, the socket is a convenience for psql.
func (c *cluster) socketFolder(port int) string {
	socket := filepath.Join(c.data, fmt.Sprintf(".s.PGSQL.%d", port))
	if len(socket) > 103 || strings.ContainsAny(c.data, `,"`) {
		return ""
	}
	return c.data
}

func (c *cluster) dsn(port int, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(postgresUser, c.password), Host: address(port), Path: "/" + database,
		RawQuery: "sslmode=disable"}
	return u.String()
}

func (c *cluster) logFile() string { return filepath.Join(c.dir, "postgres.log") }

// command runs a program of PostgreSQL with the right to, in a folder that it may enter, and without the settings of other
// clusters in the environment.
func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = c.rights.attr()
	cmd.Dir = c.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "LANG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "LC_ALL=C") // messages that this package can read
	return cmd
}
