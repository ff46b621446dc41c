package load

import (
	"context"
	"fmt"
)

// expect is the table's checksum before, moved by what is going to be written. The table must hold what the difference was
// made with; then the places of its rows are right as well, or fewer rows than planned are found at them.
func (c *comparison) expect(ctx context.Context, d Difference) (expected string, err error) {
	t, n := c.table, d.Counts
	if err := c.asPlanned(ctx, d); err != nil {
		return "", err
	}
	sql := "SELECT ($1::text::numeric"
	sum := func(sign, prefix, from string) {
		sql += fmt.Sprintf(" %s (SELECT coalesce(sum(%s), 0) FROM %s)", sign, rowHash(t, prefix), from)
	}
	if n.New+n.Changed > 0 {
		sum("+", "d.", c.delta+" d")
	}
	if n.Changed > 0 {
		sum("-", "t.", c.delta+" d JOIN "+t.sql()+" t ON "+at(t, "d."))
	}
	if n.Vanished > 0 {
		sum("-", "t.", c.gone+" g JOIN "+t.sql()+" t ON "+at(t, "g."))
	}
	err = c.tx.QueryRow(ctx, sql+")::text", d.Sum).Scan(&expected)
	return expected, wrap("work out the checksum after", err)
}

// asPlanned makes sure that the table still holds what the difference was made with.
func (c *comparison) asPlanned(ctx context.Context, d Difference) error {
	rows, sum, err := checksum(ctx, c.tx, c.table)
	if err == nil && (rows != d.Before || sum != d.Sum) {
		err = fmt.Errorf("%w: %s has %d rows now and had %d, or others of the same number", ErrDrifted, c.table, rows, d.Before)
	}
	return err
}

// expectAdded is the checksum that the table must have once all staged rows have been put into it: its own before, and that of
// the staged rows. So what a trigger makes of them on their way shows.
func (c *comparison) expectAdded(ctx context.Context, d Difference) (expected string, err error) {
	before := "0"
	if !c.target.empty {
		if err := c.asPlanned(ctx, d); err != nil {
			return "", err
		}
		before = d.Sum
	}
	sql := fmt.Sprintf("SELECT ($1::text::numeric + coalesce(sum(%s), 0))::text FROM %s s", rowHash(c.table, "s."), c.rows)
	err = c.tx.QueryRow(ctx, sql, before).Scan(&expected)
	return expected, wrap("take the checksum of the staged rows", err)
}
