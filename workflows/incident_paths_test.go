package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/records"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

func fix(name, input string) map[string]string {
	return map[string]string{"runbook": name, "input": input}
}

func TestAFixThatIsRefusedIsFollowedByOneThatMends(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fixes["Release"] = func(ctx workflow.Context) error {
		if err := workflow.Sleep(ctx, 20*time.Minute); err != nil {
			return err
		}
		return temporal.NewNonRetryableApplicationError("the watch was not passed", runbook.ErrRolledBack, nil)
	}
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("PlannedOutage", `{}`))
	o.say(minute(10), "tanaka", "fix", fix("Release", `{"a": 1, "a": 2}`))
	o.say(minute(10), "tanaka", "fix", fix("Release", `{"incident": "another"}`))
	o.say(minute(10), "sato", "fix", fix("Release", `{}`))
	o.say(minute(11), "tanaka", "fix", fix("Release", `{"image": "sha256:1"}`))
	o.say(minute(12), "kato", "note", map[string]string{"kind": "workaround"})
	o.say(minute(40), "tanaka", "fix", fix("SettingChange", `{"value": "40"}`))
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(110), "sato")
	require.NoError(t, o.handle(reported()))
	fixes := o.last().Fixes
	require.Len(t, fixes, 2)
	require.Equal(t, []string{"RolledBack: the watch was not passed", "succeeded"}, []string{fixes[0].Outcome, fixes[1].Outcome})
	require.Equal(t, minute(31).UTC(), fixes[0].EndedAt.UTC())
	require.Equal(t, []string{"checked"}, o.notes("workaround"), "the run answers while a fix goes on")
	id := o.status().ID
	require.Equal(t, []map[string]any{{"image": "sha256:1", "incident": id}, {"value": "40", "incident": id}}, o.inputs)
	for _, want := range []string{`runbook is "PlannedOutage": an incident starts SettingChange or Release`, `field "a" is given twice`, `names the incident "another"`, "does not have the role operator"} {
		require.True(t, contains(o.refusals(), want), "%s in %v", want, o.refusals())
	}
	require.Equal(t, []runbook.State{runbook.Failed, runbook.Done}, []runbook.State{o.status().Children[0].State, o.status().Children[1].State})
	require.Equal(t, o.status().Children[0].ID, fixes[0].Run)
}

func TestRecoveryIsConfirmedWhileAFixWaitsAndClosedOnlyAfterIt(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fixes["SettingChange"] = func(ctx workflow.Context) error { return workflow.Sleep(ctx, 30*time.Hour) } // approved afterwards
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.env.RegisterDelayedCallback(func() {
		require.Equal(t, "fixes", o.status().WaitingFor.Gate)
		require.NotNil(t, o.last().RecoveredAt)
	}, 105*time.Minute)
	o.approveAsSeen(minute(10+30*60+20), "sato")
	require.NoError(t, o.handle(reported()))
	require.True(t, o.last().ClosedAt.After(*o.last().Fixes[0].EndedAt))
	require.Equal(t, minute(60).UTC(), o.last().RecoveredAt.UTC())
	require.True(t, strings.Contains(o.last().Escalations[0].Why, "対応のための変更がまだ終わっていません"), "after a day somebody is told")
}

