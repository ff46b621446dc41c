package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
	"tejun/internal/sla"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// IncidentHanded is what a run takes along into a new history.
type IncidentHanded struct {
	Run     runbook.Handed `json:"run"`
	Record  store.Incident `json:"record"`
	Problem store.Problem  `json:"problem"`
	Pauses  []sla.Pause    `json:"pauses"`
	Steps   map[string]int `json:"steps"`
	Odd     int            `json:"odd"`

	Events map[string]bool `json:"events,omitempty"` // IDs, as an edition before this one has handed them over
	Recent []string        `json:"recent"`           // IDs of alarm events, the newest last

	Inputs map[string]fixInput `json:"inputs"`

	On       *system.IncidentTarget `json:"on"`       // what the report meant, in case that it is not resolved again
	Limits   *system.SeverityTarget `json:"limits"`   // of the severity, as they were when it was set
	Relapsed string                 `json:"relapsed"` // alarm that has rung after recovery was reported
	News     []AlarmNews            `json:"news"`     // events that are counted and not written down yet

	Since map[string]time.Time `json:"since"` // when the waiting for something began
	Told  map[string]time.Time `json:"told"`  // when somebody was told about it last
}

// incidentEdition is the change by which what an incident waits for outlives its questions and its histories; see describedEdition.
const incidentEdition = "incident-waits"

// takeOver goes on where an earlier history of the run has ended.
func (h *handling) takeOver(handed *IncidentHanded) {
	if handed == nil {
		return
	}
	h.TakeOver(handed.Run)
	h.record, h.problem, h.pauses, h.odd = handed.Record, handed.Problem, handed.Pauses, handed.Odd
	h.relapsed, h.news = handed.Relapsed, handed.News
	if handed.On != nil {
		h.on = *handed.On
		h.limits() // as they were, whatever the description says by now
	}
	if handed.Limits != nil {
		h.inForce = *handed.Limits
	}
	if handed.Inputs != nil {
		h.inputs = handed.Inputs
	}
	if handed.Steps != nil {
		h.steps = handed.Steps
	}
	if handed.Since != nil {
		h.since = handed.Since
	}
	if handed.Told != nil {
		h.told = handed.Told
	}
	h.remember(workflow.DeterministicKeys(handed.Events)...)
	h.remember(handed.Recent...)
}

// long tells whether the run should go on in a new history, and can: fixes are found again there, a diagnosis is not.
func (h *handling) long(ctx workflow.Context) func() bool {
	return func() bool { return h.reading == 0 && h.Long(ctx) }
}

// goOn lets the run go on in a new history once this one is long. What is being written down is finished first; what comes meanwhile
// is counted, and written down in the new one.
func (h *handling) goOn(ctx workflow.Context) error {
	if !h.long(ctx)() {
		return nil
	}
	h.leaving = h.edition > 0
	run, err := h.HandOver(ctx, func() bool { return h.telling == 0 })
	if err != nil {
		h.leaving = false
		h.catchUp(ctx)
		return err
	}
	for _, id := range workflow.DeterministicKeys(run.Seen) { // only that it has come matters: a history begins with 2 MB at most
		run.Seen[id] = runbook.Answered{ID: id}
	}
	h.leaving = true
	h.drain(ctx)
	return workflow.NewContinueAsNewError(ctx, incident.Name, h.in, &IncidentHanded{
		Run: run, Record: h.record, Problem: h.problem, Pauses: h.pauses, Steps: h.steps, Recent: h.recent, Odd: h.odd, Inputs: h.inputs,
		On: &h.on, Limits: &h.inForce, Relapsed: h.relapsed, News: h.news, Since: h.since, Told: h.told,
	})
}
