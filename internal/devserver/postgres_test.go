package devserver

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func startPostgres(t *testing.T, dir string) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir, Tests: true, Log: func(s string) { t.Log(s) }})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop()) })
	return p
}

func query[T any](t *testing.T, dsn, sql string) (value T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&value))
	return value
}

func TestPostgresKeepsItsDataOverAStopAndAStart(t *testing.T) {
	dir := t.TempDir()
	p := startPostgres(t, dir)
	query[int](t, p.DSN(), `WITH made AS (SELECT 1 AS n) SELECT n FROM made`)
	conn, err := pgx.Connect(t.Context(), p.DSN())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 7 AS n`)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	require.NoError(t, p.Stop())
	require.NoError(t, p.Stop(), "a second stop is harmless")

	again := startPostgres(t, dir)
	assert.Equal(t, 7, query[int](t, again.DSN(), `SELECT n FROM kept`))
	assert.Equal(t, "UTC", query[string](t, again.DSN(), `SHOW timezone`))
}

func TestPostgresKeepsWhatWasCommittedOverACrash(t *testing.T) {
	dir := t.TempDir()
	p, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop()) })
	execute(t, p.DSN(), `CREATE TABLE kept AS SELECT 7 AS n`)
	execute(t, p.DSN(), `CREATE UNLOGGED TABLE lost AS SELECT 7 AS n`)
	require.NoError(t, p.Crash())
	<-p.Ended()

	again := startPostgres(t, dir)
	assert.Equal(t, 1, query[int](t, again.DSN(), `SELECT count(*) FROM kept`))
	assert.Zero(t, query[int](t, again.DSN(), `SELECT count(*) FROM lost`), "it recovered: unlogged tables are emptied")
}

func TestPostgresWorksInALongFolderThatOnlyThisUserMayEnter(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	dir := filepath.Join(closed, strings.Repeat("a-long-name-", 12), "with space, and comma")
	p := startPostgres(t, dir)
	assert.Equal(t, "", query[string](t, p.DSN(), `SHOW unix_socket_directories`), "no socket path is that long")
}

func TestPostgresWantsItsPassword(t *testing.T) {
	dir := t.TempDir()
	p := startPostgres(t, dir)
	info, err := os.Stat(filepath.Join(dir, "password"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	config, err := pgx.ParseConfig(p.DSN())
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", query[string](t, p.DSN(), `SHOW unix_socket_directories`)} {
		if host == "" {
			continue
		}
		config.Host, config.Password = host, "guess"
		_, err = pgx.ConnectConfig(t.Context(), config)
		assert.ErrorContains(t, err, "password authentication failed", host)
	}
}

func TestPostgresRunsWithoutRootsRights(t *testing.T) {
	p := startPostgres(t, t.TempDir())
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.process.pid) + "/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	assert.Contains(t, string(status), "CapEff:\t0000000000000000")
}

func TestPostgresRefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	startPostgres(t, dir)
	_, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir})
	assert.ErrorContains(t, err, "is in use by process "+strconv.Itoa(os.Getpid())+": stop that one, or choose another folder")
}

func TestPostgresSaysWhatToDoWhenThePortIsInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = StartPostgres(t.Context(), PostgresOptions{Dir: t.TempDir(), Port: port, Tests: true})
	assert.ErrorContains(t, err, "port "+strconv.Itoa(port)+" for PostgreSQL is in use by another program: stop that program, or choose another port")
}

func TestPostgresSaysWhatToDoWithABrokenFolder(t *testing.T) {
	whole := t.TempDir()
	require.NoError(t, startPostgres(t, whole).Stop())
	broken := func(t *testing.T, breakIt func(dir string) error) error {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "state")
		require.NoError(t, exec.Command("cp", "-a", whole, dir).Run())
		require.NoError(t, breakIt(dir))
		_, err := StartPostgres(t.Context(), PostgresOptions{Dir: dir, Tests: true})
		return err
	}
	write := func(name, text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	}
	remove := func(name string) func(string) error {
		return func(dir string) error { return os.RemoveAll(filepath.Join(dir, name)) }
	}

	assert.ErrorContains(t, broken(t, remove("data/PG_VERSION")), "is not a PostgreSQL cluster (it has no PG_VERSION): move it away")
	assert.ErrorContains(t, broken(t, write("data/PG_VERSION", "?")), "is damaged: PG_VERSION says")
	assert.ErrorContains(t, broken(t, remove("data/global")), "move the folder away to begin anew. It said:")
	assert.ErrorContains(t, broken(t, remove("password")), "read the cluster's password")
	assert.ErrorContains(t, broken(t, write("password", "other")), "is not the cluster's: put the right file back")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := StartPostgres(t.Context(), PostgresOptions{Dir: filepath.Join(file, "state")})
	assert.ErrorContains(t, err, "choose another folder, or remove what is in the way")
}

func TestPostgresStartsBehindAStaleProcessFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, startPostgres(t, dir).Stop())
	// Process IDs are used again: here by this very test, which is alive and no PostgreSQL.
	stale := strconv.Itoa(os.Getpid()) + "\n" + filepath.Join(dir, "data") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "postmaster.pid"), []byte(stale), 0o600))
	startPostgres(t, dir)
}

func TestPostgresRemovesAHalfMadeCluster(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "data.new", "data", "base"), 0o700))
	startPostgres(t, dir)
	assert.NoDirExists(t, filepath.Join(dir, "data.new"))
}

func TestPostgresGivesUpWhenTheCallerDoes(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := StartPostgres(ctx, PostgresOptions{Dir: dir, Tests: true})
	require.ErrorIs(t, err, context.Canceled)
	startPostgres(t, dir) // and leaves nothing in the way
}

// TestMain lets this test binary play the parent that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEJUN_TEST_PARENT"); dir != "" {
		p, err := StartPostgres(context.Background(), PostgresOptions{Dir: dir, Tests: true})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.process.pid)
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestPostgresGoesOnAfterItsParentWasKilled(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, startPostgres(t, dir).Stop())
	for range 3 {
		parent := exec.Command(os.Args[0])
		parent.Env = append(os.Environ(), "TEJUN_TEST_PARENT="+dir)
		out, err := parent.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, parent.Start())
		line := make([]byte, 32)
		n, err := out.Read(line)
		require.NoError(t, err)
		pid, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
		require.NoError(t, err)
		require.NotEmpty(t, commandLine(pid))

		require.NoError(t, parent.Process.Kill())
		require.Error(t, parent.Wait())
		require.NoError(t, startPostgres(t, dir).Stop(), "a start at once")
		assert.Empty(t, commandLine(pid), "the child died with its parent, or was stopped")
	}
}

func TestPostgresOfARunningChildSeesItEnd(t *testing.T) {
	p := startPostgres(t, t.TempDir())
	require.NoError(t, syscall.Kill(p.process.pid, syscall.SIGQUIT))
	select {
	case <-p.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("the end was not seen")
	}
}
