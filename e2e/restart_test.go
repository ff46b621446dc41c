package e2e

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
	"tejun/worker/devstack"
)

// Temporal and PostgreSQL go away and come back while activities are under way. The worker stays.
func TestRestartsOfTemporalAndPostgreSQLInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stack, err := startStack(dir, false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Stop()) })
	w := worldOf(t, stack)
	require.NoError(t, w.box.SetTimeScale(slowly))

	r := w.start(window(soon))
	r.approved()
	r.wrote("UpdateDistribution", 1) // and now it waits for the edges
	restartTemporal(t, stack, dir)
	work := r.asks("work", "work")
	restartPostgres(t, stack, dir)
	require.Equal(t, 503, w.look("public").status)
	restartTemporal(t, stack, dir)
	work = r.asks("work", work.WaitingFor.Gate)
	r.answer(work, "done", "tanaka")
	r.wrote("UpdateService 1", 2)
	restartPostgres(t, stack, dir)
	r.wrote("UpdateDistribution", 2)
	restartTemporal(t, stack, dir)
	restartPostgres(t, stack, dir)
	r.done()
	r.onceEach()
	r.told()
	w.untouched()
}

func restartTemporal(t *testing.T, stack *devstack.Stack, dir string) {
	t.Helper()
	_, port, err := net.SplitHostPort(stack.Servers.Temporal.Address())
	require.NoError(t, err)
	require.NoError(t, stack.Servers.Temporal.Stop())
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	stack.Servers.Temporal, err = devserver.StartTemporal(ctx, devserver.TemporalOptions{Dir: filepath.Join(dir, "temporal"), Port: number(t, port)})
	require.NoError(t, err)
}

func restartPostgres(t *testing.T, stack *devstack.Stack, dir string) {
	t.Helper()
	address, err := url.Parse(stack.Servers.Postgres.DSN())
	require.NoError(t, err)
	require.NoError(t, stack.Servers.Postgres.Stop())
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	stack.Servers.Postgres, err = devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: filepath.Join(dir, "postgres"), Port: number(t, address.Port())})
	require.NoError(t, err)
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
