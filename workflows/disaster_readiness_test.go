package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/readiness"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// lookout is what the readiness checks of a world see, and what people were told.
type lookout struct {
	*world
	seen  map[string][]readiness.Finding // by check
	hold  string                         // run that holds the DR environment
	inUse []bool                         // as the checks were asked
	told  readiness.Told
	kept  []string
}

func withLookout(w *world) *lookout {
	l := &lookout{world: w, seen: map[string][]readiness.Finding{}}
	stub(w, "ResolveReadiness", func(r system.ReadinessRequest) (system.ReadinessTarget, error) {
		return system.ReadinessTarget{
			SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, DRRegion: dr, Deciders: "officers", Operators: "operators", RepeatAfter: 24 * time.Hour,
		}, nil
	})
	stub(w, "FindReadinessHold", func(activities.ReadinessCheck) (activities.ReadinessHold, error) {
		return activities.ReadinessHold{Run: l.hold, Findings: []readiness.Finding{}}, nil
	})
	for _, name := range []string{"Data", "Pipeline", "Services", "Images", "Redirect", "Quotas", "People", "Reports"} {
		stub(w, "CheckReadiness"+name, func(in activities.ReadinessCheck) (activities.ReadinessSeen, error) {
			l.inUse = append(l.inUse, in.InUse)
			seen := activities.ReadinessSeen{Findings: append([]readiness.Finding{}, l.seen[name]...), Notes: []string{name}}
			if name == "Data" {
				seen.FreshUntil = start.Add(20 * time.Hour)
			}
			return seen, nil
		})
	}
	stub(w, "CompareReadiness", func(in activities.ReadinessFound) (activities.ReadinessVerdict, error) {
		words, err := readiness.Words(in.Findings, readiness.Keys(l.told.Findings))
		if err != nil {
			return activities.ReadinessVerdict{}, temporal.NewNonRetryableApplicationError(err.Error(), "InvalidInput", nil)
		}
		words = readiness.Keep(l.told, words, in.InUse)
		return activities.ReadinessVerdict{Findings: words, Tell: readiness.Judge(l.told, words, in.At, in.RepeatAfter), List: "list"}, nil
	})
	stub(w, "KeepReadiness", func(in activities.ReadinessTold) (struct{}, error) {
		w.calls = append(w.calls, "KeepReadiness")
		l.kept = append(l.kept, in.Kind)
		l.told = readiness.Told{Findings: in.Findings, At: in.At}
		return struct{}{}, nil
	})
	return l
}

func (l *lookout) run() (r workflows.DisasterReadinessResult) {
	l.t.Helper()
	l.env.ExecuteWorkflow("DisasterReadiness", workflows.DisasterReadinessInput{Reason: "点検", Requester: "takahashi", Operator: "tanaka"})
	require.NoError(l.t, l.env.GetWorkflowError())
	require.NoError(l.t, l.env.GetWorkflowResult(&r))
	return r
}

func missing(pipeline string) readiness.Finding {
	return readiness.Finding{Code: "pipeline-missing", About: pipeline, Data: map[string]string{"region": dr}}
}

func TestAReadySystemIsLookedAtInSilence(t *testing.T) {
	l := withLookout(newWorld(t))
	r := l.run()
	require.True(t, r.Ready)
	require.Empty(t, r.Findings)
	require.Equal(t, start.Add(20*time.Hour).UTC(), r.FreshUntil.UTC())
	require.Len(t, r.Notes, 8)
	require.Empty(t, r.Told)
	require.Empty(t, l.effects(), "nobody is told, nothing is kept or held")
	require.Contains(t, l.kinds(), "readiness")
}

func TestWhatStandsInTheWayIsToldBeforeItIsRemembered(t *testing.T) {
	l := withLookout(newWorld(t))
	l.seen["Pipeline"] = []readiness.Finding{missing("gzs-dr")}
	r := l.run()
	require.False(t, r.Ready)
	require.Len(t, r.Findings, 1)
	require.Contains(t, r.Findings[0].Do.En, "create it")
	require.Equal(t, readiness.Changed, r.Told)
	require.Equal(t, []string{"mail:readiness-warning", "mail:readiness-warning", "KeepReadiness"}, l.effects())
}

func TestPeopleWhoKnowAreToldAgainOnlyAfterAWhile(t *testing.T) {
	words, err := readiness.Words([]readiness.Finding{missing("gzs-dr")}, nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		ago  time.Duration
		now  []readiness.Finding
		told string
		mail []string
	}{
		"they know":        {23 * time.Hour, []readiness.Finding{missing("gzs-dr")}, readiness.Nothing, nil},
		"a day later":      {24 * time.Hour, []readiness.Finding{missing("gzs-dr")}, readiness.Repeated, []string{"mail:readiness-repeated", "mail:readiness-repeated", "KeepReadiness"}},
		"all well again":   {time.Hour, nil, readiness.Well, []string{"mail:readiness-well", "mail:readiness-well", "KeepReadiness"}},
		"something else":   {time.Hour, []readiness.Finding{missing("other")}, readiness.Changed, []string{"mail:readiness-warning", "mail:readiness-warning", "KeepReadiness"}},
		"something beside": {time.Hour, []readiness.Finding{missing("gzs-dr"), missing("other")}, readiness.Changed, []string{"mail:readiness-warning", "mail:readiness-warning", "KeepReadiness"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := withLookout(newWorld(t))
			l.told = readiness.Told{Findings: words, At: start.Add(-c.ago)}
			l.seen["Pipeline"] = c.now
			require.Equal(t, c.told, l.run().Told)
			require.Equal(t, c.mail, l.effects())
		})
	}
}

