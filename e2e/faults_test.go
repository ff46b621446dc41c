package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/workflows/runbook"
)

// writes are all operations by which an outage changes AWS, mail left out: on the way into it, and on the way back.
var writes = []struct{ service, into, back string }{
	{"rds", "CreateDBClusterSnapshot", ""}, // stays
	{"cloudwatch", "DisableAlarmActions", "EnableAlarmActions"},
	{"scheduler", "UpdateSchedule", "UpdateSchedule"},
	{"s3", "PutObject", "DeleteObject"},
	{"cloudfront", "UpdateDistribution", "UpdateDistribution"},
	{"cloudfront", "CreateInvalidation", "CreateInvalidation"},
	{"wafv2", "UpdateWebACL", "UpdateWebACL"},
	{"ecs", "UpdateService", "UpdateService"},
}

// kinds of faults of a write, and what the journal says of it.
var kinds = map[string]string{
	sandbox.FaultThrottle:            sandbox.OutcomeThrottled,
	sandbox.Fault500:                 "error:",
	sandbox.FaultLostRequest:         sandbox.OutcomeLost,
	sandbox.FaultExecutedThenTimeout: sandbox.OutcomeTimedOut,
}

// Every write of the outage goes wrong once on each way. The run goes on by itself, and has every effect once.
func TestFaultOfAnyWriteIsMendedWithoutASecondEffect(t *testing.T) {
	t.Parallel()
	for _, c := range writes {
		for kind, outcome := range kinds {
			t.Run(c.into+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				strike := func(operation string) {
					if operation != "" {
						w.fault(sandbox.Fault{Service: c.service, Operation: operation, Kind: kind, Times: 1})
					}
				}
				r := w.start(window(soon))
				r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
				gate := r.asks("approval", "go")
				strike(c.into)
				r.answer(gate, runbook.Approve, "suzuki")
				work := r.asks("work", "work")
				require.Equal(t, 1, struck(w.journal(), c.into, outcome), "the fault struck on the way in")
				strike(c.back)
				r.answer(work, runbook.Finished, "tanaka")
				r.unharmed()
				switch c.back {
				case "":
				case c.into:
					require.Equal(t, 2, struck(w.journal(), c.back, outcome), "the fault struck on the way back")
				default:
					require.Equal(t, 1, struck(w.journal(), c.back, outcome), "the fault struck on the way back")
				}
			})
		}
	}
}

// unharmed waits for the run's end as a success, as if nothing had happened: nobody was asked about anything.
func (r *run) unharmed() {
	r.t.Helper()
	r.done()
	left, err := r.box.Faults()
	require.NoError(r.t, err)
	require.Empty(r.t, left, "faults that never struck")
	require.Zero(r.t, r.kinds("held"))
	r.onceEach()
	r.told()
	r.untouched()
}

// struck counts the writes that ended like this.
func struck(entries []sandbox.Entry, operation, outcome string) int {
	n := 0
	for _, e := range entries {
		if e.Operation == operation && e.Outcome != sandbox.OutcomeOK && strings.HasPrefix(e.Outcome, outcome) {
			n++
		}
	}
	return n
}

// Reads lag behind writes: they show once or twice what was there before. The first reads on a way come before its
// first write, so they are right; the faults that strike them are counted in.
func TestStaleReadsLeadToNoSecondEffectAndNoFalseReturn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, operation string
		into, back         int
	}{
		{"rds", "DescribeDBClusterSnapshots", 3, 0}, // before it is made, and twice after: so it is made again, and AWS says no
		{"cloudwatch", "DescribeAlarms", 4, 2},
		{"scheduler", "GetSchedule", 8, 4}, // two schedules a reading
		{"s3", "GetObject", 4, 2},
		{"cloudfront", "GetDistributionConfig", 4, 2},
		{"cloudfront", "GetDistribution", 1, 1},
		{"cloudfront", "GetInvalidation", 1, 1},
		{"wafv2", "GetWebACL", 4, 2},
		{"ecs", "DescribeServices", 7, 4}, // two services
	} {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			lag := func(times int) {
				if times > 0 {
					w.fault(sandbox.Fault{Service: c.service, Operation: c.operation, Kind: sandbox.FaultStaleRead, Times: times})
				}
			}
			r := w.start(window(soon))
			r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
			gate := r.asks("approval", "go")
			lag(c.into)
			r.answer(gate, runbook.Approve, "suzuki")
			work := r.asks("work", "work")
			lag(c.back)
			r.answer(work, runbook.Finished, "tanaka")
			r.unharmed()
		})
	}
}

