package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// shopDeclaration is a dataset of files that people create. DATASET and TABLE are the test's own: a run holds both.
const shopDeclaration = `id: DATASET
name: {ja: 店舗, en: Shops}
source:
  s3: {bucket: gzs-incoming, prefix: shops/}
  match: "*.csv"
format: {kind: csv, header: true}
encoding: utf-8
table: public.TABLE
columns:
  - {name: code, title: 店舗コード, header: code, type: text, required: true, pattern: "[0-9]{4}"}
  - {name: name, title: 店名, header: name, type: text, required: true}
key: [code]
mode: replace
limits: {rejectShare: 0.5}
approval: {when: over-limits}
`

// office is a world in which shops are asked for.
type office struct {
	*world
	table   string
	dataset string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	folder := t.TempDir()
	table := fmt.Sprintf("support_shops_%d", worlds.Add(1))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "datasets"), 0o755))
	dataset := strings.ReplaceAll(table, "_", "-")
	declaration := strings.NewReplacer("TABLE", table, "DATASET", dataset).Replace(shopDeclaration)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "datasets", "shops.yaml"), []byte(declaration), 0o644))
	return &office{newWorld(t, func(s *system.System) { s.Folder = folder }), table, dataset}
}

// create puts a file where the dataset expects it and returns what its creator reports.
func (o *office) create(name, content string) map[string]string {
	o.t.Helper()
	client := s3.NewFromConfig(o.aws, func(o *s3.Options) { o.UsePathStyle = true })
	bucket, key := "gzs-incoming", "shops/"+name
	_, err := client.PutObject(o.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	require.NoError(o.t, err)
	sum := sha256.Sum256([]byte(content))
	return map[string]string{"file": name, "sha256": hex.EncodeToString(sum[:]), "hours": "1.5"}
}

// agreed is a request whose estimate was given and approved.
func (o *office) agreed() *run {
	o.t.Helper()
	r := o.ask()
	r.reported("estimate", "tanaka", agreedHours)
	r.answer(r.asks("approval", "estimate"), runbook.Approve, "sato")
	return r
}

func (o *office) ask() *run {
	o.t.Helper()
	return o.begin("DataSupport", workflows.DataSupportInput{
		Title: "店舗データの作成", Request: "新しい店舗を登録してください。", Dataset: o.dataset, Deadline: "+10bd 17:00", Requester: "ito", Operator: "tanaka",
	})
}

// rows is the whole table.
func (o *office) rows() (all string) {
	o.t.Helper()
	pool, err := o.data.Pool(o.t.Context())
	require.NoError(o.t, err)
	require.NoError(o.t, pool.QueryRow(o.t.Context(), `SELECT string_agg(code || ' ' || name, ', ' ORDER BY code) FROM public.`+o.table).Scan(&all))
	return all
}

// imports counts what was ever loaded into the table.
func (o *office) imports() (n int) {
	o.t.Helper()
	pool, err := o.data.Pool(o.t.Context())
	require.NoError(o.t, err)
	require.NoError(o.t, pool.QueryRow(o.t.Context(), `SELECT count(*) FROM tejun_load.ledger WHERE target = $1`, "public."+o.table).Scan(&n))
	return n
}

// report answers a question about work with values.
func (r *run) report(gate, by string, values map[string]string) runbook.Answered {
	r.t.Helper()
	a, err := scene.DecideWith(r.t.Context(), r.client, r.asks("work", gate), runbook.Finished, by, "ok", func(d *runbook.Decision) { d.Values = values })
	require.NoError(r.t, err)
	return a
}

// reported is a report that must count.
func (r *run) reported(gate, by string, values map[string]string) {
	r.t.Helper()
	a := r.report(gate, by, values)
	require.True(r.t, a.Accepted, a.Refusal)
}

// child is the newest run that the run has started, once it is there.
func (r *run) child(n int) *run {
	r.t.Helper()
	s := r.until("a run that it starts", func(s runbook.Status) bool { return len(s.Children) >= n })
	return &run{world: r.world, id: s.Children[n-1].ID}
}

var agreedHours = map[string]string{"hours": "2", "rows": "2"}

func TestDataAreCreatedCheckedTwiceLoadedAndAccepted(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.ask()
	r.asks("work", "estimate")
	require.Contains(t, r.report("estimate", "kato", agreedHours).Refusal, "nobody would be left for the double check")
	r.reported("estimate", "tanaka", agreedHours)
	gate := r.asks("approval", "estimate")
	require.Contains(t, r.try(gate, runbook.Approve, "ito").Refusal, "ito requested or operates this change")
	r.answer(gate, runbook.Approve, "sato")

	// The first file has a broken row, which the run finds; the second one has the wrong name in it, which a person finds.
	r.reported("create", "tanaka", o.create("one.csv", "code,name\n0001,銀座\n2,上野\n"))
	again := r.asks("work", "create-2")
	require.Contains(t, again.WaitingFor.Why, "1 of 2 rows would be rejected: line 3, code")
	r.reported("create-2", "tanaka", o.create("two.csv", "code,name\n0001,銀座\n0002,上\n"))
	gate = r.asks("approval", "check")
	require.Contains(t, r.try(gate, runbook.Approve, "tanaka").Refusal, "tanaka requested or operates this change")
	r.answer(gate, runbook.Reject, "kato")
	r.reported("create-3", "tanaka", o.create("three.csv", "code,name\n0001,銀座\n0002,上野\n"))
	r.answer(r.asks("approval", "check"), runbook.Approve, "kato")

	// The load has a gate of its own: it is the first one of the table.
	load := r.child(1)
	require.Equal(t, r.id, load.status().Parent)
	require.Contains(t, r.status().Says, load.id)
	load.answer(load.asks("approval", "content"), runbook.Approve, "suzuki")

	gate = r.asks("approval", "acceptance")
	require.Equal(t, "0001 銀座, 0002 上野", o.rows())
	for _, vendor := range []string{"tanaka", "kato", "takahashi"} {
		require.False(t, r.try(gate, runbook.Approve, vendor).Accepted, "%s accepts the vendor's own work", vendor)
	}
	r.answer(gate, runbook.Approve, "ito")
	r.done()
	var result workflows.DataSupportResult
	require.NoError(t, r.client.GetWorkflow(t.Context(), r.id, "").Get(t.Context(), &result))
	require.True(t, result.Accepted)
	require.Equal(t, []any{4.5, 3, "three.csv", load.id}, []any{result.ActualHours, result.Rounds, result.File, result.Load})
	require.EqualValues(t, 2, result.Counts.New)
	require.Equal(t, 1, o.imports())
	require.Contains(t, o.mails("operators"), "【要対応・差戻し】店舗データの作成")
	require.Contains(t, o.mails("officers"), "【完了のお知らせ】店舗データの作成")
}

func TestDataSupportAfterAResetTakesOverTheLoadThatWasThere(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.ask()
	file := o.create("one.csv", "code,name\n0001,銀座\n0002,上野\n")
	toTheLoad := func() *run {
		r.reported("estimate", "tanaka", agreedHours)
		r.answer(r.asks("approval", "estimate"), runbook.Approve, "sato")
		r.reported("create", "tanaka", file)
		r.answer(r.asks("approval", "check"), runbook.Approve, "kato")
		return r.child(1)
	}
	load := toTheLoad()
	load.asks("approval", "content")

	// While the load waits for its approval: it goes on, and the run finds it again.
	r.reset(started)
	same := toTheLoad()
	require.Equal(t, load.id, same.id)
	r.until("the load", func(s runbook.Status) bool { return s.State == runbook.Waiting })
	load.answer(load.asks("approval", "content"), runbook.Approve, "suzuki")
	r.asks("approval", "acceptance")
	require.Equal(t, 1, o.imports())

	// When it has ended: its end is taken over. Nothing is in the ledger twice.
	r.reset(started)
	require.Equal(t, load.id, toTheLoad().id)
	r.answer(r.asks("approval", "acceptance"), runbook.Approve, "ito")
	r.done()
	require.Equal(t, 1, o.imports())
	require.Equal(t, "0001 銀座, 0002 上野", o.rows())
	require.Equal(t, 1, strings.Count(strings.Join(o.mails("operators"), "\n"), "【見積りのお願い】"), "the vendor is told once")
}

func TestDataSupportCancelledWhileItLoadsCancelsTheLoad(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.agreed()
	r.reported("create", "tanaka", o.create("one.csv", "code,name\n0001,銀座\n0002,上野\n"))
	r.answer(r.asks("approval", "check"), runbook.Approve, "kato")
	load := r.child(1)
	load.asks("approval", "content")
	r.answer(r.status(), runbook.Cancel, "kato")
	s := r.ended()
	require.Equal(t, runbook.Failed, s.State)
	require.Contains(t, s.Says, "kato cancelled")
	require.NotContains(t, s.Says, "Not put back")
	require.Equal(t, runbook.Failed, load.ended().State)
	require.Zero(t, o.imports())
}

// While a file is created, the intake and whoever starts loads by hand leave the dataset alone; the run's own load passes.
func TestNobodyElseLoadsACreatedFile(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := o.agreed()
	r.asks("work", "create")
	file := o.create("one.csv", "code,name\n0001,銀座\n0002,上野\n")
	found := o.intake()
	require.Empty(t, found.Started)
	require.Len(t, found.Waiting, 1)
	require.Equal(t, r.id+" holds dataset:"+o.dataset, found.Waiting[0].Waits)
	byHand := o.begin("DataLoad", workflows.DataLoadInput{Dataset: o.dataset, File: "one.csv", Reason: "手動", Requester: "ito", Operator: "kato"})
	byHand.ends(runbook.ErrRefused)
	require.Contains(t, byHand.status().Says, "dataset:"+o.dataset+" is held by "+r.id)

	r.reported("create", "tanaka", file)
	r.answer(r.asks("approval", "check"), runbook.Approve, "kato")
	load := r.child(1)
	load.answer(load.asks("approval", "content"), runbook.Approve, "suzuki")
	r.asks("approval", "acceptance")
	require.Equal(t, "0001 銀座, 0002 上野", o.rows())
	var held []string
	for _, h := range r.status().Holds {
		held = append(held, h.Resource)
	}
	require.Len(t, held, 1)
	require.Regexp(t, "^snapshot:tejun-load-", held[0], "the way back is kept, and the dataset is free")
	found = o.intake()
	require.Empty(t, found.Started, "what was created is no file that has arrived")
	require.Equal(t, 1, found.Known)
	r.answer(r.asks("approval", "acceptance"), runbook.Approve, "ito")
	r.done()
	require.Equal(t, 1, o.imports())
	require.Empty(t, r.status().Holds)
}
