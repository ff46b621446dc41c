package activities

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

func TestEvidenceIsAppendedOnce(t *testing.T) {
	b := newBench(t)
	row := records.Evidence{WorkflowID: b.operation, RunID: "r", Key: "r/workflow/1", Kind: "opened", At: time.Now(), Body: json.RawMessage(`{"a":1}`)}
	first := must(b, b.set.Records.AppendEvidence, row)
	assert.Equal(t, 1, first.Count)
	assert.NotEmpty(t, first.Hash)
	assert.Equal(t, first, must(b, b.set.Records.AppendEvidence, row))
}

// A killed worker leaves a row that its history knows nothing of; the repeated task's row must neither fail nor replace it.
func TestEvidenceOfARepeatedTaskStandsBesideTheFirst(t *testing.T) {
	b := newBench(t)
	row := records.Evidence{WorkflowID: b.operation, RunID: "r", Key: "r/workflow/1", Kind: "decision", At: time.Now(), Body: json.RawMessage(`{"accepted":true}`)}
	must(b, b.set.Records.AppendEvidence, row)
	row.Body = json.RawMessage(`{"accepted":false}`)
	second := must(b, b.set.Records.AppendEvidence, row)
	assert.Equal(t, 2, second.Count)
	assert.Equal(t, second, must(b, b.set.Records.AppendEvidence, row), "once more is no third row")
	chain, err := database.ReadChain(t.Context(), b.operation)
	require.NoError(t, err)
	assert.Empty(t, chain.Verify())
	assert.JSONEq(t, `{"accepted":true}`, string(chain.Rows[0].Body))
	assert.JSONEq(t, `{"accepted":false}`, string(chain.Rows[1].Body))
}

func TestTakeNamesTheRunThatIsStillAtWork(t *testing.T) {
	b := newBench(t)
	name, now := b.operation+"/taken", time.Now()
	_, err := database.Reserve(t.Context(), records.Reservation{
		Resource: name, WorkflowID: "overrun-" + b.operation, Runbook: "PlannedOutage", Requester: "sato", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour),
	})
	require.NoError(t, err)
	_, err = try(b, b.set.Records.TakeResources, Take{Resources: []string{name}, At: now})
	requireType(t, err, Locked)
	assert.Contains(t, err.Error(), "overrun-"+b.operation)
	require.NoError(t, database.Release(t.Context(), "overrun-"+b.operation))
	must(b, b.set.Records.TakeResources, Take{Resources: []string{name}, At: now})
}

func TestReservationsOfTwoRunsExcludeEachOther(t *testing.T) {
	b := newBench(t)
	from := at("2027-01-23T22:00:00+09:00")
	mine := Reserve{Resources: []string{b.operation + "/a", b.operation + "/b"}, Runbook: "PlannedOutage", Requester: "ito", From: from, Until: from.Add(4 * time.Hour)}
	must(b, b.set.Records.ReserveResources, mine)
	mine.Until = from.Add(6 * time.Hour)
	must(b, b.set.Records.ReserveResources, mine)

	must(b, b.set.Records.ReleaseResources, struct{}{})
	must(b, b.set.Records.ReleaseResources, struct{}{})
	_, err := database.Reserve(t.Context(), records.Reservation{
		Resource: b.operation + "/b", WorkflowID: "another-run", Runbook: "PlannedOutage", Requester: "sato", From: from, Until: from.Add(time.Hour),
	})
	require.NoError(t, err)
	_, err = try(b, b.set.Records.ReserveResources, mine)
	requireType(t, err, Locked)
	assert.Contains(t, err.Error(), b.operation+"/b is held by another-run (PlannedOutage, requested by sato) from 2027-01-23 22:00 JST until 2027-01-23 23:00 JST")
	mine.Until = from
	_, err = try(b, b.set.Records.ReserveResources, mine)
	requireType(t, err, InvalidInput)
}
