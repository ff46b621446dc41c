package records

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Intent is the announcement of an effect that its receiver cannot deduplicate, such as a mail.
type Intent struct {
	Key        string // stable over attempts and resets: operation and step
	WorkflowID string
	Detail     string // for people: what is to happen
	// Decision is "" at first. When a person has decided to have the effect again although its outcome is unknown, it
	// identifies that decision, and stays the same over the attempts that follow it (such as the run and activity ID
	// that Temporal gives): it opens one new generation, and a crash after that is an unknown outcome again.
	Decision string
}

// IntentOutcome is what became of an intent, or what BeginIntent found.
type IntentOutcome string

// Outcomes. FinishIntent takes IntentSent and IntentFailed.
const (
	IntentNew     IntentOutcome = "new"     // nobody has begun: go ahead
	IntentFailed  IntentOutcome = "failed"  // clearly refused before, so it did not happen: go ahead again
	IntentPending IntentOutcome = "pending" // begun before and never finished: it may or may not have happened
	IntentSent    IntentOutcome = "sent"    // it has happened: do not do it again
)

// IntentState is what BeginIntent found.
type IntentState struct {
	State      IntentOutcome
	Key        string // give this to FinishIntent; it names the generation
	Generation int    // from 1
	Attempts   int    // times that this generation was begun
	Ref        string // with IntentSent: the receiver's reference, such as a message ID; with IntentFailed: why
	BegunAt    time.Time
}

// GoAhead reports whether the caller may, and should, have the effect now.
func (s IntentState) GoAhead() bool { return s.State == IntentNew || s.State == IntentFailed }

// BeginIntent writes the intent down before the effect and says whether to go ahead. Call it right before the effect,
// and FinishIntent right after. A key that was sent once, in any generation, is never new again.
func (s *Store) BeginIntent(ctx context.Context, in Intent) (IntentState, error) {
	for _, f := range []struct {
		what, value string
		required    bool
	}{{"key", in.Key, true}, {"workflowId", in.WorkflowID, true}, {"detail", in.Detail, false}, {"decision", in.Decision, false}} {
		if err := plainText(f.what, f.value, f.required); err != nil {
			return IntentState{}, fmt.Errorf("begin intent %q: %w", in.Key, err)
		}
	}
	if strings.Contains(in.Key, "#") {
		return IntentState{}, fmt.Errorf("begin intent %q: the key must not contain #, which marks the generation", in.Key)
	}
	state := IntentState{Key: in.Key}
	err := s.pool.QueryRow(ctx, `SELECT b.outcome, (b.intent).generation, (b.intent).attempts, (b.intent).ref, (b.intent).begun_at
		FROM tejun.begin_intent($1, $2, $3, $4) b`, in.Key, in.WorkflowID, in.Detail, in.Decision).
		Scan(&state.State, &state.Generation, &state.Attempts, &state.Ref, &state.BegunAt)
	if err != nil {
		return IntentState{}, fmt.Errorf("begin intent %s: %w", in.Key, explain(err))
	}
	state.BegunAt = utc(state.BegunAt)
	if state.Generation > 1 {
		state.Key = in.Key + "#" + strconv.Itoa(state.Generation)
	}
	return state, nil
}

// FinishIntent writes down what became of an intent. key is IntentState.Key. outcome is IntentSent, with the receiver's
// reference, or IntentFailed, with the reason, for a clear refusal only: when in doubt do not call it, the intent then
// stays pending. Sent is final; sent after failed is taken, as a late answer may be the true one. Repeating is harmless.
func (s *Store) FinishIntent(ctx context.Context, key string, outcome IntentOutcome, ref string) error {
	if outcome != IntentSent && outcome != IntentFailed {
		return fmt.Errorf("finish intent %s: the outcome must be %q or %q, not %q", key, IntentSent, IntentFailed, outcome)
	}
	if err := plainText("ref", ref, false); err != nil {
		return fmt.Errorf("finish intent %s: %w", key, err)
	}
	name, generation := key, 1
	if before, after, found := strings.Cut(key, "#"); found {
		n, err := strconv.Atoi(after)
		if err != nil {
			return fmt.Errorf("finish intent %s: %q is no generation", key, after)
		}
		name, generation = before, n
	}
	// The inner row is what the intent was before, locked so that two late answers come one after the other.
	var was IntentOutcome
	err := s.pool.QueryRow(ctx, `
		WITH old AS (SELECT key, generation, state FROM tejun.intents WHERE key = $1 AND generation = $2 FOR UPDATE),
		changed AS (
			UPDATE tejun.intents i SET state = $3, ref = $4, ended_at = clock_timestamp() FROM old
			WHERE i.key = old.key AND i.generation = old.generation AND old.state <> 'sent' RETURNING 1)
		SELECT state FROM old`, name, generation, string(outcome), ref).Scan(&was)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("finish intent %s: %w: it was never begun", key, ErrNotFound)
	case err != nil:
		return fmt.Errorf("finish intent %s: %w", key, explain(err))
	case was == IntentSent && outcome == IntentFailed:
		return fmt.Errorf("finish intent %s: it is sent already, so it cannot have failed", key)
	}
	return nil
}