func TestRecoveryThatIsNotStableLeadsBackToTheWork(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*outbreak)
		says    string
	}{
		"the alarm is not silent":    {func(o *outbreak) { o.well = unwellAt(1, "the alarm 5xx is ALARM") }, "the alarm 5xx is ALARM"},
		"the site fails in between":  {func(o *outbreak) { o.well = unwellAt(5, "the site shows status 503") }, "the site shows status 503"},
		"the last look finds it":     {func(o *outbreak) { o.well = unwellAt(11, "the alarm 5xx has rung meanwhile") }, "has rung meanwhile"},
		"an alarm is signalled":      {func(o *outbreak) { o.at(minute(70), "alarm", map[string]any{"alarm": "5xx", "state": "ALARM"}) }, "the alarm 5xx rang"},
		"a fix is started after all": {func(o *outbreak) { o.say(minute(70), "tanaka", "fix", fix("SettingChange", `{}`)) }, "a fix was started: checked"},
		"it cannot be looked at":     {func(o *outbreak) { o.fail["CheckIncidentRecovery"] = failing(1, 8, "Throttled") }, "it could not be looked at"},
		"it rings before it is closed": {func(o *outbreak) {
			o.say(minute(100), "tanaka", "done", cause())
			o.at(minute(105), "alarm", map[string]any{"alarm": "5xx", "state": "ALARM"})
		}, "rang before it was closed"},
		"it rings after it was stable": {func(o *outbreak) { o.at(minute(95), "alarm", map[string]any{"alarm": "5xx", "state": "ALARM"}) }, "rang after recovery had been stable"},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			c.arrange(o)
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(60), "tanaka", "done", nil)
			o.say(minute(120), "tanaka", "done", nil)
			o.say(minute(160), "tanaka", "done", cause())
			o.approveAsSeen(minute(170), "sato")
			require.NoError(t, o.handle(reported()))
			require.True(t, contains(o.notes("unstable"), c.says), "%v", o.notes("unstable"))
			require.Equal(t, minute(120).UTC(), o.last().RecoveredAt.UTC(), "the second time counts")
			require.Contains(t, o.mailed(), "unstable")
			require.Equal(t, 2*time.Hour, o.result().Clocks[2].Elapsed, "the clock has gone on meanwhile")
		})
	}
}

// unwellAt speaks against recovery at one look.
func unwellAt(look int, why string) func(int) []string {
	return func(n int) []string {
		if n == look {
			return []string{why}
		}
		return nil
	}
}

// failing lets calls fail from one to another.
func failing(from, to int, kind string) func(int) error {
	return func(n int) error {
		if n >= from && n <= to {
			return temporal.NewApplicationError("it does not answer", kind)
		}
		return nil
	}
}

func TestTheMinistrySendsItBackAndClosesLater(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	bad := cause()
	bad["actions"] = "later"
	o.say(minute(95), "tanaka", "done", bad)
	o.say(minute(100), "tanaka", "done", cause())
	o.at(minute(3*24*hours), "reject", by("sato"))
	better := cause()
	better["rootCause"] = "上限を見直していなかった"
	o.say(minute(3*24*hours+30), "tanaka", "done", better)
	o.approveAsSeen(minute(3*24*hours+60), "suzuki")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []string{"sato rejected closure: checked"}, o.notes("rejected"))
	require.Equal(t, []string{"接続プールの枯渇"}, o.notes("cause-dropped"))
	require.Equal(t, minute(60).UTC(), o.last().RecoveredAt.UTC(), "the users have been able to work since then, whatever the cause")
	require.Empty(t, o.escalatedAt("復旧の期限"))
	recovery := o.result().Clocks[2]
	require.Equal(t, []any{true, false, time.Hour}, []any{recovery.Done, recovery.Breached, recovery.Elapsed})
	require.Equal(t, 11, o.looks, "what was stable is not watched again")
	require.Equal(t, []string{"suzuki"}, o.last().ClosedBy)
	require.Len(t, o.problems, 1)
	require.Equal(t, "上限を見直していなかった", o.problems[0].RootCause)
	require.True(t, contains(o.refusals(), "actions: invalid character"))
	require.Equal(t, "上限を見直していなかった", o.reports[0].Problem.RootCause)
}

func TestAClosureThatNobodyDecidesIsAskedAgain(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(100+6*24*60), "sato") // the gate is open for five days
	require.NoError(t, o.handle(reported()))
	require.Equal(t, records.IncidentClosed, o.last().State)
	require.True(t, strings.Contains(o.last().Escalations[0].Why, "終結の承認期限を過ぎました"))
}

func TestAFirstReportThatCannotBeSentIsReportedByPeople(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fail["SendSESMail"] = failing(2, 5, "OutcomeUnknown") // the first mail tells the vendor
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(9), "tanaka", "note", map[string]string{"kind": "report"})
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(110), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, minute(9).UTC(), o.last().ReportedAt.UTC())
	require.True(t, strings.Contains(o.last().Escalations[0].Why, "第一報のメールを送信できませんでした"))
}

