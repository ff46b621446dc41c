package records

import (
	"context"
	"fmt"
)

// Fence lets the newest attempt pass and refuses older ones with ErrSuperseded: an attempt that Temporal gave up on may
// still be running. Call it right before a write. key is stable over attempts (operation and step); attempt counts
// from 1.
func (s *Store) Fence(ctx context.Context, key string, attempt int32) error {
	if err := plainText("key", key, true); err != nil {
		return fmt.Errorf("fence %q: %w", key, err)
	}
	if attempt < 1 {
		return fmt.Errorf("fence %s: attempt is %d, it counts from 1", key, attempt)
	}
	// An attempt asks before each of its writes. Only its first question moves the fence and waits for the disk.
	var highest int32
	err := s.pool.QueryRow(ctx, `WITH seen AS (SELECT attempt FROM tejun.fences WHERE key = $1), moved AS (
			INSERT INTO tejun.fences AS f (key, attempt) SELECT $1, $2::integer
			WHERE NOT EXISTS (SELECT FROM seen WHERE attempt >= $2)
			ON CONFLICT (key) DO UPDATE SET attempt = greatest(f.attempt, excluded.attempt), seen_at = clock_timestamp()
			RETURNING attempt)
		SELECT attempt FROM moved UNION ALL SELECT attempt FROM seen LIMIT 1`, key, attempt).Scan(&highest)
	if err != nil {
		return fmt.Errorf("fence %s: %w", key, explain(err))
	}
	if highest > attempt {
		return fmt.Errorf("attempt %d of %s: %w: attempt %d has begun", attempt, key, ErrSuperseded, highest)
	}
	return nil
}
