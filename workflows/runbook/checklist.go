package runbook

import (
	"fmt"
	"strings"
)

// most is the room that Temporal gives current details, in bytes.
const most = 20000

var marks = map[StepState]string{
	StepPending: "⬜", StepRunning: "▶️", StepDone: "✅", StepHeld: "✋", StepSkipped: "⏭️", StepFailed: "❌", StepUndone: "↩️",
}

// Markdown is what the Temporal UI shows as the current details of a run: the state, what it waits for, the checklist
// and the plan.
func (s Status) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n**%s** – %s\n", s.Title, s.State, s.Says)
	if w := s.WaitingFor; w != nil {
		fmt.Fprintf(&b, "\n**Waiting for %s** (%s) until %s, then: %s\n\n", strings.Join(w.Answers, " / "), w.Gate, JST(w.Until), w.Then)
		if w.Kind == "approval" {
			fmt.Fprintf(&b, "Approvals: %d of %d. ", w.Got, w.Quorum)
		}
		fmt.Fprintf(&b, "Who can answer: %s. Signal `%s` with `{\"by\": \"…\", \"reason\": \"…\"}`\n", strings.Join(w.Eligible, ", "), first(w.Answers))
	}
	b.WriteString("\n| | Step | Started | Ended | Tries |\n|---|---|---|---|---|\n")
	for _, step := range s.Steps {
		started, ended := "", ""
		if step.StartedAt != nil {
			started = step.StartedAt.In(jst).Format("15:04:05")
		}
		if step.EndedAt != nil {
			ended = step.EndedAt.In(jst).Format("15:04:05")
		}
		title := step.Title
		if step.Error != "" {
			title += "<br>" + strings.NewReplacer("\n", " ", "|", "\\|", "<", "&lt;").Replace(step.Error)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d |\n", marks[step.State], title, started, ended, step.Attempts)
	}
	for _, a := range s.Approvals {
		verdict := "counts"
		if !a.Accepted {
			verdict = "refused: " + a.Refusal
		}
		fmt.Fprintf(&b, "\n- %s `%s` by %s: %s (%s)", JST(a.At), code(a.Action), code(a.By), code(a.Reason), code(verdict))
	}
	if s.Plan != nil {
		b.WriteString("\n\n" + s.Plan.Markdown())
	}
	return cut(b.String(), most)
}

// code keeps what people wrote from acting as Markdown or HTML.
func code(s string) string {
	return strings.NewReplacer("\n", " ", "<", "&lt;", "`", "'", "[", "\\[", "|", "\\|", "*", "\\*").Replace(cut(s, 300))
}

// cut shortens a text to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const rest = "\n…"
	s = s[:n-len(rest)]
	return strings.ToValidUTF8(s, "") + rest
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}
