package records

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fact(workflowID, key, body string) Evidence {
	return Evidence{WorkflowID: workflowID, RunID: "run-1", Key: key, Kind: "activity", Step: "announce",
		At: time.Date(2026, 4, 1, 9, 30, 0, 123456789, time.FixedZone("JST", 9*3600)), Body: json.RawMessage(body)}
}

func appendFacts(t *testing.T, s *Store, workflowID string, n int) []Row {
	t.Helper()
	for i := 1; i <= n; i++ {
		_, err := s.AppendEvidence(t.Context(), fact(workflowID, fmt.Sprintf("k%d", i), fmt.Sprintf(`{"n":%d}`, i)))
		require.NoError(t, err)
	}
	rows, err := s.ListEvidence(t.Context(), workflowID)
	require.NoError(t, err)
	return rows
}

func TestAppendedEvidenceIsChainedAndVerifies(t *testing.T) {
	s := openStore(t)
	first, err := s.AppendEvidence(t.Context(), fact(t.Name(), "a", `{"z": 1, "a": "<メンテナンス>\u0000", "big": 12345678901234567890}`))
	require.NoError(t, err)
	assert.Equal(t, 1, first.Seq)
	assert.Empty(t, first.PrevHash)
	assert.Equal(t, `{"a":"<メンテナンス>\u0000","big":12345678901234567890,"z":1}`, string(first.Body), "canonical, numbers kept")
	assert.Equal(t, time.Date(2026, 4, 1, 0, 30, 0, 123456000, time.UTC), first.At, "UTC, microseconds")

	second, err := s.AppendEvidence(t.Context(), fact(t.Name(), "b", ``))
	require.NoError(t, err)
	assert.Equal(t, 2, second.Seq)
	assert.Equal(t, first.Hash, second.PrevHash)
	assert.Equal(t, "null", string(second.Body))

	count, head, err := s.EvidenceHead(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Equal(t, 2, count)
	assert.Equal(t, second.Hash, head)
	rows, err := s.ListEvidence(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Equal(t, []Row{first, second}, rows)
	assert.Empty(t, VerifyChain(rows, count, head))
}

func TestTheHashOfTheDatabaseIsTheHashOfTheProgram(t *testing.T) {
	s := openStore(t)
	for i, e := range []Evidence{
		fact(t.Name(), "日本語の鍵", `"計画停止 🚧"`),
		{WorkflowID: t.Name(), Key: "old", Kind: "k", At: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
		{WorkflowID: t.Name(), Key: "before 1970", Kind: "k", At: time.UnixMicro(-1)},
		{WorkflowID: t.Name(), Key: "far", Kind: "k", At: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), Body: json.RawMessage(`[]`)},
	} {
		row, err := s.AppendEvidence(t.Context(), e)
		require.NoError(t, err)
		assert.Equal(t, rowHash(row, i+1), row.Hash, e.Key)
	}
}

func TestAppendingTheSameFactAgainReturnsItsRow(t *testing.T) {
	s := openStore(t)
	first, err := s.AppendEvidence(t.Context(), fact(t.Name(), "k", `{"a":1,"b":2}`))
	require.NoError(t, err)
	again := fact(t.Name(), "k", `{ "b":2, "a":1 }`)
	again.RunID, again.At = "run-2", again.At.Add(time.Hour) // after a reset
	row, err := s.AppendEvidence(t.Context(), again)
	require.NoError(t, err)
	assert.Equal(t, first, row)
	count, _, err := s.EvidenceHead(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Equal(t, 1, count)
}

func TestAppendingAnotherFactUnderTheSameKeyIsAMismatch(t *testing.T) {
	s := openStore(t)
	first, err := s.AppendEvidence(t.Context(), fact(t.Name(), "k", `{"a":1}`))
	require.NoError(t, err)
	for field, change := range map[string]func(*Evidence){
		"kind": func(e *Evidence) { e.Kind = "decision" },
		"step": func(e *Evidence) { e.Step = "" },
		"body": func(e *Evidence) { e.Body = json.RawMessage(`{"a":2}`) },
	} {
		other := fact(t.Name(), "k", `{"a":1}`)
		change(&other)
		row, err := s.AppendEvidence(t.Context(), other)
		var mismatch *MismatchError
		require.ErrorAs(t, err, &mismatch, field)
		assert.Equal(t, field, mismatch.Differs)
		assert.Equal(t, first, row)
		assert.Equal(t, first, mismatch.Stored)
		assert.ErrorContains(t, err, "is row 1 already, with another "+field)
	}
	rows, err := s.ListEvidence(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Equal(t, []Row{first}, rows)
}

func TestUnusableEvidenceIsRefused(t *testing.T) {
	s := openStore(t)
	for want, change := range map[string]func(*Evidence){
		"workflowId is missing":        func(e *Evidence) { e.WorkflowID = "" },
		"key is missing":               func(e *Evidence) { e.Key = "" },
		"kind is missing":              func(e *Evidence) { e.Kind = "" },
		"at is missing":                func(e *Evidence) { e.At = time.Time{} },
		"step contains a NUL":          func(e *Evidence) { e.Step = "a\x00b" },
		"runId is not UTF-8":           func(e *Evidence) { e.RunID = "\xff" },
		"the body is not JSON":         func(e *Evidence) { e.Body = json.RawMessage(`{`) },
		"duplicate object member name": func(e *Evidence) { e.Body = json.RawMessage(`{"a":1,"a":2}`) },
	} {
		e := fact(t.Name(), "k", `{}`)
		change(&e)
		_, err := s.AppendEvidence(t.Context(), e)
		assert.ErrorContains(t, err, want)
	}
	rows, err := s.ListEvidence(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Empty(t, rows)
}

func TestConcurrentAppendsMakeOneChain(t *testing.T) {
	s := openStore(t)
	const writers, each = 16, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				// Every fact is told by two writers, as after an unknown outcome.
				key := fmt.Sprintf("%d-%d", w/2, i)
				_, err := s.AppendEvidence(t.Context(), fact(t.Name(), key, `{"key":"`+key+`"}`))
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	chain, err := s.ReadChain(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Equal(t, writers/2*each, chain.Count)
	assert.Len(t, chain.Rows, chain.Count)
	assert.Empty(t, chain.Verify())
}

func TestAChainReadWhileItGrowsIsWhole(t *testing.T) {
	s := openStore(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			_, err := s.AppendEvidence(t.Context(), fact(t.Name(), fmt.Sprint(i), `{}`))
			assert.NoError(t, err)
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		chain, err := s.ReadChain(t.Context(), t.Name())
		require.NoError(t, err)
		assert.Empty(t, chain.Verify())
	}
}

func TestEvidenceOfAnUnknownWorkflowIsEmpty(t *testing.T) {
	s := openStore(t)
	chain, err := s.ReadChain(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Empty(t, chain.Rows)
	assert.Zero(t, chain.Count)
	assert.Empty(t, chain.Head)
	assert.Empty(t, chain.Verify())
}

func TestTheDatabaseRefusesToChangeEvidence(t *testing.T) {
	s := openStore(t)
	appendFacts(t, s, t.Name(), 2)
	for _, statement := range []string{
		`UPDATE tejun.evidence SET body = '{}' WHERE workflow_id = $1`,
		`DELETE FROM tejun.evidence WHERE workflow_id = $1`,
		`DELETE FROM tejun.evidence_heads WHERE workflow_id = $1`,
		`UPDATE tejun.evidence_heads SET count = 1 WHERE workflow_id = $1`,
		`UPDATE tejun.evidence_heads SET count = count + 1, workflow_id = 'other' WHERE workflow_id = $1`,
	} {
		_, err := s.pool.Exec(t.Context(), statement, t.Name())
		assert.ErrorContains(t, err, "SQLSTATE 42501", statement)
	}
	for _, table := range []string{"tejun.evidence", "tejun.evidence_heads"} {
		_, err := s.pool.Exec(t.Context(), `TRUNCATE `+table)
		assert.ErrorContains(t, err, "is append-only: TRUNCATE is refused")
	}
	chain, err := s.ReadChain(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Len(t, chain.Rows, 2)
	assert.Empty(t, chain.Verify())
}

func BenchmarkAppendEvidence(b *testing.B) {
	s, err := Open(b.Context(), clusterDSN)
	require.NoError(b, err)
	defer s.Close()
	start := time.Now().UnixNano()
	for i := 0; b.Loop(); i++ {
		_, err := s.AppendEvidence(b.Context(), fact(fmt.Sprintf("bench-%d-%d", start, i%10), fmt.Sprint(i), `{"activity":"X","attempt":1}`))
		require.NoError(b, err)
	}
}
