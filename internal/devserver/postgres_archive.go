package devserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// DatabaseName is the name of the database that stands for the operated system's.
const DatabaseName = "operated"

// StartDatabase starts the PostgreSQL that stands for the operated system's own (on AWS: its Aurora cluster), in a cluster of
// its own. It archives its log, so it can be backed up while it runs and restored to any moment.
func StartDatabase(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	o.Name, o.Archive = DatabaseName, true
	return StartPostgres(ctx, o)
}

// archiveCommand copies a finished piece of the log aside and then into place, so that no torn one is ever taken for whole.
// PostgreSQL runs it in the data folder.
const archiveCommand = `cp "%p" "../archive/%f.part" && mv "../archive/%f.part" "../archive/%f"`

func (c *cluster) archive() string { return filepath.Join(c.dir, "archive") }

func (c *cluster) makeArchive() error {
	if err := os.MkdirAll(c.archive(), 0o700); err != nil {
		return fmt.Errorf("make the folder for the archived log: %w", err)
	}
	return c.rights.own(c.archive())
}