func TestACheckThatFailsIsAFindingAndTheOthersStillTell(t *testing.T) {
	l := withLookout(newWorld(t))
	l.fail["CheckReadinessRedirect"] = func(int) error {
		return temporal.NewNonRetryableApplicationError("read the records: not allowed", "Denied", nil)
	}
	l.seen["Images"] = []readiness.Finding{{Code: "repository-missing", About: "web", Data: map[string]string{"repository": "gzs/web", "region": dr}}}
	r := l.run()
	require.Equal(t, []string{"repository-missing/web", "unseen/Route 53"}, readiness.Keys(r.Findings))
	require.Contains(t, r.Findings[1].What.En, "not allowed")
	require.NotNil(t, r.FreshUntil)
}

func TestTheChecksKnowThatARunHoldsTheEnvironment(t *testing.T) {
	l := withLookout(newWorld(t))
	l.hold = "DisasterRecovery-1"
	require.Equal(t, "DisasterRecovery-1", l.run().HeldBy)
	require.Equal(t, []bool{true, true, true, true, true, true, true, true}, l.inUse)
}

// What people were told of and a run now moves is not judged: nobody is told that it is gone, and nobody that it is new again.
func TestARunThatHoldsTheEnvironmentClearsNothing(t *testing.T) {
	words, err := readiness.Words([]readiness.Finding{{Code: "service-not-at-rest", About: "web", Data: map[string]string{"service": "w", "region": dr, "desired": "1", "running": "1"}}}, nil)
	require.NoError(t, err)
	l := withLookout(newWorld(t))
	l.hold, l.told = "DisasterRecovery-1", readiness.Told{Findings: words, At: start.Add(-time.Hour)}
	r := l.run()
	require.Equal(t, []string{"service-not-at-rest/web"}, readiness.Keys(r.Findings))
	require.True(t, r.Findings[0].Kept)
	require.False(t, r.Ready)
	require.Empty(t, l.effects())
}

// A check that fails tells what it had found before.
func TestWhatACheckFoundBeforeItFailedIsTold(t *testing.T) {
	l := withLookout(newWorld(t))
	l.fail["CheckReadinessPeople"] = func(int) error {
		return temporal.NewApplicationErrorWithOptions("no answer", "Denied", temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{
			activities.ReadinessSeen{Findings: []readiness.Finding{{Code: "declarer-unfit", About: "ito", Data: map[string]string{"why": "no mail address is known"}}}, Notes: []string{"seen"}},
		}})
	}
	r := l.run()
	require.Equal(t, []string{"declarer-unfit/ito", "unseen/SES"}, readiness.Keys(r.Findings))
	require.Contains(t, r.Notes, "seen")
}

// A doubt whether the mail went out holds the step. Whoever knows that it arrived answers skip, and it is remembered.
func TestADoubtfulMailIsAskedAboutAndThenRemembered(t *testing.T) {
	l := withLookout(newWorld(t))
	l.seen["Pipeline"] = []readiness.Finding{missing("gzs-dr")}
	l.fail["SendSESMail"] = func(n int) error {
		if n > 1 {
			return nil
		}
		return temporal.NewNonRetryableApplicationError("it may or may not have been sent", "OutcomeUnknown", nil)
	}
	l.at(start.Add(time.Minute), "skip", by("kato"))
	r := l.run()
	require.Equal(t, readiness.Changed, r.Told)
	require.Equal(t, []string{"mail:step-held", "mail:readiness-warning", "KeepReadiness"}, l.effects())
}

func TestMailThatNobodyDecidesAboutIsNotRemembered(t *testing.T) {
	l := withLookout(newWorld(t))
	l.seen["Pipeline"] = []readiness.Finding{missing("gzs-dr")}
	l.fail["KeepReadiness"] = func(int) error { return temporal.NewNonRetryableApplicationError("no", "InvalidInput", nil) }
	l.env.ExecuteWorkflow("DisasterReadiness", workflows.DisasterReadinessInput{Reason: "点検", Requester: "takahashi", Operator: "tanaka"})
	require.True(t, runbook.IsEnd(l.env.GetWorkflowError(), runbook.ErrRolledBack), "%v", l.env.GetWorkflowError())
	require.Empty(t, l.kept, "the next run tells again")
}

func TestReadinessRefusesBadInputBeforeAnyLook(t *testing.T) {
	for name, c := range map[string]struct {
		in   any
		says string
	}{
		"no reason":     {workflows.DisasterReadinessInput{Requester: "ito", Operator: "tanaka"}, "reason"},
		"unknown field": {map[string]any{"reason": "r", "requester": "ito", "operator": "tanaka", "fix": true}, `field "fix" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			l := withLookout(newWorld(t))
			l.env.ExecuteWorkflow("DisasterReadiness", c.in)
			err := l.env.GetWorkflowError()
			require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, l.inUse)
		})
	}
}
