package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a restored table is, is said; only what was moving or came and went meanwhile may differ.
func TestRestoredTablesAreJudged(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		before, after, restored int64
		verdict                 string
		wrong                   bool
		words                   string
	}{
		{5, 5, 5, RowsSame, false, ""},
		{0, 0, 0, RowsSame, false, ""},
		{5, 6, 4, RowsMoving, false, ""},
		{0, 6, 0, RowsMoving, false, ""},
		{5, 0, 0, RowsMoving, false, ""},
		{5, 5, 4, RowsDiffer, true, "p.t has 4 rows; the source had 5 before and 5 after the backup"},
		{5, 6, none, RowsMissing, true, "p.t is missing"},
		{5, 5, none, RowsMissing, true, "p.t is missing"},
		{0, 0, none, RowsMissing, true, "p.t is missing"},
		{5, 6, 0, RowsEmpty, true, "p.t has 0 rows; the source had 5 before and 6 after the backup"},
		{5, 5, 0, RowsEmpty, true, "p.t has 0 rows; the source had 5 before and 5 after the backup"},
		{none, 5, none, RowsNew, false, ""},
		{none, 5, 3, RowsNew, false, ""},
		{5, none, 5, RowsDropped, false, ""},
		{5, none, none, RowsDropped, false, ""},
		{none, none, 2, RowsUnknown, true, "p.t is there with 2 rows, and the source did not have it"},
	} {
		rows := func(n int64) []TableRows {
			if n == none {
				return []TableRows{}
			}
			return []TableRows{{Table: "p.t", Rows: n}}
		}
		got := compareRows(rows(c.before), rows(c.after), rows(c.restored))
		require.Len(t, got.Tables, 1)
		require.Equal(t, c.verdict, got.Tables[0].Verdict, "%+v", c)
		require.Equal(t, c.wrong, got.Differs == 1, "%+v", c)
		require.Equal(t, c.words, got.Words(), "%+v", c)
	}
}
