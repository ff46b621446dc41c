package schedules

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
)

const (
	// spacing lies between two calls that change a schedule: sent back to back the server loses some silently.
	spacing = 300 * time.Millisecond
	// confirmWithin is how long a change may take to show in the schedule's description.
	confirmWithin = 15 * time.Second
)

// execute carries out one line of the plan and reads it back.
func execute(ctx context.Context, c client.Client, systemID string, change Change) error {
	handle := c.ScheduleClient().GetHandle(ctx, change.ID)
	var err error
	switch change.Action {
	case Keep:
		return nil
	case Create:
		_, err = c.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID: change.ID, Spec: *change.want.Spec, Action: change.want.Action,
			Overlap: change.want.Policy.Overlap, CatchupWindow: change.want.Policy.CatchupWindow,
			Paused: change.want.State.Paused, Note: change.want.State.Note,
			Memo: map[string]any{memoSystem: systemID},
		})
	case Delete:
		err = handle.Delete(ctx)
	case Update, Pause, Resume:
		// One update carries times, action and pause together, so that no second call follows on its heels.
		err = handle.Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				return &client.ScheduleUpdate{Schedule: change.want}, nil
			},
		})
	default:
		return fmt.Errorf("schedule %s: unknown action %q", change.ID, change.Action)
	}
	if err != nil {
		return fmt.Errorf("%s schedule %s: %w", change.Action, change.ID, err)
	}
	return confirm(ctx, fmt.Sprintf("%s schedule %s", change.Action, change.ID), func() (bool, error) {
		found, err := describe(ctx, c, change.ID)
		if err != nil {
			return false, err
		}
		if change.Action == Delete {
			return found == nil, nil
		}
		return found != nil && found.Schedule.State.Paused == change.want.State.Paused &&
			len(formOf(&found.Schedule).differences(formOf(change.want))) == 0, nil
	})
}

// confirm waits, from one spacing on, until the change shows.
func confirm(ctx context.Context, doing string, shows func() (bool, error)) error {
	deadline := time.Now().Add(confirmWithin)
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: sent, not confirmed: %w", doing, ctx.Err())
		case <-time.After(spacing):
		}
		ok, err := shows()
		if err != nil {
			return err
		}
		if ok {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: Temporal accepted it, but %s later it does not show: run it again", doing, confirmWithin)
		}
	}
}
