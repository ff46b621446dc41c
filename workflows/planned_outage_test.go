package workflows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/workflows/runbook"
)

// into and back are the effects of an outage of two services, in the order that the procedure demands.
var (
	into = []string{
		"mail:outage-announcement", "CreateRDSClusterSnapshot", "MuteCloudWatchAlarms", "PauseSchedulerJobs",
		"PutS3MaintenancePage", "ApplyCloudFrontMaintenance", "InvalidateCloudFrontPaths", "ApplyWAFMaintenanceRule",
		"StopECSService", "StopECSService",
	}
	back = []string{
		"StartECSService", "StartECSService", "RevertWAFMaintenanceRule",
		"RevertCloudFrontMaintenance", "InvalidateCloudFrontPaths", "DeleteS3MaintenancePage",
		"ResumeSchedulerJobs", "UnmuteCloudWatchAlarms", "mail:outage-end",
	}
	release = []string{"ReleaseResources"}
)

func TestOutageGoesInAndComesBackInOrder(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
	require.NoError(t, w.run(input()))
	require.Equal(t, slices.Concat(into, back, release), w.effects())

	s := w.status()
	require.Equal(t, runbook.Done, s.State)
	require.Nil(t, s.WaitingFor)
	require.Empty(t, s.Holds)
	for _, step := range s.Steps {
		require.Contains(t, []runbook.StepState{runbook.StepDone, runbook.StepUndone}, step.State, step.Name)
		require.Equal(t, 1, step.Attempts, step.Name)
	}
	var result struct {
		PlannedMinutes, ActualMinutes float64
		EndedBy, Snapshot             string
		Evidence                      runbook.Evidence
	}
	require.NoError(t, w.env.GetWorkflowResult(&result))
	require.Equal(t, 120.0, result.PlannedMinutes)
	require.InDelta(t, 60, result.ActualMinutes, 1)
	require.Equal(t, "done", result.EndedBy)
	require.Equal(t, len(w.evidence), result.Evidence.Count)
	require.Equal(t, []string{"opened", "plan", "gate-opened", "decision", "gate-passed", "gate-opened", "decision", "gate-passed", "decision", "closed"}, w.kinds())
}

func TestOverlappingRunIsRefusedWithTheHoldersName(t *testing.T) {
	w := newWorld(t)
	w.conflict = "planned-outage-7 (sato) until 2027-01-24 00:10 JST"
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused))
	require.ErrorContains(t, err, "planned-outage-7")
	require.Empty(t, w.effects())
}

func TestRunThatIsStillAtWorkHoldsTheNextOne(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.fail["TakeResources"] = func(try int) error {
		if try == 1 {
			return temporal.NewNonRetryableApplicationError("the distribution is still held by outage-6", "Locked", nil)
		}
		return nil
	}
	w.at(windowStart.Add(10*time.Minute), "retry", by("kato"))
	w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
	require.NoError(t, w.run(input()))
	require.Contains(t, w.kinds(), "held")
}

func TestBadInputFailsBeforeAnything(t *testing.T) {
	with := func(key string, value any) map[string]any { in := input(); in[key] = value; return in }
	for name, c := range map[string]struct {
		in   any
		says string
	}{
		"unknown field":    {with("titel", "x"), `field "titel" is unknown`},
		"end before start": {with("window", map[string]any{"start": "2027-01-23T22:00:00+09:00", "end": "2027-01-23T21:00:00+09:00"}), "is not after window.start"},
		"no zone":          {with("window", map[string]any{"start": "2027-01-23T22:00:00", "end": "2027-01-23T23:00:00"}), "has no zone"},
		"no window":        {with("window", map[string]any{}), "window.start is missing"},
		"no title":         {with("title", " "), "title is missing"},
		"header in title":  {with("title", "a\r\nBcc: x"), "one line"},
		"service twice":    {with("services", []string{"api", "api"}), `names "api" twice`},
		"not an object":    {[]string{"x"}, "send a JSON object"},
		"huge reason":      {with("reason", string(make([]rune, 3000))), "at most 2000"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			err := w.run(c.in)
			require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, w.calls)
			require.Empty(t, w.evidence)
		})
	}
}

