package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// refuses lets the description refuse to say who may decide, from one moment to another.
func (o *outbreak) refuses(terms string, from, until int) {
	o.fail[terms] = func(int) error {
		if now := o.env.Now(); now.Before(minute(from)) || !now.Before(minute(until)) {
			return nil
		}
		return refusedWith("system.yaml says nobody gives answers")
	}
}

// The description says who may answer. While it says so of nobody the incident stays open, and somebody is told again and again.
func TestAnOpenIncidentIsNotGivenUpBecauseNobodyMayAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		terms       string
		from, until int
		told        []int
	}{
		"when it is taken on":       {"AnswerTerms", 1, 14, []int{1, 11}},
		"in the work":               {"AnswerTerms", 20, 80, []int{20, 30, 40, 60}},
		"in the watch":              {"AnswerTerms", 91, 98, []int{91}},
		"before the cause is known": {"AnswerTerms", 130, 153, []int{130, 140, 150}},
		"at the closure":            {"GateTerms", 100, 210, []int{180, 190, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.refuses(c.terms, c.from, c.until)
			o.say(minute(c.from), "kato", "note", nil) // the question is opened anew
			o.say(minute(18), "tanaka", "acknowledge", nil)
			o.say(minute(90), "tanaka", "done", nil)
			o.say(minute(180), "tanaka", "done", cause())
			o.approveAsSeen(minute(220), "sato")
			require.NoError(t, o.handle(reported()))
			require.Equal(t, records.IncidentClosed, o.last().State)
			require.Equal(t, c.told, o.escalatedAt("system.yaml"))
			require.Contains(t, o.find("not-resolved")["problem"], "nobody gives answers")
			require.Equal(t, minute(90).UTC(), o.last().RecoveredAt.UTC())
		})
	}
}

func TestAnIncidentOfWhichNobodyMayAnswerGoesOnTellingOfItsClocks(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.refuses("AnswerTerms", 1, 120)
	o.say(minute(1), "kato", "note", nil)
	o.env.RegisterDelayedCallback(func() {
		require.Contains(t, o.status().Says, "nobody gives answers")
		require.Empty(t, o.status().WaitingFor.Answers)
		require.NotContains(t, o.status().Markdown(), "Waiting for", "there is nothing to send")
	}, 30*time.Minute)
	o.say(minute(40), "tanaka", "acknowledge", nil)
	o.at(minute(60), "cancel", by("kato"))
	err := o.handle(reported())
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	require.Equal(t, []string{"nobody may answer at this moment: the run says why, and asks again"}, o.refusals())
	require.Equal(t, []int{15, 25, 35, 55}, o.escalatedAt("対応開始の期限"))
	require.Equal(t, minute(30).UTC(), o.last().ReportedAt.Truncate(time.Minute).UTC(), "the first report goes out in time")
}

func TestASecondTimeThatNobodyMayAnswerIsToldAnew(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.fail["AnswerTerms"] = func(int) error {
		if at := int(o.env.Now().Sub(start) / time.Minute); at >= 20 && at < 35 || at >= 300 && at < 305 {
			return refusedWith("system.yaml says nobody gives answers")
		}
		return nil
	}
	o.say(minute(5), "tanaka", "acknowledge", nil)
	for _, at := range []int{20, 40, 300} {
		o.say(minute(at), "kato", "note", nil)
	}
	o.say(minute(400), "tanaka", "done", nil)
	o.say(minute(500), "tanaka", "done", cause())
	o.approveAsSeen(minute(510), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []int{20, 30, 300}, o.escalatedAt("system.yaml"))
	names := map[string]bool{}
	for _, m := range o.mails {
		require.False(t, names[m.Step+m.List], m.Step)
		names[m.Step+m.List] = true
	}
}

// What an earlier history has handed over is not lost because the new one is given up before anything is asked.
func TestWhatWasHandedOverIsWrittenDownThoughTheNewHistoryIsGivenUpAtOnce(t *testing.T) {
	for _, during := range []string{"ResolveIncident", "AnswerTerms", "GateTerms"} {
		t.Run(during, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.lasting(30 * time.Hour)
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(10), "tanaka", "fix", fix("SettingChange", `{}`))
			o.longAt(minute(20))
			o.onEvidence("continued", func() {
				o.env.SignalWorkflow("alarm", map[string]any{"id": "e7", "alarm": "hosts", "state": "ALARM"})
				o.env.SignalWorkflow("alarm", map[string]any{"id": "e8", "alarm": "disk", "state": "ALARM"})
			})
			next, in, handed := o.goesOn(o.handle(reported()))
			require.NotEmpty(t, handed.News)
			next.running("SettingChange")
			next.fail[during] = func(int) error {
				next.env.CancelWorkflow()
				return refusedWith("system.yaml says nobody does")
			}
			err := next.handleOn(in, handed)
			require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
			require.Equal(t, records.IncidentWithdrawn, next.last().State)
			require.Subset(t, next.alarmsWritten(), []string{"e7", "e8"})
			require.ErrorContains(t, err, handed.Record.Fixes[0].Run+" (SettingChange) goes on by itself")
			require.Equal(t, reported().Title, next.mails[len(next.mails)-1].Data["title"])
		})
	}
}
