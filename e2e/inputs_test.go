package e2e

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// changed is a good input with one thing changed.
func changed(change func(*workflows.PlannedOutageInput)) workflows.PlannedOutageInput {
	in := window(later)
	change(&in)
	return in
}

// edited is a good input as JSON, with one more member before the others.
func edited(t *testing.T, member string) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(window(later))
	require.NoError(t, err)
	return json.RawMessage("{" + member + "," + string(raw[1:]))
}

// at is a time in an input.
func at(t time.Time) runbook.Moment { return runbook.Moment(t.Format(time.RFC3339)) }

func TestBadInputsFailBeforeAnyEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deserted := newWorld(t, twoOfThem, without("suzuki"))
	busy := newWorld(t)
	free := busy.start(window(later))
	free.asks("approval", "plan")

	freeze := time.Date(2027, 3, 30, 22, 0, 0, 0, time.FixedZone("JST", 9*60*60))
	tomorrow := time.Now().Add(24 * time.Hour)
	for _, c := range []struct {
		name string
		on   *world
		in   any
		kind string
		says string
	}{
		{"end before start", w, changed(func(in *workflows.PlannedOutageInput) { in.Window.End = at(time.Now()) }), runbook.ErrInvalidInput, "is not after window.start"},
		{"no zone", w, json.RawMessage(`{"window": {"start": "2027-01-23T22:00:00", "end": "2027-01-23T23:00:00"}}`), runbook.ErrInvalidInput, "has no zone"},
		{"unknown field", w, edited(t, `"force": true`), runbook.ErrInvalidInput, `field "force" is unknown`},
		{"duplicate field", w, edited(t, `"title": "x"`), runbook.ErrInvalidInput, `field "title" is given twice`},
		{"no object", w, "go", runbook.ErrInvalidInput, "send a JSON object"},
		{"nothing", w, nil, runbook.ErrInvalidInput, "send a JSON object"},
		{"everything missing", w, json.RawMessage(`{}`), runbook.ErrInvalidInput, "title is missing"},
		{"a line break for a mail's header", w, changed(func(in *workflows.PlannedOutageInput) { in.Title = "停止\r\nBcc: x@example.com" }), runbook.ErrInvalidInput, "must be one line"},
		{"unknown service", w, changed(func(in *workflows.PlannedOutageInput) { in.Services = []string{"web", "mainframe"} }), runbook.ErrRefused, `service "mainframe" is unknown`},
		{"unknown requester", w, changed(func(in *workflows.PlannedOutageInput) { in.Requester = "mallory" }), runbook.ErrRefused, `requester "mallory" is unknown`},
		{"auditor asks", w, changed(func(in *workflows.PlannedOutageInput) { in.Requester = "watanabe" }), runbook.ErrRefused, "auditors take no part"},
		{"officer operates", w, changed(func(in *workflows.PlannedOutageInput) { in.Operator = "sato" }), runbook.ErrRefused, "does not have the role operator"},
		{"too little notice", w, changed(func(in *workflows.PlannedOutageInput) {
			in.Notice.Class, in.Window.Start, in.Window.End = "standard", at(tomorrow), at(tomorrow.Add(time.Hour))
		}), runbook.ErrRefused, "full business days"},
		{"no justification", w, changed(func(in *workflows.PlannedOutageInput) { in.Notice.Justification = "" }), runbook.ErrRefused, "needs a justification"},
		{"in a freeze", w, changed(func(in *workflows.PlannedOutageInput) {
			in.Notice.Class, in.Window.Start, in.Window.End = "standard", at(freeze), at(freeze.Add(time.Hour))
		}), runbook.ErrRefused, "年度末・年度始"},
		{"in the past", w, changed(func(in *workflows.PlannedOutageInput) { in.Window.Start = at(time.Now().Add(-time.Minute)) }), runbook.ErrRefused, "choose a later start"},
		{"too long", w, changed(func(in *workflows.PlannedOutageInput) { in.Window.End = at(time.Now().Add(12 * time.Hour)) }), runbook.ErrRefused, "may last 8h at most"},
		{"overlapping", busy, window(later), runbook.ErrRefused, "is held by " + free.id},
		{"a gate that nobody can pass", deserted, window(later), runbook.ErrRefused, `the gate "plan" needs 2 approval(s)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			on := *c.on
			on.t = t
			before := len(on.journal())
			r := on.start(c.in)
			err := r.failure()
			require.True(t, runbook.IsEnd(err, c.kind), "want %s: %v", c.kind, err)
			require.ErrorContains(t, err, c.says)
			require.Len(t, on.journal(), before, "it has done nothing")
			held, err := on.records.Reservations(t.Context(), r.id)
			require.NoError(t, err)
			require.Empty(t, held)
			s := r.status()
			require.Equal(t, runbook.Failed, s.State, "%+v", s)
		})
	}
	// The other run has noticed nothing.
	free.answer(free.asks("approval", "plan"), runbook.Reject, "sato")
	free.ends(runbook.ErrRejected)
}

// without is a system from which somebody has gone.
func without(id string) func(*system.System) {
	return func(s *system.System) {
		s.People = slices.DeleteFunc(slices.Clone(s.People), func(p system.Person) bool { return p.ID == id })
	}
}
