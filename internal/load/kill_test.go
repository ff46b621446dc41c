package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
	"tejun/internal/ingest/gen"
)

// childVariable makes this test binary a worker that does one attempt of one load: "dsn|operation|attempt|file".
const childVariable = "TEJUN_LOAD_CHILD"

// child does what the activities of a run do, one after another.
func child(order string) error {
	part := strings.Split(order, "|")
	attempt, err := strconv.ParseInt(part[2], 10, 64)
	if err != nil {
		return err
	}
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, part[0])
	if err != nil {
		return err
	}
	defer pool.Close()
	d, s, run := gen.Dataset(), New(pool), Run{Operation: part[1], Attempt: attempt}
	table := tableOf(d, Replace)
	file, err := os.Open(part[3])
	if err != nil {
		return err
	}
	entry, err := s.Entry(ctx, run.Operation)
	if err != nil || entry != nil { // a run whose import had been recorded does not stage again
		return err
	}
	if _, err := s.Stage(ctx, table, run, 0, source(d, func() io.Reader { return file })); err != nil {
		return err
	}
	difference, err := s.Difference(ctx, table, run)
	if err != nil {
		return err
	}
	_, err = s.Import(ctx, table, run, Order{Expect: difference.Counts})
	return err
}

// begin starts a worker.
func begin(t *testing.T, dsn, operation string, attempt int, file string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0]) //nolint:gosec // this test itself
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%d|%s", childVariable, dsn, operation, attempt, file))
	require.NoError(t, c.Start())
	return c
}

// content is the table's checksum, or "none". It waits until the database answers.
func content(t *testing.T, dsn string) string {
	t.Helper()
	var sum string
	require.Eventually(t, func() bool {
		ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return false
		}
		defer func() { _ = conn.Close(ctx) }()
		table := tableOf(gen.Dataset(), Replace)
		_, sum, err = checksum(ctx, conn, &table)
		if undefined(err) {
			sum, err = "none", nil
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	return sum
}

// TestKilledAtAnyMoment kills workers, and restarts or kills PostgreSQL, at random moments of loads. After each the table holds
// one edition of the file or the other, whole; and a later attempt brings it to exactly what an undisturbed load does.
// TEJUN_LOAD_KILLS says how many of each.
func TestKilledAtAnyMoment(t *testing.T) {
	moments := 3
	if n, err := strconv.Atoi(os.Getenv("TEJUN_LOAD_KILLS")); err == nil {
		moments = n
	}
	var files [2]string
	for i, o := range []gen.Options{
		{Rows: 15000, Seed: 1, Broken: 0.01, Duplicate: 0.01, Conflict: 0.001},
		{Rows: 15000, Seed: 1, Broken: 0.01, Duplicate: 0.01, Conflict: 0.001, Changed: 0.3, Vanished: 0.05, New: 0.05},
	} {
		raw, _ := generated(t, o)
		files[i] = filepath.Join(t.TempDir(), "file.csv")
		require.NoError(t, os.WriteFile(files[i], raw, 0o600))
	}
	dir, err := os.MkdirTemp("", "tejun-kill-") // not t.TempDir: PostgreSQL's own user must reach it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var server *devserver.Postgres
	port := 0
	startServer := func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		var started *devserver.Postgres
		require.Eventually(t, func() bool { // after a crash its children may hold the shared memory for a while
			started, err = devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: dir, Port: port})
			return err == nil
		}, time.Minute, 200*time.Millisecond, "%v", err)
		server = started
	}
	startServer()
	t.Cleanup(func() { _ = server.Stop() })
	dsn := server.DSN()
	config, err := pgx.ParseConfig(dsn)
	require.NoError(t, err)
	port = int(config.Port)
	pool, err := pgxpool.New(t.Context(), dsn)
	require.NoError(t, err)
	require.NoError(t, New(pool).Prepare(t.Context()))
	pool.Close()

	// Undisturbed, for the checksums and for how long it takes.
	var want [2]string
	var length time.Duration
	for _, i := range []int{0, 1, 0} {
		begun := time.Now()
		require.NoError(t, begin(t, dsn, fmt.Sprintf("undisturbed%d_%d", i, begun.UnixNano()), 1, files[i]).Wait())
		length = max(length, time.Since(begun))
		want[i] = content(t, dsn)
	}
	require.NotEqual(t, want[0], want[1])

	chance := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // any moments will do
	seen := map[string]int{}
	for n := range 2 * moments {
		kind := []string{"worker", "server"}[n%2]
		if kind == "server" && n%4 == 3 {
			kind = "server-crash"
		}
		edition := (n + 1) % 2
		operation := fmt.Sprintf("kill%d", n)
		attempt := 1
		worker := begin(t, dsn, operation, attempt, files[edition])
		time.Sleep(time.Duration(chance.Int64N(int64(length))))
		switch kind {
		case "worker":
			_ = worker.Process.Kill()
		case "server":
			require.NoError(t, server.Stop())
			startServer()
		default:
			crash(t, filepath.Join(dir, "data"))
			_ = server.Stop() // it has ended already
			startServer()
		}
		ended := worker.Wait()
		got := content(t, dsn)
		outcome := "before"
		if got == want[edition] {
			outcome = "after"
		}
		require.Contains(t, want[:], got, "%s at load %d: the table holds half a load", kind, n)
		if ended == nil {
			outcome = "not hit"
		}
		seen[kind+": "+outcome]++
		var failed error
		for attempt = 2; attempt < 8; attempt++ {
			if failed = begin(t, dsn, operation, attempt, files[edition]).Wait(); failed == nil {
				break
			}
		}
		require.NoError(t, failed)
		require.Equal(t, want[edition], content(t, dsn), "%s at load %d", kind, n)
	}
	t.Logf("%d moments: %v", 2*moments, seen)
}

