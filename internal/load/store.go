package load

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const ledgerSchema = "tejun_load"

//go:embed schema/001.sql
var ledgerSQL string

// prepareLock is the advisory lock under which the schema is made: CREATE … IF NOT EXISTS of two sessions can collide.
const prepareLock = 0x74656a756e

// sessionSettings are those of a load's connections. PostgreSQL's defaults are meant for many small queries: they leave 4 MB
// to a sort, and they take a join whose result may be large for one that must not run in parallel.
var sessionSettings = map[string]string{
	"work_mem": "128MB", "hash_mem_multiplier": "4", "maintenance_work_mem": "256MB",
	"parallel_tuple_cost": "0", "parallel_setup_cost": "0", "jit": "off", "lock_timeout": "30s",
}

// ErrSuperseded says that a later attempt of the same operation has begun, so that this one wrote nothing more.
var ErrSuperseded = errors.New("a later attempt of this load has begun; this one wrote nothing more")

// Store is the operated system's database, as loads use it.
type Store struct{ pool *pgxpool.Pool }

// New uses the connections of a pool; COPY has its own, made with the same settings.
func New(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// Run is one attempt of one load. Attempts of an operation are ordered by their numbers.
type Run struct {
	Operation string // stable over all attempts
	Attempt   int64
}

var operationName = regexp.MustCompile(`^[0-9a-zA-Z_]{1,40}$`)

func (r Run) check() error {
	if !operationName.MatchString(r.Operation) || r.Attempt < 1 {
		return fmt.Errorf("operation %q, attempt %d: want letters and digits, and a number from 1", r.Operation, r.Attempt)
	}
	return nil
}

func (r Run) name() string { return fmt.Sprintf("tejun-load %s %d", r.Operation, r.Attempt) }

func (r Run) table(kind string) string { return fmt.Sprintf("%s_%s_%d", kind, r.Operation, r.Attempt) }

// Prepare makes the ledger if it is not there. It needs the right to create a schema once.
func (s *Store) Prepare(ctx context.Context) error {
	var there bool
	err := s.pool.QueryRow(ctx, `SELECT to_regclass('tejun_load.fence') IS NOT NULL`).Scan(&there)
	if err != nil || there {
		return wrap("look for the ledger of loads", err)
	}
	return wrap("make the ledger of loads", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, prepareLock); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, ledgerSQL)
		return err
	}))
}

// connect makes a connection of a run's own. Its name tells later attempts whom to end, and PostgreSQL looks by itself
// whether the worker is still there.
func (s *Store) connect(ctx context.Context, run Run, settings ...string) (*pgx.Conn, error) {
	config := s.pool.Config().ConnConfig.Copy()
	config.RuntimeParams["application_name"] = run.name()
	config.RuntimeParams["client_connection_check_interval"] = "1s"
	maps.Copy(config.RuntimeParams, sessionSettings)
	for i := 0; i+1 < len(settings); i += 2 {
		config.RuntimeParams[settings[i]] = settings[i+1]
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the operated system's database: %w", err)
	}
	return conn, nil
}

// session gives do a connection of its own.
func (s *Store) session(ctx context.Context, run Run, do func(*pgx.Conn) error) (err error) {
	conn, err := s.connect(ctx, run)
	if err != nil {
		return err
	}
	defer func() {
		closed := conn.Close(context.WithoutCancel(ctx))
		if err == nil {
			err = closed
		}
	}()
	return do(conn)
}

// begin makes this attempt the latest of its operation and ends what earlier ones still do.
func (s *Store) begin(ctx context.Context, conn *pgx.Conn, run Run) error {
	if err := run.check(); err != nil {
		return err
	}
	if err := fence(ctx, conn, run); err != nil {
		return err
	}
	// Without this an earlier attempt whose worker hangs would hold its locks.
	_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = current_user AND CASE WHEN application_name ~ ('^tejun-load ' || $1 || ' [0-9]+$')
			THEN split_part(application_name, ' ', 3)::bigint < $2 END`, run.Operation, run.Attempt)
	return wrap("end earlier attempts", err)
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// fence lets the attempt go on only if no later one has begun. In a transaction it keeps later ones waiting until the end.
func fence(ctx context.Context, q querier, run Run) error {
	var attempt int64
	err := q.QueryRow(ctx, `INSERT INTO tejun_load.fence AS f (operation, attempt) VALUES ($1, $2)
		ON CONFLICT (operation) DO UPDATE SET attempt = excluded.attempt, begun_at = now() WHERE f.attempt <= excluded.attempt
		RETURNING attempt`, run.Operation, run.Attempt).Scan(&attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrSuperseded
	}
	return wrap("make sure that no later attempt has begun", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// undefined tells whether PostgreSQL does not know a table.
func undefined(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000")
}
