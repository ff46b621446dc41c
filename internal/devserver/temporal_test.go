package devserver

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

func startTemporal(t *testing.T, o TemporalOptions) *Temporal {
	t.Helper()
	o.Log = func(s string) { t.Log(s) }
	server, err := StartTemporal(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	return server
}

func dial(t *testing.T, server *Temporal) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address(), Logger: silent{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// startRun starts a run with every search attribute; no worker takes it.
func startRun(t *testing.T, c client.Client, id string) {
	t.Helper()
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: "nobody",
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyInt64("TejunRow").ValueSet(8),
			temporal.NewSearchAttributeKeyKeyword("TejunRunbook").ValueSet("PlannedOutage"),
			temporal.NewSearchAttributeKeyKeyword("TejunState").ValueSet("planning"),
			temporal.NewSearchAttributeKeyKeyword("TejunRequester").ValueSet("sato"),
			temporal.NewSearchAttributeKeyKeywordList("TejunTarget").ValueSet([]string{"a", "b"}),
		),
	}, "PlannedOutage")
	require.NoError(t, err)
}

func TestTemporalKeepsItsRunsOverAStopAndAStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 20), "with space")
	server := startTemporal(t, TemporalOptions{Dir: dir})
	startRun(t, dial(t, server), "kept")
	for _, url := range []string{server.UIURL(), server.MetricsURL()} {
		answer, err := http.Get(url)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode, url)
	}
	require.NoError(t, server.Stop())
	require.NoError(t, server.Stop(), "a second stop is harmless")
	assert.NoFileExists(t, pidFile(dir))

	server = startTemporal(t, TemporalOptions{Dir: dir, Headless: true})
	assert.Empty(t, server.UIURL())
	c := dial(t, server)
	run, err := c.DescribeWorkflowExecution(t.Context(), "kept", "")
	require.NoError(t, err)
	assert.Contains(t, run.GetWorkflowExecutionInfo().GetSearchAttributes().GetIndexedFields(), "TejunTarget")
}

func TestTemporalDeclaresWhatAnOlderDatabaseLacks(t *testing.T) {
	dir := t.TempDir()
	server := startTemporal(t, TemporalOptions{Dir: dir, Headless: true})
	_, err := dial(t, server).OperatorService().RemoveSearchAttributes(t.Context(), &operatorservice.RemoveSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: []string{"TejunTarget", "TejunRow"},
	})
	require.NoError(t, err)
	require.NoError(t, server.Stop())

	server = startTemporal(t, TemporalOptions{Dir: dir, Headless: true})
	startRun(t, dial(t, server), "at once")
}

func TestTemporalInMemoryForgets(t *testing.T) {
	dir := t.TempDir()
	server := startTemporal(t, TemporalOptions{Dir: dir, InMemory: true, Headless: true})
	startRun(t, dial(t, server), "forgotten")
	require.NoError(t, server.Stop())
	assert.NoFileExists(t, filepath.Join(dir, "temporal.db"))
}

func TestTemporalGoesOnAfterBothWereKilled(t *testing.T) {
	dir := t.TempDir()
	server := startTemporal(t, TemporalOptions{Dir: dir, Headless: true})
	startRun(t, dial(t, server), "kept")
	require.NoError(t, syscall.Kill(-server.process.pid, syscall.SIGKILL))
	select {
	case <-server.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("the end was not seen")
	}
	require.NoError(t, server.unlock()) // as the system does when the parent is killed
	server.unlock = func() error { return nil }

	server = startTemporal(t, TemporalOptions{Dir: dir, Headless: true})
	_, err := dial(t, server).DescribeWorkflowExecution(t.Context(), "kept", "")
	require.NoError(t, err)
}

