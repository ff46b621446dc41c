package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/workflows/runbook"
)

func heldStatus(now time.Time) *runbook.Status {
	at := func(minutes int) *time.Time { t := now.Add(time.Duration(minutes) * time.Minute); return &t }
	return &runbook.Status{
		ID: "planned-outage-x7k2", RunID: "r", Runbook: "PlannedOutage", Row: 8, Title: "計画停止運用", Requester: "ito",
		State: runbook.Held, Says: "holds at the step", StartedAt: *at(-30),
		WaitingFor: &runbook.WaitingFor{
			Kind: "held", Gate: "page", Why: "アクセスが拒否された", Answers: []string{"retry", "rollback"}, Eligible: []string{"tanaka", "kato"},
			By:    runbook.Answerers{"retry": {"tanaka", "kato"}, "rollback": {"tanaka", "kato"}},
			Until: *at(10), Then: "everything is put back",
		},
		Steps: []runbook.Step{
			{Name: "announce", Title: "計画停止の告知", State: runbook.StepDone, Attempts: 1, StartedAt: at(-20), EndedAt: at(-19)},
			{Name: "page", Title: "Put the page", State: runbook.StepHeld, Attempts: 6, StartedAt: at(-5), Error: "AccessDenied:\x1b[2J on\nthe bucket"},
			{Name: "stop", Title: "サービス停止", State: runbook.StepPending},
		},
		Plan: &plan.Plan{Digest: "0123456789abcdef", Changes: []plan.Change{{
			Resource: "ecs:c/web", Title: "Stop", Before: json.RawMessage(`{"desiredCount":3}`), After: json.RawMessage(`{"desiredCount":0}`),
		}}},
		Approvals: []runbook.Answered{{Action: "approve", By: "ito", Person: "ito", Gate: "plan", At: *at(-25), Refusal: "requested it", Reason: "自分"}},
		Holds:     []runbook.Hold{{Resource: "ecs:c/web", From: *at(0), Until: *at(60)}},
		Evidence:  runbook.Evidence{Count: 12, Head: "feedfacefeedface"},
	}
}

func TestShowAnswersTheQuestionsOfTheNight(t *testing.T) {
	a, out, _ := newCLI(t).app()
	require.NoError(t, a.printView(view{status: heldStatus(a.now())}, showFlags{}))
	page := out.String()
	for _, want := range []string{
		"HELD  holds at the step",
		"Waits for held page: アクセスが拒否された",
		"(in 10m 0s); then everything is put back",
		"who     tanaka, kato",
		`retry planned-outage-x7k2 --as tanaka --reason "…"`,
		"[x]  done     08:40:00  1m 0s  1      計画停止の告知",
		"[?]  held     08:55:00  5m 0s  6      Put the page",
		"AccessDenied: [2J on the bucket", // no control characters reach the terminal
		"-   \"desiredCount\": 3",
		"+   \"desiredCount\": 0",
		"no: requested it",
		"12 rows, chain verified, head feedfacefeed",
	} {
		assert.Contains(t, page, want)
	}
	assert.NotContains(t, page, "\x1b", "no colour where there is no terminal")
}

func TestColourOnRequestOnly(t *testing.T) {
	a, out, _ := newCLI(t).app()
	a.color = "always"
	require.NoError(t, a.printView(view{status: heldStatus(a.now())}, showFlags{}))
	assert.Contains(t, out.String(), "\x1b[32m+   \"desiredCount\": 0\x1b[0m")

	code, _, problem := newCLI(t).run(t, "--color", "sometimes", "catalog")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "auto, always or never")
}

func TestBrokenEvidenceIsSaidAndFails(t *testing.T) {
	a, out, _ := newCLI(t).app()
	err := a.printView(view{status: heldStatus(a.now()), findings: []records.Finding{{Text: "row 3 was changed"}}}, showFlags{})
	require.ErrorContains(t, err, "is not whole")
	assert.Contains(t, out.String(), "NOT WHOLE\n    row 3 was changed")
}

func TestShowJSONIsTheStatus(t *testing.T) {
	a, out, _ := newCLI(t).app()
	a.json = true
	status := heldStatus(a.now())
	whole := true
	status.Evidence.Verified = &whole
	require.NoError(t, a.printView(view{status: status}, showFlags{}))
	shown := jsonOf[map[string]any](t, out.String())
	for _, key := range []string{"id", "runbook", "row", "state", "waitingFor", "steps", "plan", "approvals", "evidence"} {
		assert.Contains(t, shown, key)
	}
	assert.Equal(t, map[string]any{"count": 12.0, "head": "feedfacefeedface", "verified": true}, shown["evidence"])
}

func TestTheRunsOwnHistoryWitnessesTheChain(t *testing.T) {
	rows := []records.Row{{Seq: 1, Hash: "a"}, {Seq: 2, Hash: "b"}, {Seq: 3, Hash: "c"}}
	assert.Empty(t, witness(rows, runbook.Evidence{Count: 2, Head: "b"}), "newer rows are no fault")
	assert.Empty(t, witness(rows, runbook.Evidence{}))
	assert.Equal(t, records.Changed, witness(rows, runbook.Evidence{Count: 2, Head: "x"})[0].Kind)
	assert.Equal(t, records.Cut, witness(rows, runbook.Evidence{Count: 4, Head: "d"})[0].Kind)
}

