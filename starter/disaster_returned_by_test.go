package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
	"tejun/internal/records"
)

// The lock on drills is lifted by whoever may decide about the return, and by nobody else.
func TestOnlyWhoDecidesAboutTheReturnSaysThatARecoveryIsBack(t *testing.T) {
	server, err := devserver.StartPostgres(t.Context(), devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	store, err := records.Open(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	c := newCLI(t)
	c.env["TEJUN_DATABASE_URL"] = server.DSN()

	stays := aDrill()
	stays.Mode, stays.Outcome = records.ModeReal, records.DisasterStays
	_, err = store.OpenDisaster(t.Context(), stays)
	require.NoError(t, err)
	stays, err = store.FinishDisaster(t.Context(), stays)
	require.NoError(t, err)
	for key, people := range map[string][2]string{"first": {"sato", "tanaka"}, "after a Reset": {"takahashi", "ito@example.go.jp"}} {
		_, err = store.AppendEvidence(t.Context(), records.Evidence{
			WorkflowID: stays.WorkflowID, RunID: "r", Key: key, Kind: "opened", At: c.now, Body: fmt.Appendf(nil, `{"runbook":"DisasterRecovery","input":{"requester":%q,"operator":%q}}`, people[0], people[1]),
		})
		require.NoError(t, err)
	}
	for as, says := range map[string]string{
		"mallory": `"mallory" is nobody of system.yaml`, "tanaka": "tanaka has not the role officer of the gate return", "takahashi": "ask ito, sato, suzuki",
		"sato": "sato asked for dr-1", "m-sato": "sato asked for dr-1", "ito": "ito operated dr-1",
	} {
		code, out, problem := c.run(t, "disaster", "returned", stays.WorkflowID, "--as", as, "--reason", "東京へ戻した")
		require.Equal(t, exitRefused, code, "%s: %s", as, problem)
		require.Empty(t, out)
		require.Contains(t, problem, says)
	}
	code, _, problem := c.run(t, "disaster", "returned", stays.WorkflowID, "--as", "suzuki", "--reason", "東京へ戻した")
	require.NotEqual(t, 0, code)
	require.Contains(t, problem, "Temporal", "suzuki may, and only now the run itself is asked for")
	row, err := store.Disaster(t.Context(), stays.WorkflowID)
	require.NoError(t, err)
	require.Equal(t, stays, row, "nothing was said")
	rows, err := store.ListEvidence(t.Context(), stays.WorkflowID)
	require.NoError(t, err)
	require.Len(t, rows, 2)
}
