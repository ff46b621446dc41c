package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tejun/internal/fargate"
	"tejun/internal/load"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// shops declares a dataset of our own.
const shops = `id: shops
name: {ja: 店舗, en: Shops}
source: {s3: {bucket: gzs-incoming, prefix: shops/}, match: "*.csv"}
format: {kind: csv, header: true}
encoding: utf-8
table: public.%s
columns:
  - {name: id, title: 番号, header: id, type: integer, required: true}
  - {name: name, title: 名称, header: name, type: text, required: true}
key: [id]
mode: replace
limits: {changeShare: 0.05, vanishShare: 0.05}
`

// taskWorld is a world whose loads run in Fargate tasks, which are processes of the built worker.
type taskWorld struct {
	*world
	runner *fargate.Runner
	pool   *pgxpool.Pool
	table  string
}

func newTaskWorld(t *testing.T) *taskWorld {
	t.Helper()
	folder, n := t.TempDir(), worlds.Load()
	table := fmt.Sprintf("shops_%d_%d", os.Getpid(), n)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "datasets"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "datasets", "shops.yaml"), fmt.Appendf(nil, shops, table), 0o600))
	example, err := scene.SystemFile()
	require.NoError(t, err)
	text, err := os.ReadFile(example)
	require.NoError(t, err)
	described := filepath.Join(folder, "system.yaml") // the task reads its own description
	require.NoError(t, os.WriteFile(described, text, 0o600))

	w := unsettled(t, func(s *system.System) {
		s.Folder = folder
		scene.NameTask(s)
	})
	program, err := scene.BuildWorker(t.Context(), t.TempDir())
	require.NoError(t, err)
	container := fargate.Worker{
		Program: program, Temporal: shared.Servers.Temporal.Address(), System: described, Records: shared.Servers.Postgres.DSN(),
		Operated: shared.Servers.Database.DSN(), Sandbox: w.box.Dir(),
	}
	f := &taskWorld{world: settle(w), table: table}
	logs := t.TempDir()
	f.runner, err = fargate.Start(w.box, fargate.Options{Command: container.Command, Dir: logs, Log: func(s string) { t.Log(s) }})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, f.runner.Close())
		if t.Failed() {
			f.showLogs(logs)
		}
	})
	f.pool, err = f.data.Pool(t.Context())
	require.NoError(t, err)
	return f
}

func (f *taskWorld) showLogs(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		f.t.Logf("%s:\n%s", file, text)
	}
}

// delivers puts a file of shops where the dataset expects it, and starts its load.
func (f *taskWorld) delivers(file string, rows ...string) *run {
	f.t.Helper()
	client := s3.NewFromConfig(f.aws, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.PutObject(f.t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("gzs-incoming"), Key: aws.String("shops/" + file), Body: bytes.NewReader([]byte("id,name\n" + strings.Join(rows, "\n") + "\n")),
	})
	require.NoError(f.t, err)
	return f.begin("DataLoad", workflows.DataLoadInput{Dataset: "shops", File: file, Reason: "試験", Requester: "ito", Operator: "tanaka"})
}

// heldBack keeps imports out of the table until the returned function is called.
func (f *taskWorld) heldBack() (release func()) {
	f.t.Helper()
	tx, err := f.pool.Begin(f.t.Context())
	require.NoError(f.t, err)
	_, err = tx.Exec(f.t.Context(), "LOCK TABLE public."+f.table+" IN SHARE MODE")
	require.NoError(f.t, err)
	done := false
	release = func() {
		if !done {
			done = true
			require.NoError(f.t, tx.Rollback(context.Background()))
		}
	}
	f.t.Cleanup(release)
	return release
}

// importing waits until an import has begun and stands before the table.
func (f *taskWorld) importing() {
	f.t.Helper()
	eventually(f.t, "the import to begin", func() error {
		var waiting int
		err := f.pool.QueryRow(f.t.Context(), `SELECT count(*) FROM pg_locks WHERE relation = to_regclass($1) AND NOT granted`, "public."+f.table).Scan(&waiting)
		if err == nil && waiting == 0 {
			err = errNotYet
		}
		return err
	})
}

