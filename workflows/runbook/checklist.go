package runbook

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// mostAnswers is how many answers are shown, the newest: the page is made anew at every change.
const mostAnswers = 20

// most is the room that Temporal gives current details, in bytes.
const most = 20000

// marks are signs that every font has, with the word, so that no line depends on colour or on an emoji font.
var marks = map[StepState]string{
	StepPending: "□", StepRunning: "▶ **running**", StepDone: "✓ done", StepHeld: "■ **HELD**", StepSkipped: "» skipped",
	StepFailed: "× **failed**", StepUndone: "← undone", StepNotNeeded: "– not needed",
}

// ahead says what happens while nobody answers.
func (w *WaitingFor) ahead() string {
	text := ""
	if !w.Anew {
		text = " until " + JST(w.Until) + ", then: " + w.Then
	}
	if w.Next != nil {
		text += ". Next, at " + JST(w.Next.At) + ": " + w.Next.What
	}
	return strings.TrimPrefix(text, ".")
}

// Markdown is what the Temporal UI shows as the current details of a run: the state, what it waits for, the checklist
// and the plan.
func (s Status) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n**%s** – %s\n", s.Title, s.State, s.Says)
	for _, fact := range s.About {
		fmt.Fprintf(&b, "\n%s: %s  ", fact.Name, code(fact.Value))
	}
	if s.Parent != "" {
		fmt.Fprintf(&b, "\n起動元 · Started by: %s  ", code(s.Parent))
	}
	b.WriteString("\n")
	s.clocks(&b)
	s.budgets(&b)
	if w := s.WaitingFor; w != nil && len(w.Answers) > 0 {
		fmt.Fprintf(&b, "\n**Waiting for %s** (%s)%s\n\n", strings.Join(w.Answers, " / "), w.Gate, w.ahead())
		if w.Kind == "approval" {
			fmt.Fprintf(&b, "Approvals: %d of %d. ", w.Got, w.Quorum)
		}
		message := `{"by": "…", "reason": "…"}`
		if w.NamePlan {
			message = `{"by": "…", "reason": "…", "plan": "` + w.Plan + `"}`
		}
		b.WriteString("Send one of these signals with `" + message + "`:\n\n")
		for _, name := range w.Answers {
			fmt.Fprintf(&b, "- `%s`: %s", name, strings.Join(w.By[name], ", "))
			if name == Extend {
				b.WriteString("; it also takes the window's new end: `\"until\": \"2027-01-23T23:30:00+09:00\"`")
			}
			b.WriteString(w.Values.example(name))
			b.WriteString("\n")
		}
	}
	if n := len(s.Approvals); n > 0 && !s.Approvals[n-1].Accepted && s.EndedAt == nil {
		last := s.Approvals[n-1]
		fmt.Fprintf(&b, "\n**Refused:** `%s` by %s: %s\n", code(last.Action), code(last.By), code(last.Refusal))
	}
	if len(s.Steps) > 0 {
		b.WriteString("\n| State | Step | Started (JST) | Ended | Tries |\n|:--|:--|:--|:--|--:|\n")
	}
	for _, step := range s.Steps {
		title := step.Title
		if step.Error != "" {
			title += "<br>" + strings.NewReplacer("\n", " ", "|", "\\|", "<", "&lt;").Replace(step.Error)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", strings.ReplaceAll(marks[step.State], " ", nbsp), title,
			clock(step.StartedAt, "1/2"+nbsp+"15:04:05"), clock(step.EndedAt, "15:04:05"), times(step.Attempts))
	}
	if len(s.Children) > 0 {
		b.WriteString("\n### Runs that it has started\n")
	}
	for _, c := range s.Children {
		fmt.Fprintf(&b, "\n- **%s** `%s` (%s): %s", c.State, code(c.ID), c.Runbook, code(c.Title))
		if c.Outcome != "" {
			b.WriteString(" – " + code(c.Outcome))
		}
	}
	if len(s.Children) > 0 {
		b.WriteString("\n")
	}
	if len(s.Approvals) > 0 {
		b.WriteString("\n### Answers\n")
	}
	newest := s.Approvals[max(0, len(s.Approvals)-mostAnswers):]
	if earlier := len(s.Approvals) - len(newest); earlier > 0 {
		fmt.Fprintf(&b, "\n- %d earlier ones: the query `status` has all", earlier)
	}
	for _, a := range newest {
		verdict := "counts"
		if !a.Accepted {
			verdict = "refused: " + a.Refusal
		}
		fmt.Fprintf(&b, "\n- %s `%s` by %s: %s (%s)", JST(a.At), code(a.Action), code(a.By), code(a.Reason), code(verdict))
	}
	if s.Plan != nil {
		text := s.planText
		if text == "" { // a status that came by query
			text = s.Plan.Markdown()
		}
		b.WriteString("\n\n### " + text)
	}
	return cut(b.String(), most)
}

var asText = strings.NewReplacer("\n", " ", "<", "&lt;", "`", "'", "[", "\\[", "|", "\\|", "*", "\\*")

// code keeps what people wrote from acting as Markdown or HTML.
func code(s string) string {
	return asText.Replace(cut(s, 300))
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

// nbsp keeps what belongs together on one line of a narrow column.
const nbsp = "\u00a0"

func clock(t *time.Time, layout string) string {
	if t == nil {
		return ""
	}
	return t.In(jst).Format(layout)
}

// times is "" for a step that has not been tried.
func times(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