func TestTemporalSaysWhatToDo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	taken := listener.Addr().(*net.TCPAddr).Port
	start := func(o TemporalOptions) error {
		if o.Dir == "" {
			o.Dir = t.TempDir()
		}
		_, err := StartTemporal(t.Context(), o)
		return err
	}
	in := "port " + strconv.Itoa(taken) + " for "
	assert.ErrorContains(t, start(TemporalOptions{Port: taken}), in+"Temporal is in use by another program: stop that program, or choose another port")
	assert.ErrorContains(t, start(TemporalOptions{UIPort: taken}), in+"the Temporal UI is in use")
	assert.ErrorContains(t, start(TemporalOptions{MetricsPort: taken}), in+"Temporal's metrics is in use")
	free, err := checkPort("a test", 0)
	require.NoError(t, err)
	assert.ErrorContains(t, start(TemporalOptions{Port: free, UIPort: free}), "is given to another of Temporal's services too")

	assert.ErrorContains(t, start(TemporalOptions{Binary: "/nowhere/temporal"}), "the temporal CLI that was given cannot be used")

	broken := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(broken, "temporal.db"), []byte(strings.Repeat("no database ", 1000)), 0o600))
	assert.ErrorContains(t, start(TemporalOptions{Dir: broken}), "move temporal.db* away to begin anew. It said:")

	newer := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(newer, "temporal.db"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(newer, "temporal.db.version"), []byte("9.9.9\n"), 0o600))
	assert.ErrorContains(t, start(TemporalOptions{Dir: newer}), "was written by Temporal server 9.9.9")
}

// fakeCLI is a temporal that only tells its version.
func fakeCLI(t *testing.T, says string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "temporal")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o700))
	return path
}

func TestTheCLIOnThePathIsUsedIfItsServerIsNewEnough(t *testing.T) {
	ctx, quiet := t.Context(), func(string) {}
	newEnough := fakeCLI(t, "temporal version 1.6.0 (Server 1.31.2, UI 2.50.0)")
	t.Setenv("PATH", filepath.Dir(newEnough)+":/bin:/usr/bin")
	cli, err := findTemporal(ctx, "", quiet)
	require.NoError(t, err)
	assert.Equal(t, temporalCLI{path: newEnough, server: "1.31.2"}, cli)

	t.Chdir(t.TempDir()) // nothing to build from here
	for says, want := range map[string]string{
		"temporal version 1.1.0 (Server 1.25.0, UI 2.0.0)": "has server 1.25, it must be 1.29 or newer",
		"something else": `said "something else", not which server it has`,
	} {
		t.Setenv("PATH", filepath.Dir(fakeCLI(t, says))+":/bin:/usr/bin")
		_, err = findTemporal(ctx, "", quiet)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "put one on PATH (server 1.29 or newer), or run this inside the repository")
		assert.ErrorContains(t, err, "is not inside the repository")
	}
}

// fakeRepository has a tools module and a "go" that builds scripts; the build itself is tried by hand, it takes minutes.
func fakeRepository(t *testing.T, goScript string) {
	t.Helper()
	root, bin := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "go.mod"), []byte("module tejun\n"), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "tools"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, "tools", "go.mod"), []byte("module tejun/tools\n\nrequire (\n\tgithub.com/temporalio/cli v1.5.1 // indirect\n)\n"), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "deep", "below"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\n"+goScript), 0o700))
	t.Chdir(filepath.Join(root, "deep", "below"))
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
}

func TestTheCLIIsBuiltOnceByOneProcess(t *testing.T) {
	fakeRepository(t, `
for a; do test "$before" = -o && out=$a; before=$a; done
echo once >> "$(dirname "$out")/builds"
sleep 6
echo "#!/bin/sh" > "$out"; echo "echo 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'" >> "$out"; chmod +x "$out"
`)
	said := make(chan string, 100)
	results := make(chan error, 2)
	var found [2]temporalCLI
	for i := range found {
		go func() {
			var err error
			found[i], err = findTemporal(context.WithoutCancel(t.Context()), "", func(s string) { said <- s })
			results <- err
		}()
	}
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	close(said)
	var words []string
	for s := range said {
		words = append(words, s)
	}
	all := strings.Join(words, "\n")
	assert.Contains(t, all, "building the temporal CLI v1.5.1 (once, about 2 minutes)")
	assert.Contains(t, all, "still building the temporal CLI")
	assert.Contains(t, all, "waiting for another process that builds the temporal CLI")
	assert.Equal(t, found[0], found[1])
	builds, err := os.ReadFile(filepath.Join(filepath.Dir(found[0].path), "builds"))
	require.NoError(t, err)
	assert.Equal(t, "once\n", string(builds))
}