// A refusal for lack of permission is not repeated: the run is held until somebody has given the permission.
func TestMissingPermissionIsHeldUntilItIsGiven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ service, operation, into, back string }{
		{"cloudfront", "UpdateDistribution", "route-page", "undo-route-page"},
		{"wafv2", "UpdateWebACL", "close-site", "undo-close-site"},
		{"sesv2", "SendEmail", "announce", "undo-announce"},
	} {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			forbid := func() {
				w.fault(sandbox.Fault{Service: c.service, Operation: c.operation, Kind: sandbox.FaultDenied, Times: sandbox.Forever})
			}
			r := w.start(window(soon))
			r.asks("approval", "plan")
			r.officersAreTold(1)
			forbid()
			r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
			if c.into != "announce" {
				r.answer(r.asks("approval", "go"), runbook.Approve, "suzuki")
			}
			r.permit(c.into)
			if c.into == "announce" {
				r.answer(r.asks("approval", "go"), runbook.Approve, "suzuki")
			}
			r.asks("work", "work")
			r.officersAreTold(2)
			forbid()
			r.worked()
			r.permit(c.back)
			r.done()
			r.onceEach()
			r.told()
			w.untouched()
		})
	}
}

// permit waits until the run is held at a step for lack of permission, gives the permission and lets the step be done again.
func (r *run) permit(name string) {
	r.t.Helper()
	s := r.asks("held", name)
	require.Contains(r.t, step(r.t, s, name).Error, "is not authorized to perform")
	require.NoError(r.t, r.box.ClearFaults())
	r.answer(s, runbook.Retry, "kato")
}

// officersAreTold waits until the officers have been asked n times, so that the next mail is another one.
func (r *run) officersAreTold(n int) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("mail %d to the officers", n), func() error {
		if got := r.mails("officers"); len(got) < n {
			return fmt.Errorf("%w: %v", errNotYet, got)
		}
		return nil
	})
}

// Mail cannot be looked up and cannot be deduplicated. A clear refusal is tried again; a doubt is a person's to decide.
func TestMailOfUnknownFateIsAPersonsToDecide(t *testing.T) {
	t.Parallel()
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			strike := sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: kind, Times: 1}
			r := w.start(window(soon))
			plan := r.asks("approval", "plan")
			r.officersAreTold(1)
			w.fault(strike)
			r.answer(plan, runbook.Approve, "sato")
			r.looksForMail(kind, "announce", announced)
			r.answer(r.asks("approval", "go"), runbook.Approve, "suzuki")
			work := r.asks("work", "work")
			r.officersAreTold(2)
			w.fault(strike)
			r.answer(work, runbook.Finished, "tanaka")
			r.looksForMail(kind, "undo-announce", over)
			r.done()
			r.onceEach()
			r.told()
			w.untouched()
			require.Equal(t, 2, struck(w.journal(), "SendEmail", outcome))
		})
	}
}

// looksForMail is the operator who is asked whether a mail was sent: skip if it is there, send again if it is not.
func (r *run) looksForMail(kind, name, subject string) {
	r.t.Helper()
	if kind == sandbox.FaultThrottle {
		return
	}
	s := r.asks("held", name)
	require.Contains(r.t, step(r.t, s, name).Error, "may or may not have been sent")
	there := slices.Contains(r.mails("users"), subject)
	require.Equal(r.t, kind == sandbox.FaultExecutedThenTimeout, there)
	answer := runbook.Retry
	if there {
		answer = runbook.Skip
	}
	r.answer(s, answer, "kato")
}
