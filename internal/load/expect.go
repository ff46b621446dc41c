package load

import (
	"context"
	"fmt"
)

// expectAdded is the checksum that the table must have once all staged rows have been put into it: its own before, and that of
// the staged rows. So what a trigger makes of them on their way shows.
func (c *comparison) expectAdded(ctx context.Context, d Difference) (expected string, err error) {
	before := "0"
	if !c.target.empty {
		rows, sum, err := checksum(ctx, c.tx, c.table)
		if err != nil {
			return "", err
		}
		if rows != d.Before || sum != d.Sum {
			return "", fmt.Errorf("%w: %s has %d rows now and had %d, or others of the same number", ErrDrifted, c.table, rows, d.Before)
		}
		before = sum
	}
	sql := fmt.Sprintf("SELECT ($1::text::numeric + coalesce(sum(%s), 0))::text FROM %s s", rowHash(c.table, "s."), c.rows)
	err = c.tx.QueryRow(ctx, sql, before).Scan(&expected)
	return expected, wrap("take the checksum of the staged rows", err)
}
