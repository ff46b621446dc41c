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
	Sum     string  `json:"sum"`     // checksum of the table before
	Samples Samples `json:"samples"`
}

// Samples are some rows of each kind, in the order of the key.
type Samples struct {
	New      []Sample `json:"new"`
	Changed  []Sample `json:"changed"`
	Vanished []Sample `json:"vanished"`
}

// Difference compares what is staged with the table. What differs is kept beside the staged rows, for the import.
func (s *Store) Difference(ctx context.Context, t Table, run Run) (Difference, error) {
	var d Difference
	err := s.session(ctx, run, func(conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			staged, _, err := open(ctx, tx, &t, run)
			if err != nil {
				return err
			}
			if d, err = staged.compare(ctx); err != nil {
				return err
			}
			if d.Samples, err = staged.samples(ctx, d); err != nil {
				return err
			}
			return staged.keep(ctx, run, d)
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
	delta  string // new and changed rows, with the place of the old one
	gone   string // places of rows that have vanished
}

// open finds what is staged for an operation, whatever attempt staged it, and the difference if one was made.
func open(ctx context.Context, tx pgx.Tx, t *Table, run Run) (*comparison, *Difference, error) {
	var staged, difference []byte
	err := tx.QueryRow(ctx, `SELECT staged, difference FROM tejun_load.stage WHERE operation = $1 AND target = $2`, run.Operation, t.String()).Scan(&staged, &difference)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, ErrNotStaged
	}
	if err != nil {
		return nil, nil, wrap("find the staged rows", err)
	}
	c := &comparison{tx: tx, table: t}
	if err := json.Unmarshal(staged, &c.staged); err != nil {
		return nil, nil, wrap("read what is staged", err)
	}
	var d *Difference
	if difference != nil {
		d = &Difference{}
		if err := json.Unmarshal(difference, d); err != nil {
			return nil, nil, wrap("read the difference", err)
		}
	}
	of := Run{run.Operation, c.staged.Attempt}
	c.rows, c.delta, c.gone = quote(ledgerSchema, of.table("s")), quote(ledgerSchema, of.table("d")), quote(ledgerSchema, of.table("g"))
	return c, d, nil
}

// keep writes the difference down.
func (c *comparison) keep(ctx context.Context, run Run, d Difference) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = c.tx.Exec(ctx, `UPDATE tejun_load.stage SET difference = $2 WHERE operation = $1`, run.Operation, text)
	return wrap("write the difference down", err)
}

// compare counts, and leaves the rows that differ in the tables delta and gone.
func (c *comparison) compare(ctx context.Context) (d Difference, err error) {
	if c.target, err = look(ctx, c.tx, c.table); err != nil {
		return d, err
	}
	d = Difference{Counts: c.staged.Counts, Creates: !c.target.exists}
	n := &d.Counts
	if err := c.there(ctx, c.rows, n.Rows); err != nil {
		return d, err
	}
	if !c.target.empty {
		if d.Before, d.Sum, err = checksum(ctx, c.tx, c.table); err != nil {
			return d, err
		}
	}
	if c.target.empty || c.table.hashed() {
		n.New = n.Rows
		d.After = d.Before + n.New
		return d, nil
	}
	if err := c.differ(ctx); err != nil {
		return d, err
	}
	err = c.tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE tejun_at IS NULL), count(*) FILTER (WHERE tejun_at IS NOT NULL) FROM `+c.delta).Scan(&n.New, &n.Changed)
	if err != nil {
		return d, wrap("count the difference", err)
	}
	n.Unchanged = n.Rows - n.New - n.Changed
	if c.table.Mode == Replace {
		n.Vanished = d.Before - n.Changed - n.Unchanged
	}
	d.After = d.Before + n.New - n.Vanished
	if n.Vanished == 0 {
		return d, nil
	}
	// The key stands beside the place: what rewrites a table, such as VACUUM FULL, gives its rows other places.
	_, err = c.tx.Exec(ctx, fmt.Sprintf(`CREATE UNLOGGED TABLE %s AS SELECT t.ctid AS tejun_at, %s FROM %s t
		WHERE NOT EXISTS (SELECT FROM %s s WHERE %s)`, c.gone, quoted(c.table.Key, "t."), c.table.sql(), c.rows, same(c.table.Key, "t.", "s.")))
	return d, wrap("find the rows that have vanished", err)
}

// there makes sure that a table of the staging was not emptied, as PostgreSQL does with unlogged tables when it crashes: it
// takes all rows or none. What people do to single rows the counts of the import itself show.
func (c *comparison) there(ctx context.Context, table string, rows int64) error {
	var size int64
	err := c.tx.QueryRow(ctx, "SELECT pg_relation_size($1::text::regclass)", table).Scan(&size)
	if undefined(err) || err == nil && size == 0 && rows > 0 {
		return ErrNotStaged
	}
	return wrap("look for the staged rows", err)
}

// differ collects new and changed rows. Values are compared, not hashes: what was changed in the table by hand shows, and
// PostgreSQL does it faster than it hashes.
func (c *comparison) differ(ctx context.Context) error {
	t := c.table
	differs := "false"
	if t.others("") != "" {
		differs = fmt.Sprintf("ROW(%s) IS DISTINCT FROM ROW(%s)", t.others("s."), t.others("t."))
	}
	_, err := c.tx.Exec(ctx, fmt.Sprintf(`DROP TABLE IF EXISTS %[1]s, %[2]s; CREATE UNLOGGED TABLE %[1]s AS SELECT s.*, t.ctid AS tejun_at
		FROM %[3]s s LEFT JOIN %[4]s t ON %[5]s WHERE t.ctid IS NULL OR %[6]s`, c.delta, c.gone, c.rows, t.sql(), same(t.Key, "s.", "t."), differs))
	return wrap("compare the staged rows with "+t.String(), err)
}
