package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAStateFolderBelongsToOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "state")
	first := dir
	unlock, err := takeState(&first)
	require.NoError(t, err)

	second := dir
	_, err = takeState(&second)
	assert.ErrorContains(t, err, "in use by another `worker dev` (process ")

	require.NoError(t, unlock())
	unlock, err = takeState(&second)
	require.NoError(t, err, "given back, it can be taken again")
	assert.NoError(t, unlock())
}

func TestAStateFolderThatIsNoneIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, says := range map[string]string{"": "empty", file: "is a file", filepath.Join(file, "below"): "cannot be made"} {
		_, err := takeState(&path)
		assert.ErrorContains(t, err, says)
	}
}

func TestPortsAreRefusedAllAtOnce(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	taken := listener.Addr().(*net.TCPAddr).Port

	err = devPorts{Temporal: taken, UI: taken, Postgres: -1, Site: 0, Metrics: 70000}.check()
	assert.ErrorContains(t, err, "--temporal-port")
	assert.ErrorContains(t, err, "is in use by another program")
	assert.ErrorContains(t, err, "--temporal-port and --ui-port are both")
	assert.ErrorContains(t, err, "--postgres-port -1 is no port")
	assert.ErrorContains(t, err, "--metrics-port 70000 is no port")
	assert.NotContains(t, err.Error(), "--site-port")
	assert.NoError(t, devPorts{}.check(), "0 takes any free one, several times")
}

func TestAddressesAreForTheUserAloneAndForgottenAtTheEnd(t *testing.T) {
	state, cache, ready := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "ready.json")
	folder := filepath.Join(cache, "tejun", "dev")
	pointer := filepath.Join(folder, "7233.json")
	a := addresses{Temporal: "127.0.0.1:7233", Postgres: "postgres://u:p@h/d", State: state, PID: os.Getpid()}

	// A killed start with the same state folder left its pointer; one with another folder may still run.
	require.NoError(t, os.MkdirAll(folder, 0o700))
	dead, other := filepath.Join(folder, "9999.json"), filepath.Join(folder, "8888.json")
	leave(t, dead, addresses{State: state, PID: -1})
	leave(t, other, addresses{State: "/elsewhere", PID: -1})

	forget, err := a.publish(func() (string, error) { return cache, nil }, ready)
	require.NoError(t, err)
	assert.NoFileExists(t, dead)
	assert.FileExists(t, other)
	for _, path := range []string{ready, pointer, filepath.Join(state, "ready.json")} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "%s has a password", path)
		got, ok := readAddresses(path)
		assert.True(t, ok)
		assert.Equal(t, a, got)
	}

	leave(t, pointer, addresses{State: "/elsewhere", PID: 1}) // another `worker dev` has taken the port meanwhile
	require.NoError(t, forget())
	assert.NoFileExists(t, ready)
	assert.NoFileExists(t, filepath.Join(state, "ready.json"))
	assert.FileExists(t, pointer, "what is somebody else's stays")
}

func TestAddressesAreWrittenWithoutAHome(t *testing.T) {
	a := addresses{Temporal: "127.0.0.1:7233", State: t.TempDir(), PID: os.Getpid()}
	_, err := a.publish(func() (string, error) { return "", errors.New("no home") }, "")
	require.NoError(t, err)
	assert.FileExists(t, filepath.Join(a.State, "ready.json"))
}

func TestAnOldReadyFileIsGoneBeforeTheStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready.json")
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	require.NoError(t, checkReadyFile(&path))
	assert.NoFileExists(t, path)

	path = filepath.Join(t.TempDir(), "none", "ready.json")
	assert.ErrorContains(t, checkReadyFile(&path), "there is no folder")
}

func leave(t *testing.T, path string, a addresses) {
	t.Helper()
	content, err := json.Marshal(a)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, content, 0o600))
}
