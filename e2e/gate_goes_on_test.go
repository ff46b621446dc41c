package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// A flood comes while the closure is being approved by two: the history becomes long, the run goes on in a new one, and the gate goes
// on there with the approval that it has. It is the same opening: an approval that names neither run nor gate nor plan, as the Temporal
// UI sends it, does at a first opening, and does here.
func TestAGateThatIsOpenWhenTheHistoryBecomesLongGoesOn(t *testing.T) {
	t.Parallel()
	w := outbreak(t, func(s *system.System) {
		s.Gates = slices.Clone(s.Gates)
		i := slices.IndexFunc(s.Gates, func(g system.Gate) bool { return g.Runbook == "Incident" && g.Gate == "closure" })
		s.Gates[i].Quorum = 2
	})
	r := w.ring("gate-goes-on", "event-0")
	r.said("acknowledge", runbook.Acknowledge, "tanaka", nil)
	r.said("work", runbook.Finished, "tanaka", nil)
	r.said("problem", runbook.Finished, "tanaka", incidentCause)
	asked := r.asks("approval", "closure")
	r.answer(asked, runbook.Approve, "sato")
	const flood = 600 // the server of tests calls 500 events long
	for n := range flood {
		event := workflows.IncidentAlarm{ID: fmt.Sprint("quiet-", n), Alarm: fmt.Sprint("other-", n%70), State: "OK"}                                // one that rang would reopen it
		eventually(t, "the alarm to be taken", func() error { return w.client.SignalWorkflow(t.Context(), r.id, "", workflows.AlarmSignal, event) }) // twice counts once
	}
	again := r.until("the gate in a new history", func(s runbook.Status) bool {
		return s.RunID != asked.RunID && s.WaitingFor != nil && s.WaitingFor.Gate == "closure"
	})
	require.Equal(t, []any{1, 2, asked.WaitingFor.Until.UTC(), asked.WaitingFor.Plan, false},
		[]any{again.WaitingFor.Got, again.WaitingFor.Quorum, again.WaitingFor.Until.UTC(), again.WaitingFor.Plan, again.WaitingFor.NamePlan})
	eventually(t, "the second approval", func() error { // the flood may take it through several histories
		bare := func(d *runbook.Decision) { d.Run, d.Gate, d.Plan = "", "", "" }
		a, err := scene.DecideWith(t.Context(), r.client, r.asks("approval", "closure"), runbook.Approve, "suzuki", "ok", bare)
		if err == nil && !a.Accepted {
			err = fmt.Errorf("%w: %s", errNotYet, a.Refusal)
		}
		return err
	})
	r.done()
	require.Zero(t, r.kinds("gate-expired"))
	require.Positive(t, r.kinds("gate-left"))
	end := r.record("its end", func(in records.Incident) bool { return in.Report != nil })
	require.Equal(t, []string{"sato", "suzuki"}, end.ClosedBy)
	require.Empty(t, end.Escalations, "nobody is told that the ministry does not answer")
}
