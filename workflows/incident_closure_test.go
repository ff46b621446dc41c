package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/records"
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

// The facts around the detection stay in the record and in 障害報告書, whatever is diagnosed later, and though that fails.
func TestALaterDiagnosisKeepsWhatTheFirstOneHasFound(t *testing.T) {
	o := withOutbreak(newWorld(t))
	o.facts = func(in activities.IncidentSources) []records.Fact {
		n := len(o.sources)
		facts := make([]records.Fact, 100)
		for i := range facts {
			facts[i] = records.Fact{Source: "ecs", What: fmt.Sprintf("of diagnosis %d", n), At: in.Until, Bad: i == 0}
		}
		return facts
	}
	o.fail["CollectIncidentFacts"] = func(n int) error {
		if n == 2 {
			return refusedWith("nobody may read")
		}
		return nil
	}
	o.say(minute(5), "tanaka", "acknowledge", nil)
	for n := range 3 {
		o.say(minute(20+10*n), "kato", "note", map[string]string{"kind": "diagnose"})
	}
	o.env.RegisterDelayedCallback(func() {
		facts := o.last().Facts
		require.Len(t, facts, 100+1)
		require.Contains(t, facts[100].What, "could not be made: ")
		require.Equal(t, []any{"diagnosis", true, minute(20).UTC()}, []any{facts[100].Source, facts[100].Bad, facts[100].At.UTC().Truncate(time.Minute)})
	}, 25*time.Minute)
	o.env.RegisterDelayedCallback(func() {
		facts := o.last().Facts
		require.Len(t, facts, 100+1+101)
		require.Equal(t, []string{"of diagnosis 1", "再調査 · diagnosed again: 100 facts", "of diagnosis 2"}, []string{facts[99].What, facts[101].What, facts[102].What})
		require.Equal(t, minute(30).UTC(), facts[101].At.UTC().Truncate(time.Minute))
	}, 35*time.Minute)
	o.settled()
	require.NoError(t, o.handle(reported()))
	facts := o.reports[0].Incident.Facts
	require.Len(t, facts, 100+101, "the oldest of the later ones have gone: 250 is the most")
	require.Equal(t, []string{"of diagnosis 1", "再調査 · diagnosed again: 100 facts", "of diagnosis 3"}, []string{facts[0].What, facts[100].What, facts[101].What})
	require.Contains(t, o.mails[len(o.mails)-1].Data["detail"], "ecs：of diagnosis 3", "mail says the newest")
}
