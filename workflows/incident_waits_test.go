package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/internal/records"
)

// escalatedAt are the minutes at which somebody was told for a reason.
func (o *outbreak) escalatedAt(why string) (minutes []int) {
	for _, e := range o.last().Escalations {
		if strings.Contains(e.Why, why) {
			minutes = append(minutes, int(e.At.Sub(start.UTC()).Minutes()))
		}
	}
	return minutes
}

// noMail lets no mail go out until a moment.
func (o *outbreak) noMail(until time.Time) {
	o.fail["SendSESMail"] = func(int) error {
		if o.env.Now().Before(until) {
			return temporal.NewNonRetryableApplicationError("it does not answer", "Unavailable", nil)
		}
		return nil
	}
}

// every repeats a note.
func (o *outbreak) noteEvery(from, until, every int) {
	for at := from; at < until; at += every {
		o.say(minute(at), "kato", "note", nil)
	}
}

const hours = 60 // minutes

func TestAFirstReportThatFailsIsTriedAgainWhereverTheIncidentWaits(t *testing.T) {
	for name, c := range map[string]struct {
		mailed, done, sent int
	}{
		"before the limit":           {mailed: 27, done: 300, sent: 30}, // its limit is 40 minutes
		"in the work":                {mailed: 55, done: 300, sent: 60},
		"in the watch":               {mailed: 45, done: 25, sent: 50},
		"before the cause is known":  {mailed: 90, done: 10, sent: 120},
		"while the ministry decides": {mailed: 500, done: 10, sent: 680},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.noMail(minute(c.mailed))
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(c.done), "tanaka", "done", nil)
			o.say(minute(c.done+140), "tanaka", "done", cause())
			o.approveAsSeen(minute(900), "sato")
			require.NoError(t, o.handle(reported()))
			require.NotNil(t, o.last().ReportedAt)
			require.WithinDuration(t, minute(c.sent), *o.last().ReportedAt, 3*time.Second) // what is late is done a second later
			require.Contains(t, o.mailed(), "first-report")
			late := o.escalatedAt("第一報の期限")
			for _, at := range late {
				require.Less(t, at, c.sent)
			}
			if c.sent > 40 {
				require.Equal(t, 40, late[0], "the chain is told at the limit, and nothing of it once the report is out")
			}
			require.Len(t, o.escalatedAt("第一報のメールを送信できませんでした"), 1)
		})
	}
}

func TestTheRecoveryClockRunsOnWhileALateRecoveryIsWatched(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(235), "tanaka", "done", nil) // 5 minutes before the limit
	o.at(minute(250), "alarm", map[string]any{"alarm": "5xx", "state": "ALARM"})
	o.say(minute(255), "tanaka", "done", nil)
	o.say(minute(300), "tanaka", "done", cause())
	o.approveAsSeen(minute(310), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []int{250, 260, 270}, o.escalatedAt("復旧の期限"),
		"not while it may have recovered in time; at once when it has not; and on in the second watch, until it counts")
}

func TestACauseThatNobodyWritesDownIsAskedForAgainAndAgain(t *testing.T) {
	const days = 24 * hours
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.noteEvery(100, 40*days, 23*hours) // every answer opens the question anew
	o.say(minute(80*days), "tanaka", "done", cause())
	o.approveAsSeen(minute(80*days+10), "sato")
	require.NoError(t, o.handle(reported()))
	told := o.escalatedAt("原因と再発防止策")
	require.Equal(t, 90+24*hours, told[0], "a day after recovery was stable")
	for i := range told[1:] {
		require.LessOrEqual(t, told[i+1]-told[i], 24*hours, "never silent for more than a day")
	}
	require.Greater(t, told[len(told)-1], 79*days-hours)
}

func TestAFixThatGoesOnIsEscalatedThoughNotesAreTaken(t *testing.T) {
	const days = 24 * hours
	o := withOutbreak(newWorld(t))
	o.fixes["SettingChange"] = func(ctx workflow.Context) error { return workflow.Sleep(ctx, 10*days*time.Minute) }
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.noteEvery(110, 9*days, 23*hours)
	o.approveAsSeen(minute(11*days), "sato")
	require.NoError(t, o.handle(reported()))
	told := o.escalatedAt("対応のための変更がまだ終わっていません")
	require.Equal(t, 100+24*hours, told[0])
	require.Greater(t, len(told), 9)
}

func TestWhatIsWaitedForIsRememberedInANewHistory(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.longAt(minute(20 * hours))
	next, in, handed := o.goesOn(o.handle(reported()))
	next.say(minute(30*hours), "tanaka", "done", cause())
	next.approveAsSeen(minute(31*hours), "sato")
	require.NoError(t, next.handleOn(in, handed))
	require.Equal(t, 90+24*hours, next.escalatedAt("原因と再発防止策")[0])
}

// SES sends one mail for one name: a second pause, and a second round after a rejection, must not take the names of the first.
func TestEveryEscalationIsAMailOfItsOwn(t *testing.T) {
	const days = 24 * hours
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	for n := range 2 {
		o.say(minute(10+n*3*days), "tanaka", "pause", nil)
		o.say(minute(10+n*3*days+2*days), "tanaka", "resume", nil)
	}
	for n := range 2 {
		at := (6 + 4*n) * days
		o.say(minute(at), "tanaka", "done", nil)
		o.say(minute(at+2*days), "tanaka", "done", cause())
		if n == 0 {
			o.at(minute(at+2*days+10), "reject", by("sato"))
		} else {
			o.approveAsSeen(minute(at+2*days+10), "sato")
		}
	}
	require.NoError(t, o.handle(reported()))
	require.Equal(t, records.IncidentClosed, o.last().State)
	names := map[string]int{}
	for _, m := range o.mails {
		if m.Template == "incident-escalation" {
			names[m.Step]++
		}
	}
	for name, n := range names {
		require.Equal(t, 1, n, name)
	}
	require.Len(t, names, len(o.last().Escalations))
}

func TestClocksThatCannotBeReadAreDueTooEarlyRatherThanNever(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fail["ReadIncidentClocks"] = func(int) error { return refusedWith("the business hours end before they begin") }
	o.say(minute(30), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(110), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []int{15, 25}, o.escalatedAt("対応開始の期限"))
	clocks := o.result().Clocks
	require.Equal(t, []any{true, false, false}, []any{clocks[0].Breached, clocks[1].Breached, clocks[2].Breached})
	require.Contains(t, clocks[0].Note, "could not be read: the business hours end")
}
