package main

import (
	"time"

	"tejun/workflows/runbook"
)

// printBudgets shows how long the parts of a run may take, and how they stand. now is the present, so that a budget that runs out
// shows without the run having to say so.
func (a *app) printBudgets(s *runbook.Status, now time.Time, zone *time.Location) {
	if len(s.Budgets) == 0 {
		return
	}
	a.heading("Budgets")
	g := newGrid("STATE", "PART", "OF", "BEGAN", "USED UP", "TOOK")
	for _, b := range s.Budgets {
		end, state, colour := now, "running", cyan
		switch {
		case b.EndedAt != nil && b.Over(now):
			end, state, colour = *b.EndedAt, "missed", red
		case b.EndedAt != nil:
			end, state, colour = *b.EndedAt, "kept", green
		case s.EndedAt != nil:
			end, state, colour = *s.EndedAt, "left", yellow
		case b.Over(now):
			state, colour = "OVER", red
		case b.RiskAt != nil:
			state, colour = "AT RISK", yellow
		}
		g.add(a.paint(colour, state), b.Title, span(b.Of), clock(b.Since, now, zone), clock(b.Due(), now, zone), span(end.Sub(b.Since)))
	}
	g.print(a, "  ")
}
