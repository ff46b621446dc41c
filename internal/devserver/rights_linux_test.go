package devserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Where user namespaces are refused, root hands the cluster to another user.
func TestPostgresRunsAsAnotherUserWhereNamespacesAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root needs another user")
	}
	dir, err := os.MkdirTemp("/var/tmp", "tejun-rights-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })

	b, err := findBinaries(0, func(string) {})
	require.NoError(t, err)
	other, err := ordinaryUser(b.postgres())
	require.NoError(t, err)
	c := cluster{dir: dir, data: filepath.Join(dir, "data"), tests: true, log: func(s string) { t.Log(s) }, binaries: b, rights: other}
	require.ErrorContains(t, other.checkPath(dir), "may not pass through "+dir+" (mode 0700)")
	require.True(t, c.opened())
	c.password, err = c.writePassword()
	require.NoError(t, err)
	require.NoError(t, c.initialise(t.Context()))
	port, err := checkPort("a test", 0)
	require.NoError(t, err)
	p, err := c.start(t.Context(), port)
	require.NoError(t, err)
	assert.Equal(t, 1, query[int](t, c.dsn(port, postgresDatabase), `SELECT 1`))
	require.NoError(t, p.stop())

	// The same cluster, once namespaces work again: its files go back to root.
	server := startPostgres(t, dir)
	assert.Equal(t, 1, query[int](t, server.DSN(), `SELECT 1`))
}

func TestAFolderThatAnotherUserCannotReachIsNamed(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.MkdirAll(filepath.Join(closed, "below"), 0o755))
	require.NoError(t, os.Chmod(closed, 0o700))
	err := rights{uid: 65534, gid: 65534, says: "user nobody"}.checkPath(filepath.Join(closed, "below"))
	require.ErrorContains(t, err, "user nobody may not pass through "+closed)
	assert.ErrorContains(t, err, "choose a state folder that it may reach")
}
