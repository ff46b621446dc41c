package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/workflows/runbook"
)

func TestAnIncidentFromTheAlarmToTheReport(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.similar = []records.Similar{{Incident: "INC-old", Title: "前回", Likeness: 0.6, Problem: "PRB-old", RootCause: "枯渇", Workaround: "再起動"}}
	o.settled()
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []string{"opened", "first-report", "closed", "closed"}, o.mailed())
	require.Equal(t, []string{"opened", "known-errors", "diagnosed", "acknowledge", "first-report", "done", "recovery-reported", "recovered", "done", "closed", "reported"}, o.eventsOf())
	end := o.last()
	require.Equal(t, records.IncidentClosed, end.State)
	require.Equal(t, "critical", end.Severity)
	require.Equal(t, []string{"sato"}, end.ClosedBy)
	require.Equal(t, minute(60).UTC(), end.RecoveredAt.UTC(), "recovery counts from its report, once it was stable")
	require.Equal(t, minute(5).UTC(), end.AcknowledgedAt.UTC())
	require.Len(t, end.Facts, 1)
	require.Equal(t, o.similar, end.Similar)
	require.Equal(t, 1, end.AlarmEvents)
	require.Len(t, o.problems, 1)
	require.Equal(t, []any{"接続プールの枯渇", "tanaka", "監視の追加"}, []any{o.problems[0].RootCause, o.problems[0].By, o.problems[0].Actions[0].What})
	require.Equal(t, o.problems[0].ID, end.Problem)
	require.Equal(t, end.ID, o.problems[0].Incident)
	require.Equal(t, hashOne, end.Report.SHA256)
	require.Equal(t, hashOne, o.find("report")["sha256"], "the hash is evidence")
	r := o.result()
	require.Equal(t, []any{end.ID, "critical", end.Problem}, []any{r.ID, r.Severity, r.Problem})
	for _, c := range r.Clocks {
		require.True(t, c.Done, c.Name)
		require.False(t, c.Breached, c.Name)
	}
	require.Equal(t, 11, o.looks, "at once, nine in between, and at the end")
	text := o.status().Markdown()
	require.Contains(t, text, "| 復旧 · recovery (24x365) |")
	require.Contains(t, text, "INC-old 前回 (60%)")
}

// find is the newest evidence of a kind.
func (o *outbreak) find(kind string) map[string]any { return (&office{world: o.world}).recorded(kind) }

func TestNobodyAcknowledgesSoTheChainIsTold(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(300), "tanaka", "acknowledge", nil)
	o.say(minute(310), "tanaka", "done", nil)
	o.say(minute(350), "tanaka", "done", cause())
	o.approveAsSeen(minute(360), "sato")
	require.NoError(t, o.handle(reported()))
	var at []int
	var to []string
	for _, e := range o.last().Escalations {
		if strings.Contains(e.Why, "対応開始") {
			at, to = append(at, int(e.At.Sub(start.UTC()).Minutes())), append(to, e.To)
		}
	}
	require.Equal(t, []int{15, 25, 35, 55, 95, 175}, at, "the last one again, each time after twice as long")
	require.Equal(t, []string{"operators", "person:takahashi", "officers", "officers", "officers", "officers"}, to)
	require.Equal(t, minute(30).UTC(), o.last().ReportedAt.UTC(), "the first report goes out before its limit of 40 minutes, acknowledged or not")
	clocks := o.result().Clocks
	require.True(t, clocks[0].Breached)
	require.False(t, clocks[1].Breached)
	require.True(t, clocks[2].Breached, "recovery came after four hours")
}

