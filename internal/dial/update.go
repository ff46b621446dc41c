package dial

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// notReadyPause lies between two tries of an update for which the run was not ready.
const notReadyPause = 200 * time.Millisecond

// Update sends an update and waits for its result, which it decodes into result. options must name an UpdateID.
//
// The server turns an update away ("workflow not ready") when the workflow task that carried it failed, as it does when a
// worker on a busy machine takes too long over it. Such an update has left no trace, and the server knows it by its ID,
// so it is sent again until ctx ends; the last such error is then part of what is returned.
func Update(ctx context.Context, c client.Client, options client.UpdateWorkflowOptions, result any) error {
	options.WaitForStage = client.WorkflowUpdateStageCompleted
	var turnedAway error
	for {
		handle, err := c.UpdateWorkflow(ctx, options)
		if err == nil {
			err = handle.Get(ctx, result)
		}
		var notReady *serviceerror.WorkflowNotReady
		if err == nil || !errors.As(err, &notReady) {
			if err != nil {
				err = errors.Join(err, turnedAway)
			}
			return err
		}
		turnedAway = err
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), turnedAway)
		case <-time.After(notReadyPause):
		}
	}
}
