package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// entryOf finds the newest entry that fulfils a condition, nil if there is none.
func entryOf(ctx context.Context, q querier, condition string, args ...any) (*Entry, error) {
	var e Entry
	var counts []byte
	err := q.QueryRow(ctx, `SELECT operation, attempt, dataset, declaration, target, mode, method, sha256, source, bytes, counts, checksum::text, rows, loaded_at
		FROM tejun_load.ledger WHERE `+condition+` ORDER BY number DESC LIMIT 1`, args...).Scan(
		&e.Operation, &e.Attempt, &e.Dataset, &e.Declaration, &e.Target, &e.Mode, &e.Method, &e.SHA256, &e.Source, &e.Bytes, &counts, &e.Checksum, &e.Rows, &e.LoadedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap("read the ledger of loads", err)
	}
	e.LoadedAt = e.LoadedAt.UTC()
	return &e, wrap("read the counts of the load "+e.Operation, json.Unmarshal(counts, &e.Counts))
}

// Entry finds the load of an operation, nil if it has not taken place.
func (s *Store) Entry(ctx context.Context, operation string) (*Entry, error) {
	return entryOf(ctx, s.pool, `operation = $1`, operation)
}

// Loaded finds the load that makes loading a file again pointless, nil if there is none. For mode append that is any earlier
// load of the file. Otherwise it must be the latest load of the table, under the same declaration, and the table must hold
// what it held then: so a file can be loaded again to go back to it, or after somebody has changed the table.
func (s *Store) Loaded(ctx context.Context, t Table, declaration, sha256 string) (*Entry, error) {
	if t.Mode == Append {
		return entryOf(ctx, s.pool, `dataset = $1 AND sha256 = $2`, t.Dataset, sha256)
	}
	latest, err := entryOf(ctx, s.pool, `target = $1`, t.String())
	if err != nil || latest == nil || latest.SHA256 != sha256 || latest.Dataset != t.Dataset || latest.Declaration != declaration {
		return nil, err
	}
	rows, sum, err := s.Check(ctx, t)
	if undefined(err) {
		return nil, nil
	}
	if err != nil || rows != latest.Rows || sum != latest.Checksum {
		return nil, err
	}
	return latest, nil
}

// drop drops what an operation has staged. An earlier attempt that still copies has been ended before.
func drop(ctx context.Context, conn commander, operation string) error {
	if _, err := conn.Exec(ctx, `DELETE FROM tejun_load.stage WHERE operation = $1`, operation); err != nil {
		return wrap("forget earlier stagings", err)
	}
	return dropTables(ctx, conn, `c.relname ~ ('^[scrdg]_' || $1 || '_[0-9]+$')`, operation)
}

// commander is a connection or a transaction.
type commander interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func dropTables(ctx context.Context, conn commander, condition string, args ...any) error {
	rows, err := conn.Query(ctx, `SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'tejun_load'::regnamespace AND c.relkind = 'r' AND `+condition, args...)
	if err != nil {
		return wrap("list the staging tables", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return wrap("list the staging tables", err)
	}
	for i, n := range names {
		names[i] = quote(ledgerSchema, n)
	}
	_, err = conn.Exec(ctx, "DROP TABLE IF EXISTS "+strings.Join(names, ", "))
	return wrap("drop the staging tables", err)
}

// Drop drops everything that an operation has staged; it is harmless if there is nothing.
func (s *Store) Drop(ctx context.Context, run Run) error {
	return s.session(ctx, run, func(conn *pgx.Conn) error {
		if err := s.begin(ctx, conn, run); err != nil {
			return err
		}
		return drop(ctx, conn, run.Operation)
	})
}

// Sweep drops what operations have left that began before a time, except this one, and forgets their fences. live tells of a
// table, as Table.String names it, whether a run is at work on it: what is staged for it stays, however long that run has
// waited. What was never staged to its end belongs to no table, and a run that still lives stages it anew anyway.
//
// The time must be longer ago than any attempt can last. One that had slept longer, and woke up behind its forgotten fence,
// would find nothing staged that it could import.
func (s *Store) Sweep(ctx context.Context, run Run, before time.Time, live func(table string) bool) error {
	return s.session(ctx, run, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, `SELECT f.operation, coalesce(st.target, '') FROM tejun_load.fence f LEFT JOIN tejun_load.stage st USING (operation)
			WHERE f.begun_at < $1 AND f.operation <> $2`, before, run.Operation)
		if err != nil {
			return wrap("list earlier loads", err)
		}
		old, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Operation, Table string }])
		if err != nil {
			return wrap("list earlier loads", err)
		}
		for _, o := range old {
			if o.Table != "" && live(o.Table) {
				continue
			}
			if err := forget(ctx, conn, o.Operation, before); err != nil {
				return fmt.Errorf("sweep after %s: %w", o.Operation, err)
			}
		}
		return nil
	})
}

// forget drops everything of an operation, its fence too, unless an attempt of it is at work or has begun meanwhile.
func forget(ctx context.Context, conn *pgx.Conn, operation string, before time.Time) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var attempt int64
		err := tx.QueryRow(ctx, `SELECT attempt FROM tejun_load.fence WHERE operation = $1 AND begun_at < $2 FOR UPDATE SKIP LOCKED`, operation, before).Scan(&attempt)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return wrap("look for its fence", err)
		}
		if err := drop(ctx, tx, operation); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM tejun_load.fence WHERE operation = $1`, operation)
		return wrap("remove its fence", err)
	})
}
