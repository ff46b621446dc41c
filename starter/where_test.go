package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func point(t *testing.T, path string, dev devPointer) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	content, err := json.Marshal(dev)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

func devOf(port, name string) devPointer {
	return devPointer{
		Temporal: "127.0.0.1:" + port, UI: "http://127.0.0.1:8233/", Postgres: "postgres://" + name,
		Sandbox: "/" + name + "/aws", System: "/" + name + "/system.yaml", State: "/" + name, PID: os.Getpid(),
	}
}

func (c *cli) pointerFile(port string) string {
	return filepath.Join(c.cache, "tejun", "dev", port+".json")
}

func TestADevServerOnTheDefaultPortIsFound(t *testing.T) {
	c := newCLI(t)
	delete(c.env, "TEMPORAL_ADDRESS")
	delete(c.env, "TEJUN_SYSTEM")
	point(t, c.pointerFile("7233"), devOf("7233", "dev"))
	a, _, _ := c.app()
	where, err := a.locate()
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:7233", where.Temporal.HostPort)
	assert.Equal(t, "http://127.0.0.1:8233", where.UI)
	assert.Equal(t, "postgres://dev", where.Postgres)
	assert.Equal(t, "sandbox:/dev/aws", where.AWS)
	assert.Equal(t, "/dev/system.yaml", where.System)
	assert.Equal(t, "http://127.0.0.1:8233/namespaces/default/workflows/a%2Fb/r/history", a.runURL("a/b", "r"))
}

func TestTheAddressChoosesTheDevServer(t *testing.T) {
	c := newCLI(t)
	c.env["TEMPORAL_ADDRESS"] = "localhost:7300"
	point(t, c.pointerFile("7233"), devOf("7233", "one"))
	point(t, c.pointerFile("7300"), devOf("7300", "two"))
	a, _, _ := c.app()
	where, err := a.locate()
	require.NoError(t, err)
	assert.Equal(t, "localhost:7300", where.Temporal.HostPort)
	assert.Equal(t, "postgres://two", where.Postgres)
}

func TestAnotherMachinesTemporalUsesNoDevServer(t *testing.T) {
	c := newCLI(t)
	c.env["TEMPORAL_ADDRESS"] = "temporal.example.jp:7233"
	point(t, c.pointerFile("7233"), devOf("7233", "dev"))
	a, _, _ := c.app()
	where, err := a.locate()
	require.NoError(t, err)
	assert.Nil(t, where.Dev)
	assert.Empty(t, where.Postgres)
	assert.Empty(t, where.AWS)
}

func TestFlagsWinOverEnvironmentAndEnvironmentOverDevServer(t *testing.T) {
	c := newCLI(t)
	delete(c.env, "TEMPORAL_ADDRESS")
	c.env["TEJUN_DATABASE_URL"], c.env["TEJUN_AWS"] = "postgres://env", "real"
	point(t, c.pointerFile("7233"), devOf("7233", "dev"))
	a, _, _ := c.app()
	a.database, a.namespace = "postgres://flag", "ns"
	where, err := a.locate()
	require.NoError(t, err)
	assert.Equal(t, "postgres://flag", where.Postgres)
	assert.Equal(t, "real", where.AWS)
	assert.Equal(t, exampleSystem, where.System)
	assert.Equal(t, "ns", where.Temporal.Namespace)
}

func TestTheOnlyLivingDevServerIsFoundOnAnyPort(t *testing.T) {
	c := newCLI(t)
	delete(c.env, "TEMPORAL_ADDRESS")
	dead := devOf("7400", "dead")
	dead.PID = 0
	point(t, c.pointerFile("7400"), dead)
	point(t, c.pointerFile("7300"), devOf("7300", "living"))
	a, _, _ := c.app()
	where, err := a.locate()
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:7300", where.Temporal.HostPort)

	point(t, c.pointerFile("7500"), devOf("7500", "second"))
	a, _, _ = c.app()
	where, err = a.locate()
	require.NoError(t, err)
	assert.Nil(t, where.Dev, "two to choose from: nobody guesses")
}

func TestAStateFolderIsUsedOverTheEnvironment(t *testing.T) {
	c := newCLI(t)
	state := t.TempDir()
	point(t, filepath.Join(state, "ready.json"), devOf("7300", "state"))
	a, _, _ := c.app()
	a.state = state
	where, err := a.locate()
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:7300", where.Temporal.HostPort)
	assert.Equal(t, "postgres://state", where.Postgres)

	code, _, problem := c.run(t, "--state", t.TempDir(), "list")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "there is no ready.json in it")
}

func TestADamagedPointerSaysSo(t *testing.T) {
	c := newCLI(t)
	delete(c.env, "TEMPORAL_ADDRESS")
	require.NoError(t, os.MkdirAll(filepath.Dir(c.pointerFile("7233")), 0o700))
	require.NoError(t, os.WriteFile(c.pointerFile("7233"), []byte("{"), 0o600))
	code, _, problem := c.run(t, "list")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, problem, "is damaged")
}
