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
	row.Body = json.RawMessage(`{"a":2}`)
	_, err := try(b, b.set.Records.AppendEvidence, row)
	requireType(t, err, InvalidInput)
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
