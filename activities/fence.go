package activities

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/records"
)

var operationName = regexp.MustCompile(`^[0-9A-Za-z_-]{10,64}$`)

func checkOperation(operation string) error {
	if !operationName.MatchString(operation) {
		return fail(InvalidInput, "operation %q: want the run's stable key, 10 to 64 letters and digits", operation)
	}
	return nil
}

// fenceStore is what a fence needs of the database.
type fenceStore interface {
	Fence(ctx context.Context, key string, attempt int32) error
}

// fenceEpoch is where the order of attempts begins to count.
var fenceEpoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC).Unix()

// fence refuses to go on when a later attempt has begun. The order is that of the attempts' starts by the clock of the
// Temporal server, in seconds: attempt numbers begin anew when a person answers retry, when the way back begins, and
// after a Reset. Seconds are fine enough, because an attempt is overtaken only after its time-out.
func fence(ctx context.Context, store fenceStore, key string) error {
	order := activity.GetInfo(ctx).StartedTime.Unix() - fenceEpoch
	if order < 1 || order > 1<<31-1 {
		return fail(InvalidInput, "the attempt started at %s, which no fence can order: check the clock of the Temporal server", activity.GetInfo(ctx).StartedTime.Format(time.RFC3339))
	}
	return recordsError(store.Fence(ctx, key, int32(order)), "make sure that no later attempt of "+key+" has begun")
}

// recordsError classifies an error of our own database: everything but an overtaken attempt is tried again until it
// answers.
func recordsError(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, records.ErrSuperseded):
		return fail(Conflict, "%s: one has; this attempt wrote nothing more", doing)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fail(Unavailable, "%s: %v", doing, err)
}
