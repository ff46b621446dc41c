package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// Users come back to a primary region that was looked at: what the disaster has stopped there is no undo of the run.
func TestUsersComeBackOnlyToAPrimaryRegionThatServes(t *testing.T) {
	gone := func(t *testing.T, more ...string) (*regions, map[string][2]string) {
		r := newRegions(t)
		r.lost = true
		r.after, r.then = "ApplyRoute53Redirect", func() { // the region is back, and nobody has started the web service
			r.lost, r.at.Primary["gzs-web"] = false, 0
		}
		table := goingBack(append([]string{"decision fence", "resume", "sato"}, more...)...)
		r.answers(table)
		return r, table
	}
	t.Run("nobody starts it", func(t *testing.T) {
		r, table := gone(t, "held check-primary", "skip", "kato")
		r.env.RegisterDelayedCallback(func() { delete(table, "approval return") }, 2*time.Hour)
		err := r.recover(realInput("ungraceful"))
		require.ErrorContains(t, err, "Nothing goes back by itself")
		require.Equal(t, dr, r.at.Record)
		require.NotContains(t, r.made(), "RevertRoute53Redirect")
		require.Equal(t, records.DisasterStays, r.row().Outcome)
		require.True(t, slices.ContainsFunc(r.status().Approvals, func(a runbook.Answered) bool {
			return a.Action == runbook.Skip && strings.Contains(a.Refusal, "waiting for retry or rollback, not")
		}))
	})
	t.Run("somebody starts it", func(t *testing.T) {
		r, table := gone(t)
		r.env.RegisterDelayedCallback(func() {
			require.Equal(t, "check-primary", r.status().WaitingFor.Gate)
			require.Equal(t, dr, r.at.Record)
			r.at.Primary["gzs-web"] = 3
			table["held check-primary"] = [2]string{"retry", "kato"}
		}, time.Hour)
		require.NoError(t, r.recover(realInput("ungraceful")))
		require.Equal(t, home, r.at.Record)
		require.Equal(t, records.DisasterReturned, r.row().Outcome)
	})
}
