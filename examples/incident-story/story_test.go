package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/system"
)

// startWithin is generous: the first start on a machine builds the Temporal server.
const startWithin = 9 * time.Minute

func TestTheExamplesDescriptionCanBeMadeFast(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, []string{"system"}, filepath.Join("..", "system.yaml"), "", ""))
	file := filepath.Join(t.TempDir(), "system.yaml")
	require.NoError(t, os.WriteFile(file, out.Bytes(), 0o600))
	fast, err := system.Load(file)
	require.NoError(t, err)
	require.EqualValues(t, 8*time.Second, fast.Incidents.StablePeriod)
	require.EqualValues(t, 20*time.Second, fast.Releases.Watch.Duration)
	_, err = hurry("id: gzs-infra")
	require.ErrorContains(t, err, "does not stand exactly once")
}

// TestTheStoryIsPlayedWhole plays it as README.md tells, on a `worker dev` of its own.
func TestTheStoryIsPlayedWhole(t *testing.T) {
	dir := t.TempDir()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	for _, program := range []string{"worker", "starter"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, program), "./"+program)
		build.Dir = root
		text, err := build.CombinedOutput()
		require.NoError(t, err, "%s", text)
	}
	var description bytes.Buffer
	require.NoError(t, run(t.Context(), &description, []string{"system"}, filepath.Join(root, "examples", "system.yaml"), "", ""))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples")))) // the folders that it names
	file, state := filepath.Join(dir, "examples", "incident-story.yaml"), filepath.Join(dir, "state")
	require.NoError(t, os.WriteFile(file, description.Bytes(), 0o600))

	var said bytes.Buffer
	ready := filepath.Join(dir, "ready.json")
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	dev := exec.CommandContext(ctx, filepath.Join(dir, "worker"), "dev", "--state", state, "--system", file, "--ready-file", ready, "--sandbox-time-scale", "0",
		"--temporal-port", "0", "--ui-port", "0", "--postgres-port", "0", "--database-port", "0", "--site-port", "0", "--metrics-port", "0")
	dev.Dir, dev.Stdout, dev.Stderr = root, &said, &said
	dev.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	dev.Cancel = func() error { return dev.Process.Signal(syscall.SIGINT) }
	dev.WaitDelay = time.Minute
	require.NoError(t, dev.Start())
	ended := make(chan error, 1)
	go func() { ended <- dev.Wait() }()
	t.Cleanup(func() {
		cancel()
		t.Logf("worker dev ended: %v", <-ended)
	})
	deadline := time.Now().Add(startWithin)
	for {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		select {
		case err := <-ended:
			ended <- err
			require.FailNow(t, "worker dev ended before it was ready", "%v\n%s", err, &said)
		case <-time.After(50 * time.Millisecond):
			require.True(t, time.Now().Before(deadline), "worker dev is not ready within %s", startWithin)
		}
	}

	var out bytes.Buffer
	err = run(t.Context(), &out, nil, "", filepath.Join(dir, "starter"), state)
	require.NoError(t, err, "the story so far:\n%s", &out)
	for _, what := range []string{
		"障害エスカレーション", "kato does not have the role officer", "RolledBack", "タスク数の緊急変更", "障害報告書", "タスク数の自動調整を設定する",
	} {
		require.Contains(t, out.String(), what)
	}
	require.Equal(t, 2, strings.Count(out.String(), "$ starter fix "))
}