// Every changing activity fails for good. The run is held there; an operator answers retry or rollback.
func TestFailureOfEachStepIsHeldAndCanBeMendedOrRolledBack(t *testing.T) {
	broken := errors.New("AWS says no")
	for _, name := range []string{
		"CreateRDSClusterSnapshot", "AwaitRDSClusterSnapshot", "MuteCloudWatchAlarms", "PauseSchedulerJobs", "PutS3MaintenancePage",
		"ApplyCloudFrontMaintenance", "AwaitCloudFrontDeployed", "InvalidateCloudFrontPaths", "ApplyWAFMaintenanceRule", "StopECSService", "AwaitECSService",
	} {
		t.Run(name+", retry", func(t *testing.T) {
			w := newWorld(t)
			w.approveBoth()
			last := 6 // attempts of the policy
			if strings.HasSuffix(name, "ECSService") {
				last *= 2 // two services at once
			}
			w.fail[name] = func(try int) error {
				if try <= last {
					return broken
				}
				return nil
			}
			w.at(windowStart.Add(20*time.Minute), "retry", by("kato"))
			w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
			require.NoError(t, w.run(input()))
			require.Contains(t, w.kinds(), "held")
			require.Equal(t, runbook.Done, w.status().State)
		})
		t.Run(name+", rollback", func(t *testing.T) {
			w := newWorld(t)
			w.approveBoth()
			bad := true
			w.fail[name] = func(int) error {
				if bad {
					return broken
				}
				return nil
			}
			w.env.RegisterDelayedCallback(func() { w.mu.Lock(); bad = false; w.mu.Unlock() }, windowStart.Add(18*time.Minute).Sub(start))
			w.at(windowStart.Add(20*time.Minute), "rollback", by("kato"))
			err := w.run(input())
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			requirePutBack(t, w)
		})
	}
}

// requirePutBack checks that whatever was changed was put back, in reverse order, and announced.
func requirePutBack(t *testing.T, w *world) {
	t.Helper()
	effects := w.effects()
	for change, undo := range map[string]string{
		"MuteCloudWatchAlarms": "UnmuteCloudWatchAlarms", "PauseSchedulerJobs": "ResumeSchedulerJobs", "PutS3MaintenancePage": "DeleteS3MaintenancePage",
		"ApplyCloudFrontMaintenance": "RevertCloudFrontMaintenance", "ApplyWAFMaintenanceRule": "RevertWAFMaintenanceRule", "StopECSService": "StartECSService",
	} {
		if slices.Contains(effects, change) {
			require.Contains(t, effects, undo, "%s was not put back in %v", change, effects)
		}
	}
	var undone []string
	for _, e := range effects {
		if slices.Contains(back, e) && e != "InvalidateCloudFrontPaths" && !slices.Contains(undone, e) {
			undone = append(undone, e)
		}
	}
	at := -1
	for _, u := range undone {
		next := slices.Index(back, u)
		require.Greater(t, next, at, "%s came too early in %v", u, effects)
		at = next
	}
	require.False(t, w.closed, "the site is back")
	require.Equal(t, "ReleaseResources", effects[len(effects)-1])
	require.Contains(t, fmt.Sprint(effects), "mail:outage-", "people are told")
}

func TestHeldStepThatNobodyAnswersIsRolledBack(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.fail["ApplyWAFMaintenanceRule"] = func(int) error { return errors.New("AWS says no") }
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack))
	require.Contains(t, w.kinds(), "unanswered")
	requirePutBack(t, w)
}

func TestSkipIsTakenOnlyWhereTheStepAllowsIt(t *testing.T) {
	t.Run("the announcement arrived after all", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		first := true
		w.fail["SendSESMail"] = func(int) error {
			if first && slices.Contains(w.kinds(), "gate-passed") {
				first = false
				return temporal.NewNonRetryableApplicationError("may or may not have been sent", "OutcomeUnknown", nil)
			}
			return nil
		}
		w.at(start.Add(3*time.Hour), "skip", by("kato"))
		w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
		require.NoError(t, w.run(input()))
		require.NotContains(t, w.effects(), "mail:outage-announcement", "it is not sent a second time")
	})
	t.Run("stopping services cannot be skipped", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		w.fail["StopECSService"] = func(int) error { return errors.New("AWS says no") }
		w.at(windowStart.Add(20*time.Minute), "skip", by("kato"))
		w.at(windowStart.Add(21*time.Minute), "rollback", by("kato"))
		err := w.run(input())
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack))
		require.Contains(t, w.status().Approvals[2].Refusal, "retry or rollback")
	})
}

func TestCancelBringsTheServiceBackAtAnyPoint(t *testing.T) {
	points := map[string]time.Duration{
		"while the plan waits": start.Add(30 * time.Minute).Sub(start), "while go waits": windowStart.Add(-90 * time.Minute).Sub(start),
		"while the window waits": windowStart.Add(-10 * time.Minute).Sub(start), "during the work": windowStart.Add(30 * time.Minute).Sub(start),
		"when the window runs out": windowEnd.Add(-time.Minute).Sub(start), "in the overrun": windowEnd.Add(time.Minute).Sub(start),
	}
	for name, after := range points {
		t.Run(name+", by Temporal's own cancel", func(t *testing.T) {
			w := newWorld(t)
			w.approveBoth()
			w.env.RegisterDelayedCallback(w.env.CancelWorkflow, after)
			require.True(t, temporal.IsCanceledError(w.run(input())))
			requireUntouchedOrPutBack(t, w)
		})
		t.Run(name+", by a person", func(t *testing.T) {
			w := newWorld(t)
			w.approveBoth()
			w.at(start.Add(after), "cancel", by("tanaka"))
			err := w.run(input())
			require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
			require.ErrorContains(t, err, "tanaka cancelled: checked")
			requireUntouchedOrPutBack(t, w)
		})
	}
}

