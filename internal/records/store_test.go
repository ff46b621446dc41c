package records

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenSaysWhatItCannotReachWithoutThePassword(t *testing.T) {
	_, err := Open(t.Context(), changeURL(t, clusterDSN, func(u *url.URL) {
		u.Host = "127.0.0.1:1"
		u.User = url.UserPassword("somebody", "very-secret")
	}))
	require.ErrorContains(t, err, "reach PostgreSQL at 127.0.0.1:1, database tejun, as somebody")
	assert.NotContains(t, err.Error(), "very-secret")

	_, err = Open(t.Context(), "postgres://somebody:very-secret@host:notaport/db")
	require.ErrorContains(t, err, "read the PostgreSQL address")
	assert.NotContains(t, err.Error(), "very-secret")
}

func TestOpenKeepsThePoolSizeOfTheAddress(t *testing.T) {
	s := openDSN(t, clusterDSN+"&pool_max_conns=3")
	assert.Equal(t, int32(3), s.pool.Config().MaxConns)
	assert.Equal(t, int32(minConns), openStore(t).pool.Config().MaxConns)
}

func TestMigrateByManyAtOnceAndAgain(t *testing.T) {
	dsn := newDatabase(t)
	var wg sync.WaitGroup
	for range 4 {
		s := openDSN(t, dsn)
		wg.Go(func() { assert.NoError(t, s.Migrate(t.Context())) })
	}
	wg.Wait()
	s := openDSN(t, dsn)
	require.NoError(t, s.Migrate(t.Context()))
	_, err := s.AppendEvidence(t.Context(), fact("w", "k", `{}`))
	require.NoError(t, err)
}

func TestMigrateRefusesANewerDatabase(t *testing.T) {
	dsn := newDatabase(t)
	s := openDSN(t, dsn)
	require.NoError(t, s.Migrate(t.Context()))
	execSQL(t, dsn, `INSERT INTO public.tejun_migrations (version_id, is_applied) VALUES (9999, true)`)
	assert.ErrorContains(t, s.Migrate(t.Context()), "the database has schema version 9999, this program knows")
}

func TestMigrateSaysThatItNeedsTheOwner(t *testing.T) {
	dsn := newDatabase(t)
	execSQL(t, dsn, `CREATE ROLE nobody_special LOGIN PASSWORD 'x'`, `REVOKE CREATE ON SCHEMA public FROM PUBLIC`)
	s := openDSN(t, changeURL(t, dsn, func(u *url.URL) { u.User = url.UserPassword("nobody_special", "x") }))
	assert.ErrorContains(t, s.Migrate(t.Context()), "this needs the owner of the schema")
}

func TestMigrateByAnOwnerWhoMayNotMakeRoles(t *testing.T) {
	dsn := newDatabase(t)
	execSQL(t, dsn, `CREATE ROLE plain_owner LOGIN PASSWORD 'x'`, `ALTER SCHEMA public OWNER TO plain_owner`,
		`GRANT CREATE ON DATABASE `+databaseName(t, dsn)+` TO plain_owner`,
		`ALTER ROLE tejun_worker RENAME TO tejun_worker_aside`)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := openStoreIn(ctx, t, clusterDSN).pool.Exec(ctx, `ALTER ROLE tejun_worker_aside RENAME TO tejun_worker`)
		assert.NoError(t, err)
	})
	s := openDSN(t, changeURL(t, dsn, func(u *url.URL) { u.User = url.UserPassword("plain_owner", "x") }))
	require.NoError(t, s.Migrate(t.Context()), "the role is left to a database administrator")
	_, err := s.AppendEvidence(t.Context(), fact("w", "k", `{}`))
	require.NoError(t, err)
}

