package load

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
)

const staged = "1,a\n2,b\n"

// aged makes an operation look as if it had begun long ago.
func aged(t *testing.T, pool *pgxpool.Pool, operation string) {
	t.Helper()
	tag, err := pool.Exec(t.Context(), "UPDATE tejun_load.fence SET begun_at = begun_at - interval '60 days' WHERE operation = $1", operation)
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
}

func sweep(t *testing.T, s *Store, live ...string) {
	t.Helper()
	held := map[string]bool{}
	for _, table := range live {
		held[table] = true
	}
	require.NoError(t, s.Sweep(t.Context(), Run{"sweeper", 1}, time.Now().Add(-7*24*time.Hour), func(table string) bool { return held[table] }))
}

// A load that has waited for its approval for two months goes on as planned, whatever was swept meanwhile.
func TestSweepLeavesWhatALiveRunHasStaged(t *testing.T) {
	s, pool := database(t)
	d := small(dataset.Merge)
	run, order := planned(t, s, d, "waiting", staged)
	aged(t, pool, run.Operation)
	sweep(t, s, "public.t")
	entry, err := s.Import(t.Context(), Of(d), run, order)
	require.NoError(t, err)
	require.EqualValues(t, 2, entry.Rows)
}

func TestSweepDropsWhatADeadRunHasLeft(t *testing.T) {
	s, pool := database(t)
	dead, _ := planned(t, s, small(dataset.Merge), "dead", staged)
	young, _ := planned(t, s, small(dataset.Merge), "young", staged)
	aged(t, pool, dead.Operation)
	sweep(t, s, "public.other")
	left := func(operation string) int64 {
		return number(t, pool, `SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE '%\_' || $1 || '\_%'`, operation)
	}
	require.Zero(t, left(dead.Operation))
	require.NotZero(t, left(young.Operation), "it has only just begun")
	_, err := s.Difference(t.Context(), Of(small(dataset.Merge)), dead)
	require.ErrorIs(t, err, ErrNotStaged)
}

// Fences do not pile up, and one that holds somebody back stays.
func TestSweepForgetsTheFencesOfEndedRuns(t *testing.T) {
	s, pool := database(t)
	for _, operation := range []string{"ended", "young", "held", "busy"} {
		run, _ := planned(t, s, small(dataset.Merge), operation, staged)
		if operation != "held" {
			require.NoError(t, s.Drop(t.Context(), run))
		}
		if operation != "young" {
			aged(t, pool, operation)
		}
	}
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), "SELECT FROM tejun_load.fence WHERE operation = 'busy' FOR UPDATE") // as an attempt does in its transaction
	require.NoError(t, err)
	sweep(t, s, "public.t")
	require.Equal(t, []string{"busy", "held", "young"}, operations(t, pool))

	// An attempt that slept for as long meets the later one's place empty, and does nothing all the same.
	_, err = s.Import(t.Context(), Of(small(dataset.Merge)), Run{"ended", 1}, Order{Expect: Counts{Records: 2, Rows: 2, New: 2}})
	require.ErrorIs(t, err, ErrNotStaged)
	require.Zero(t, number(t, pool, "SELECT count(*) FROM pg_class WHERE relname = 't'"))
}

func operations(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT operation FROM tejun_load.fence WHERE operation <> 'sweeper' ORDER BY 1")
	require.NoError(t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return list
}
