package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tejun/internal/dial"
	"tejun/internal/records"
)

// temporal connects to the server. The caller closes the client.
func (a *app) temporal(ctx context.Context) (client.Client, error) {
	where, err := a.locate()
	if err != nil {
		return nil, err
	}
	options := where.Temporal
	options.Logger = log.NewStructuredLogger(slog.New(slog.DiscardHandler)) // errors are returned, and said once
	options.Identity = a.identity()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	c, err := dial.Temporal(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("no connection: Temporal at %s does not answer%s: %w", options.HostPort, a.startHint(where), err)
	}
	return c, nil
}

// identity is who the server's history says it was. It proves nothing, which is why a decision carries --as.
func (a *app) identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown-host"
	}
	if a.as != "" {
		return "starter:" + a.as + "@" + host
	}
	return "starter@" + host
}

// startHint says how to get the servers up.
func (a *app) startHint(where *addresses) string {
	switch {
	case where.Dev != nil && !where.Dev.alive():
		return fmt.Sprintf(" (its `worker dev` with the state folder %s is not running: start `go run ./worker dev --state %s`)",
			where.Dev.State, shellWord(where.Dev.State))
	case where.Dev == nil:
		return " (start `go run ./worker dev`, or give --address or TEMPORAL_ADDRESS)"
	}
	return ""
}

// read reads something from the records, within the time that an answer may take.
func read[T any](ctx context.Context, a *app, from func(context.Context, *records.Store) (T, error)) (found T, err error) {
	store, err := a.records(ctx)
	if err != nil {
		return found, err
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return from(ctx, store)
}

// records connects to PostgreSQL. The caller closes the store.
func (a *app) records(ctx context.Context) (*records.Store, error) {
	where, err := a.locate()
	if err != nil {
		return nil, err
	}
	if where.Postgres == "" {
		return nil, usage("the database of the records is not known: give --database or TEJUN_DATABASE_URL, or start `go run ./worker dev`")
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	store, err := records.Open(ctx, where.Postgres)
	if err != nil {
		return nil, fmt.Errorf("the database of the records does not answer%s: %w", a.startHint(where), err)
	}
	return store, nil
}

// runURL is the Temporal UI's address of a run, "" when the UI is not known.
func (a *app) runURL(workflowID, runID string) string {
	where, err := a.locate()
	if err != nil {
		return ""
	}
	namespace := where.Temporal.Namespace
	if namespace == "" {
		namespace = client.DefaultNamespace
	}
	return dial.RunPage(where.UI, namespace, workflowID, runID)
}

// isNotFound tells whether the server does not know the run.
func isNotFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}