func openStoreIn(ctx context.Context, t *testing.T, dsn string) *Store {
	t.Helper()
	s, err := Open(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func databaseName(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	return u.Path[1:]
}

func TestAnUnmigratedDatabaseSaysSo(t *testing.T) {
	s := openDSN(t, newDatabase(t))
	_, err := s.AppendEvidence(t.Context(), fact("w", "k", `{}`))
	assert.ErrorContains(t, err, "the database is not migrated")
	_, err = s.ListEvidence(t.Context(), "w")
	assert.ErrorContains(t, err, "the database is not migrated")
}

// The role tejun_worker does all of a worker's work, and nothing beyond it.
func TestTheWorkersRoleIsEnoughAndNoMore(t *testing.T) {
	execSQL(t, clusterDSN, `CREATE ROLE w_login LOGIN PASSWORD 'x' IN ROLE tejun_worker`)
	s := openDSN(t, changeURL(t, clusterDSN, func(u *url.URL) { u.User = url.UserPassword("w_login", "x") }))
	ctx := t.Context()
	require.NoError(t, s.Migrate(ctx), "an up-to-date database needs no rights")
	_, err := s.AppendEvidence(ctx, fact(t.Name(), "k", `{}`))
	require.NoError(t, err)
	chain, err := s.ReadChain(ctx, t.Name())
	require.NoError(t, err)
	assert.Empty(t, chain.Verify())
	state, err := s.BeginIntent(ctx, Intent{Key: t.Name(), WorkflowID: "w"})
	require.NoError(t, err)
	require.NoError(t, s.FinishIntent(ctx, state.Key, IntentSent, "ref"))
	_, err = s.SaveState(ctx, t.Name(), "r", []byte("x"))
	require.NoError(t, err)
	_, err = s.LoadState(ctx, t.Name(), "r")
	require.NoError(t, err)
	require.NoError(t, s.Fence(ctx, t.Name(), 1))
	conflict, err := s.Reserve(ctx, hold("r-"+t.Name(), t.Name(), 0, 1))
	require.NoError(t, err)
	assert.Nil(t, conflict)
	require.NoError(t, s.Release(ctx, t.Name()))
	_, _, err = s.RecordChange(ctx, aChange(t.Name()))
	require.NoError(t, err)
	_, err = s.ChangeHistory(ctx, t.Name())
	require.NoError(t, err)

	for _, statement := range []string{
		`INSERT INTO tejun.evidence VALUES ('w', 1, '', 'k', 'k', '', now(), '', '', '')`,
		`UPDATE tejun.evidence SET body = ''`,
		`DELETE FROM tejun.evidence`,
		`TRUNCATE tejun.evidence`,
		`ALTER TABLE tejun.evidence DISABLE TRIGGER ALL`,
		`UPDATE tejun.evidence_heads SET count = count + 1`,
		`DELETE FROM tejun.intents`,
		`UPDATE tejun.saved_states SET content = ''`,
		`DELETE FROM tejun.saved_states`,
		`DELETE FROM tejun.fences`,
		`INSERT INTO tejun.change_states SELECT * FROM tejun.change_states`,
		`UPDATE tejun.change_states SET state = 'done'`,
		`DELETE FROM tejun.change_states`,
		`SELECT tejun.grant_worker('w_login')`,
	} {
		_, err := s.pool.Exec(ctx, statement)
		assert.Error(t, err, statement)
	}
	_, err = s.pool.Exec(ctx, `DELETE FROM tejun.intents`)
	assert.ErrorContains(t, explain(err), "grant the rights of tejun_worker")
}

func TestClosedStoreReturnsErrors(t *testing.T) {
	s, err := Open(t.Context(), clusterDSN)
	require.NoError(t, err)
	s.Close()
	ctx := t.Context()
	_, err = s.AppendEvidence(ctx, fact("w", "k", `{}`))
	assert.Error(t, err)
	_, err = s.ListEvidence(ctx, "w")
	assert.Error(t, err)
	_, _, err = s.EvidenceHead(ctx, "w")
	assert.Error(t, err)
	_, err = s.ReadChain(ctx, "w")
	assert.Error(t, err)
	_, err = s.BeginIntent(ctx, Intent{Key: "k", WorkflowID: "w"})
	assert.Error(t, err)
	assert.Error(t, s.FinishIntent(ctx, "k", IntentSent, ""))
	_, err = s.SaveState(ctx, "o", "r", nil)
	assert.Error(t, err)
	_, err = s.LoadState(ctx, "o", "r")
	assert.Error(t, err)
	assert.Error(t, s.Fence(ctx, "k", 1))
	_, err = s.Reserve(ctx, hold("r", "w", 0, 1))
	assert.Error(t, err)
	_, err = s.AllReservations(ctx, time.Now())
	assert.Error(t, err)
	assert.Error(t, s.Release(ctx, "w"))
	assert.Error(t, s.Migrate(ctx))
	assert.Error(t, s.Ping(ctx))
}