func requireUntouchedOrPutBack(t *testing.T, w *world) {
	t.Helper()
	if len(w.effects()) > 1 {
		requirePutBack(t, w)
	}
	require.Equal(t, runbook.Failed, w.status().State)
}

// Cancelled in the middle of each changing activity: what had been done is put back.
func TestCancelInTheMiddleOfEachStep(t *testing.T) {
	for _, name := range []string{
		"CreateRDSClusterSnapshot", "MuteCloudWatchAlarms", "PauseSchedulerJobs", "PutS3MaintenancePage", "ApplyCloudFrontMaintenance",
		"AwaitCloudFrontDeployed", "ApplyWAFMaintenanceRule", "StopECSService", "AwaitECSService",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.approveBoth()
			cancelled := false
			w.fail[name] = func(int) error {
				if !cancelled {
					cancelled = true
					w.env.RegisterDelayedCallback(w.env.CancelWorkflow, 0)
				}
				return nil
			}
			require.True(t, temporal.IsCanceledError(w.run(input())))
			requirePutBack(t, w)
		})
	}
}

func TestFailedUndoStopsPagesAndSaysWhatIsLeft(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
	w.fail["RevertWAFMaintenanceRule"] = func(int) error { return errors.New("somebody changed it") }
	err := w.run(input())
	require.True(t, runbook.IsEnd(err, runbook.ErrUndoFailed))
	require.ErrorContains(t, err, "undo-close-site, check-open, undo-route-page, undo-put-page, undo-pause-jobs, undo-mute-alarms, undo-announce")
	effects := w.effects()
	require.NotContains(t, effects, "RevertCloudFrontMaintenance", "what comes after relies on it")
	require.NotContains(t, effects, "ReleaseResources", "the resources are not free for others")
	pages := 0
	for _, c := range effects {
		if c == "mail:undo-failed" {
			pages++
		}
	}
	require.Equal(t, 3, pages)
}

func TestFailedUndoGoesOnAfterAPersonPutItBack(t *testing.T) {
	w := newWorld(t)
	w.approveBoth()
	w.at(windowStart.Add(time.Hour), "done", by("tanaka"))
	w.fail["UnmuteCloudWatchAlarms"] = func(int) error { return errors.New("no") }
	w.at(windowStart.Add(2*time.Hour), "rollback", by("kato")) // is no answer to a failed undo
	w.at(windowStart.Add(2*time.Hour+time.Minute), "skip", by("kato"))
	require.NoError(t, w.run(input()))
	require.Contains(t, w.effects(), "mail:outage-end")
	a := w.status().Approvals
	require.Contains(t, a[len(a)-2].Refusal, "retry or skip")
}

func TestWindowThatRunsOut(t *testing.T) {
	result := func(w *world) (r struct{ EndedBy string }) { require.NoError(t, w.env.GetWorkflowResult(&r)); return r }
	t.Run("nobody answers: the site comes back by itself", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		require.NoError(t, w.run(input()))
		require.Equal(t, "overrun", result(w).EndedBy)
		require.Subset(t, w.effects(), []string{"mail:window-decision", "mail:window-overrun", "mail:outage-end"})
		requirePutBack(t, w)
	})
	t.Run("the ministry extends, and the work ends in time", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		later := by("sato")
		later["until"] = "2027-01-24T01:00:00+09:00"
		w.at(windowStart.Add(90*time.Minute), "extend", later)
		w.at(windowEnd.Add(45*time.Minute), "done", by("tanaka"))
		require.NoError(t, w.run(input()))
		require.Equal(t, "done", result(w).EndedBy)
		require.NotContains(t, w.effects(), "mail:window-overrun")
	})
	t.Run("an operator cannot extend, and a bad extension is refused", func(t *testing.T) {
		w := newWorld(t)
		w.approveBoth()
		until := func(who, at string) map[string]any { m := by(who); m["until"] = at; return m }
		w.at(windowStart.Add(90*time.Minute), "extend", until("tanaka", "2027-01-24T01:00:00+09:00"))
		w.at(windowStart.Add(91*time.Minute), "extend", by("sato"))
		w.at(windowStart.Add(92*time.Minute), "extend", until("sato", "2027-01-23T23:00:00+09:00"))
		w.at(windowStart.Add(93*time.Minute), "return", by("sato"))
		require.NoError(t, w.run(input()))
		a := w.status().Approvals
		require.Contains(t, a[2].Refusal, "does not have the role officer")
		require.Contains(t, a[3].Refusal, `"until" is missing`)
		require.Contains(t, a[4].Refusal, "not after the old one")
		require.Equal(t, "return", result(w).EndedBy)
	})
}
