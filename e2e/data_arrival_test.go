package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

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
