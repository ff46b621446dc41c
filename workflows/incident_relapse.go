package workflows

import (
	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// relapseKind is the kind of a note that says that recovery was none, though no alarm rings.
const relapseKind = "relapse"

// staysRecovered tells whether recovery that was stable stays when the ministry sends the closure back, and a cause goes when a relapse
// has disproved it. In histories that have come by there before neither is so.
func staysRecovered(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "recovery-stays", workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// dropCause lets go of the root cause, so that it is asked for again. What was written down stays in the record and in the evidence.
func (h *handling) dropCause(ctx workflow.Context) {
	h.wrote(ctx, "cause-dropped", h.problem.By, h.problem.RootCause)
	h.Record(ctx, "cause-dropped", "", h.problem)
	h.problem = store.Problem{}
}

// sentBack takes a rejected closure back to the cause and the actions. When the users could work again stays as it is: whoever finds that
// they cannot says so in a note.
func (h *handling) sentBack(ctx workflow.Context, why error) {
	h.wrote(ctx, "rejected", "", runbook.Words(why))
	h.waitsAnew()
	if staysRecovered(ctx) {
		h.dropCause(ctx) // it may have been the reason
	} else {
		h.problem = store.Problem{}
		h.record.State, h.record.RecoveredAt = store.IncidentWorking, nil
	}
	h.note(ctx, "closure-rejected")
}

// checkRelapse looks at a note that says that recovery was none.
func (h *handling) checkRelapse() string {
	if h.record.State != store.IncidentWatching && h.record.State != store.IncidentRecovered {
		return "recovery has not been reported yet: it is being worked on"
	}
	return ""
}

// relapseOf says what an answer says against recovery, "" if nothing.
func relapseOf(d *runbook.Decision) string {
	if d == nil || d.Action != runbook.Note || d.Values[kindValue.Name] != relapseKind {
		return ""
	}
	return d.By + " reports that it has not recovered: " + d.Reason
}
