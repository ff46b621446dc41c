package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"tejun/workflows/runbook"
)

func TestEveryAnswerHasACommandWithHelp(t *testing.T) {
	for _, action := range runbook.Answers() {
		code, out, _ := newCLI(t).run(t, action, "--help")
		assert.Equal(t, 0, code)
		assert.Contains(t, out, "Examples:\n  starter "+action+" planned-outage-", action)
		assert.Contains(t, out, "--reason")
	}
}

func TestAnAnswerNeedsARunAPersonAndAReason(t *testing.T) {
	for want, args := range map[string][]string{
		"needs a run's ID":    {"approve"},
		"who says approve?":   {"approve", "run", "--reason", "x"},
		"why approve?":        {"approve", "run", "--as", "sato", "--reason", " "},
		"extend until when?":  {"extend", "run", "--as", "sato", "--reason", "x"},
		"write a time of day": {"extend", "run", "--as", "sato", "--reason", "x", "--until", "soon"},
	} {
		code, _, problem := newCLI(t).run(t, args...)
		assert.Equal(t, exitUsage, code, args)
		assert.Contains(t, problem, want)
	}
}

func TestADecisionNamesWhatItsSenderSaw(t *testing.T) {
	gate := &runbook.WaitingFor{Kind: "approval", Gate: "plan", Plan: "digest", Answers: []string{"approve", "reject"}}
	d := runbook.Decision{Action: "approve"}
	aim(&d, gate)
	assert.Equal(t, "plan", d.Gate)
	assert.Equal(t, "digest", d.Plan)

	d = runbook.Decision{Action: "approve", Gate: "go"}
	aim(&d, gate)
	assert.Equal(t, "go", d.Gate, "what --gate says is sent, and the run judges")

	d = runbook.Decision{Action: "cancel"}
	aim(&d, gate)
	assert.Empty(t, d.Gate+d.Plan, "cancel may come at any time")

	d = runbook.Decision{Action: "approve"}
	aim(&d, nil)
	assert.Empty(t, d.Gate+d.Plan)
}

func TestEachDecisionHasAnIDOfItsOwnUnlessOneIsGiven(t *testing.T) {
	a, _, _ := newCLI(t).app()
	a.as = "sato"
	one, err := a.decision("approve", answerFlags{reason: "x"})
	require.NoError(t, err)
	two, err := a.decision("approve", answerFlags{reason: "x"})
	require.NoError(t, err)
	assert.NotEqual(t, one.ID, two.ID)
	again, err := a.decision("approve", answerFlags{reason: "x", decision: one.ID})
	require.NoError(t, err)
	assert.Equal(t, one, again)
}

func TestUntilTakesThreeForms(t *testing.T) {
	now := time.Date(2026, 11, 24, 23, 30, 5, 7, japan())
	for text, want := range map[string]string{
		"03:30":                     "2026-11-25T03:30:00+09:00", // the next one
		"23:45":                     "2026-11-24T23:45:00+09:00",
		"23:30":                     "2026-11-25T23:30:00+09:00",
		"+30m":                      "2026-11-25T00:00:05+09:00",
		"2026-11-25T03:30:00+09:00": "2026-11-25T03:30:00+09:00",
	} {
		at, err := parseUntil(text, now, japan())
		require.NoError(t, err)
		assert.Equal(t, want, at.Format(time.RFC3339), text)
	}
	for _, text := range []string{"25:00", "+x", "-5m", "2026-11-25T03:30:00", ""} {
		_, err := parseUntil(text, now, japan())
		var exit *exitError
		require.ErrorAs(t, err, &exit, text)
		assert.Equal(t, exitUsage, exit.code)
	}
}

func TestARefusalPrintsTheReasonAndExits3(t *testing.T) {
	a, out, _ := newCLI(t).app()
	err := a.printAnswered("run", runbook.Answered{Action: "approve", By: "ito", Refusal: "ito requested this change"})
	var exit *exitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, exitRefused, exit.code)
	assert.ErrorContains(t, err, "ito requested this change")
	assert.Empty(t, out.String())

	a.json = true
	require.Error(t, a.printAnswered("run", runbook.Answered{Action: "approve", Refusal: "no"}))
	assert.False(t, jsonOf[runbook.Answered](t, out.String()).Accepted)
}

func TestAnUnansweredDecisionSaysHowToSendItAgain(t *testing.T) {
	a, _, _ := newCLI(t).app()
	d := runbook.Decision{Action: "approve", ID: "d-1"}
	for _, cause := range []error{context.DeadlineExceeded, serviceerror.NewDeadlineExceeded("late")} {
		err := a.sendProblem("run", d, cause)
		require.ErrorIs(t, err, errNoWorker)
		assert.ErrorContains(t, err, "--decision d-1")
	}
	var exit *exitError
	require.ErrorAs(t, a.sendProblem("run", d, serviceerror.NewNotFound("gone")), &exit)
	assert.Equal(t, exitRefused, exit.code)
	require.ErrorAs(t, a.sendProblem("run", d, temporal.NewApplicationError("takes no more", "")), &exit)
	assert.Equal(t, exitRefused, exit.code)
	assert.False(t, errors.As(a.sendProblem("run", d, errors.New("odd")), &exit))
}

func TestDoneCarriesValues(t *testing.T) {
	a, _, _ := newCLI(t).app()
	a.as = "tanaka"
	d, err := a.decision("done", answerFlags{reason: "x", values: []string{"hours=6.5", "file=a=b.csv"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"hours": "6.5", "file": "a=b.csv"}, d.Values)
	for want, values := range map[string][]string{"write it as NAME=VALUE": {"hours"}, "hours twice": {"hours=1", "hours=2"}, `--value "=1"`: {"=1"}} {
		_, err := a.decision("done", answerFlags{reason: "x", values: values})
		assert.ErrorContains(t, err, want)
	}
}

func TestShowSaysWhatAnAnswerCarries(t *testing.T) {
	a, out, _ := newCLI(t).app()
	s := runbook.Status{ID: "run", WaitingFor: &runbook.WaitingFor{
		Kind: "work", Gate: "estimate", Answers: []string{"done"}, By: runbook.Answerers{"done": {"tanaka"}}, Eligible: []string{"tanaka"},
		Values: runbook.Carried{"done": {{Name: "hours", Means: "工数（時間）"}, {Name: "rows", Means: "件数", Optional: true}}},
	}}
	a.printWaiting(&s, a.now(), japan())
	assert.Contains(t, out.String(), `done run --as tanaka --value hours=… --reason "…"`)
	assert.Contains(t, out.String(), "hours: 工数（時間）\n")
	assert.Contains(t, out.String(), "rows: 件数 (may be left out)\n")
}
