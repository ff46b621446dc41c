package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
	"tejun/internal/records"
	"tejun/internal/schedules"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

const arrivingShops = `id: arriving-shops
name: {ja: 店舗, en: Shops}
source: {s3: {bucket: gzs-incoming, prefix: shops/}, match: "*.csv"}
encoding: utf-8
format: {kind: csv}
table: public.e2e_arriving_shops
key: [id]
mode: merge
backup: none
columns:
  - {name: id, field: 1, type: integer, required: true}
  - {name: name, field: 2, type: text}
`

// intake runs the intake once.
func (w *world) intake() workflows.DataArrivalResult {
	w.t.Helper()
	r := w.begin("DataArrival", workflows.DataArrivalInput{Reason: "届いたファイルの登録", Requester: "ito", Operator: "tanaka"})
	r.done()
	var result workflows.DataArrivalResult
	require.NoError(w.t, w.client.GetWorkflow(w.t.Context(), r.id, "").Get(w.t.Context(), &result))
	return result
}

// A file that somebody puts into the bucket is loaded, once, and a refused one is not tried again until it changes.
func TestFilesThatArriveAreLoadedOnce(t *testing.T) {
	w := loads(t, map[string]string{"arriving-shops": arrivingShops})
	require.Empty(t, w.intake().Started)

	w.put("gzs-incoming", "shops/one.csv", []byte("1,東京\n2,大阪\n"))
	first := w.intake()
	require.Len(t, first.Started, 1)
	load := &run{world: w, id: first.Started[0].Load}
	load.answer(load.asks("approval", "content"), runbook.Approve, "sato")
	load.done()
	var loaded workflows.DataLoadResult
	require.NoError(t, w.client.GetWorkflow(t.Context(), load.id, "").Get(t.Context(), &loaded))
	require.EqualValues(t, 2, loaded.Counts.New)

	again := w.intake()
	require.Empty(t, again.Started)
	require.Equal(t, 1, again.Known)

	w.put("gzs-incoming", "shops/two.csv", []byte("3,\"left open\n"))
	bad := w.intake()
	require.Len(t, bad.Started, 1)
	refused := &run{world: w, id: bad.Started[0].Load}
	refused.answer(refused.asks("held", "stage"), runbook.Rollback, "kato")
	refused.ends(runbook.ErrRolledBack)
	require.Empty(t, w.intake().Started, "it is not tried again")

	w.put("gzs-incoming", "shops/two.csv", []byte("3,名古屋\n"))
	mended := w.intake()
	require.Len(t, mended.Started, 1)
	third := &run{world: w, id: mended.Started[0].Load}
	third.done()
	require.NoError(t, w.client.GetWorkflow(t.Context(), third.id, "").Get(t.Context(), &loaded))
	require.EqualValues(t, 1, loaded.Counts.New)
}

// A file whose table another run holds waits until that run has let go, and one bad declaration beside it stops nothing.
func TestArrivalWaitsForItsTableBesideABadDataset(t *testing.T) {
	declared := strings.NewReplacer("id: arriving-shops", "id: arriving-late", "e2e_arriving_shops", "e2e_arriving_late").Replace(arrivingShops)
	w := loads(t, map[string]string{"arriving-late": declared, "bad": "id: ["})
	w.put("gzs-incoming", "shops/one.csv", []byte("1,東京\n"))
	// The table is taken for later, so a load of now would be refused.
	now := time.Now()
	holder, err := w.records.Reserve(t.Context(), records.Reservation{
		Resource: "database:" + w.system().Database.Cluster + "/public.e2e_arriving_late", WorkflowID: "repair-of-" + w.queue, Runbook: "DataRepair", Requester: "ito",
		From: now.Add(time.Hour), Until: now.Add(2 * time.Hour),
	})
	require.NoError(t, err)
	require.Nil(t, holder)
	first := w.intake()
	require.Empty(t, first.Started)
	require.Len(t, first.Waiting, 1, "it sees that too")
	require.Len(t, first.Problems, 1, "one bad declaration stops nothing")
	require.Empty(t, w.intake().Started)
	require.Len(t, w.mails("operators"), 1, "people are told once")
	require.NoError(t, w.records.Release(t.Context(), "repair-of-"+w.queue))

	second := w.intake()
	require.Len(t, second.Started, 1)
	load := &run{world: w, id: second.Started[0].Load}
	load.answer(load.asks("approval", "content"), runbook.Approve, "sato")
	load.done()
}

// The intake is what its schedule starts, with the input of system.yaml.
func TestTheScheduleStartsTheIntake(t *testing.T) {
	w := unsettled(t)
	w.queue = schedules.TaskQueue
	cal, err := calendar.Japan()
	require.NoError(t, err)
	sys := *w.system()
	sys.ID = w.system().ID + "-" + strings.ToLower(w.system().Distribution.ID) // the stack is shared, and so are its schedules
	sys.Schedules = slices.DeleteFunc(slices.Clone(sys.Schedules), func(s system.Schedule) bool { return s.Runbook != "DataArrival" })
	require.Len(t, sys.Schedules, 1)
	_, err = schedules.Apply(t.Context(), w.client, &sys, cal)
	require.NoError(t, err)
	t.Cleanup(func() {
		sys.Schedules = nil
		_, err := schedules.Apply(context.Background(), w.client, &sys, cal)
		require.NoError(t, err)
	})
	settle(w)
	w.put("gzs-incoming", "postal-codes/scheduled.zip", []byte("no archive"))
	triggered, err := schedules.Trigger(t.Context(), w.client, &sys, "data-arrival")
	require.NoError(t, err)
	r := &run{world: w, id: triggered.LastRun}
	r.done()
	require.Equal(t, "DataArrival", r.status().Runbook)
	require.Equal(t, "ito", r.status().Requester)
	var result workflows.DataArrivalResult
	require.NoError(t, w.client.GetWorkflow(t.Context(), r.id, "").Get(t.Context(), &result))
	require.Len(t, result.Started, 1)
	load := &run{world: w, id: result.Started[0].Load}
	load.answer(load.asks("held", "stage"), runbook.Rollback, "kato")
	load.ends(runbook.ErrRolledBack)
}
