// Package records keeps, in PostgreSQL, what must outlive every process: evidence in hash chains, intents before
// effects that cannot be deduplicated, states saved before a change, fences against late attempts, and reservations of
// resources.
//
// Every operation is one statement, so one round trip and one transaction, and may be repeated after an unknown
// outcome. Times are kept in UTC with microseconds, which is what timestamptz holds.
//
// Migrate needs the owner of the schema. All else works with the rights of the role tejun_worker (see
// migrations/00003_worker_role.sql), which cannot change or delete evidence.
package records

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotFound says that there is no such record. The error around it names what was looked for.
var ErrNotFound = errors.New("not found")

// ErrInvalid says that a record cannot be kept as it is given; trying again does not help.
var ErrInvalid = errors.New("invalid")

// ErrSuperseded says that a later attempt has begun, so this one must not write any more.
var ErrSuperseded = errors.New("superseded by a later attempt")

// minConns is how many connections the pool may open at least: an evidence row is appended around every activity, and
// pgx's own default follows the number of CPUs, which has nothing to do with it. "pool_max_conns" in the DSN wins.
const minConns = 16

// Store is the database. Open makes it; it is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
}

// Open connects to PostgreSQL and checks that it answers. dsn is a URL or a key=value string as libpq reads it; its
// password never appears in an error. Close the store when done.
func Open(ctx context.Context, dsn string) (*Store, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the PostgreSQL address: %w", err)
	}
	if !strings.Contains(dsn, "pool_max_conns") && config.MaxConns < minConns {
		config.MaxConns = minConns
	}
	set := config.ConnConfig.RuntimeParams
	if set["application_name"] == "" {
		set["application_name"] = "tejun"
	}
	set["timezone"] = "UTC"
	// The functions of the migrations take a lock and then look: each statement must see what was committed before it.
	set["default_transaction_isolation"] = "read committed"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	s := &Store{pool: pool}
	if err := s.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// Close ends all connections; it waits for those in use.
func (s *Store) Close() { s.pool.Close() }

// Ping asks the database for an answer.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		at := s.pool.Config().ConnConfig
		return fmt.Errorf("reach PostgreSQL at %s:%d, database %s, as %s: %w", at.Host, at.Port, at.Database, at.User, err)
	}
	return nil
}

// explain adds what to do where PostgreSQL's own words do not say it.
func explain(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	switch pg.Code {
	case "42P01", "42883", "3F000": // undefined table, function, schema
		return fmt.Errorf("%w (the database is not migrated: start the worker with the owner's rights once)", err)
	case "42501":
		return fmt.Errorf("%w (grant the rights of tejun_worker to this user)", err)
	}
	return err
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, explain(err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, explain(err)
	}
	return list, nil
}

// plainText refuses what PostgreSQL cannot store as text, and empty values of names that must be there.
func plainText(what, value string, required bool) error {
	switch {
	case required && value == "":
		return fmt.Errorf("%s is missing", what)
	case !utf8.ValidString(value):
		return fmt.Errorf("%s is not UTF-8: %q", what, value)
	case strings.ContainsRune(value, 0):
		return fmt.Errorf("%s contains a NUL character: %q", what, value)
	}
	return nil
}

// text is a member that goes into a column of text.
type text struct {
	what, value string
	required    bool
}

// plainTexts checks several with plainText; what is well leaves a nil.
func plainTexts(texts []text) (problems []error) {
	for _, t := range texts {
		problems = append(problems, plainText(t.what, t.value, t.required))
	}
	return problems
}

// utc is t as the database keeps it.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
