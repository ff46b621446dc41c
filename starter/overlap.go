package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tejun/internal/calendar"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
)

// checkInput makes the run's own checks before anything is started. The run makes them again, and is the one that
// decides; here they only come early.
func (a *app) checkInput(ctx context.Context, book workflows.Runbook, sys *system.System, cal *calendar.Calendar, tree map[string]any, raw []byte, id string) error {
	if err := book.Check(raw, sys, cal, a.now()); err != nil {
		return rejected(err)
	}
	start, end, ok := window(tree)
	if !ok {
		return nil
	}
	return a.checkOverlap(ctx, sys, start, end.Add(sys.Outage.OverrunGrace.D()), id)
}

// rejected gives an input's error its exit code: a rule that refuses is 3, a mistake in the input 2.
func rejected(err error) error {
	var rule *system.OutageRefused
	if errors.As(err, &rule) {
		return &exitError{exitRefused, err}
	}
	return usage("the input: %w", err)
}

// checkOverlap refuses a window in which another run holds the distribution: every run that takes the site down holds
// it. Without a database the run itself finds out, before any effect.
func (a *app) checkOverlap(ctx context.Context, sys *system.System, from, until time.Time, id string) error {
	where, err := a.locate()
	if err != nil {
		return err
	}
	if where.Postgres == "" {
		return nil
	}
	store, err := a.records(ctx)
	if err != nil {
		fmt.Fprintf(a.err, "%s overlaps with other runs were not checked, the run will do it: %v\n", a.paintErr(yellow, "note:"), err)
		return nil
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	held, err := store.AllReservations(ctx, a.now())
	if err != nil {
		return err
	}
	if r, ok := conflict(held, "cloudfront:distribution/"+sys.Distribution.ID, from, until, id); ok {
		zone := sys.Location()
		return refused("refused: %s is held by %s (%s) from %s until %s: choose another time, or have that run cancelled",
			r.Resource, r.WorkflowID, r.Requester, fullTime(r.From, zone), fullTime(r.Until, zone))
	}
	return nil
}

// conflict finds another run's hold on the resource in the time from (included) until (excluded).
func conflict(held []records.Reservation, resource string, from, until time.Time, id string) (records.Reservation, bool) {
	for _, r := range held {
		if r.Resource == resource && r.WorkflowID != id && r.From.Before(until) && from.Before(r.Until) {
			return r, true
		}
	}
	return records.Reservation{}, false
}
