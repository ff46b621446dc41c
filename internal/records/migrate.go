package records

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationTable is outside the schema tejun, which the first migration creates. It names its schema: a user called tejun
// looks into the schema tejun first as soon as that is there.
const migrationTable = "public.tejun_migrations"

// Migrate brings the database's schema to this program's version. It needs the owner's rights only when there is
// something to do; on a database that is up to date it only reads. Several processes may call it at once: one works,
// the others wait. It refuses a database that a newer program has migrated.
func (s *Store) Migrate(ctx context.Context) (err error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("read the embedded migrations: %w", err)
	}
	db := stdlib.OpenDBFromPool(s.pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 30))
	if err != nil {
		return fmt.Errorf("prepare the migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker),
		goose.WithTableName(migrationTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare the migrations: %w", err)
	}

	sources := provider.ListSources()
	newest := sources[len(sources)-1].Version
	current, known, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	switch {
	case current > newest:
		return fmt.Errorf("the database has schema version %d, this program knows %d: use the newer program, or restore the database from before", current, newest)
	case known && current == newest:
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database from schema version %d to %d (this needs the owner of the schema): %w", current, newest, err)
	}
	return nil
}

// schemaVersion reads the version without goose, which would create its table, and so need more rights than reading.
func (s *Store) schemaVersion(ctx context.Context) (version int64, known bool, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, migrationTable).Scan(&known); err != nil {
		return 0, false, fmt.Errorf("look for the table %s: %w", migrationTable, err)
	}
	if !known {
		return 0, false, nil
	}
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM `+migrationTable+` WHERE is_applied`).Scan(&version)
	if err != nil {
		return 0, true, fmt.Errorf("read the schema version: %w", err)
	}
	return version, true, nil
}
