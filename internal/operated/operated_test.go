package operated

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
)

func TestADatabaseThatWasNotGivenSaysWhatToSet(t *testing.T) {
	d, err := Open("")
	require.NoError(t, err)
	_, err = d.Pool(t.Context())
	require.ErrorIs(t, err, ErrNotGiven)
	assert.ErrorContains(t, err, Variable)
	_, err = d.At(t.Context(), "127.0.0.1", 1)
	require.ErrorIs(t, err, ErrNotGiven)
	d.Close()
}

func TestABadAddressIsRefusedWithoutItsPassword(t *testing.T) {
	for _, dsn := range []string{"postgres://u:hunter2@host:port/x", "host=h user=u password=hunter2 dbname=x", "hunter2", "postgres://u:hunter2@h/x?host=other", "postgres://u:hunter2@h/x?sslmode=disable&port=1"} {
		_, err := Open(dsn)
		require.Error(t, err, dsn)
		assert.NotContains(t, err.Error(), "hunter2")
		assert.ErrorContains(t, err, "write postgres://")
	}
}

func TestPoolIsSharedAndACopyIsReachedAtItsOwnAddress(t *testing.T) {
	server, err := devserver.StartDatabase(t.Context(), devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	d, err := Open(server.DSN())
	require.NoError(t, err)
	defer d.Close()
	first, err := d.Pool(t.Context())
	require.NoError(t, err)
	again, err := d.Pool(t.Context())
	require.NoError(t, err)
	assert.Same(t, first, again)
	var name string
	require.NoError(t, first.QueryRow(t.Context(), "SELECT current_database()").Scan(&name))
	assert.Equal(t, devserver.DatabaseName, name)

	port := first.Config().ConnConfig.Port
	copied, err := d.At(t.Context(), "127.0.0.1", int32(port))
	require.NoError(t, err)
	defer copied.Close()
	require.NoError(t, copied.Ping(t.Context()))
	nowhere, err := d.At(t.Context(), "127.0.0.1", 1)
	require.NoError(t, err)
	defer nowhere.Close()
	assert.Error(t, nowhere.Ping(t.Context()))
	assert.False(t, errors.Is(err, ErrNotGiven))
}
