package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// drillWithin is how long the drill may take on a busy machine.
const drillWithin = 8 * time.Minute

// shortWatch is the example's system, with all that lies beside it, whose DR site is watched for seconds.
func shortWatch(t *testing.T) (file string) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Dir(exampleSystem))))
	file = filepath.Join(folder, filepath.Base(exampleSystem))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	const own = "watch: {duration: 2m, every: 10s}"
	require.Equal(t, 1, strings.Count(string(text), own))
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), own, "watch: {duration: 2s, every: 1s}", 1)), 0o600))
	return file
}

// contentOf is all that the sandbox holds, without what a drill leaves on purpose, its reports, and what AWS itself keeps of what was
// done: executions of pipelines, changes of zones, revisions of task definitions.
func contentOf(t *testing.T, box *sandbox.Sandbox, reports string) map[string]string {
	t.Helper()
	snapshot, err := box.Snapshot()
	require.NoError(t, err)
	content, err := snapshot.Content()
	require.NoError(t, err)
	maps.DeleteFunc(content, func(key, _ string) bool {
		for _, kind := range []string{"s3:object/" + reports, "codepipeline:execution/", "route53:change/", "ecs:task-definition/"} {
			if strings.HasPrefix(key, kind) {
				return true
			}
		}
		return false
	})
	return content
}

// The example's drill, as the README of disasters has it, on all that `worker dev` starts: approved by the people of the example, it
// reports, and leaves the sandbox whole as it was.
func TestTheExamplesDrillRunsOnDevAndLeavesEverythingAsItWas(t *testing.T) {
	system := shortWatch(t)
	dev := startDevOn(t, system, filepath.Join(t.TempDir(), "state"), t.TempDir())
	box, err := sandbox.Open(dev.Sandbox)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	temporal, err := client.Dial(client.Options{HostPort: dev.Temporal})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	input, err := os.ReadFile(filepath.Join(filepath.Dir(system), "dr-drill.json"))
	require.NoError(t, err)
	described, err := newDescription(system).Load()
	require.NoError(t, err)
	reports := described.Disaster.Reports.Bucket + "/" + described.Disaster.Reports.Prefix
	before := contentOf(t, box, reports)
	aurora, err := os.ReadDir(filepath.Join(dev.State, "aurora"))
	require.NoError(t, err)

	const id = "dr-drill"
	run, err := scene.Begin(t.Context(), temporal, "DisasterRecovery", id, json.RawMessage(input))
	require.NoError(t, err)
	for _, by := range [][2]string{{"declare", "ito"}, {"return", "suzuki"}} {
		var status runbook.Status
		require.Eventually(t, func() bool {
			status, err = scene.Status(t.Context(), temporal, id)
			if err == nil && (status.EndedAt != nil || status.WaitingFor != nil && status.WaitingFor.Kind == "held") {
				require.FailNow(t, "before the gate "+by[0], status.Markdown())
			}
			return err == nil && status.WaitingFor != nil && status.WaitingFor.Kind == "approval" && status.WaitingFor.Gate == by[0]
		}, drillWithin, 100*time.Millisecond, "the gate %s", by[0])
		answered, err := scene.Decide(t.Context(), temporal, status, runbook.Approve, by[1], "手順どおり")
		require.NoError(t, err)
		require.True(t, answered.Accepted, answered.Refusal)
	}
	var out workflows.DisasterRecoveryResult
	require.NoError(t, run.Get(t.Context(), &out))
	require.Equal(t, records.DisasterReturned, out.Outcome)

	require.Equal(t, before, contentOf(t, box, reports))
	left, err := os.ReadDir(filepath.Join(dev.State, "aurora"))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(aurora), fmt.Sprint(left), "no server of the drill's database is left")
	bucket, key, _ := strings.Cut(strings.TrimPrefix(out.Report, "s3://"), "/")
	require.True(t, strings.HasPrefix(bucket+"/"+key, reports), out.Report)
	page, found, err := box.Object(bucket, key)
	require.NoError(t, err)
	require.True(t, found, out.Report)
	require.Contains(t, string(page.Body), "訓練報告書")
	require.Contains(t, string(page.Body), "DR訓練")

	store, err := records.Open(t.Context(), dev.Postgres)
	require.NoError(t, err)
	defer store.Close()
	row, err := store.Disaster(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []string{records.ModeDrill, records.DisasterReturned, out.Report}, []string{row.Mode, row.Outcome, row.ReportKey})
	chain, err := store.ReadChain(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, chain.Verify())
}
