package schedules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

// Plan compares the description with the namespace and says what Apply would do. It changes nothing.
func Plan(ctx context.Context, c client.Client, sys *system.System, cal *calendar.Calendar, now time.Time) ([]Change, error) {
	var changes []Change
	wanted := map[string]bool{}
	for _, s := range sys.Schedules {
		d, err := desired(s, sys, cal, now)
		if err != nil {
			return nil, fmt.Errorf("schedule %s in the system's description: %w", s.ID, err)
		}
		wanted[d.id] = true
		change, err := compare(ctx, c, sys.ID, d)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	surplus, err := surplus(ctx, c, sys.ID, wanted)
	if err != nil {
		return nil, err
	}
	return append(changes, surplus...), nil
}

// compare looks at one schedule. It asks for the schedule itself and not for the list, which lags behind.
func compare(ctx context.Context, c client.Client, systemID string, d target) (Change, error) {
	change := Change{ID: d.id, Runbook: d.runbook, Next: d.next, LastDay: d.lastDay, want: d.schedule, Why: []string{}}
	found, err := describe(ctx, c, d.id)
	if err != nil {
		return Change{}, err
	}
	if found == nil {
		change.Action = Create
		change.Why = append(change.Why, "is in the description, not in Temporal")
		return change, nil
	}
	if owner := ownerOf(found.Memo); owner != systemID {
		return Change{}, fmt.Errorf("schedule %s in Temporal belongs to %s, not to system %s: rename one of them, or use another namespace",
			d.id, ownerName(owner), systemID)
	}

	have, want := formOf(&found.Schedule), formOf(d.schedule)
	change.Why = append(change.Why, have.differences(want)...)
	isPaused := found.Schedule.State.Paused
	byPerson := isPaused && !strings.HasPrefix(found.Schedule.State.Note, pausedHere)
	change.ByPerson = byPerson
	if byPerson && !d.schedule.State.Paused {
		// A person's pause outlives every reconcile: it may be the emergency stop.
		state := *found.Schedule.State
		change.want.State = &state
	}
	wantPaused := change.want.State.Paused

	switch {
	case len(change.Why) > 0:
		change.Action = Update
	case wantPaused && !isPaused:
		change.Action = Pause
		change.Why = append(change.Why, "the description pauses it")
	case !wantPaused && isPaused:
		change.Action = Resume
		change.Why = append(change.Why, "the description no longer pauses it")
	default:
		change.Action = Keep
		if byPerson && !d.schedule.State.Paused {
			change.Why = append(change.Why, "paused by a person, stays so: "+found.Schedule.State.Note)
		}
	}
	return change, nil
}

// surplus lists our schedules that the description does not hold.
func surplus(ctx context.Context, c client.Client, systemID string, wanted map[string]bool) ([]Change, error) {
	entries, err := list(ctx, c)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, e := range entries {
		if wanted[e.ID] || !strings.HasPrefix(e.ID, Prefix) || ownerOf(e.Memo) != systemID {
			continue
		}
		found, err := describe(ctx, c, e.ID)
		if err != nil {
			return nil, err
		}
		if found == nil { // deleted; the list has not heard of it yet
			continue
		}
		changes = append(changes, Change{ID: e.ID, Runbook: e.WorkflowType.Name, Action: Delete, Why: []string{"is no longer in the description"}})
	}
	return changes, nil
}

// describe returns nil when there is no such schedule.
func describe(ctx context.Context, c client.Client, id string) (*client.ScheduleDescription, error) {
	found, err := c.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at schedule %s: %w", id, err)
	}
	return found, nil
}

func list(ctx context.Context, c client.Client) ([]*client.ScheduleListEntry, error) {
	iter, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, fmt.Errorf("list schedules: %w", err)
	}
	var entries []*client.ScheduleListEntry
	for iter.HasNext() {
		e, err := iter.Next()
		if err != nil {
			return nil, fmt.Errorf("list schedules: %w", err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// ownerOf is the system ID in the memo, "" when there is none.
func ownerOf(memo *commonpb.Memo) string {
	payload := memo.GetFields()[memoSystem]
	if payload == nil {
		return ""
	}
	var id string
	if converter.GetDefaultDataConverter().FromPayload(payload, &id) != nil {
		return "" // not written by us
	}
	return id
}

func ownerName(owner string) string {
	if owner == "" {
		return "nobody known (it carries no mark of ours)"
	}
	return "system " + owner
}
