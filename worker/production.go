package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"tejun/internal/records"
)

// production is `worker` without a command, and `worker load`, whose mode is given. It logs JSON, one line an event, to standard
// error.
func production(ctx context.Context, s surroundings, mode *loadMode) (err error) {
	set, err := readSettings(s.env)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(s.err, &slog.HandlerOptions{Level: set.LogLevel}))
	slog.SetDefault(log)
	described, err := set.System.Load()
	if err != nil {
		return err
	}
	cfg, closeAWS, err := set.AWS.open(ctx, described)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAWS()) }()
	if endpoint, ok := s.env.LookupEnv("AWS_ENDPOINT_URL"); ok && set.AWS.real {
		log.Warn("AWS_ENDPOINT_URL is set: calls go there and not to AWS itself", "endpoint", endpoint)
	}
	log.Info("starting", "system", described.ID, "environment", described.Environment, "aws", set.AWS.String())
	if mode != nil {
		set.TaskQueue = mode.TaskQueue
	}
	return runWorker(ctx, parts{
		Load: mode, Temporal: set.Temporal, TaskQueue: set.TaskQueue, Database: set.Database, Operated: set.Operated,
		System: set.System, AWS: cfg, UI: set.UI, Listen: set.Listen, StopWithin: stopWithin, Log: log,
	})
}

func (a awsChoice) String() string {
	if a.sandbox != "" {
		return "sandbox:" + a.sandbox
	}
	return "real"
}

func migrateCommand(s surroundings) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date, with the owner's rights",
		Long: `Brings the schema of the database at TEJUN_DATABASE_URL up to date and ends. It needs the owner of the schema, so
that the worker itself can run with the rights of tejun_worker, which cannot change or delete evidence.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dsn, _ := s.env.LookupEnv(envDatabase)
			if dsn == "" {
				return fmt.Errorf("%s is missing: set it to the database, with its owner as the user", envDatabase)
			}
			store, err := records.Open(cmd.Context(), dsn)
			if err != nil {
				return err
			}
			defer store.Close()
			if err := store.Migrate(cmd.Context()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(s.out, "the database's schema is up to date")
			return err
		},
	}
}