// crash kills PostgreSQL's postmaster, as a power cut would.
func crash(t *testing.T, data string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	require.NoError(t, err)
	process, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	time.Sleep(200 * time.Millisecond) // its children notice, and let the shared memory go
}

// TestALateAttemptIsRefused lets an earlier attempt import after a later one has begun.
func TestALateAttemptIsRefused(t *testing.T) {
	file, _ := generated(t, gen.Options{Rows: 500, Seed: 1})
	s, pool := database(t)
	d := gen.Dataset()
	table := tableOf(d, Merge)
	late, later := Run{"op", 1}, Run{"op", 2}
	_, err := s.Stage(t.Context(), table, late, 0, source(d, bytesOf(file)))
	require.NoError(t, err)
	_, err = s.Stage(t.Context(), table, later, 0, source(d, bytesOf(file)))
	require.NoError(t, err)
	difference, err := s.Difference(t.Context(), table, later)
	require.NoError(t, err)
	_, err = s.Import(t.Context(), table, late, Order{Expect: difference.Counts})
	require.ErrorIs(t, err, ErrSuperseded)
	require.Zero(t, number(t, pool, "SELECT count(*) FROM pg_class WHERE relname = 'organisations'"))

	var group sync.WaitGroup // the same import by several attempts at once is done once
	results := make([]error, 4)
	for i := range results {
		group.Go(func() {
			_, results[i] = s.Import(t.Context(), table, Run{"op", int64(3 + i)}, Order{Expect: difference.Counts})
		})
	}
	group.Wait()
	require.NoError(t, results[3], "the latest")
	require.EqualValues(t, 1, number(t, pool, "SELECT count(*) FROM tejun_load.ledger"))
	require.EqualValues(t, 500, number(t, pool, "SELECT count(*) FROM organisations"))
}

// TestChangedMeanwhile changes the table between the plan and the import.
func TestChangedMeanwhile(t *testing.T) {
	first, _ := generated(t, gen.Options{Rows: 500, Seed: 1})
	second, _ := generated(t, gen.Options{Rows: 500, Seed: 1, Changed: 0.1})
	s, pool := database(t)
	d := gen.Dataset()
	table := tableOf(d, Merge)
	loaded(t, s, table, d, "op1", first)
	run := Run{"op2", 1}
	_, err := s.Stage(t.Context(), table, run, 0, source(d, bytesOf(second)))
	require.NoError(t, err)
	difference, err := s.Difference(t.Context(), table, run)
	require.NoError(t, err)
	for _, c := range []struct {
		sql  string
		want error
	}{
		{"UPDATE organisations SET note = 'by hand' WHERE id = 7", ErrDrifted},
		{"TRUNCATE " + quote(ledgerSchema, run.table("s")), ErrNotStaged}, // as PostgreSQL does after a crash
	} {
		execSQL(t, pool, c.sql)
		_, err = s.Import(t.Context(), table, run, Order{Expect: difference.Counts})
		require.True(t, errors.Is(err, c.want), "%v", err)
	}
	require.EqualValues(t, 1, number(t, pool, "SELECT count(*) FROM tejun_load.ledger"))
}

// TestRewrittenMeanwhile gives all rows of the table other places between the plan and the import. Places alone would then
// name rows that should stay.
func TestRewrittenMeanwhile(t *testing.T) {
	whole, _ := generated(t, gen.Options{Rows: 500, Seed: 1})
	s, pool := database(t)
	d := gen.Dataset()
	table := tableOf(d, Replace)
	loaded(t, s, table, d, "op1", whole)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	fewer := bytes.Join(append([][]byte{lines[0]}, lines[101:]...), nil) // the first hundred rows are not in this edition
	run := Run{"op2", 1}
	_, err := s.Stage(t.Context(), table, run, 0, source(d, bytesOf(fewer)))
	require.NoError(t, err)
	difference, err := s.Difference(t.Context(), table, run)
	require.NoError(t, err)
	require.Zero(t, difference.Counts.Changed)
	require.Positive(t, difference.Counts.Vanished)
	execSQL(t, pool,
		"CREATE TABLE turned AS SELECT * FROM organisations ORDER BY id DESC", "DELETE FROM organisations", "VACUUM FULL organisations",
		"INSERT INTO organisations SELECT * FROM turned", "DROP TABLE turned")
	_, err = s.Import(t.Context(), table, run, Order{Expect: difference.Counts})
	require.ErrorIs(t, err, ErrDrifted)
	require.EqualValues(t, 500, number(t, pool, "SELECT count(*) FROM organisations"), "nothing was deleted")
}
