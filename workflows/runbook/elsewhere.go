package runbook

import (
	"errors"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
)

// pickup is how long an activity for a process of its own may wait until that takes it: the process is known to run, and has to
// connect first.
const pickup = 3 * time.Minute

// fallenSilent is what Temporal calls the error of an activity whose process heartbeats no more.
const fallenSilent = "TemporalTimeout:Heartbeat"

// On is the policy for activities that one process alone carries out, from a task queue of its own. Where that process dies,
// nobody would take another attempt: the activity ends at once, with an error for which Gone is true.
func (p Policy) On(queue string) Policy {
	p.queue = queue
	return p
}

// Gone tells whether an activity failed because the process that it was for is not there: it took nothing, or fell silent.
func Gone(err error) bool {
	var timeout *temporal.TimeoutError
	return errors.As(err, &timeout) &&
		(timeout.TimeoutType() == enums.TIMEOUT_TYPE_HEARTBEAT || timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START)
}
