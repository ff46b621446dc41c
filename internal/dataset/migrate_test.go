package dataset

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
)

// dsn is of the package's cluster. Each test has a schema of its own in it.
var dsn string

func TestMain(m *testing.M) {
	code, err := withServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withServer(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tejun-dataset-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: dir, Tests: true})
	if err != nil {
		return 1, err
	}
	dsn = server.DSN()
	return m.Run(), server.Stop()
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err, sql)
}

// migrate runs what a declaration says about a table, as the script that an operator runs.
func migrate(t *testing.T, d *Dataset, conn *pgx.Conn) (m Migration, err error) {
	t.Helper()
	err = pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		m, err = d.PlanMigration(t.Context(), tx)
		return err
	})
	if err == nil {
		exec(t, conn, SQL(m.Statements))
	}
	return m, err
}

const parts = `id: parts
name: {ja: 部品, en: Parts}
notes: it's "quoted" \ and 日本語
source: {file: {dir: .}}
format: {kind: csv, header: true}
encoding: utf-8
table: SCHEMA.parts
columns:
  - {name: number, title: 番号, header: no, type: integer, required: true}
  - {name: name, header: name, type: text}
  - {name: price, header: price, type: integer}
  - {name: since, header: since, type: date}
key: [number]
mode: merge
`

// declared is the parts' declaration with texts replaced, for a schema of the test's own.
func declared(t *testing.T, replace ...string) *Dataset {
	t.Helper()
	schema := strings.ToLower(t.Name())
	for i := 0; i < len(replace); i += 2 {
		require.Contains(t, parts, replace[i])
	}
	text := strings.ReplaceAll(strings.NewReplacer(replace...).Replace(parts), "SCHEMA", schema)
	d, err := Parse("parts.yaml", []byte(text))
	require.NoError(t, err)
	return d
}

func TestATableIsMadeOnceAndDescribed(t *testing.T) {
	conn, d := connect(t), declared(t)
	m, err := migrate(t, d, conn)
	require.NoError(t, err)
	assert.True(t, m.Create)
	again, err := migrate(t, d, conn)
	require.NoError(t, err)
	assert.Empty(t, again.Statements)
	assert.False(t, again.Create)

	var table, column string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT obj_description($1::regclass, 'pg_class'), col_description($1::regclass, 1)`, d.Table).Scan(&table, &column))
	assert.Equal(t, "部品 / Parts\nit's \"quoted\" \\ and 日本語", table)
	assert.Equal(t, "番号", column)
	_, err = conn.Exec(t.Context(), "INSERT INTO "+d.Table+" VALUES (1, 'a', 2, NULL), (1, 'b', 2, NULL)")
	assert.ErrorContains(t, err, "duplicate key")
}

func TestTheExamplesTablesAreMade(t *testing.T) {
	conn := connect(t)
	for _, id := range []string{"postal-codes", "corporate-numbers"} {
		d := example(t, id)
		for range 2 {
			_, err := migrate(t, d, conn)
			require.NoError(t, err)
		}
	}
}

func TestATableGrowsWithoutLosingRows(t *testing.T) {
	conn := connect(t)
	_, err := migrate(t, declared(t), conn)
	require.NoError(t, err)
	schema := strings.ToLower(t.Name())
	exec(t, conn, "INSERT INTO "+schema+".parts VALUES (1, 'a', 20, '2024-12-24'), (2, 'b', NULL, NULL)")
	exec(t, conn, "SET TimeZone = 'America/New_York'")

	d := declared(t, "type: text}", "type: text, required: true}", "price, type: integer", "price, type: numeric", "since, type: date", "since, type: timestamp",
		"key: [number]", "  - {name: colour, header: colour, type: text, title: 色}\nkey: [number, name]")
	m, err := migrate(t, d, conn)
	require.NoError(t, err)
	assert.Equal(t, []string{"name must not be empty", "widen price from bigint to numeric", "widen since from date to timestamp with time zone",
		"add colour (text)", "drop the key (number)", "make (number, name) the key"}, m.Changes)
	var got string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT string_agg(number || name || coalesce(price::text, '-') || coalesce((since AT TIME ZONE 'Asia/Tokyo')::text, '-'), ' ' ORDER BY number) FROM `+d.Table).Scan(&got))
	assert.Equal(t, "1a202024-12-24 00:00:00 2b--", got)
	again, err := migrate(t, d, conn)
	require.NoError(t, err)
	assert.Empty(t, again.Changes)
}

func TestWhatWouldLoseDataIsRefused(t *testing.T) {
	conn := connect(t)
	_, err := migrate(t, declared(t), conn)
	require.NoError(t, err)
	schema := strings.ToLower(t.Name())
	exec(t, conn, "INSERT INTO "+schema+".parts VALUES (1, 'a', 20, NULL), (2, 'a', NULL, NULL)")
	for _, c := range []struct {
		replace []string
		want    string
	}{
		{[]string{"price, type: integer", "price, type: boolean"}, "the column price is of type bigint, and making it boolean could lose something"},
		{[]string{"  - {name: since, header: since, type: date}\n", ""}, "the column since is in the table and not in the declaration"},
		{[]string{"price, type: integer", "price, type: integer, required: true"}, "the column price is required now, and 1 rows have no value"},
		{[]string{"key: [number]", "  - {name: x, header: x, type: text, required: true}\nkey: [number]"}, "the column x is new and required"},
		{[]string{"type: text}", "type: text, required: true}", "key: [number]", "key: [name]"}, "1 of its values occur more than once"},
	} {
		_, err := migrate(t, declared(t, c.replace...), conn)
		var refused *MigrationError
		require.ErrorAs(t, err, &refused, c.want)
		assert.Contains(t, err.Error(), c.want)
	}
	var rows int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(since IS NULL) FROM "+schema+".parts").Scan(&rows))
	assert.Equal(t, 2, rows)

	exec(t, conn, "CREATE VIEW "+schema+".seen AS SELECT 1 AS number")
	_, err = migrate(t, declared(t, "SCHEMA.parts", "SCHEMA.seen"), conn)
	assert.ErrorContains(t, err, "it is not a table")
}

func TestARefusedChangeChangesNothing(t *testing.T) {
	conn := connect(t)
	_, err := migrate(t, declared(t), conn)
	require.NoError(t, err)
	_, err = migrate(t, declared(t, "price, type: integer", "price, type: numeric", "since, type: date", "since, type: boolean"), conn)
	require.Error(t, err)
	m, err := migrate(t, declared(t), conn)
	require.NoError(t, err)
	assert.Empty(t, m.Changes)
}

// A table without rows takes whatever key the declaration has.
func TestTheKeyOfAnEmptyTableMayHaveANewColumn(t *testing.T) {
	conn := connect(t)
	_, err := migrate(t, declared(t), conn)
	require.NoError(t, err)
	wider := declared(t)
	wider.Columns = append(wider.Columns, Column{Name: "branch", Field: len(wider.Columns) + 1, Type: Text, Required: true})
	wider.Key = append(wider.Key, "branch")
	m, err := migrate(t, wider, conn)
	require.NoError(t, err)
	assert.Contains(t, m.Changes, "make ("+strings.Join(wider.Key, ", ")+") the key")
	again, err := migrate(t, wider, conn)
	require.NoError(t, err)
	assert.Empty(t, again.Changes)
}
