package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// What a load is struck with.
const (
	worker    = "kill -9 of the worker"
	immediate = "PostgreSQL stopped with -m immediate"
	backend   = "kill -9 of a backend of PostgreSQL"
	fast      = "PostgreSQL stopped with -m fast"
)

// strike ends what a kind names, and starts it again.
func (l *lane) strike(ctx context.Context, kind string) error {
	switch kind {
	case worker:
		return l.victim.kill()
	case immediate:
		return errors.Join(l.server.Crash(), l.startServer(ctx))
	case fast:
		return errors.Join(l.server.Stop(), l.startServer(ctx))
	case backend:
		return l.killBackend(ctx) // the server starts anew by itself
	}
	return fmt.Errorf("nobody knows how to strike with %q", kind)
}

// killBackend kills a process of PostgreSQL that serves a load, or else any other; its own if there is none.
func (l *lane) killBackend(ctx context.Context) error {
	return l.asking(ctx, func() error {
		var pid int
		err := l.pool.QueryRow(ctx, `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'
			ORDER BY coalesce(application_name LIKE 'tejun-load %', false) DESC, pid <> pg_backend_pid() DESC, random() LIMIT 1`).Scan(&pid)
		if err != nil {
			return err
		}
		return syscall.Kill(pid, syscall.SIGKILL)
	})
}

// asking does something until the database answers.
func (*lane) asking(ctx context.Context, do func() error) error {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		err := do()
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
	}
}
