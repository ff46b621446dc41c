package main

import (
	"context"
	"time"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// seedCopy gives a new sandbox a copy of the database in the DR region, as yesterday's backup would have left one, so that a drill finds
// something to restore. Once there is any snapshot it does nothing.
func seedCopy(ctx context.Context, box *sandbox.Sandbox, described *system.System) error {
	if !described.HasDisaster() || described.Database.Backup.Prefix == "" {
		return nil
	}
	world, err := box.World()
	if err != nil || len(world.Snapshots) > 0 {
		return err
	}
	if err := box.SeedCopy(ctx, described, time.Now().Add(-time.Hour)); err != nil {
		return err
	}
	_, err = box.World() // whoever looks at the copy begins it
	return err
}
