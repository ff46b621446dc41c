package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
	"tejun/internal/records"
)

const exampleSystem = "../examples/system.yaml"

// environment is a process environment for tests.
type environment map[string]string

func (e environment) LookupEnv(name string) (string, bool) { v, ok := e[name]; return v, ok }
func (e environment) Environ() []string                    { return nil }

// cli runs command lines without the machine's own environment, servers and cache folder.
type cli struct {
	env   environment
	cache string
	now   time.Time
	stdin string
}

func newCLI(t *testing.T) *cli {
	t.Helper()
	return &cli{
		env: environment{
			"TEJUN_SYSTEM": exampleSystem, "TEMPORAL_CONFIG_FILE": filepath.Join(t.TempDir(), "none.toml"),
			"TEMPORAL_ADDRESS": "127.0.0.1:1", // nothing listens there
		},
		cache: t.TempDir(),
		now:   time.Date(2026, 11, 24, 9, 0, 0, 500, japan()),
	}
}

func (c *cli) app() (a *app, out, problem *bytes.Buffer) {
	out, problem = &bytes.Buffer{}, &bytes.Buffer{}
	return &app{
		in: strings.NewReader(c.stdin), out: out, err: problem, env: c.env,
		now: func() time.Time { return c.now }, cacheDir: func() (string, error) { return c.cache, nil },
		color: "auto", timeout: 3 * time.Second,
	}, out, problem
}

// run executes one command line.
func (c *cli) run(t *testing.T, args ...string) (code int, out, problem string) {
	t.Helper()
	a, stdout, stderr := c.app()
	code = run(t.Context(), a, args)
	return code, stdout.String(), stderr.String()
}

// newRecords is a command line with a database of records of its own. It is noon.
func newRecords(t *testing.T) (*cli, *records.Store) {
	t.Helper()
	ctx := t.Context()
	server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	store, err := records.Open(ctx, server.DSN())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(ctx))
	c := newCLI(t)
	c.env["TEJUN_DATABASE_URL"], c.now = server.DSN(), noon
	return c, store
}

// jsonOf decodes what a command printed.
func jsonOf[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
