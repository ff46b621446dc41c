package schedules

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"tejun/internal/system"
)

// Seen is a schedule as Temporal has it.
type Seen struct {
	ID      string     `json:"id"` // as in system.yaml, without Prefix
	Runbook string     `json:"runbook"`
	Paused  bool       `json:"paused"`
	Note    string     `json:"note"`
	Next    *time.Time `json:"next"`    // nil when nothing is coming
	Last    *time.Time `json:"last"`    // start of the newest run, nil when there was none
	LastRun string     `json:"lastRun"` // its workflow ID
	Started int        `json:"started"` // runs so far
	Skipped int        `json:"skipped"` // starts left out because the run before was still open
	Missed  int        `json:"missed"`  // starts left out because they were later than the catch-up allows
}

// List describes the system's schedules in the order of the description; what is described but not applied yet is
// left out.
func List(ctx context.Context, c client.Client, sys *system.System) ([]Seen, error) {
	var out []Seen
	for _, s := range sys.Schedules {
		found, err := describe(ctx, c, Prefix+s.ID)
		if err != nil {
			return nil, err
		}
		if found != nil {
			out = append(out, seen(s.ID, found))
		}
	}
	return out, nil
}

func seen(id string, d *client.ScheduleDescription) Seen {
	s := Seen{
		ID: id, Paused: d.Schedule.State.Paused, Note: d.Schedule.State.Note, Started: d.Info.NumActions,
		Skipped: d.Info.NumActionsSkippedOverlap, Missed: d.Info.NumActionsMissedCatchupWindow,
	}
	if action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction); ok {
		s.Runbook, _ = action.Workflow.(string)
	}
	if len(d.Info.NextActionTimes) > 0 {
		s.Next = &d.Info.NextActionTimes[0]
	}
	if n := len(d.Info.RecentActions); n > 0 {
		last := d.Info.RecentActions[n-1]
		s.Last = &last.ActualTime
		if last.StartWorkflowResult != nil {
			s.LastRun = last.StartWorkflowResult.WorkflowID
		}
	}
	return s
}

// SetPaused pauses or resumes one schedule by hand and waits until it shows. The note should name the person and the
// reason. A pause by hand stays until it is resumed by hand, whatever the description says.
func SetPaused(ctx context.Context, c client.Client, sys *system.System, id string, pause bool, note string) (Seen, error) {
	id, err := ours(ctx, c, sys, id)
	if err != nil {
		return Seen{}, err
	}
	handle := c.ScheduleClient().GetHandle(ctx, Prefix+id)
	doing := "resume"
	if pause {
		doing = "pause"
		err = handle.Pause(ctx, client.SchedulePauseOptions{Note: note})
	} else {
		err = handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note})
	}
	if err != nil {
		return Seen{}, fmt.Errorf("%s schedule %s: %w", doing, id, err)
	}
	var result Seen
	err = confirm(ctx, doing+" schedule "+id, func() (bool, error) {
		found, err := describe(ctx, c, Prefix+id)
		if err != nil || found == nil {
			return false, err
		}
		result = seen(id, found)
		return result.Paused == pause && result.Note == note, nil
	})
	return result, err
}

// Trigger starts the schedule's runbook now and waits until Temporal says that it did, or that it skipped the start
// because the run before is still open.
func Trigger(ctx context.Context, c client.Client, sys *system.System, id string) (Seen, error) {
	id, err := ours(ctx, c, sys, id)
	if err != nil {
		return Seen{}, err
	}
	handle := c.ScheduleClient().GetHandle(ctx, Prefix+id)
	before, err := handle.Describe(ctx)
	if err != nil {
		return Seen{}, fmt.Errorf("look at schedule %s: %w", id, err)
	}
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return Seen{}, fmt.Errorf("trigger schedule %s: %w", id, err)
	}
	var result Seen
	err = confirm(ctx, "trigger schedule "+id, func() (bool, error) {
		found, err := describe(ctx, c, Prefix+id)
		if err != nil || found == nil {
			return false, err
		}
		result = seen(id, found)
		if found.Info.NumActionsSkippedOverlap > before.Info.NumActionsSkippedOverlap {
			return false, fmt.Errorf("schedule %s: not started, because its last run %s is still open", id, result.LastRun)
		}
		return found.Info.NumActions > before.Info.NumActions, nil
	})
	return result, err
}

// ours checks that the schedule is there and this system's, and gives its ID without Prefix.
func ours(ctx context.Context, c client.Client, sys *system.System, id string) (string, error) {
	id = strings.TrimPrefix(id, Prefix)
	found, err := describe(ctx, c, Prefix+id)
	if err != nil {
		return "", err
	}
	if found == nil {
		return "", fmt.Errorf("there is no schedule %s in Temporal: `starter schedule apply` creates those of system.yaml, `starter schedule list` shows them", id)
	}
	if owner := ownerOf(found.Memo); owner != sys.ID {
		return "", fmt.Errorf("schedule %s belongs to %s: left alone", id, ownerName(owner))
	}
	return id, nil
}
