package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// The pace of polling: quick at first, because most things settle soon, then rare.
const (
	pollFirst   = 250 * time.Millisecond
	pollLongest = 15 * time.Second
	pollFaults  = 5 // readings in a row that may fail before the attempt does
)

// poll looks until look says that it is done, and heartbeats with look's words. A reading that fails for the moment
// does not end the wait. The activity's own time-out does, and so does a worker that is told to stop.
func poll(ctx context.Context, look func(context.Context) (done bool, words string, err error)) error {
	wait, faults := pollFirst, 0
	for {
		done, words, err := look(ctx)
		switch {
		case err == nil && done:
			return nil
		case err == nil:
			faults = 0
			activity.RecordHeartbeat(ctx, words)
		case faults+1 < pollFaults && (transient(err) || isType(err, NotYet)):
			faults++
			activity.RecordHeartbeat(ctx, err.Error())
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return Classify(ctx.Err(), "wait: "+words)
		case <-activity.GetWorkerStopChannel(ctx):
			return fail(Unavailable, "this worker stops; another one goes on waiting: %s", words)
		case <-time.After(wait):
		}
		wait = min(wait*3/2, pollLongest)
	}
}
