package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/records"
)

// A region that answers after all is fenced without a question, as its services are given the time that they need to end. It is a
// short time: what does not end is a doubt, and nobody waits longer than that for it.
func TestAnUngracefulRecoveryGivesTheServicesALittleTimeToEnd(t *testing.T) {
	t.Run("they end", func(t *testing.T) {
		r := newRegions(t)
		r.slow = true
		r.answers(goingBack())
		require.NoError(t, r.recover(realInput("ungraceful")))
		require.NotContains(t, r.calls, "mail:disaster-doubt")
		require.Equal(t, ordinary().Primary, r.at.Primary)
	})
	t.Run("they do not", func(t *testing.T) {
		r := newRegions(t)
		r.slow = true
		r.fail["AwaitECSService"] = func(int) error { return temporal.NewApplicationError("1 task runs", activities.NotYet) }
		r.answers(through("decision fence", "rollback", "sato", "held undo-fence", "skip", "kato"))
		require.Error(t, r.recover(realInput("ungraceful")))
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
		for _, s := range r.reports[0].Report.Steps {
			if s.Name == "fence" {
				require.LessOrEqual(t, s.End.Sub(*s.Begin), 5*time.Minute)
			}
		}
		require.Contains(t, r.calls, "mail:disaster-doubt")
	})
}
