package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tejun/internal/load"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// realFiles is where the real files are, or the test is skipped.
func realFiles(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{filepath.Join("..", "..", "shared", "data", "ingest"), os.Getenv("TEJUN_REAL_FILES")} {
		if _, err := os.Stat(filepath.Join(dir, "ken_all_20241224.zip")); dir != "" && err == nil {
			return dir
		}
	}
	t.Skip("the real files are not on this machine: name their folder in TEJUN_REAL_FILES")
	return ""
}

// loads is a world whose datasets are declared in a folder of its own.
func loads(t *testing.T, declarations map[string]string) *world {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "datasets"), 0o755))
	for id, text := range declarations {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "datasets", id+".yaml"), []byte(text), 0o644))
	}
	return newWorld(t, func(s *system.System) { s.Folder = folder })
}

// declaration is an example with some of its text replaced, and a table of the test's own.
func declaration(t *testing.T, id, table string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "datasets", id+".yaml"))
	require.NoError(t, err)
	changed := strings.NewReplacer(append(replace, "table: public.", "table: public."+table+"_")...).Replace(string(text))
	return changed
}

func (w *world) put(bucket, key string, content []byte) {
	w.t.Helper()
	client := s3.NewFromConfig(w.aws, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.PutObject(w.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)})
	require.NoError(w.t, err)
}

func (w *world) load(id string, in workflows.DataLoadInput) client.WorkflowRun {
	w.t.Helper()
	in.Reason, in.Requester, in.Operator = "試験", "ito", "tanaka"
	run, err := w.client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{ID: fmt.Sprintf("%s-%s", w.queue, id), TaskQueue: w.queue}, "DataLoad", in)
	require.NoError(w.t, err)
	return run
}

// approved answers the gate of a load.
func (w *world) approved(run client.WorkflowRun) {
	w.t.Helper()
	var status runbook.Status
	require.Eventually(w.t, func() bool {
		var err error
		status, err = scene.Status(context.Background(), w.client, run.GetID())
		return err == nil && (status.WaitingFor != nil || status.EndedAt != nil)
	}, time.Minute, 50*time.Millisecond)
	require.NotNil(w.t, status.WaitingFor, "%s: %s", status.State, status.Says)
	require.Equal(w.t, "content", status.WaitingFor.Gate, status.WaitingFor.Why)
	answered, err := scene.Decide(w.t.Context(), w.client, status, runbook.Approve, "sato", "checked")
	require.NoError(w.t, err)
	require.True(w.t, answered.Accepted, answered.Refusal)
}

func (w *world) loaded(run client.WorkflowRun) workflows.DataLoadResult {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	var result workflows.DataLoadResult
	if err := run.Get(ctx, &result); err != nil {
		status, _ := scene.Status(context.Background(), w.client, run.GetID())
		w.t.Fatalf("%v; it is %s: %s; waits for %+v", err, status.State, status.Says, status.WaitingFor)
	}
	return result
}

func TestDataLoadOfPostalCodes(t *testing.T) {
	files := realFiles(t)
	w := loads(t, map[string]string{"postal-codes": declaration(t, "postal-codes", "e2e")})
	for _, name := range []string{"ken_all_20241224.zip", "ken_all_20260529.zip"} {
		content, err := os.ReadFile(filepath.Join(files, name))
		require.NoError(t, err)
		w.put("gzs-incoming", "postal-codes/"+name, content)
	}
	first := w.load("first", workflows.DataLoadInput{Dataset: "postal-codes", File: "ken_all_20241224.zip", Expected: 124754})
	w.approved(first)
	result := w.loaded(first)
	require.Equal(t, load.Counts{Records: 124754, Rows: 124754, New: 124754}, result.Counts)
	require.NotEmpty(t, result.Snapshot)

	result = w.loaded(w.load("second", workflows.DataLoadInput{Dataset: "postal-codes", File: "ken_all_20260529.zip"}))
	require.Equal(t, load.Counts{Records: 124825, Rows: 124825, New: 287, Changed: 34, Unchanged: 124504, Vanished: 216}, result.Counts)
	require.EqualValues(t, 124825, result.Loaded.Rows)

	again := w.loaded(w.load("third", workflows.DataLoadInput{Dataset: "postal-codes", File: "ken_all_20260529.zip"}))
	require.Equal(t, result.Loaded.Operation, again.Already)
	require.Nil(t, again.Loaded)

	pool, err := shared.Operated.Pool(t.Context())
	require.NoError(t, err)
	var left int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'tejun_load'::regnamespace AND c.relname ~ '^[scrdg]_'`).Scan(&left))
	require.Zero(t, left, "staging tables")
}
