package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNotStaged says that the staging tables are gone or not complete: PostgreSQL empties them after a crash. The file has to
// be staged again.
var ErrNotStaged = errors.New("the staged rows are not there any more: the file has to be staged again")

// Difference is what a load would do to its table.
type Difference struct {
	Counts  Counts  `json:"counts"`
	Before  int64   `json:"before"` // rows of the table
	After   int64   `json:"after"`
	Creates bool    `json:"creates"` // the table is not there yet
	Samples Samples `json:"samples"`
}

// Samples are some rows of each kind, in the order of the key.
type Samples struct {
	New      []Sample `json:"new"`
	Changed  []Sample `json:"changed"`
	Vanished []Sample `json:"vanished"`
}

// Difference compares what is staged with the table. It changes nothing.
func (s *Store) Difference(ctx context.Context, t Table, run Run) (Difference, error) {
	var d Difference
	err := s.session(ctx, run, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			staged, err := open(ctx, tx, &t, run)
			if err != nil {
				return err
			}
			d, err = staged.compare(ctx)
			if err != nil {
				return err
			}
			d.Samples, err = staged.samples(ctx)
			return err
		})
	})
	return d, err
}

// comparison is a transaction that compares staged rows with their table.
type comparison struct {
	tx     pgx.Tx
	table  *Table
	target target
	staged Staged
	rows   string // the staging table
}

// open finds what is staged for an operation, whatever attempt staged it.
func open(ctx context.Context, tx pgx.Tx, t *Table, run Run) (*comparison, error) {
	var text []byte
	err := tx.QueryRow(ctx, `SELECT staged FROM tejun_load.stage WHERE operation = $1 AND target = $2`, run.Operation, t.String()).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotStaged
	}
	if err != nil {
		return nil, wrap("find the staged rows", err)
	}
	c := &comparison{tx: tx, table: t}
	if err := json.Unmarshal(text, &c.staged); err != nil {
		return nil, wrap("read what is staged", err)
	}
	c.rows = quote(ledgerSchema, Run{run.Operation, c.staged.Attempt}.table("s"))
	if c.target, err = look(ctx, tx, t); err != nil {
		return nil, err
	}
	return c, nil
}

// compare counts, and leaves the rows that differ in the temporary tables delta and gone.
func (c *comparison) compare(ctx context.Context) (Difference, error) {
	d := Difference{Counts: c.staged.Counts, Creates: !c.target.exists}
	n := &d.Counts
	var staged int64
	if err := c.tx.QueryRow(ctx, "SELECT count(*) FROM "+c.rows).Scan(&staged); err != nil {
		if undefined(err) {
			return d, ErrNotStaged
		}
		return d, wrap("count the staged rows", err)
	}
	if staged != n.Rows {
		return d, ErrNotStaged
	}
	if c.target.empty || c.table.hashed() {
		n.New = n.Rows
		if c.target.exists && !c.target.empty {
			if err := c.tx.QueryRow(ctx, "SELECT count(*) FROM "+c.table.sql()).Scan(&d.Before); err != nil {
				return d, wrap("count the rows of "+c.table.String(), err)
			}
		}
		d.After = d.Before + n.New
		return d, nil
	}
	if err := c.delta(ctx); err != nil {
		return d, err
	}
	err := c.tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE tejun_at IS NULL), count(*) FILTER (WHERE tejun_at IS NOT NULL),
		(SELECT count(*) FROM `+c.table.sql()+`) FROM delta`).Scan(&n.New, &n.Changed, &d.Before)
	if err != nil {
		return d, wrap("count the difference", err)
	}
	n.Unchanged = n.Rows - n.New - n.Changed
	n.Vanished = d.Before - n.Changed - n.Unchanged
	d.After = d.Before + n.New
	if c.table.Mode != Replace {
		n.Vanished = 0
		return d, nil
	}
	d.After -= n.Vanished
	if n.Vanished == 0 {
		return d, nil
	}
	_, err = c.tx.Exec(ctx, fmt.Sprintf(`CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT t.ctid AS tejun_at FROM %s t
		WHERE NOT EXISTS (SELECT FROM %s s WHERE %s)`, c.table.sql(), c.rows, same(c.table.Key, "t.", "s.")))
	return d, wrap("find the rows that have vanished", err)
}

// delta collects new and changed rows. Values are compared, not hashes: what was changed in the table by hand shows, and
// PostgreSQL does it faster than it hashes.
func (c *comparison) delta(ctx context.Context) error {
	t := c.table
	differs := "false"
	if t.others("") != "" {
		differs = fmt.Sprintf("ROW(%s) IS DISTINCT FROM ROW(%s)", t.others("s."), t.others("t."))
	}
	_, err := c.tx.Exec(ctx, fmt.Sprintf(`CREATE TEMP TABLE delta ON COMMIT DROP AS SELECT s.*, t.ctid AS tejun_at
		FROM %s s LEFT JOIN %s t ON %s WHERE t.ctid IS NULL OR %s`, c.rows, t.sql(), same(t.Key, "s.", "t."), differs))
	return wrap("compare the staged rows with "+t.String(), err)
}
