package load

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
)

// One cluster for the package, with the settings of a server that is not for tests. Each test has a database of its own.
var clusterDSN string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if order := os.Getenv(childVariable); order != "" {
		if err := child(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if dsn := os.Getenv("TEJUN_LOAD_TEST_DSN"); dsn != "" {
		clusterDSN = dsn
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "tejun-load-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: dir, Tests: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	clusterDSN = server.DSN()
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// database is an empty database with the ledger in it.
func database(t *testing.T) (*Store, *pgxpool.Pool) {
	t.Helper()
	name := "load_" + strings.ToLower(strings.NewReplacer("/", "_", " ", "_").Replace(t.Name()))
	name = name[:min(len(name), 60)]
	conn, err := pgx.Connect(t.Context(), clusterDSN)
	require.NoError(t, err)
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + name, "CREATE DATABASE " + name} {
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, conn.Close(t.Context()))
	config, err := pgxpool.ParseConfig(clusterDSN)
	require.NoError(t, err)
	config.ConnConfig.Database = name
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := New(pool)
	require.NoError(t, s.Prepare(t.Context()))
	return s, pool
}

func execSQL(t *testing.T, pool *pgxpool.Pool, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		_, err := pool.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
}

func number(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) int64 {
	t.Helper()
	var n int64
	require.NoError(t, pool.QueryRow(t.Context(), sql, args...).Scan(&n), sql)
	return n
}
