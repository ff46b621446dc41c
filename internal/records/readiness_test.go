package records

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func told(t *testing.T, run, kind, findings string, at time.Time) ReadinessTold {
	return ReadinessTold{System: t.Name(), WorkflowID: "w", RunID: run, ToldAt: at, Kind: kind, Findings: json.RawMessage(findings)}
}

func TestTheLastReadinessIsWhatPeopleKnow(t *testing.T) {
	s := openStore(t)
	_, err := s.LastReadiness(t.Context(), t.Name())
	require.ErrorIs(t, err, ErrNotFound)

	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	first, err := s.RecordReadiness(t.Context(), told(t, "r1", "changed", `[{"key": "a/"}]`, at))
	require.NoError(t, err)
	require.Equal(t, at, first.ToldAt)

	again, err := s.RecordReadiness(t.Context(), told(t, "r1", "well", `[]`, at.Add(time.Hour)))
	require.NoError(t, err)
	require.Equal(t, first, again, "a run tells once")

	_, err = s.RecordReadiness(t.Context(), told(t, "r2", "well", `null`, at.Add(time.Hour)))
	require.NoError(t, err)
	last, err := s.LastReadiness(t.Context(), t.Name())
	require.NoError(t, err)
	require.Equal(t, told(t, "r2", "well", `[]`, at.Add(time.Hour)), last)

	_, err = s.LastReadiness(t.Context(), "another system")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestReadinessIsRefusedIfItSaysNothing(t *testing.T) {
	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	for says, in := range map[string]ReadinessTold{
		`kind "bad"`:                     told(t, "r", "bad", `[]`, at),
		"runId":                          told(t, "", "well", `[]`, at),
		"toldAt is missing":              told(t, "r", "well", `[]`, time.Time{}),
		`kind "well" with 1 findings`:    told(t, "r", "well", `[1]`, at),
		`kind "changed" with 0 findings`: told(t, "r", "changed", `[]`, at),
		"cannot unmarshal":               told(t, "r", "changed", `{}`, at),
	} {
		_, err := openStore(t).RecordReadiness(t.Context(), in)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, says)
	}
}

func TestTheWorkersRoleCannotChangeWhatPeopleWereTold(t *testing.T) {
	execSQL(t, clusterDSN, `CREATE ROLE w_readiness LOGIN PASSWORD 'x' IN ROLE tejun_worker`)
	s := openDSN(t, changeURL(t, clusterDSN, func(u *url.URL) { u.User = url.UserPassword("w_readiness", "x") }))
	_, err := s.RecordReadiness(t.Context(), told(t, "r1", "well", `[]`, time.Now()))
	require.NoError(t, err)
	_, err = s.LastReadiness(t.Context(), t.Name())
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO tejun.readiness_told SELECT * FROM tejun.readiness_told LIMIT 1`, `UPDATE tejun.readiness_told SET kind = 'well'`,
		`DELETE FROM tejun.readiness_told`, `TRUNCATE tejun.readiness_told`, `SELECT tejun.grant_worker_readiness('w_readiness')`,
	} {
		_, err := s.pool.Exec(t.Context(), statement)
		assert.ErrorContains(t, err, "permission denied", statement)
	}
	_, err = openStore(t).pool.Exec(t.Context(), `UPDATE tejun.readiness_told SET kind = 'well'`)
	assert.ErrorContains(t, err, "is append-only")
}
