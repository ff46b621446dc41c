package devserver

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func startDatabase(t *testing.T, dir string) *Postgres {
	t.Helper()
	p, err := StartDatabase(t.Context(), PostgresOptions{Dir: dir, Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Stop()) })
	return p
}

func execute(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}

func TestABackupIsRestoredToItsEndAndToLaterMoments(t *testing.T) {
	state := t.TempDir()
	source := startDatabase(t, filepath.Join(state, "database"))
	execute(t, source.DSN(), `CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) n`)
	backup := filepath.Join(state, "backup")
	_, err := ReadBackup(backup)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, source.Backup(t.Context(), backup))
	require.Error(t, source.Backup(t.Context(), backup), "never over another one")

	require.NoError(t, CopyBackup(t.Context(), backup, filepath.Join(state, "copy")))
	execute(t, source.DSN(), `INSERT INTO kept VALUES (1001)`)
	time.Sleep(2 * time.Millisecond)
	before := time.Now()
	time.Sleep(2 * time.Millisecond)
	execute(t, source.DSN(), `DELETE FROM kept WHERE n <= 500`)
	until, err := source.Archived(t.Context())
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), until, 10*time.Second)

	for name, c := range map[string]struct {
		backup string
		at     time.Time
		rows   int
	}{
		"its own end":        {"copy", time.Time{}, 1000},
		"before the mistake": {"copy", before, 1001},
		"now":                {"copy", until, 501},
	} {
		into := filepath.Join(t.TempDir(), "restored")
		require.NoError(t, Restore(t.Context(), filepath.Join(state, c.backup), source.Archive(), into, c.at), name)
		restored, err := StartPostgres(t.Context(), PostgresOptions{Dir: into, Name: DatabaseName, Tests: true})
		require.NoError(t, err, name)
		assert.Equal(t, c.rows, query[int](t, restored.DSN(), `SELECT count(*) FROM kept`), name)
		execute(t, restored.DSN(), `DELETE FROM kept`)
		require.NoError(t, restored.Stop())
	}
	assert.Equal(t, 501, query[int](t, source.DSN(), `SELECT count(*) FROM kept`), "the source is untouched by what restored copies do")

	err = Restore(t.Context(), filepath.Join(state, "copy"), source.Archive(), filepath.Join(state, "x"), before.Add(-time.Hour))
	require.ErrorContains(t, err, "take an earlier one")
	assert.NoDirExists(t, filepath.Join(state, "x"))
}

func TestTheLogIsArchivedForSeveralAtOnce(t *testing.T) {
	source := startDatabase(t, t.TempDir())
	for range 20 {
		var all errgroup.Group
		for range 8 {
			all.Go(func() error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := source.Archived(ctx)
				return err
			})
		}
		require.NoError(t, all.Wait())
	}
}

func TestABackupNeedsTheArchive(t *testing.T) {
	p := startPostgres(t, t.TempDir())
	require.ErrorContains(t, p.Backup(t.Context(), filepath.Join(t.TempDir(), "b")), "start it with Archive")
}