func TestColumnsLineUpWithWideCharacters(t *testing.T) {
	a, out, _ := newCLI(t).app()
	g := newGrid("名前", "N")
	g.add("システム監視", 1)
	g.add("x", 22)
	g.print(a, "")
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	require.Len(t, lines, 3)
	for i, last := range []string{"N", "1", "22"} {
		assert.Equal(t, 14, text.StringWidth(strings.TrimSuffix(lines[i], last)), lines[i])
	}
}

func TestListFiltersCannotChangeTheQuery(t *testing.T) {
	query, err := listFlags{state: "held", row: 8, limit: 1}.query()
	require.NoError(t, err)
	assert.Equal(t, "TejunRunbook IS NOT NULL AND TejunState = 'held' AND TejunRow = 8 AND ExecutionStatus = 'Running'", query)
	query, err = listFlags{state: "done", limit: 1}.query()
	require.NoError(t, err)
	assert.NotContains(t, query, "Running", "a state that only ended runs have needs no --all")
	_, err = listFlags{target: "x' OR 'a'='a", limit: 1}.query()
	assert.ErrorContains(t, err, "quotes")
	_, err = listFlags{}.query()
	assert.ErrorContains(t, err, "at least 1")
}

func TestTheSuggestedCommandNamesSomebodyWhoMayGiveIt(t *testing.T) {
	a, _, _ := newCLI(t).app()
	s := &runbook.Status{ID: "run", Runbook: "PlannedOutage", WaitingFor: &runbook.WaitingFor{
		Kind: "work", Gate: "work", Answers: []string{"done", "extend"}, Eligible: []string{"ito", "kato", "sato", "tanaka"},
		By: runbook.Answerers{"done": {"kato", "tanaka"}, "extend": {"ito", "sato"}},
	}}
	assert.Contains(t, a.answerLine(s, "done"), `done run --as kato --reason "…"   # kato, tanaka`)
	assert.Contains(t, a.answerLine(s, "extend"), `extend run --as ito --until HH:MM --reason "…"   # ito, sato`)
	a.as = "tanaka"
	assert.Contains(t, a.answerLine(s, "done"), "--as tanaka ")
	s.WaitingFor.Eligible, s.WaitingFor.By = []string{"sato", "suzuki"}, runbook.Answerers{"approve": {"sato", "suzuki"}}
	assert.NotContains(t, a.answerLine(s, "approve"), "#", "everybody in the line may")
}

func TestShowSaysHowFarAnActivityIs(t *testing.T) {
	a, out, _ := newCLI(t).app()
	said, err := converter.GetDefaultDataConverter().ToPayloads("reads the file: 1000 rows, 30.0 of 120.0 MB (25 %), 9s left")
	require.NoError(t, err)
	going := []progress{progressOf(&workflowpb.PendingActivityInfo{
		ActivityType: &commonpb.ActivityType{Name: "StageDataFile"}, Attempt: 2, HeartbeatDetails: said,
		LastHeartbeatTime: timestamppb.New(a.now().Add(-3 * time.Second)), LastFailure: &failurepb.Failure{Message: "no answer\nin time"},
	}), progressOf(&workflowpb.PendingActivityInfo{ActivityType: &commonpb.ActivityType{Name: "ImportStagedRows"}, Attempt: 1})}
	v := view{status: heldStatus(a.now()), progress: going}
	require.NoError(t, a.printView(v, showFlags{}))
	assert.Contains(t, out.String(), "at work StageDataFile (attempt 2): reads the file: 1000 rows, 30.0 of 120.0 MB (25 %), 9s left (3s ago)")
	assert.Contains(t, out.String(), "before: no answer in time")
	assert.Contains(t, out.String(), "at work ImportStagedRows\n")

	out.Reset()
	a.json = true
	require.NoError(t, a.printView(v, showFlags{}))
	shown := jsonOf[struct {
		ID       string
		Progress []progress
	}](t, out.String())
	assert.Equal(t, "planned-outage-x7k2", shown.ID)
	require.Len(t, shown.Progress, 2)
	assert.Equal(t, "StageDataFile", shown.Progress[0].Activity)
	assert.Contains(t, shown.Progress[0].Says, "(25 %)")
}

func TestShowNamesTheRunsThatItHasStarted(t *testing.T) {
	a, out, _ := newCLI(t).app()
	began := a.now().Add(-time.Minute)
	a.printChildren(&runbook.Status{Children: []runbook.ChildLine{
		{ID: "run-load-1", State: runbook.Failed, Title: "登録", Outcome: "sato rejected content", StartedAt: &began, EndedAt: &began},
		{ID: "run-load-2", State: runbook.Running, Title: "登録", StartedAt: &began},
	}}, a.now(), japan())
	for _, line := range []string{"Runs that it has started", "run-load-1", "sato rejected content", "show run-load-2"} {
		assert.Contains(t, out.String(), line)
	}
	assert.NotContains(t, out.String(), "show run-load-1")
}

func TestAQuestionThatIsCalledAsItsKindIsNamedOnce(t *testing.T) {
	require.Equal(t, "work: the work is going on", waitLine(&runbook.WaitingFor{Kind: "work", Gate: "work", Why: "the work is going on"}))
	require.Equal(t, "work problem: the cause", waitLine(&runbook.WaitingFor{Kind: "work", Gate: "problem", Why: "the cause"}))
}
