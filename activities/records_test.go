package activities

import (
	"encoding/json"
	"strings"
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

// Whoever is refused because of a drill has a disaster, perhaps, and no time: the words say how the drill gives way. A real recovery does not.
func TestADrillThatIsInTheWayIsToBeCancelled(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	for mode, says := range map[string]string{records.ModeDrill: "cancel it (`starter cancel drill-", records.ModeReal: "wait for that run to end", "": "wait for that run to end"} {
		holder := "drill-" + mode + b.operation
		mine := Reserve{Resources: []string{b.operation + "/dr" + mode}, Runbook: "DisasterRecovery", Requester: "ito", From: now, Until: now.Add(time.Hour)}
		if mode != "" {
			_, err := database.OpenDisaster(t.Context(), records.Disaster{
				Operation: mode + b.operation, WorkflowID: holder, RunID: "r", System: b.operation, Mode: mode, Manner: records.MannerGraceful, Title: "訓練", StartedAt: now,
			})
			require.NoError(t, err)
		}
		_, err := database.Reserve(t.Context(), records.Reservation{Resource: mine.Resources[0], WorkflowID: holder, Runbook: "DisasterRecovery", Requester: "sato", From: now, Until: now.Add(time.Hour)})
		require.NoError(t, err)
		_, err = try(b, b.set.Records.ReserveResources, mine)
		requireType(t, err, Locked)
		assert.Contains(t, err.Error(), says)
		assert.Equal(t, mode == records.ModeDrill, strings.Contains(err.Error(), "it is a drill"), mode)
		require.NoError(t, database.Release(t.Context(), holder))
	}
}

// What a run holds lets those through that it has started, and nobody else.
func TestWhatTheParentHoldsLetsItsChildPass(t *testing.T) {
	b := newBench(t)
	parent, now := "parent-of-"+b.operation, time.Now()
	hers := b.operation + "/dataset"
	reserve := func() {
		holder, err := database.Reserve(t.Context(), records.Reservation{
			Resource: hers, WorkflowID: parent, Runbook: "DataSupport", Requester: "ito", From: now.Add(-2 * time.Hour), Until: now.Add(time.Hour),
		})
		require.NoError(t, err)
		require.Nil(t, holder)
	}
	reserve()
	mine := Reserve{Resources: []string{b.operation + "/table", hers}, Runbook: "DataLoad", Requester: "ito", From: now, Until: now.Add(time.Hour)}
	for _, stranger := range []string{"", "another-" + b.operation, b.operation} {
		mine.Parent = stranger
		_, err := try(b, b.set.Records.ReserveResources, mine)
		requireType(t, err, Locked)
		require.ErrorContains(t, err, parent)
		_, err = try(b, b.set.Records.TakeResources, Take{Resources: mine.Resources, Parent: stranger, At: now})
		requireType(t, err, Locked)
	}
	mine.Parent = parent
	for range 2 {
		require.Equal(t, Reserved{Passed: []string{hers}}, must(b, b.set.Records.ReserveResources, mine))
		must(b, b.set.Records.TakeResources, Take{Resources: mine.Resources, Parent: parent, At: now})
	}
	require.NoError(t, database.Release(t.Context(), parent))
	reserve() // the child has not taken it for itself
	require.NoError(t, database.Release(t.Context(), parent))

	must(b, b.set.Records.ReleaseNamedResources, Release{Resources: []string{b.operation + "/other"}})
	must(b, b.set.Records.ReserveResources, Reserve{Resources: []string{hers}, Runbook: "DataLoad", Requester: "ito", From: now, Until: now.Add(time.Hour)})
	for range 2 {
		must(b, b.set.Records.ReleaseNamedResources, Release{Resources: []string{hers}})
	}
	reserve()
	require.NoError(t, database.Release(t.Context(), parent))
	_, err := try(b, b.set.Records.ReleaseNamedResources, Release{})
	requireType(t, err, InvalidInput)
	must(b, b.set.Records.ReleaseResources, struct{}{})
}
