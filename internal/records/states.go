package records

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// SaveState keeps what a resource was before an operation changes it, byte for byte, and returns the SHA-256 in hex of
// what is kept. The first write wins: a later attempt would see the changed resource, so its content is not taken and
// the hash of the first one comes back.
func (s *Store) SaveState(ctx context.Context, operation, resource string, content []byte) (string, error) {
	if err := errors.Join(plainText("operation", operation, true), plainText("resource", resource, true)); err != nil {
		return "", fmt.Errorf("save the state of %q for %q: %w", resource, operation, err)
	}
	if content == nil {
		content = []byte{} // an empty state is a state; NULL is none
	}
	// When a concurrent attempt wins in between, the INSERT writes nothing and this statement's snapshot does not see
	// the winner's row yet, so there is no row: then ask once more.
	const save = `WITH saved AS (
			INSERT INTO tejun.saved_states (operation, resource, content, sha256) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING RETURNING sha256)
		SELECT sha256 FROM saved UNION ALL
		SELECT sha256 FROM tejun.saved_states WHERE operation = $1 AND resource = $2 LIMIT 1`
	var kept string
	err := s.pool.QueryRow(ctx, save, operation, resource, content, sum(content)).Scan(&kept)
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.pool.QueryRow(ctx, save, operation, resource, content, sum(content)).Scan(&kept)
	}
	if err != nil {
		return "", fmt.Errorf("save the state of %s for %s: %w", resource, operation, explain(err))
	}
	return kept, nil
}

// LoadState returns what SaveState kept. It returns ErrNotFound when nothing was saved, which means that the operation
// never changed the resource, and an error when the content no longer matches its hash.
func (s *Store) LoadState(ctx context.Context, operation, resource string) ([]byte, error) {
	var content []byte
	var kept string
	err := s.pool.QueryRow(ctx, `SELECT content, sha256 FROM tejun.saved_states WHERE operation = $1 AND resource = $2`,
		operation, resource).Scan(&content, &kept)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("saved state of %s for %s: %w", resource, operation, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("load the state of %s for %s: %w", resource, operation, explain(err))
	case sum(content) != kept:
		return nil, fmt.Errorf("load the state of %s for %s: the content was changed after it was saved: SHA-256 is %s, was %s; do not put it back, restore it from the evidence", resource, operation, sum(content), kept)
	}
	return content, nil
}

// Saved tells for which of the operations a state of the resource was saved.
func (s *Store) Saved(ctx context.Context, operations []string, resource string) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `SELECT operation FROM tejun.saved_states WHERE operation = ANY($1) AND resource = $2`, operations, resource)
	if err != nil {
		return nil, fmt.Errorf("look for states of %s: %w", resource, explain(err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for states of %s: %w", resource, explain(err))
	}
	saved := map[string]bool{}
	for _, operation := range found {
		saved[operation] = true
	}
	return saved, nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