func TestAReportThatCannotBeWrittenIsHeldAndAskedAgain(t *testing.T) {
	const closed = 110
	for name, c := range map[string]struct {
		arrange func(*outbreak)
		retry   int // minutes after the closure
	}{
		"until somebody answers":               {func(*outbreak) {}, 2*24*hours + hours},
		"and nobody can take the closure back": {func(o *outbreak) { o.at(minute(closed+hours), "rollback", by("kato")) }, 2 * hours},
		"by itself, though nobody answers":     {func(*outbreak) {}, 5 * hours},
		"once somebody may answer":             {func(o *outbreak) { o.refuses("AnswerTerms", closed, closed+2*hours) }, 3 * hours},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			c.arrange(o)
			o.fail["PutS3IncidentReport"] = func(int) error {
				if o.env.Now().Before(minute(closed + c.retry)) {
					return temporal.NewNonRetryableApplicationError("the bucket is gone", "Unavailable", nil)
				}
				return nil
			}
			o.settled()
			if name != "by itself, though nobody answers" {
				o.at(minute(closed+c.retry), "retry", by("kato"))
			}
			require.NoError(t, o.handle(reported()))
			require.NotNil(t, o.last().Report)
			require.Equal(t, records.IncidentClosed, o.last().State)
		})
	}
}

// An alarm that rings after the closure opens no incident while the run lasts, which may be days: it is told when it rings.
func TestAnAlarmThatRingsWhileTheReportIsHeldIsToldAtOnce(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fail["PutS3IncidentReport"] = func(int) error {
		if o.env.Now().Before(minute(24 * hours)) {
			return temporal.NewNonRetryableApplicationError("the bucket is gone", "Unavailable", nil)
		}
		return nil
	}
	o.settled()
	for _, at := range []int{200, 201, 203, 900} { // the second and the third are of the same flood as the first
		o.at(minute(at), "alarm", map[string]any{"alarm": "hosts", "state": "ALARM"})
	}
	o.at(minute(24*hours), "retry", by("kato"))
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []int{200, 900}, o.escalatedAt("新しい障害として受け付けてください"))
}

func TestAnIncidentThatIsCancelledIsWithdrawn(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fixes["SettingChange"] = func(ctx workflow.Context) error { return workflow.Sleep(ctx, 30*time.Hour) }
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	o.at(minute(20), "cancel", by("kato"))
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	require.Equal(t, records.IncidentWithdrawn, o.last().State)
	require.Empty(t, o.last().Fixes[0].Outcome, "a fix is not called off with the incident")
	require.Equal(t, []string{"withdrawn", "withdrawn"}, o.mailed()[len(o.mailed())-2:])
	require.Empty(t, o.problems)
}

func TestWhatIsNoIncidentIsRefusedBeforeAnyEffect(t *testing.T) {
	for says, change := range map[string]func(*workflows.IncidentInput){
		"title is missing":         func(in *workflows.IncidentInput) { in.Title = " " },
		`impact is "huge"`:         func(in *workflows.IncidentInput) { in.Impact = "huge" },
		`source is "rumour"`:       func(in *workflows.IncidentInput) { in.Source = "rumour" },
		`alarm.state is "LOUD"`:    func(in *workflows.IncidentInput) { in.Alarm.State = "LOUD" },
		`services names "a" twice`: func(in *workflows.IncidentInput) { in.Services = []string{"a", "a"} },
	} {
		o := withOutbreak(newWorld(t))
		in := reported()
		change(&in)
		err := o.handle(in)
		require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
		require.ErrorContains(t, err, says)
		require.Empty(t, o.states)
	}
	o := withOutbreak(newWorld(t))
	o.eligible = []string{"ito"} // who reports it
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, `the gate "closure" needs 1 approval(s)`)
	require.Empty(t, o.states)
}

func TestTheFingerprintNamesTheSameThing(t *testing.T) {
	in := reported()
	require.Equal(t, "alarm:5xx", in.Print())
	in.Alarm = nil
	in.Services = []string{"web", "api"}
	other := in
	other.Title, other.Services = " 検索画面が表示されない ", []string{"api", "web"}
	require.Equal(t, in.Print(), other.Print(), "space and the order of services do not count")
	in.Fingerprint = "x"
	require.Equal(t, "x", in.Print())
	require.NotEqual(t, workflows.IncidentID("a", "x"), workflows.IncidentID("b", "x"))
	require.Regexp(t, `^incident-[0-9a-f]{16}$`, workflows.IncidentID("a", "x"))
}

