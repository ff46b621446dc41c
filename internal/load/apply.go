package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// apply writes what differs, and returns the checksum that the table must have then: the sum of its rows' hashes moves by
// exactly those of the difference.
func (c *comparison) apply(ctx context.Context, d Difference) (string, error) {
	t := c.table
	if !c.target.exists {
		if err := create(ctx, c.tx, t); err != nil {
			return "", err
		}
	}
	if c.target.empty || t.hashed() {
		expected, err := c.expectAdded(ctx, d)
		if err != nil {
			return "", err
		}
		_, err = c.tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s s", t.sql(), t.list(""), t.list("s."), c.rows))
		return expected, wrap("put the rows into "+t.String(), err)
	}
	n := d.Counts
	if n.New+n.Changed > 0 {
		if err := c.there(ctx, c.delta, n.New+n.Changed); err != nil {
			return "", err
		}
	}
	expected, err := c.expect(ctx, d)
	if err != nil {
		return "", err
	}
	if n.Vanished > 0 {
		if err := c.exec(ctx, n.Vanished, "delete the rows that have vanished", fmt.Sprintf("DELETE FROM %s t USING %s g WHERE %s", t.sql(), c.gone, at(t, "g."))); err != nil {
			return "", err
		}
	}
	if n.Changed > 0 {
		sql := fmt.Sprintf("UPDATE %s t SET (%s) = ROW(%s) FROM %s d WHERE %s", t.sql(), t.others(""), t.others("d."), c.delta, at(t, "d."))
		if err := c.exec(ctx, n.Changed, "change rows", sql); err != nil {
			return "", err
		}
	}
	if n.New > 0 {
		sql := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s d WHERE tejun_at IS NULL", t.sql(), t.list(""), t.list("d."), c.delta)
		if err := c.exec(ctx, n.New, "put rows in", sql); err != nil {
			return "", err
		}
	}
	return expected, nil
}

// at is the condition that a row of the table is the one that the difference was made with: at its place, which is quick to
// find, and with its key.
func at(t *Table, other string) string {
	return "t.ctid = " + other + "tejun_at AND " + same(t.Key, "t.", other)
}

// exec changes exactly so many rows, or fails.
func (c *comparison) exec(ctx context.Context, want int64, doing, sql string) error {
	tag, err := c.tx.Exec(ctx, sql)
	if err != nil {
		return wrap(doing, err)
	}
	if got := tag.RowsAffected(); got != want {
		return fmt.Errorf("%w: %s: %d rows of %s would change, and the plan says %d: nothing was loaded. Was the table rewritten meanwhile, or is there a trigger or a rule that stops some?", ErrDrifted, doing, got, c.table, want)
	}
	return nil
}

// rowHash is PostgreSQL's own hash of a row's values: equal values have equal hashes, 1.5 and 1.50 too.
func rowHash(t *Table, prefix string) string {
	return "hash_record_extended(ROW(" + t.list(prefix) + "), 0)"
}

// checksum is the number of rows and the sum of their hashes: it does not depend on their order.
func checksum(ctx context.Context, q querier, t *Table) (rows int64, sum string, err error) {
	return sumOf(ctx, q, t, rowHash(t, "t."))
}

// checksumAsMade is the same for a table that has exactly the dataset's columns in their order: its rows need not be put
// together anew.
func checksumAsMade(ctx context.Context, q querier, t *Table) (rows int64, sum string, err error) {
	return sumOf(ctx, q, t, "hash_record_extended(t.*, 0)")
}

func sumOf(ctx context.Context, q querier, t *Table, hash string) (rows int64, sum string, err error) {
	err = q.QueryRow(ctx, fmt.Sprintf("SELECT count(*), coalesce(sum(%s), 0)::text FROM %s t", hash, t.sql())).Scan(&rows, &sum)
	return rows, sum, wrap("take the checksum of "+t.String(), err)
}

// Check reads a table's number of rows and its checksum: the sum of PostgreSQL's hashes of its rows, which two tables share
// if they hold the same rows in whatever order. It is comparable within one major version of PostgreSQL.
func (s *Store) Check(ctx context.Context, t Table) (rows int64, sum string, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, sum, err = checksum(ctx, tx, &t)
		return err
	})
	return rows, sum, err
}

// Count is the table's number of rows.
func (s *Store) Count(ctx context.Context, t Table) (rows int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT count(*) FROM "+t.sql()).Scan(&rows)
	return rows, wrap("count the rows of "+t.String(), err)
}
