package activities

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/readiness"
	"tejun/internal/records"
)

// ReadinessFound is everything that the checks of a run have found.
type ReadinessFound struct {
	System      string              `json:"system"` // its ID
	Findings    []readiness.Finding `json:"findings"`
	At          time.Time           `json:"at"`
	RepeatAfter time.Duration       `json:"repeatAfter"`
	InUse       bool                `json:"inUse,omitempty"` // a run held the DR environment: what it moves was not judged
}

// ReadinessVerdict is the findings in words, and what people are to be told.
type ReadinessVerdict struct {
	Findings []readiness.Worded `json:"findings"`
	Tell     string             `json:"tell"` // readiness.Nothing, Changed, Repeated or Well
	List     string             `json:"list"` // for a mail, in Japanese
	Gone     string             `json:"gone"` // what people were told of and is no more, likewise
}

// ReadinessTold keeps what people were told.
type ReadinessTold struct {
	System   string             `json:"system"`
	Kind     string             `json:"kind"` // readiness.Changed, Repeated or Well
	Findings []readiness.Worded `json:"findings"`
	At       time.Time          `json:"at"`
}

// CompareReadiness puts the findings into words and compares them with what people were told last. What could not be looked at or was
// not judged this time stands as it was.
func (a *Readiness) CompareReadiness(ctx context.Context, in ReadinessFound) (ReadinessVerdict, error) {
	last, err := a.lastTold(ctx, in.System)
	if err != nil {
		return ReadinessVerdict{}, err
	}
	words, err := readiness.Words(in.Findings, readiness.Keys(last.Findings))
	if err != nil {
		return ReadinessVerdict{}, fail(InvalidInput, "%v", err)
	}
	words = readiness.Keep(last, words, in.InUse)
	list, err := readiness.List(words)
	if err != nil {
		return ReadinessVerdict{}, fail(InvalidInput, "%v", err)
	}
	gone, err := readiness.GoneList(readiness.Gone(last, words))
	if err != nil {
		return ReadinessVerdict{}, fail(InvalidInput, "%v", err)
	}
	return ReadinessVerdict{Findings: words, Tell: readiness.Judge(last, words, in.At, in.RepeatAfter), List: list, Gone: gone}, nil
}

func (a *Readiness) lastTold(ctx context.Context, system string) (readiness.Told, error) {
	row, err := a.store.LastReadiness(ctx, system)
	if errors.Is(err, records.ErrNotFound) {
		return readiness.Told{}, nil
	}
	if err != nil {
		return readiness.Told{}, recordsError(err, "read what people know of the readiness")
	}
	told := readiness.Told{At: row.ToldAt}
	if err := json.Unmarshal(row.Findings, &told.Findings); err != nil {
		return readiness.Told{}, fail(InvalidInput, "what people were told of the readiness cannot be read: %v", err)
	}
	return told, nil
}

// KeepReadiness remembers what people were told. A run tells once: what it keeps again changes nothing.
func (a *Readiness) KeepReadiness(ctx context.Context, in ReadinessTold) (struct{}, error) {
	findings, err := json.Marshal(in.Findings)
	if err != nil {
		return struct{}{}, fail(InvalidInput, "the findings cannot be kept: %v", err)
	}
	run := activity.GetInfo(ctx).WorkflowExecution
	_, err = a.store.RecordReadiness(ctx, records.ReadinessTold{
		System: in.System, WorkflowID: run.ID, RunID: run.RunID, ToldAt: in.At, Kind: in.Kind, Findings: findings,
	})
	if errors.Is(err, records.ErrInvalid) {
		return struct{}{}, fail(InvalidInput, "%v", err)
	}
	return struct{}{}, recordsError(err, "remember what people were told of the readiness")
}
