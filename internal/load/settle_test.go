package load

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
)

// Copies, other rows of the same key, and both at once: what stands, what is counted as what, and the checksum.
func TestRowsOfOneKey(t *testing.T) {
	const file = "1,a\n1,a\n2,a\n2,a\n2,b\n3,a\n3,b\n3,b\n3,a\n4,\n4,\n5,a\n6,a\n6,b\n"
	for rule, want := range map[SameKey]struct {
		counts Counts
		rows   []string
	}{
		RejectAll: {Counts{Records: 14, Rows: 3, Duplicates: 5, Conflicts: 6}, []string{"1 1 a", "10 4 -", "12 5 a"}},
		First:     {Counts{Records: 14, Rows: 6, Duplicates: 5, Superseded: 3}, []string{"1 1 a", "3 2 a", "6 3 a", "10 4 -", "12 5 a", "13 6 a"}},
		Last:      {Counts{Records: 14, Rows: 6, Duplicates: 5, Superseded: 3}, []string{"1 1 a", "5 2 b", "7 3 b", "10 4 -", "12 5 a", "14 6 b"}},
	} {
		t.Run(string(rule), func(t *testing.T) {
			s, pool := database(t)
			d := small(dataset.Replace)
			table := Of(d)
			table.Duplicates.SameKey = rule
			run := Run{"op", 1}
			staged, err := s.Stage(t.Context(), table, run, 0, source(d, bytesOf([]byte(file))))
			require.NoError(t, err)
			require.Equal(t, want.counts, staged.Counts)
			rows, err := pool.Query(t.Context(), "SELECT tejun_line || ' ' || id || ' ' || coalesce(v, '-') FROM "+quote(ledgerSchema, run.table("s"))+" ORDER BY id")
			require.NoError(t, err)
			var got []string
			for rows.Next() {
				var row string
				require.NoError(t, rows.Scan(&row))
				got = append(got, row)
			}
			require.NoError(t, rows.Err())
			require.Equal(t, want.rows, got)

			difference, err := s.Difference(t.Context(), table, run)
			require.NoError(t, err)
			entry, err := s.Import(t.Context(), table, run, Order{Declaration: "d", Expect: difference.Counts})
			require.NoError(t, err)
			_, sum, err := s.Check(t.Context(), table)
			require.NoError(t, err)
			require.Equal(t, sum, entry.Checksum)
			require.Equal(t, sum, staged.Sum)
		})
	}
}
