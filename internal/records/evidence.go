package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/jackc/pgx/v5"
)

// Evidence is one fact about a run: a decision, an attempt of an activity, a plan.
type Evidence struct {
	WorkflowID string          `json:"workflowId"` // names the chain
	RunID      string          `json:"runId"`
	Key        string          `json:"key"`  // unique in the chain; appending it again gives the row that is there
	Kind       string          `json:"kind"` // such as "activity", "decision"
	Step       string          `json:"step"` // "" if it belongs to no step
	At         time.Time       `json:"at"`   // when it happened, by the caller's clock
	Body       json.RawMessage `json:"body"` // any JSON; kept in canonical form; nothing at all is kept as null
}

// Row is evidence in its chain.
type Row struct {
	Seq int `json:"seq"` // from 1
	Evidence
	PrevHash string `json:"prevHash"` // Hash of the row before, "" in the first
	Hash     string `json:"hash"`     // SHA-256 in hex over all of the above, see VerifyChain
}

// MismatchError says that a key is used again for another fact. The first row stays as it is.
type MismatchError struct {
	Stored   Row      // what the chain holds
	Given    Evidence // what was to be appended
	Differs  string   // the first field that differs: "kind", "step" or "body"
	WasGiven string   // that field as given
	IsStored string   // that field as stored
}

// Error names the key, the field and both values.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("evidence key %s of %s is row %d already, with another %s: stored %s, given %s; give a new fact a new key",
		e.Given.Key, e.Given.WorkflowID, e.Stored.Seq, e.Differs, clip(e.IsStored), clip(e.WasGiven))
}

const evidenceColumns = `workflow_id, seq, run_id, key, kind, step, at, body, prev_hash, hash`

// AppendEvidence adds a row at the end of the workflow's chain, in one round trip. If the key is there already the
// existing row is returned; if its kind, step or body differ, it is returned with a *MismatchError. Run ID and time may
// differ: a run that was reset tells the same fact again, at another time.
func (s *Store) AppendEvidence(ctx context.Context, e Evidence) (Row, error) {
	e, err := normalise(e)
	if err != nil {
		return Row{}, fmt.Errorf("append evidence: %w", err)
	}
	rows, err := s.pool.Query(ctx, `SELECT `+evidenceColumns+` FROM tejun.append_evidence($1, $2, $3, $4, $5, $6, $7)`,
		e.WorkflowID, e.RunID, e.Key, e.Kind, e.Step, e.At, string(e.Body))
	if err != nil {
		return Row{}, fmt.Errorf("append evidence %s to %s: %w", e.Key, e.WorkflowID, explain(err))
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanRow)
	if err != nil {
		return Row{}, fmt.Errorf("append evidence %s to %s: %w", e.Key, e.WorkflowID, explain(err))
	}
	for _, f := range []struct{ name, stored, given string }{
		{"kind", row.Kind, e.Kind}, {"step", row.Step, e.Step}, {"body", string(row.Body), string(e.Body)},
	} {
		if f.stored != f.given {
			return row, &MismatchError{Stored: row, Given: e, Differs: f.name, IsStored: f.stored, WasGiven: f.given}
		}
	}
	return row, nil
}

// ListEvidence returns the workflow's chain in order; none is no error.
func (s *Store) ListEvidence(ctx context.Context, workflowID string) ([]Row, error) {
	return listEvidence(ctx, s.pool, workflowID)
}

// EvidenceHead returns how many rows the workflow's chain has and the hash of the last one; 0 and "" if it has none.
func (s *Store) EvidenceHead(ctx context.Context, workflowID string) (count int, hash string, err error) {
	return evidenceHead(ctx, s.pool, workflowID)
}

// Chain is a workflow's evidence and its head, as they were at one moment.
type Chain struct {
	WorkflowID string
	Rows       []Row
	Count      int    // as the head says
	Head       string // as the head says
}

// Verify is VerifyChain over the chain.
func (c Chain) Verify() []Finding { return VerifyChain(c.Rows, c.Count, c.Head) }

// ReadChain reads rows and head in one snapshot, so that a row appended meanwhile is not taken for a fault.
func (s *Store) ReadChain(ctx context.Context, workflowID string) (Chain, error) {
	chain := Chain{WorkflowID: workflowID}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) (err error) {
		if chain.Count, chain.Head, err = evidenceHead(ctx, tx, workflowID); err != nil {
			return err
		}
		chain.Rows, err = listEvidence(ctx, tx, workflowID)
		return err
	})
	if err != nil {
		return Chain{}, fmt.Errorf("read the evidence of %s: %w", workflowID, err)
	}
	return chain, nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func listEvidence(ctx context.Context, q querier, workflowID string) ([]Row, error) {
	rows, err := q.Query(ctx, `SELECT `+evidenceColumns+` FROM tejun.evidence WHERE workflow_id = $1 ORDER BY seq`, workflowID)
	if err != nil {
		return nil, fmt.Errorf("list the evidence of %s: %w", workflowID, explain(err))
	}
	list, err := pgx.CollectRows(rows, scanRow)
	if err != nil {
		return nil, fmt.Errorf("list the evidence of %s: %w", workflowID, explain(err))
	}
	return list, nil
}

func evidenceHead(ctx context.Context, q querier, workflowID string) (count int, hash string, err error) {
	err = q.QueryRow(ctx, `SELECT count, hash FROM tejun.evidence_heads WHERE workflow_id = $1`, workflowID).Scan(&count, &hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, "", fmt.Errorf("read the evidence head of %s: %w", workflowID, explain(err))
	}
	return count, hash, nil
}

func scanRow(r pgx.CollectableRow) (Row, error) {
	var row Row
	var body string
	err := r.Scan(&row.WorkflowID, &row.Seq, &row.RunID, &row.Key, &row.Kind, &row.Step, &row.At, &body, &row.PrevHash, &row.Hash)
	row.At, row.Body = utc(row.At), json.RawMessage(body)
	return row, err
}

// normalise checks evidence and gives it the form in which it is kept.
func normalise(e Evidence) (Evidence, error) {
	for _, f := range []struct {
		what, value string
		required    bool
	}{
		{"workflowId", e.WorkflowID, true}, {"key", e.Key, true}, {"kind", e.Kind, true}, {"runId", e.RunID, false}, {"step", e.Step, false},
	} {
		if err := plainText(f.what, f.value, f.required); err != nil {
			return e, fmt.Errorf("key %q of %q: %w", e.Key, e.WorkflowID, err)
		}
	}
	if e.At.IsZero() {
		return e, fmt.Errorf("key %q of %q: at is missing: set the time when it happened", e.Key, e.WorkflowID)
	}
	e.At = utc(e.At)
	body, err := canonical(e.Body)
	if err != nil {
		return e, fmt.Errorf("key %q of %q: the body is not JSON: %w", e.Key, e.WorkflowID, err)
	}
	e.Body = body
	return e, nil
}

// canonical is JSON with sorted names, no space and one way to write each string, but with numbers as they were: RFC
// 8785 would round a 64-bit number. Names that stand twice are refused.
func canonical(body json.RawMessage) (json.RawMessage, error) {
	if len(body) == 0 {
		return json.RawMessage("null"), nil
	}
	value := jsontext.Value(body).Clone()
	if err := value.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		return nil, err
	}
	return json.RawMessage(value), nil
}

func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
