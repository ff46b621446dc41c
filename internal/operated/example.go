package operated

import (
	"context"
	"fmt"
)

// example is a table as the operated system might have: 40 fictitious applications, three of which a defect left in a wrong
// state. examples/data-repair.json mends them.
const example = `CREATE TABLE IF NOT EXISTS public.applications (
	id bigint PRIMARY KEY, status text NOT NULL, received_on date NOT NULL, applicant text NOT NULL);
INSERT INTO public.applications
	SELECT n, CASE WHEN n IN (7, 11, 19) THEN 'returned' WHEN n % 3 = 0 THEN 'checking' ELSE 'done' END,
		date '2026-11-01' + (n / 2)::int, '見本申請者' || n
	FROM generate_series(1, 40) n
	WHERE NOT EXISTS (SELECT 1 FROM public.applications)`

// SeedExample makes the example's table if it is not there, and fills it if it is empty. It is for the database of `worker dev`
// alone.
func (d *Database) SeedExample(ctx context.Context) error {
	pool, err := d.Pool(ctx)
	if err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, example); err != nil {
		return fmt.Errorf("make the example's table: %w", err)
	}
	return nil
}
