package records

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tamper changes the chain as a superuser who switches the triggers off, and returns what verification finds.
func tamper(t *testing.T, statements ...string) []Finding {
	t.Helper()
	s := openStore(t)
	rows := appendFacts(t, s, t.Name(), 9)
	require.Len(t, rows, 9)
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context())) //nolint:errcheck // after Commit there is nothing to roll back
	for _, table := range []string{"tejun.evidence", "tejun.evidence_heads"} {
		_, err := tx.Exec(t.Context(), `ALTER TABLE `+table+` DISABLE TRIGGER ALL`)
		require.NoError(t, err)
	}
	for _, statement := range statements {
		tag, err := tx.Exec(t.Context(), statement, pgx.NamedArgs{"w": t.Name()})
		require.NoError(t, err, statement)
		require.NotZero(t, tag.RowsAffected(), statement)
	}
	for _, table := range []string{"tejun.evidence", "tejun.evidence_heads"} {
		_, err := tx.Exec(t.Context(), `ALTER TABLE `+table+` ENABLE TRIGGER ALL`)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit(t.Context()))
	chain, err := s.ReadChain(t.Context(), t.Name())
	require.NoError(t, err)
	return chain.Verify()
}

const rehash = `UPDATE tejun.evidence SET hash = tejun.evidence_hash(prev_hash, workflow_id, seq, run_id, key, kind, step, at, body)
	WHERE workflow_id = @w AND seq = `

func TestVerifyFindsEveryChangedColumn(t *testing.T) {
	for name, set := range map[string]string{
		"run ID": `run_id = 'other'`, "key": `key = 'other'`, "kind": `kind = 'other'`, "step": `step = 'other'`,
		"time": `at = at + interval '1 microsecond'`, "body": `body = replace(body, '7', '8')`,
		"previous hash": `prev_hash = ''`, "hash": `hash = ''`, "space": `body = body || ' '`,
	} {
		t.Run(name, func(t *testing.T) {
			found := tamper(t, `UPDATE tejun.evidence SET `+set+` WHERE workflow_id = @w AND seq = 7`)
			require.Len(t, found, 1)
			assert.Equal(t, Finding{Kind: Changed, Seq: 7, Text: "row 7 was changed: its content does not give its hash"}, found[0])
		})
	}
}

func TestVerifyFindsARowReplacedWithItsHash(t *testing.T) {
	found := tamper(t, `UPDATE tejun.evidence SET body = '{"n":0}' WHERE workflow_id = @w AND seq = 6`, rehash+`6`)
	assert.Equal(t, []Finding{{Changed, 6, "row 6 was changed or replaced together with its hash: row 7 names another hash"}}, found)
}

func TestVerifyFindsTheFirstRowReplacedByALaterOne(t *testing.T) {
	found := tamper(t, `UPDATE tejun.evidence SET prev_hash = 'x' WHERE workflow_id = @w AND seq = 1`, rehash+`1`)
	assert.Equal(t, []Finding{
		{Changed, 1, "row 1 was changed or replaced: it is the first, yet it names a row before it"},
		{Changed, 1, "row 1 was changed or replaced together with its hash: row 2 names another hash"},
	}, found)
}

func TestVerifyFindsTheLastRowReplacedWithItsHash(t *testing.T) {
	found := tamper(t, `UPDATE tejun.evidence SET body = '{"n":0}' WHERE workflow_id = @w AND seq = 9`, rehash+`9`)
	require.Len(t, found, 1)
	assert.Equal(t, WrongHead, found[0].Kind)
	assert.Contains(t, found[0].Text, "the head does not belong to row 9")
}

func TestVerifyFindsAChangedHead(t *testing.T) {
	found := tamper(t, `UPDATE tejun.evidence_heads SET hash = '' WHERE workflow_id = @w`)
	require.Len(t, found, 1)
	assert.Equal(t, WrongHead, found[0].Kind)
	assert.Contains(t, found[0].Text, "the head says no hash")
}

func TestVerifyFindsMissingRows(t *testing.T) {
	t.Run("one", func(t *testing.T) {
		assert.Equal(t, []Finding{{Missing, 5, "row 5 is missing between rows 4 and 6"}},
			tamper(t, `DELETE FROM tejun.evidence WHERE workflow_id = @w AND seq = 5`))
	})
	t.Run("several", func(t *testing.T) {
		assert.Equal(t, []Finding{{Missing, 3, "rows 3 to 6 are missing between rows 2 and 7"}},
			tamper(t, `DELETE FROM tejun.evidence WHERE workflow_id = @w AND seq BETWEEN 3 AND 6`))
	})
	t.Run("the first", func(t *testing.T) {
		assert.Equal(t, []Finding{{Missing, 1, "rows 1 to 2 are missing before row 3"}},
			tamper(t, `DELETE FROM tejun.evidence WHERE workflow_id = @w AND seq < 3`))
	})
	t.Run("the last", func(t *testing.T) {
		assert.Equal(t, []Finding{{Cut, 8, "the tail was cut: the head says 9 rows, found 7"}},
			tamper(t, `DELETE FROM tejun.evidence WHERE workflow_id = @w AND seq > 7`))
	})
	t.Run("all", func(t *testing.T) {
		assert.Equal(t, []Finding{{Cut, 1, "the tail was cut: the head says 9 rows, found 0"}},
			tamper(t, `DELETE FROM tejun.evidence WHERE workflow_id = @w`))
	})
	t.Run("hidden by new numbers", func(t *testing.T) {
		found := tamper(t, `DELETE FROM tejun.evidence WHERE workflow_id = @w AND seq = 8`,
			`UPDATE tejun.evidence SET seq = 8 WHERE workflow_id = @w AND seq = 9`)
		assert.Equal(t, []Finding{{Reordered, 8, "row 8 was reordered: it was written as row 9"},
			{Cut, 9, "the tail was cut: the head says 9 rows, found 8"}}, found)
	})
}

