// Package schedules keeps the Temporal Schedules of a namespace as system.yaml describes them: it creates what is
// missing, changes what differs, pauses what is to rest and deletes what the description no longer holds. It touches
// only its own: schedules whose ID starts with Prefix and whose memo names the system.
package schedules

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

const (
	// Prefix starts the ID of every schedule of ours; the rest is the ID in system.yaml.
	Prefix = "tejun-"
	// TaskQueue is the queue that the started runbooks are worked on.
	TaskQueue = "tejun"

	memoSystem = "tejunSystem" // memo key: ID of the system that owns the schedule

	// pausedHere starts the note of a schedule that system.yaml pauses. Any other note on a paused schedule means
	// that a person paused it, and then only a person resumes it.
	pausedHere = "paused by system.yaml"

	// defaultCatchup replaces a missing catch-up: the server's own default is a year, and a run that is months late
	// must never start by itself.
	defaultCatchup = 10 * time.Minute
)

// Action is what is done to one schedule.
type Action string

// The actions. Keep changes nothing.
const (
	Create Action = "create"
	Update Action = "update"
	Pause  Action = "pause"
	Resume Action = "resume"
	Delete Action = "delete"
	Keep   Action = "keep"
)

// Change is one line of the plan: what is done to which schedule, and why.
type Change struct {
	ID       string      `json:"id"` // Temporal's schedule ID, with Prefix
	Runbook  string      `json:"runbook"`
	Action   Action      `json:"action"`
	Why      []string    `json:"why"`      // one difference per entry, in words
	Next     []time.Time `json:"next"`     // coming starts of a business-day rule, at most five; empty for cron
	LastDay  string      `json:"lastDay"`  // last date that a business-day rule was computed for, "" for cron
	ByPerson bool        `json:"byPerson"` // a person paused it: left paused

	want *client.Schedule
}

// Apply makes the namespace's schedules what the description says and returns what it did, Keep lines included. It
// stops at the first failure; running it again goes on from there.
func Apply(ctx context.Context, c client.Client, sys *system.System, cal *calendar.Calendar) ([]Change, error) {
	changes, err := Plan(ctx, c, sys, cal, time.Now())
	if err != nil {
		return nil, err
	}
	for i, change := range changes {
		if err := execute(ctx, c, sys.ID, change); err != nil {
			return changes[:i], err
		}
	}
	return changes, nil
}
