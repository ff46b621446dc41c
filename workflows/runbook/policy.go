package runbook

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Policy says how long an activity may take and how often it is tried. Policies are named by intent; runbooks use
// the names and no raw durations. Temporal is the one owner of retries: the AWS SDK's own are switched off.
type Policy struct {
	attempt  time.Duration // one attempt
	total    time.Duration // all attempts together; 0: as many as attempts allows
	attempts int32
	first    time.Duration // wait before the second attempt
	longest  time.Duration // longest wait between attempts
	queue    string        // task queue of the one process that does it; "" for the run's own, see On
}

// silence is how long the server hears nothing of an attempt before it counts as dead: the worker heartbeats for every
// activity, so this is how soon a run goes on after its worker was killed.
const silence = 10 * time.Second

// The policies.
var (
	// Read looks at something: quick, cheap to repeat.
	Read = Policy{attempt: 30 * time.Second, attempts: 8, first: 500 * time.Millisecond, longest: 10 * time.Second}
	// Glance looks at, or stops, something that may well not answer: it must not keep the run waiting.
	Glance = Policy{attempt: 25 * time.Second, attempts: 3, first: 500 * time.Millisecond, longest: 2 * time.Second}
	// Peek looks at something that has to say at once whether it answers: after some twenty seconds it does not.
	Peek = Policy{attempt: 9 * time.Second, attempts: 2, first: 500 * time.Millisecond, longest: 2 * time.Second}
	// Linger waits a little for what usually happens soon, and goes on without it: at most three minutes.
	Linger = Policy{attempt: 3 * time.Minute, total: 3 * time.Minute, first: time.Second, longest: 10 * time.Second}
	// Change alters something that its activity can look at again, so it is safe to repeat.
	Change = Policy{attempt: time.Minute, attempts: 6, first: time.Second, longest: 20 * time.Second}
	// Mend changes data in one transaction that is done once: locks may have to be waited for.
	Mend = Policy{attempt: 15 * time.Minute, attempts: 6, first: time.Second, longest: 30 * time.Second}
	// Launch starts something that AWS may have no room for at the moment: it waits some minutes for it.
	Launch = Policy{attempt: time.Minute, attempts: 12, first: 2 * time.Second, longest: time.Minute}
	// Send does what cannot be looked at again: its activity keeps an intent and never repeats on a doubt.
	Send = Policy{attempt: time.Minute, attempts: 4, first: 2 * time.Second, longest: 30 * time.Second}
	// Settle waits until AWS has finished: CloudFront up to 35 minutes, RDS 30, ECS 10.
	Settle = Policy{attempt: 45 * time.Minute, attempts: 5, first: time.Second, longest: 30 * time.Second}
	// Rise waits until the tasks of a service run, where people have to decide soon what else to do: fifteen minutes at most.
	Rise = Policy{attempt: 15 * time.Minute, total: 15 * time.Minute, first: time.Second, longest: 10 * time.Second}
	// Observe repeats a check from outside until it holds, for at most ten minutes.
	Observe = Policy{attempt: 20 * time.Second, total: 10 * time.Minute, first: time.Second, longest: 10 * time.Second}
	// Follow waits for another run, which has limits of its own.
	Follow = Policy{attempt: patience, first: time.Second, longest: time.Minute}
	// Courtesy tells people something that the run does not depend on.
	Courtesy = Policy{attempt: 30 * time.Second, attempts: 3, first: 2 * time.Second, longest: 10 * time.Second}
)

func (p Policy) options(summary string) workflow.ActivityOptions {
	o := workflow.ActivityOptions{
		StartToCloseTimeout:    p.attempt,
		HeartbeatTimeout:       silence,
		ScheduleToCloseTimeout: p.total,
		WaitForCancellation:    true, // what an activity had done when it was cancelled must be known before the undo
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    p.first,
			BackoffCoefficient: 2,
			MaximumInterval:    p.longest,
			MaximumAttempts:    p.attempts,
		},
	}
	if p.queue != "" {
		o.TaskQueue, o.ScheduleToStartTimeout = p.queue, pickup
		o.RetryPolicy.NonRetryableErrorTypes = []string{fallenSilent}
	}
	return o
}

// patience is how long a run waits for our own database: longer than any run lasts. It has to be said, since the SDK would
// otherwise give up all attempts together after the time of one.
const patience = 365 * 24 * time.Hour

// ledger is the policy of local activities on our own database: they are tried until it answers.
func ledger(summary string) workflow.LocalActivityOptions {
	return workflow.LocalActivityOptions{
		StartToCloseTimeout:    10 * time.Second,
		ScheduleToCloseTimeout: patience,
		Summary:                summary,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval:    200 * time.Millisecond,
			BackoffCoefficient: 2,
			MaximumInterval:    time.Minute,
		},
	}
}
