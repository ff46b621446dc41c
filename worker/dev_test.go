package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tejun/internal/records"
)

// startWithin is generous: the first start on a machine builds the Temporal server.
const startWithin = 9 * time.Minute

// screen is what `worker dev` prints, safe to read while it runs.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// running is a `worker dev` in this process.
type running struct {
	addresses
	screen *screen
	stop   func() error
}

func startDev(t *testing.T, state, cache string) running {
	t.Helper()
	return startDevOn(t, exampleSystem, state, cache)
}

func startDevOn(t *testing.T, system, state, cache string) running {
	t.Helper()
	logger := slog.Default()
	t.Cleanup(func() { slog.SetDefault(logger) })
	r := running{screen: &screen{}}
	s := surroundings{out: r.screen, err: io.Discard, env: environment{}, cacheDir: func() (string, error) { return cache, nil }}
	ready := filepath.Join(t.TempDir(), "ready.json")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- runDev(ctx, s, devOptions{State: state, ReadyFile: ready, System: system, TimeScale: 0})
	}()
	r.stop = sync.OnceValue(func() error {
		cancel(errInterrupted)
		return <-ended
	})
	t.Cleanup(func() { assert.NoError(t, r.stop()) })
	require.Eventually(t, func() bool {
		var ok bool
		r.addresses, ok = readAddresses(ready)
		if len(ended) > 0 {
			err := <-ended
			ended <- err
			require.NoError(t, err, "it ended before it was ready; it said:\n%s", r.screen)
		}
		return ok
	}, startWithin, 20*time.Millisecond)
	return r
}

func status(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestDevStartsEverythingAndGoesOnAfterAStop(t *testing.T) {
	state, cache := filepath.Join(t.TempDir(), "state"), t.TempDir()

	first := startDev(t, state, cache)
	assert.Equal(t, http.StatusOK, status(t, first.Site), "the simulated site is up")
	assert.Equal(t, http.StatusOK, status(t, first.UI))
	assert.Equal(t, http.StatusOK, status(t, strings.TrimSuffix(first.Metrics, "/metrics")+"/healthz"))
	assert.Equal(t, http.StatusOK, status(t, first.Metrics))
	assert.Contains(t, first.screen.String(), first.UI)
	assert.NotContains(t, first.screen.String(), first.Postgres, "the DSN has a password")
	assert.NotContains(t, first.screen.String(), first.Database, "and so has this one")
	assert.Equal(t, os.Getpid(), first.PID)
	conn, err := pgx.Connect(t.Context(), first.Database)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept (n integer)")
	require.NoError(t, err, "the operated system's own database answers")
	require.NoError(t, conn.Close(t.Context()))
	assert.FileExists(t, filepath.Join(first.Sandbox, "log.jsonl"))
	assert.Contains(t, first.screen.String(), "create 7", "the schedules are applied")

	second := devOptions{State: state, System: exampleSystem}
	err = runDev(t.Context(), surroundings{out: io.Discard, env: environment{}, cacheDir: os.UserCacheDir}, second)
	require.ErrorContains(t, err, "in use by another `worker dev`")

	store, err := records.Open(t.Context(), first.Postgres)
	require.NoError(t, err)
	_, err = store.AppendEvidence(t.Context(), records.Evidence{WorkflowID: "w", RunID: "r", Key: "k", Kind: "test", At: time.Now(), Body: []byte(`{}`)})
	require.NoError(t, err)
	store.Close()

	require.NoError(t, first.stop())
	assert.NoFileExists(t, filepath.Join(state, "ready.json"))
	_, err = net.Dial("tcp", strings.Trim(first.Site, "htp:/"))
	require.Error(t, err, "nothing is left running")

	again := startDev(t, state, cache)
	assert.Contains(t, again.screen.String(), "7 as described", "Temporal has kept the schedules")
	store, err = records.Open(t.Context(), again.Postgres)
	require.NoError(t, err)
	defer store.Close()
	conn, err = pgx.Connect(t.Context(), again.Database)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "SELECT n FROM kept")
	require.NoError(t, err, "and the operated system's database its tables")
	var wrong int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM applications WHERE status = 'returned' AND received_on <= '2026-11-20'").Scan(&wrong))
	assert.Equal(t, 3, wrong, "as examples/data-repair.json expects")
	require.NoError(t, conn.Close(t.Context()))
	rows, err := store.ListEvidence(t.Context(), "w")
	require.NoError(t, err)
	assert.Len(t, rows, 1, "PostgreSQL has kept the evidence")
	t.Run("and the production worker works on the same servers", func(t *testing.T) { productionWorker(t, again.addresses) })
}

// productionWorker runs the production worker on a task queue of its own until it is asked to stop.
func productionWorker(t *testing.T, at addresses) {
	const queue = "tejun-test"
	log := &screen{}
	env := complete(t)
	env["TEMPORAL_ADDRESS"], env[envDatabase], env[envAWS] = at.Temporal, at.Postgres, "sandbox:"+t.TempDir()
	env[envListen], env[envTaskQueue], env[envSiteURL] = "127.0.0.1:0", queue, at.Site
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- production(ctx, surroundings{out: io.Discard, err: log, env: env}, nil) }()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), `"msg":"working"`) }, 30*time.Second, 20*time.Millisecond, "%s", log)

	c, err := client.Dial(client.Options{HostPort: at.Temporal, Logger: discard{}})
	require.NoError(t, err)
	defer c.Close()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "bad-input", TaskQueue: queue}, "PlannedOutage", map[string]any{"nonsense": true})
	require.NoError(t, err)
	require.ErrorContains(t, run.Get(t.Context(), nil), "nonsense", "the runbook ran on this worker and refused the input")

	cancel(errInterrupted)
	select {
	case err := <-ended:
		assert.NoError(t, err, "a stop that was asked for is no error")
	case <-time.After(stopWithin):
		require.Fail(t, "the worker did not stop")
	}
	assert.Contains(t, log.String(), `"msg":"stopping"`)
	assert.NotContains(t, log.String(), at.Postgres)
}

type discard struct{}

func (discard) Debug(string, ...any) {}
func (discard) Info(string, ...any)  {}
func (discard) Warn(string, ...any)  {}
func (discard) Error(string, ...any) {}

func TestDevRefusesTheDescriptionOfAProductionSystem(t *testing.T) {
	err := runDev(t.Context(), surroundings{out: io.Discard, env: environment{}}, devOptions{State: filepath.Join(t.TempDir(), "s"), System: productionSystem(t)})
	assert.ErrorContains(t, err, "must not pass for it")
}

func TestDevSaysWhatIsWrongWithTheStateFolder(t *testing.T) {
	state := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(state, "sandbox"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(state, "sandbox", "log.jsonl"), []byte("not a log\n{}\n"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	err := runDev(ctx, surroundings{out: io.Discard, env: environment{}, cacheDir: os.UserCacheDir}, devOptions{State: state, System: exampleSystem, TimeScale: -1})
	require.ErrorContains(t, err, "open the AWS sandbox")
	assert.ErrorContains(t, err, "is damaged")
	assert.NoDirExists(t, filepath.Join(state, "postgres"), "nothing else was started")
}