func TestAFailedBuildSaysWhy(t *testing.T) {
	fakeRepository(t, "echo no space left on device >&2; exit 1\n")
	_, err := findTemporal(t.Context(), "", func(string) {})
	assert.ErrorContains(t, err, "no space left on device")
	assert.ErrorContains(t, err, filepath.Join("tools", "go.mod"))
}

func TestABuildEndsWhenTheCallerGivesUp(t *testing.T) {
	fakeRepository(t, "exec sleep 60\n")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := findTemporal(ctx, "", func(string) {})
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestTheStackStartsBothAndStopsBoth(t *testing.T) {
	began := time.Now()
	s, err := Start(t.Context(), Options{Dir: t.TempDir(), Tests: true, Headless: true, Log: func(string) {}})
	require.NoError(t, err)
	t.Logf("both answer after %s", time.Since(began).Round(time.Millisecond))
	startRun(t, dial(t, s.Temporal), "run")
	assert.Equal(t, 1, query[int](t, s.Postgres.DSN(), `SELECT 1`))
	require.NoError(t, s.Stop())
	require.NoError(t, s.Stop())
}

func TestTheStackStopsTheOneWhenTheOtherFails(t *testing.T) {
	dir := t.TempDir()
	_, err := Start(t.Context(), Options{Dir: dir, Tests: true, TemporalBinary: "/nowhere/temporal"})
	assert.ErrorContains(t, err, "the temporal CLI that was given cannot be used")
	assert.NotErrorIs(t, err, context.Canceled)
	for _, part := range []string{"postgres", "temporal"} {
		unlock, err := lockFolder(filepath.Join(dir, part))
		require.NoError(t, err, "nothing is left in use")
		require.NoError(t, unlock())
	}
	s, err := Start(t.Context(), Options{Dir: dir, NoTemporal: true, NoPostgres: true})
	require.NoError(t, err)
	assert.Nil(t, s.Postgres)
	require.NoError(t, s.Stop())
}

func TestTheToolsModuleOfThisRepositoryNamesTheCLI(t *testing.T) {
	root, err := repositoryRoot()
	require.NoError(t, err)
	version, err := toolVersion(filepath.Join(root, toolsFile))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(version, "v1."), version)
	_, err = toolVersion(filepath.Join(root, "go.mod"))
	assert.ErrorContains(t, err, "does not require github.com/temporalio/cli")
	_, err = toolVersion(filepath.Join(root, "nowhere"))
	assert.ErrorContains(t, err, "read which temporal CLI to build")
}

func TestALargeLogIsPutAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, maxLog+1))
	p, err := startProcess("echo", exec.Command("echo", "hello"), path, "", syscall.SIGKILL)
	require.NoError(t, err)
	<-p.ended
	assert.Equal(t, "hello", p.logTail())
	require.NoError(t, p.stop())
	assert.FileExists(t, path+".1")
	_, err = startProcess("nothing", exec.Command("/nowhere/nothing"), path, "", syscall.SIGKILL)
	assert.ErrorContains(t, err, "start nothing (/nowhere/nothing)")
}

func TestAChildThatIgnoresSignalsIsKilled(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `trap "" TERM; echo ready; while :; do sleep 0.1; done`)
	p, err := startProcess("stubborn", cmd, filepath.Join(dir, "log"), filepath.Join(dir, "pid"), syscall.SIGKILL)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return p.logTail() == "ready" }, 10*time.Second, 10*time.Millisecond)
	// Seen from a later start: an orphan.
	require.NoError(t, stopOrphan("stubborn", filepath.Join(dir, "pid"), "trap", syscall.SIGTERM, func(s string) { t.Log(s) }))
	assert.True(t, p.waitFor(5*time.Second))
	assert.NoFileExists(t, filepath.Join(dir, "pid"))
	require.NoError(t, p.stop(syscall.SIGTERM))
}
