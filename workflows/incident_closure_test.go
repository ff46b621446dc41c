package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// Nobody knows whether the mail about the closure has arrived: a person who answers "retry" has it sent again.
func TestAMailAboutAClosureInDoubtIsSentAgainOnceSomebodySaysSo(t *testing.T) {
	o := withOutbreak(newWorld(t))
	var sent []activities.Mail
	stub(o.world, "SendSESMail", func(m activities.Mail) (activities.MailResult, error) {
		if m.Template != "incident-closed" {
			return activities.MailResult{}, nil
		}
		if m.List == "officers" && !m.Resend {
			return activities.MailResult{}, temporal.NewNonRetryableApplicationError("it may or may not have been sent", activities.OutcomeUnknown, nil)
		}
		sent = append(sent, m)
		return activities.MailResult{MessageIDs: []string{"m"}}, nil
	})
	o.settled()
	o.at(minute(120), "retry", by("kato"))
	require.NoError(t, o.handle(reported()))
	line := o.status().Steps[len(o.status().Steps)-1]
	require.Equal(t, []any{"tell-closed", runbook.StepDone, 2}, []any{line.Name, line.State, line.Attempts})
	require.Len(t, sent, 3)
	require.Equal(t, []string{"operators", "officers", "operators"}, []string{sent[0].List, sent[1].List, sent[2].List})
	require.Equal(t, sent[0].Step, sent[2].Step, "one that was sent has its name, and is not sent again")
}

// The alarm rings again, so the cause that was written down was another one: the ministry is never asked about it.
func TestACauseThatARelapseDisprovesIsAskedForAgain(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.at(minute(105), "alarm", map[string]any{"alarm": "5xx", "state": "ALARM"})
	o.say(minute(120), "tanaka", "done", nil)
	o.env.RegisterDelayedCallback(func() { require.Equal(t, "problem", o.status().WaitingFor.Gate) }, 155*time.Minute)
	better := cause()
	better["rootCause"] = "上限を見直していなかった"
	o.say(minute(160), "tanaka", "done", better)
	o.approveAsSeen(minute(170), "sato")
	require.NoError(t, o.handle(reported()))
	require.Equal(t, []string{"接続プールの枯渇"}, o.notes("cause-dropped"), "it stays in the record")
	require.Equal(t, "上限を見直していなかった", o.problems[0].RootCause)
	require.Equal(t, "接続プールの枯渇", o.find("cause-dropped")["rootCause"])
	require.Equal(t, minute(120).UTC(), o.last().RecoveredAt.UTC())
}

// No alarm rings, and the users cannot work all the same: somebody says so, and the work goes on.
func TestARelapseThatNoAlarmShowsIsReportedByPeople(t *testing.T) {
	relapse := map[string]string{"kind": "relapse"}
	for name, say := range map[string]func(*outbreak){
		"while it is watched":       func(o *outbreak) { o.say(minute(70), "kato", "note", relapse) },
		"before the cause is known": func(o *outbreak) { o.say(minute(95), "kato", "note", relapse) },
		"once the ministry has said so": func(o *outbreak) {
			o.say(minute(100), "tanaka", "done", cause())
			o.at(minute(103), "reject", by("sato"))
			o.say(minute(106), "kato", "note", relapse)
		},
		"while a fix is not over yet": func(o *outbreak) {
			o.lasting(90 * time.Minute)
			o.say(minute(50), "tanaka", "fix", fix("SettingChange", `{}`))
			o.say(minute(100), "tanaka", "done", cause())
			o.say(minute(105), "kato", "note", relapse)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOutbreak(newWorld(t))
			o.say(minute(5), "tanaka", "acknowledge", nil)
			o.say(minute(10), "kato", "note", relapse)
			o.say(minute(60), "tanaka", "done", nil)
			say(o)
			o.say(minute(120), "tanaka", "done", nil)
			o.say(minute(160), "tanaka", "done", cause())
			o.approveAsSeen(minute(170), "suzuki")
			require.NoError(t, o.handle(reported()))
			require.True(t, contains(o.refusals(), "has not been reported yet"), "%v", o.refusals())
			require.Equal(t, []string{"kato reports that it has not recovered: checked"}, o.notes("unstable"))
			require.Equal(t, minute(120).UTC(), o.last().RecoveredAt.UTC())
			require.Equal(t, 2*time.Hour, o.result().Clocks[2].Elapsed)
		})
	}
}
