package runbook

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tejun/internal/plan"
)

// shown is a run that waits at a gate, with one step of each state.
func shown(t *testing.T) Status {
	change, err := plan.NewChange("toy:object/1", "Turn it on", map[string]int{"v": 1}, map[string]int{"v": 2}, 1, 2)
	require.NoError(t, err)
	p, err := plan.New("scope", []plan.Change{change})
	require.NoError(t, err)
	began, ended := start, start.Add(90*time.Second)
	return Status{
		Title: "Toy", State: AwaitingApproval, Says: "approval of the plan", Plan: &p,
		About: []Fact{{"Title", "a `toy` <b>"}},
		WaitingFor: &WaitingFor{
			Kind: "approval", Gate: "plan", Answers: []string{Approve, Reject}, Got: 1, Quorum: 2, Until: start, Then: "the run ends",
			By: Answerers{Approve: {"sato", "suzuki"}, Reject: {"sato"}},
		},
		Steps: []Step{
			{Title: "one", State: StepDone, StartedAt: &began, EndedAt: &ended, Attempts: 2},
			{Title: "two", State: StepHeld, Error: "a | b\n<script>"},
			{Title: "three", State: StepPending},
		},
		Approvals: []Answered{
			{Action: Approve, By: "sato", Reason: "ok", Accepted: true, At: start},
			{Action: Approve, By: "mallory", Reason: "`*[x](y)", Refusal: "is nobody", At: start},
		},
	}
}

func TestChecklistShowsWhatOneLooksFor(t *testing.T) {
	text := shown(t).Markdown()
	for _, line := range []string{
		"## Toy", "**awaiting-approval** – approval of the plan", "Title: a 'toy' &lt;b>",
		"**Waiting for approve / reject** (plan) until 2027-01-18 10:00 JST, then: the run ends", "Approvals: 1 of 2. ",
		"- `approve`: sato, suzuki\n- `reject`: sato\n",
		"**Refused:** `approve` by mallory: is nobody",
		"| ✓\u00a0done | one | 1/18\u00a010:00:00 | 10:01:30 | 2 |",
		"| ■\u00a0**HELD** | two<br>a \\| b &lt;script> |  |  |  |",
		"| □ | three |  |  |  |",
		"- 2027-01-18 10:00 JST `approve` by sato: ok (counts)",
		"`approve` by mallory: '\\*\\[x](y) (refused: is nobody)",
		"### Plan `", "+ ",
	} {
		require.Contains(t, text, line)
	}
	for _, state := range []StepState{StepPending, StepRunning, StepDone, StepHeld, StepSkipped, StepFailed, StepUndone, StepNotNeeded} {
		require.NotEmpty(t, marks[state], state)
	}
}

func TestChecklistLeavesOutWhatThereIsNot(t *testing.T) {
	text := Status{Title: "Toy", State: Planning, Says: "checks the input"}.Markdown()
	require.Equal(t, "## Toy\n\n**planning** – checks the input\n\n", text)

	s := shown(t)
	s.WaitingFor.Kind, s.WaitingFor.Answers, s.EndedAt = "decision", []string{Extend}, &start
	s.planText = "the plan as it was made"
	text = s.Markdown()
	require.NotContains(t, text, "Approvals: 1 of 2")
	require.NotContains(t, text, "**Refused:**", "after the end nobody has to mend anything")
	require.Contains(t, text, "it also takes the window's new end")
	require.Contains(t, text, "### the plan as it was made")
}

func TestChecklistFitsIntoTheRoomThatTemporalGives(t *testing.T) {
	s := shown(t)
	s.Says = strings.Repeat("長い", 10000)
	text := s.Markdown()
	require.LessOrEqual(t, len(text), most)
	require.True(t, utf8.ValidString(text))
	require.True(t, strings.HasSuffix(text, "…"))
}

func TestCutBreaksNoCharacter(t *testing.T) {
	require.Equal(t, "short", cut("short", 5))
	for n := 10; n < 20; n++ {
		got := cut(strings.Repeat("長", 20), n)
		require.True(t, utf8.ValidString(got), n)
		require.LessOrEqual(t, len(got), n)
		require.Contains(t, got, "長")
	}
	require.Len(t, code(strings.Repeat("x", 1000)), 300, "what people wrote is shortened")
}
