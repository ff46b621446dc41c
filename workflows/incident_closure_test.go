package workflows_test

import (
	"testing"

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