func TestVerifyFindsReorderedRows(t *testing.T) {
	found := tamper(t, `UPDATE tejun.evidence SET seq = 103 WHERE workflow_id = @w AND seq = 3`,
		`UPDATE tejun.evidence SET seq = 3 WHERE workflow_id = @w AND seq = 4`,
		`UPDATE tejun.evidence SET seq = 4 WHERE workflow_id = @w AND seq = 103`)
	assert.Equal(t, []Finding{{Reordered, 3, "row 3 was reordered: it was written as row 4"},
		{Reordered, 4, "row 4 was reordered: it was written as row 3"}}, found)
}

func TestVerifyFindsAddedRows(t *testing.T) {
	found := tamper(t, `INSERT INTO tejun.evidence SELECT workflow_id, 10, run_id, 'new', kind, step, at, body, hash,
		tejun.evidence_hash(hash, workflow_id, 10, run_id, 'new', kind, step, at, body) FROM tejun.evidence WHERE workflow_id = @w AND seq = 9`)
	assert.Equal(t, []Finding{{Added, 10, "rows were added past the head: the head says 9 rows, found 10"}}, found)
}

func TestVerifyFindsARowOfAnotherWorkflow(t *testing.T) {
	s := openStore(t)
	rows := appendFacts(t, s, t.Name(), 3)
	other := appendFacts(t, s, t.Name()+" other", 3)
	mixed := []Row{rows[0], other[1], rows[2]}
	found := VerifyChain(mixed, 3, rows[2].Hash)
	require.NotEmpty(t, found)
	assert.Equal(t, Foreign, found[0].Kind)
	assert.Contains(t, found[0].Text, "row 2 belongs to another workflow")
}

func TestVerifyLooksAtTheOrderOfAList(t *testing.T) {
	rows := appendFacts(t, openStore(t), t.Name(), 5)
	head := rows[4].Hash
	swap := slices.Clone(rows)
	swap[1], swap[2] = swap[2], swap[1]
	assert.Equal(t, []Finding{{Missing, 2, "row 2 is missing between rows 1 and 3"},
		{Reordered, 2, "rows were reordered: row 2 stands after row 3"}}, VerifyChain(swap, 5, head))

	twice := slices.Insert(slices.Clone(rows), 2, rows[1])
	assert.Equal(t, []Finding{{Repeated, 2, "row 2 stands twice"}}, VerifyChain(twice, 5, head))

	numbered := slices.Clone(rows)
	numbered[0].Seq = 0
	found := VerifyChain(numbered, 5, head)
	require.NotEmpty(t, found)
	assert.Equal(t, "row 0 was reordered: it was written as row 1", found[0].Text)
	assert.Equal(t, "row at place 1 was changed: its number is 0", found[1].Text)

	assert.Equal(t, []Finding{{Cut, 1, "the tail was cut: the head says 1 row, found 0"}}, VerifyChain(nil, 1, "x"))
	assert.Empty(t, VerifyChain(nil, 0, ""))
	assert.NotEmpty(t, VerifyChain(nil, 0, "x"))
}

// A fuzzed copy of a whole chain is either the same or found out.
func FuzzVerifyChain(f *testing.F) {
	f.Add(0, 1, "x", 3)
	f.Add(2, 5, `{"n":3}`, 3)
	whole := make([]Row, 3)
	prev := ""
	for i := range whole {
		e, err := normalise(fact("w", string(rune('a'+i)), `{"n":1}`))
		if err != nil {
			f.Fatal(err)
		}
		whole[i] = Row{Seq: i + 1, Evidence: e, PrevHash: prev}
		whole[i].Hash = rowHash(whole[i], i+1)
		prev = whole[i].Hash
	}
	f.Fuzz(func(t *testing.T, which, field int, value string, count int) {
		rows := slices.Clone(whole)
		row := &rows[((which%3)+3)%3]
		target := []*string{&row.WorkflowID, &row.RunID, &row.Key, &row.Kind, &row.Step, &row.PrevHash, &row.Hash}[((field%7)+7)%7]
		same := *target == value && count == 3
		*target = value
		if found := VerifyChain(rows, count, prev); (len(found) == 0) != same {
			t.Fatalf("same %v, found %v", same, found)
		}
	})
}
