package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ReadinessTold is what people were told of the readiness for a disaster at one time.
type ReadinessTold struct {
	System     string          `json:"system"` // its ID
	WorkflowID string          `json:"workflow_id"`
	RunID      string          `json:"run_id"` // a run tells once
	ToldAt     time.Time       `json:"told_at"`
	Kind       string          `json:"kind"`     // "changed", "repeated" or "well"
	Findings   json.RawMessage `json:"findings"` // a JSON list; empty exactly when Kind is "well"
}

// RecordReadiness keeps what people were told. A run that has told adds nothing: what stands there comes back.
func (s *Store) RecordReadiness(ctx context.Context, in ReadinessTold) (ReadinessTold, error) {
	in.ToldAt = utc(in.ToldAt)
	err := errors.Join(plainText("system", in.System, true), plainText("workflowId", in.WorkflowID, true), plainText("runId", in.RunID, true))
	var list []json.RawMessage
	switch {
	case err != nil:
	case in.Kind != "changed" && in.Kind != "repeated" && in.Kind != "well":
		err = fmt.Errorf("kind %q: want changed, repeated or well", in.Kind)
	case in.ToldAt.IsZero():
		err = errors.New("toldAt is missing")
	default:
		if err = json.Unmarshal(in.Findings, &list); err == nil && (in.Kind == "well") != (len(list) == 0) {
			err = fmt.Errorf("kind %q with %d findings", in.Kind, len(list))
		}
	}
	if err != nil {
		return ReadinessTold{}, fmt.Errorf("record the readiness: %w: %w", ErrInvalid, err)
	}
	if len(list) == 0 {
		in.Findings = json.RawMessage("[]")
	}
	row, err := json.Marshal(in)
	if err != nil {
		return ReadinessTold{}, fmt.Errorf("record the readiness: %w", err)
	}
	return s.readiness(ctx, `SELECT system, workflow_id, run_id, told_at, kind, findings FROM tejun.record_readiness($1)`, string(row))
}

// LastReadiness is what people were told last, ErrNotFound if they never were.
func (s *Store) LastReadiness(ctx context.Context, system string) (ReadinessTold, error) {
	return s.readiness(ctx, `SELECT system, workflow_id, run_id, told_at, kind, findings FROM tejun.readiness_told
		WHERE system = $1 ORDER BY seq DESC LIMIT 1`, system)
}

func (s *Store) readiness(ctx context.Context, sql string, arg any) (ReadinessTold, error) {
	var r ReadinessTold
	err := s.pool.QueryRow(ctx, sql, arg).Scan(&r.System, &r.WorkflowID, &r.RunID, &r.ToldAt, &r.Kind, &r.Findings)
	r.ToldAt = utc(r.ToldAt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ReadinessTold{}, fmt.Errorf("the readiness that people were told of: %w", ErrNotFound)
	case err != nil:
		return ReadinessTold{}, fmt.Errorf("the readiness that people were told of: %w", explain(err))
	}
	return r, nil
}