// killed ends the task that runs as kill -9 does, and says which one it was.
func (f *taskWorld) killed() (id string) {
	f.t.Helper()
	running := f.runner.Running()
	require.Len(f.t, running, 1)
	for task, pid := range running {
		require.NoError(f.t, syscall.Kill(pid, syscall.SIGKILL))
		id = task
	}
	return id
}

// idles makes sure that no task is left, as ECS says and as the machine does.
func (f *taskWorld) idles(operation string) {
	f.t.Helper()
	out, err := ecs.NewFromConfig(f.aws).ListTasks(f.t.Context(), &ecs.ListTasksInput{Cluster: aws.String(f.system().Loads.Task.Cluster), StartedBy: &operation})
	require.NoError(f.t, err)
	require.Empty(f.t, out.TaskArns)
	require.Empty(f.t, f.runner.Running())
}

func (f *taskWorld) rows() (all string) {
	f.t.Helper()
	require.NoError(f.t, f.pool.QueryRow(f.t.Context(), `SELECT count(*) || ': ' || string_agg(id || ' ' || name, ', ' ORDER BY id) FILTER (WHERE id > 998) FROM public.`+f.table).Scan(&all))
	return all
}

// A load runs in a task of its own; the task of the next load is killed in the middle of its import, and another one ends it.
func TestLoadInAFargateTaskThatIsKilled(t *testing.T) {
	t.Parallel()
	f := newTaskWorld(t)
	rows := make([]string, 1000)
	for i := range rows {
		rows[i] = fmt.Sprintf("%d,店%d", i+1, i+1)
	}
	r := f.delivers("first.csv", rows...)
	r.answer(r.asks("approval", "content"), runbook.Approve, "sato")
	var first workflows.DataLoadResult
	r.finished(&first)
	require.Equal(t, load.Counts{Records: 1000, Rows: 1000, New: 1000}, first.Counts)
	f.idles(first.Loaded.Operation)
	require.Positive(t, ecsEffects(f.world, 0)["RunTask"])

	mark, release := len(f.journal()), f.heldBack()
	rows[998] = "999,新しい店"
	r = f.delivers("second.csv", slices.Concat(rows, []string{"1001,増えた店"})...)
	f.importing()
	dead := f.killed()
	release()
	var second workflows.DataLoadResult
	r.finished(&second)
	require.Equal(t, load.Counts{Records: 1001, Rows: 1001, New: 1, Changed: 1, Unchanged: 999}, second.Counts)
	require.Equal(t, "1001: 999 新しい店, 1000 店1000, 1001 増えた店", f.rows())
	var loads, operations int
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT operation) FROM tejun_load.ledger WHERE target = $1`, "public."+f.table).Scan(&loads, &operations))
	require.Equal(t, []int{2, 2}, []int{loads, operations}, "one entry a load")
	f.idles(second.Loaded.Operation)
	// A machine that is busy enough may let a living task miss its heartbeats; it is replaced like the one that was killed.
	started := ecsEffects(f.world, mark)["RunTask"]
	require.GreaterOrEqual(t, started, 2, "the killed task was replaced")

	told := []string{}
	for _, row := range r.evidence() {
		if row.Kind == "task-ended" {
			told = append(told, string(row.Body))
		}
	}
	require.Len(t, told, started-1, "of each task that was replaced it is told why")
	require.True(t, slices.ContainsFunc(told, func(body string) bool { return strings.Contains(body, dead) && strings.Contains(body, "exit code 137") }), told)
	require.Zero(t, r.kinds("held"))
	r.verifies()
}

// ecsEffects counts the writes to ECS that had an effect, by operation.
func ecsEffects(w *world, from int) map[string]int {
	w.t.Helper()
	counts := map[string]int{}
	for _, e := range w.journal()[from:] {
		if e.Service == "ecs" && e.Effect {
			counts[e.Operation]++
		}
	}
	return counts
}