// What counts is what is so when it is closed: an alarm that rings while the approval is being checked once more keeps it open.
func TestAnAlarmBetweenTheApprovalAndTheClosureKeepsItOpen(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.onEvidence("gate-passed", func() { o.env.SignalWorkflow("alarm", map[string]any{"id": "e9", "alarm": "hosts", "state": "ALARM"}) })
	o.settled()
	o.say(minute(200), "tanaka", "done", nil)
	o.say(minute(240), "tanaka", "done", cause())
	o.approveAsSeen(minute(300), "suzuki")
	require.NoError(t, o.handle(reported()))
	require.True(t, contains(o.notes("unstable"), "the alarm hosts rang before it was closed"), "%v", o.notes("unstable"))
	require.Equal(t, []string{"suzuki"}, o.last().ClosedBy)
	require.Equal(t, minute(200).UTC(), o.last().RecoveredAt.UTC())
}

// The incident's ID is taken until its run has ended, so an alarm may still reach it then: somebody is told.
func TestAnAlarmThatComesAtTheVeryEndIsTold(t *testing.T) {
	for name, arrange := range map[string]func(*outbreak){
		"after the closure": func(o *outbreak) { o.settled() },
		"while the incident is given up": func(o *outbreak) {
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.at(minute(20), "cancel", by("kato"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			ring := func(id string) {
				o.env.SignalWorkflow("alarm", map[string]any{"id": id, "alarm": "hosts-" + id, "state": "ALARM"})
			}
			o.onEvidence("closed", func() { ring("late-2") })
			o.onState = func(in records.Incident) {
				if in.Event == "closed" || in.Event == "withdrawn" {
					ring("late-1")
				}
			}
			arrange(o)
			err := o.handle(reported())
			require.Equal(t, strings.Contains(name, "given up"), err != nil)
			require.NotEmpty(t, o.escalatedAt("新しい障害として受け付けてください"))
			require.True(t, o.evidence[len(o.evidence)-1].At.Equal(o.last().At), "the last thing that happens is to tell of it")
			require.Subset(t, o.alarmsWritten(), []string{"late-1", "late-2"})
		})
	}
}

// What is told behind the end of the run is evidence like any other: if it is lost the run has not succeeded.
func TestEvidenceThatIsLostAtTheVeryEndIsSeen(t *testing.T) {
	o := withOutbreak(newWorld(t))
	ended := false
	stub(o.world, "AppendEvidence", func(e records.Evidence) (activities.EvidenceHead, error) {
		if e.Kind == "closed" {
			ended = true
			o.env.SignalWorkflow("alarm", map[string]any{"id": "late", "alarm": "hosts", "state": "ALARM"})
		} else if ended {
			return activities.EvidenceHead{}, temporal.NewNonRetryableApplicationError("the row holds other content", "Conflict", nil)
		}
		o.evidence = append(o.evidence, e)
		return activities.EvidenceHead{Count: len(o.evidence)}, nil
	})
	o.settled()
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrEvidenceLost), "%v", err)
	require.ErrorContains(t, err, "the row holds other content (the run itself: done)")
	require.Equal(t, runbook.Failed, o.status().State)
	require.NotEmpty(t, o.escalatedAt("新しい障害として受け付けてください"), "it is told all the same")
}

// Who has closed it are those whose approval has let it pass: not one that became void, though the plan is the same.
func TestOnlyWhoseApprovalHeldHasClosedIt(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.onEvidence("gate-passed", func() { o.eligible = []string{"ito", "suzuki"} }) // sato has left
	o.settled()
	o.approveAsSeen(minute(200), "suzuki")
	require.NoError(t, o.handle(reported()))
	require.NotNil(t, o.find("approval-void"))
	require.Equal(t, []string{"suzuki"}, o.last().ClosedBy)
}
