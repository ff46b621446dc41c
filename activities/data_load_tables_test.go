package activities

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/load"
	"tejun/internal/records"
)

// declared is a mend whose system declares a dataset for each table, each with a file of two rows.
func declared(t *testing.T, tables ...string) *mend {
	t.Helper()
	m := newMend(t)
	m.system.Folder, m.system.Loads.Datasets = t.TempDir(), "datasets"
	require.NoError(t, os.Mkdir(filepath.Join(m.system.Folder, "datasets"), 0o755))
	for _, table := range tables {
		require.NoError(t, os.WriteFile(filepath.Join(m.system.Folder, "datasets", table+".yaml"), fmt.Appendf(nil, `id: %[1]s
name: {ja: 見本, en: Example}
source: {file: {dir: %[2]s}}
encoding: utf-8
format: {kind: csv}
table: public.%[1]s
key: [id]
mode: merge
columns:
  - {name: id, field: 1, type: integer, required: true}
  - {name: v, field: 2, type: text}
`, table, m.system.Folder), 0o644))
	}
	require.NoError(t, os.WriteFile(filepath.Join(m.system.Folder, "two.csv"), []byte("1,a\n2,b\n"), 0o644))
	return m
}

// load is a load of a dataset's file by an operation of its own.
func (m *mend) load(dataset string) DataLoad {
	m.t.Helper()
	m.renew()
	d, err := load.Find(m.system, dataset)
	require.NoError(m.t, err)
	return DataLoad{Operation: m.operation, Dataset: dataset, Declaration: d.Digest(), File: "two.csv"}
}

// While a run holds its table it may still need what it has staged, however long ago that was.
func TestALoadThatStartsLeavesWhatOtherRunsWaitWith(t *testing.T) {
	m := declared(t, "held", "released", "newcomers")
	workflow := "load-" + m.operation
	now := time.Now()
	held, err := database.ReserveAll(t.Context(), []records.Reservation{{
		Resource: "database:gzs-infra-db/public.held", WorkflowID: workflow, Runbook: "DataLoad", Requester: "ito", From: now.Add(-90 * 24 * time.Hour), Until: now.Add(-87 * 24 * time.Hour),
	}})
	require.NoError(t, err)
	require.Nil(t, held)
	t.Cleanup(func() { assert.NoError(t, database.Release(context.Background(), workflow)) })
	waits, dead := m.load("held"), m.load("released")
	must(m.bench, m.set.DataLoads.StageDataFile, waits)
	must(m.bench, m.set.DataLoads.StageDataFile, dead)
	m.exec("UPDATE tejun_load.fence SET begun_at = begun_at - interval '90 days'")
	must(m.bench, m.set.DataLoads.StageDataFile, m.load("newcomers"))
	found := must(m.bench, m.set.DataLoads.CompareStagedRows, waits)
	require.EqualValues(t, 2, found.Counts.New)
	_, err = try(m.bench, m.set.DataLoads.CompareStagedRows, dead)
	requireType(t, err, NotStaged)
}

// A table that was filled anew is compared by its values, too.
func TestATableThatWasChangedAfterTheLoadIsFound(t *testing.T) {
	m := declared(t, "filled")
	in := m.load("filled")
	must(m.bench, m.set.DataLoads.StageDataFile, in)
	does := must(m.bench, m.set.DataLoads.CompareStagedRows, in)
	entry := must(m.bench, m.set.DataLoads.ImportStagedRows, LoadImport{DataLoad: in, Source: "test", Expect: does.Counts})
	require.Equal(t, load.Swap, entry.Method)
	check := LoadCheck{DataLoad: in, Rows: entry.Rows, Checksum: entry.Checksum}
	must(m.bench, m.set.DataLoads.CheckLoadedRows, check)
	m.exec("UPDATE public.filled SET v = 'x' WHERE id = 1")
	_, err := try(m.bench, m.set.DataLoads.CheckLoadedRows, check)
	requireType(t, err, Drifted)
	require.ErrorContains(t, err, "other values")
	m.exec("DELETE FROM public.filled WHERE id = 1")
	_, err = try(m.bench, m.set.DataLoads.CheckLoadedRows, check)
	requireType(t, err, Drifted)
	require.ErrorContains(t, err, "1 rows; the load has left 2")
}