func TestSeverityFollowsTheMatrixUntilTheMinistrySetsIt(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(2), "tanaka", "acknowledge", map[string]string{"impact": "low", "urgency": "none"})
	o.say(minute(3), "tanaka", "acknowledge", map[string]string{"impact": "low"})
	o.say(minute(10), "tanaka", "severity", map[string]string{"severity": "critical"})
	o.say(minute(11), "sato", "severity", map[string]string{"severity": "huge"})
	o.say(minute(12), "sato", "severity", map[string]string{"severity": "critical"})
	o.say(minute(13), "sato", "severity", map[string]string{"severity": "critical"})
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(110), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []any{"critical", "sato", "low"}, []any{o.last().Severity, o.last().SetBy, o.last().Impact})
	var severities []string
	for _, s := range o.states {
		severities = append(severities, s.Event+"="+s.Severity)
	}
	require.Contains(t, severities, "acknowledge=minor")
	require.Contains(t, severities, "severity=critical")
	for _, want := range []string{`urgency "none"`, "does not have the role officer", `severity "huge" is unknown`, "the severity is critical already"} {
		require.True(t, contains(o.refusals(), want), "%s in %v", want, o.refusals())
	}
	require.Equal(t, []string{"minor → critical：checked"}, o.notes("severity"))
	require.Equal(t, []string{"sato"}, o.last().ClosedBy, "to set a severity is no hand in the change")
}

func TestThePausedClockStandsStill(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(8), "tanaka", "resume", nil)
	o.say(minute(10), "tanaka", "pause", nil)
	o.say(minute(11), "kato", "pause", nil)
	o.env.RegisterDelayedCallback(func() {
		require.Equal(t, runbook.ClockPaused, o.status().Clocks[2].State)
	}, 20*time.Minute)
	o.say(minute(10+26*60), "tanaka", "resume", nil)
	o.say(minute(20+26*60), "tanaka", "note", map[string]string{"kind": "workaround"})
	o.say(minute(60+26*60), "tanaka", "done", nil)
	o.say(minute(100+26*60), "tanaka", "done", cause())
	o.approveAsSeen(minute(110+26*60), "sato")
	require.NoError(t, o.handle(reported()))
	recovery := o.result().Clocks[2]
	require.Equal(t, time.Hour, recovery.Elapsed)
	require.False(t, recovery.Breached, "26 hours of waiting do not count")
	require.True(t, contains(o.refusals(), "the clocks are not paused"))
	require.True(t, contains(o.refusals(), "the clocks are paused already"))
	require.Len(t, o.last().Escalations, 5, "a pause is no silence: after a day the chain is told, ever more seldom")
	require.Equal(t, minute(10+24*60).UTC(), o.last().Escalations[0].At.UTC())
	require.Contains(t, o.last().Escalations[0].Why, "時計が止まったままです")
	require.Equal(t, "checked", o.problems[0].Workaround, "the work-around becomes that of the known error")
}

func TestFurtherAlarmsAreAttachedCountedAndCapped(t *testing.T) {
	o := withOutbreak(newWorld(t))
	alarm := func(at int, event any) { o.at(minute(at), "alarm", event) }
	alarm(1, map[string]any{"id": "e1", "alarm": "5xx", "state": "ALARM"})
	alarm(2, map[string]any{"id": "e2", "alarm": "5xx", "state": "ALARM"})
	alarm(3, map[string]any{"alarm": "5xx", "state": "OK"})
	alarm(4, map[string]any{"alarm": "hosts", "state": "ALARM", "reason": "2 of 2"})
	alarm(5, map[string]any{"alarm": "hosts", "state": "LOUD"})
	alarm(5, map[string]any{"alarm": "hosts", "state": "ALARM", "extra": 1})
	alarm(5, "nonsense")
	for n := range 60 {
		alarm(6, map[string]any{"alarm": fmt.Sprintf("other-%d", n), "state": "ALARM"})
	}
	o.settled()
	require.NoError(t, o.handle(reported()))
	end := o.last()
	require.Equal(t, 64, end.AlarmEvents, "e1 has come before, and three could not be read")
	require.Len(t, end.Alarms, 50)
	require.Equal(t, []any{"5xx", "OK", 3}, []any{end.Alarms[0].Alarm, end.Alarms[0].State, end.Alarms[0].Count})
	require.Equal(t, []any{"hosts", "ALARM", 1, "2 of 2"}, []any{end.Alarms[1].Alarm, end.Alarms[1].State, end.Alarms[1].Count, end.Alarms[1].Reason})
	refused := 0
	for _, e := range o.evidence {
		if e.Kind == "alarm-refused" {
			refused++
		}
	}
	require.Equal(t, 3, refused)
}
