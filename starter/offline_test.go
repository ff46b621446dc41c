package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/preflight"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func TestCatalogListsAllRowsAndHowToStart(t *testing.T) {
	code, out, problem := newCLI(t).run(t, "catalog", "--json")
	require.Equal(t, 0, code, problem)
	rows := jsonOf[[]struct {
		Number    int
		Available bool
		Start     string
		Example   string
	}](t, out)
	require.Len(t, rows, 28)
	outage := rows[7]
	assert.True(t, outage.Available)
	assert.Contains(t, outage.Start, "start PlannedOutage --input examples/planned-outage.json")
	assert.FileExists(t, filepath.Join("..", outage.Example))

	_, out, _ = newCLI(t).run(t, "catalog")
	assert.Contains(t, out, "not there yet")
	assert.Contains(t, out, "out of scope")

	for _, which := range []string{"8", "#8", "PlannedOutage"} {
		code, out, _ = newCLI(t).run(t, "catalog", which)
		assert.Equal(t, 0, code)
		assert.Contains(t, out, "計画停止運用")
	}
	for _, which := range []string{"29", "Nope"} {
		code, _, _ = newCLI(t).run(t, "catalog", which)
		assert.Equal(t, exitUsage, code)
	}
}

func TestMistakesOnTheCommandLineExit2(t *testing.T) {
	for _, args := range [][]string{{"nope"}, {"list", "--bogus"}, {"list", "extra"}, {"sandbox", "nope"}, {"show"}, {"--timeout", "0s", "list"}} {
		code, out, problem := newCLI(t).run(t, args...)
		assert.Equal(t, exitUsage, code, args)
		assert.Empty(t, out, args)
		assert.True(t, strings.HasPrefix(problem, "error: "), problem)
	}
	code, _, problem := newCLI(t).run(t, "show", "--json")
	assert.Equal(t, exitUsage, code)
	assert.Equal(t, 2.0, jsonOf[map[string]any](t, problem)["exitCode"])
}

func TestEveryCommandTeaches(t *testing.T) {
	a, _, _ := newCLI(t).app()
	for _, c := range newRoot(a).Commands() {
		for _, c := range append(c.Commands(), c) {
			assert.NotEmpty(t, c.Short, c.CommandPath())
			assert.NotEmpty(t, c.Long, c.CommandPath())
			assert.NotEmpty(t, c.Example, c.CommandPath())
		}
	}
}

func TestShellCompletionIsThere(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, out, _ := newCLI(t).run(t, "completion", shell)
		assert.Equal(t, 0, code)
		assert.Contains(t, out, "starter")
	}
	_, out, _ := newCLI(t).run(t, "__complete", "start", "")
	assert.Contains(t, out, "PlannedOutage\n")
	_, out, _ = newCLI(t).run(t, "__complete", "approve", "x", "--as", "sa")
	assert.Contains(t, out, "sato\t佐藤 officer\n")
}

// seeded is a sandbox as `worker dev` makes one.
func seeded(t *testing.T) (*cli, string) {
	t.Helper()
	dir := t.TempDir()
	box, err := sandbox.Open(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, box.Close()) }()
	sys, err := system.Load(exampleSystem)
	require.NoError(t, err)
	require.NoError(t, box.Seed(t.Context(), sys))
	c := newCLI(t)
	c.env["TEJUN_AWS"] = "sandbox:" + dir
	return c, dir
}

func TestCheckPassesOnASeededSandbox(t *testing.T) {
	c, _ := seeded(t)
	code, out, problem := c.run(t, "check", "--json")
	require.Equal(t, 0, code, problem+out)
	report := jsonOf[preflight.Report](t, out)
	assert.Equal(t, "123456789012", report.Account)
	assert.Greater(t, len(report.Findings), 30)
}

func TestCheckNamesWhatIsMissingAndDenied(t *testing.T) {
	c, _ := seeded(t)
	content, err := os.ReadFile(exampleSystem)
	require.NoError(t, err)
	c.env["TEJUN_SYSTEM"] = writeFile(t, "system.yaml", strings.Replace(string(content), "- gzs-api-5xx\n", "- gzs-api-4xx\n", 1))
	code, _, problem := c.run(t, "sandbox", "fault", "add", "ecs", "UpdateService", "denied", "--forever")
	require.Equal(t, 0, code, problem)

	code, out, _ := c.run(t, "check", "--json")
	assert.Equal(t, exitFailed, code)
	found := map[string]preflight.State{}
	for _, f := range jsonOf[preflight.Report](t, out).Problems() {
		found[f.Resource] = f.State
		assert.NotEmpty(t, f.Mend)
	}
	assert.Equal(t, map[string]preflight.State{"gzs-api-4xx": preflight.Missing, "ecs:UpdateService": preflight.Denied, "datasets": preflight.Wrong}, found, "the datasets stayed behind")

	_, out, _ = c.run(t, "check")
	assert.Contains(t, out, "mend: create it, or take it out of alarms")
}

func TestSandboxFaultsJournalAndMail(t *testing.T) {
	c, _ := seeded(t)
	code, out, problem := c.run(t, "sandbox", "fault", "add", "cloudfront", "UpdateDistribution", "executed-then-timeout", "--times", "2", "--json")
	require.Equal(t, 0, code, problem)
	faults := jsonOf[[]sandbox.Fault](t, out)
	require.Len(t, faults, 1)
	assert.Equal(t, 2, faults[0].Times)

	code, _, problem = c.run(t, "sandbox", "fault", "add", "cloudfront", "Nope", "throttle")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "Nope")

	for _, args := range [][]string{{"sandbox", "fault", "clear", "--json"}, {"sandbox", "journal", "--json"}, {"sandbox", "mail", "list", "--json"}} {
		code, out, _ = c.run(t, args...)
		assert.Equal(t, 0, code)
		assert.Equal(t, "[]\n", out, "%v: an empty list, not null", args)
	}
	code, _, _ = c.run(t, "sandbox", "mail", "show", "7")
	assert.Equal(t, exitUsage, code)

	delete(c.env, "TEJUN_AWS")
	code, _, problem = c.run(t, "sandbox", "journal")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "no sandbox is known")
}

func TestEvidenceFilesAreCheckedOffline(t *testing.T) {
	code, _, problem := newCLI(t).run(t, "evidence", "verify", "--file", writeFile(t, "x.jsonl", "{}\n"))
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "x.jsonl")

	empty := `{"format":"tejun-evidence-1","workflowId":"w","count":0,"head":"","exportedAt":"2026-11-24T00:00:00Z"}` + "\n"
	code, out, problem := newCLI(t).run(t, "evidence", "verify", "--file", writeFile(t, "x.jsonl", empty), "--json")
	require.Equal(t, 0, code, problem)
	assert.True(t, jsonOf[verified](t, out).Verified)

	cut := strings.Replace(empty, `"count":0,"head":""`, `"count":2,"head":"ab"`, 1)
	code, out, _ = newCLI(t).run(t, "evidence", "verify", "--file", writeFile(t, "x.jsonl", cut))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "tail was cut")

	code, out, _ = newCLI(t).run(t, "evidence", "verify", "--file", writeFile(t, "x.jsonl", empty), "--head", "abcd")
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, out, "--head says abcd")

	code, _, _ = newCLI(t).run(t, "evidence", "verify")
	assert.Equal(t, exitUsage, code)
	code, _, _ = newCLI(t).run(t, "evidence", "verify", "run", "--file", "x")
	assert.Equal(t, exitUsage, code)
}
