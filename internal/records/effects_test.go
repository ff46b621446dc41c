package records

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func begin(t *testing.T, s *Store, key, decision string) IntentState {
	t.Helper()
	state, err := s.BeginIntent(t.Context(), Intent{Key: key, WorkflowID: "w", Detail: "a mail", Decision: decision})
	require.NoError(t, err)
	return state
}

func TestAnIntentGoesAheadOnce(t *testing.T) {
	s := openStore(t)
	first := begin(t, s, t.Name(), "")
	assert.Equal(t, IntentNew, first.State)
	assert.True(t, first.GoAhead())
	assert.Equal(t, 1, first.Generation)
	assert.Equal(t, t.Name(), first.Key)

	second := begin(t, s, t.Name(), "")
	assert.Equal(t, IntentPending, second.State, "begun and never finished: unknown")
	assert.False(t, second.GoAhead())
	assert.Equal(t, first.BegunAt, second.BegunAt)

	require.NoError(t, s.FinishIntent(t.Context(), first.Key, IntentSent, "message-1"))
	require.NoError(t, s.FinishIntent(t.Context(), first.Key, IntentSent, "message-1"), "repeating is harmless")
	third := begin(t, s, t.Name(), "")
	assert.Equal(t, IntentSent, third.State)
	assert.False(t, third.GoAhead())
	assert.Equal(t, "message-1", third.Ref)
}

func TestAClearRefusalMayBeTriedAgain(t *testing.T) {
	s := openStore(t)
	state := begin(t, s, t.Name(), "")
	require.NoError(t, s.FinishIntent(t.Context(), state.Key, IntentFailed, "throttled"))
	again := begin(t, s, t.Name(), "")
	assert.Equal(t, IntentFailed, again.State)
	assert.True(t, again.GoAhead())
	assert.Equal(t, 2, again.Attempts)
	assert.Equal(t, "throttled", again.Ref)
	assert.Equal(t, IntentPending, begin(t, s, t.Name(), "").State, "it is begun again now")
}

func TestADecisionToSendAgainOpensOneGeneration(t *testing.T) {
	s := openStore(t)
	begin(t, s, t.Name(), "")
	second := begin(t, s, t.Name(), "decision-1")
	assert.Equal(t, IntentNew, second.State)
	assert.Equal(t, 2, second.Generation)
	assert.Equal(t, t.Name()+"#2", second.Key)
	assert.Equal(t, IntentPending, begin(t, s, t.Name(), "decision-1").State, "the same decision after a crash is unknown again")
	assert.Equal(t, IntentPending, begin(t, s, t.Name(), "").State)

	third := begin(t, s, t.Name(), "decision-2")
	assert.Equal(t, 3, third.Generation)
	require.NoError(t, s.FinishIntent(t.Context(), second.Key, IntentSent, "late"), "the second one's answer comes late")
	for _, decision := range []string{"", "decision-1", "decision-2", "decision-3"} {
		state := begin(t, s, t.Name(), decision)
		assert.Equal(t, IntentSent, state.State, "sent in any generation is sent")
		assert.Equal(t, "late", state.Ref)
		assert.Equal(t, second.Key, state.Key)
	}
}

func TestFinishingIsCheckedAgainstWhatWas(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	state := begin(t, s, t.Name(), "")
	require.NoError(t, s.FinishIntent(ctx, state.Key, IntentFailed, "refused"))
	require.NoError(t, s.FinishIntent(ctx, state.Key, IntentSent, "m"), "a late answer may be the true one")
	assert.ErrorContains(t, s.FinishIntent(ctx, state.Key, IntentFailed, ""), "it is sent already")
	assert.Equal(t, "m", begin(t, s, t.Name(), "").Ref)

	assert.ErrorIs(t, s.FinishIntent(ctx, "never begun", IntentSent, ""), ErrNotFound)
	assert.ErrorIs(t, s.FinishIntent(ctx, state.Key+"#2", IntentSent, ""), ErrNotFound)
	assert.ErrorContains(t, s.FinishIntent(ctx, state.Key+"#x", IntentSent, ""), "is no generation")
	assert.ErrorContains(t, s.FinishIntent(ctx, state.Key, IntentPending, ""), `must be "sent" or "failed"`)
	assert.ErrorContains(t, s.FinishIntent(ctx, state.Key, IntentSent, "\x00"), "NUL")
	_, err := s.BeginIntent(ctx, Intent{Key: "a#1", WorkflowID: "w"})
	assert.ErrorContains(t, err, "must not contain #")
	_, err = s.BeginIntent(ctx, Intent{Key: "a"})
	assert.ErrorContains(t, err, "workflowId is missing")
}

func TestOfManyAttemptsAtOnceOneGoesAhead(t *testing.T) {
	s := openStore(t)
	for _, decision := range []string{"", "again"} {
		var ahead atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				state, err := s.BeginIntent(t.Context(), Intent{Key: t.Name(), WorkflowID: "w", Decision: decision})
				assert.NoError(t, err)
				if state.GoAhead() {
					ahead.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, int32(1), ahead.Load())
	}
}

func TestTheFirstSavedStateWins(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	before := []byte("{\"a\": 1}\n\x00\xff")
	hash, err := s.SaveState(ctx, t.Name(), "r", before)
	require.NoError(t, err)
	assert.Equal(t, sum(before), hash)
	again, err := s.SaveState(ctx, t.Name(), "r", []byte("changed"))
	require.NoError(t, err)
	assert.Equal(t, hash, again)
	content, err := s.LoadState(ctx, t.Name(), "r")
	require.NoError(t, err)
	assert.Equal(t, before, content, "byte for byte")

	_, err = s.LoadState(ctx, t.Name(), "other")
	assert.ErrorIs(t, err, ErrNotFound)
	_, err = s.SaveState(ctx, t.Name(), "empty", nil)
	require.NoError(t, err)
	content, err = s.LoadState(ctx, t.Name(), "empty")
	require.NoError(t, err)
	assert.Empty(t, content)
	_, err = s.SaveState(ctx, "", "r", nil)
	assert.ErrorContains(t, err, "operation is missing")
}

func TestOfConcurrentSavesOneWins(t *testing.T) {
	s := openStore(t)
	for round := range 20 {
		hashes := make([]string, 8)
		var wg sync.WaitGroup
		for i := range hashes {
			wg.Go(func() {
				var err error
				hashes[i], err = s.SaveState(t.Context(), t.Name(), fmt.Sprint(round), []byte{byte(i)})
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		content, err := s.LoadState(t.Context(), t.Name(), fmt.Sprint(round))
		require.NoError(t, err)
		for _, h := range hashes {
			assert.Equal(t, sum(content), h)
		}
	}
}

func TestASavedStateCannotBeChangedUnnoticed(t *testing.T) {
	s := openStore(t)
	_, err := s.SaveState(t.Context(), t.Name(), "r", []byte("before"))
	require.NoError(t, err)
	const change = `UPDATE tejun.saved_states SET content = 'evil' WHERE operation = 'TestASavedStateCannotBeChangedUnnoticed'`
	_, err = s.pool.Exec(t.Context(), change)
	assert.ErrorContains(t, err, "UPDATE is refused")
	execSQL(t, clusterDSN, `ALTER TABLE tejun.saved_states DISABLE TRIGGER ALL`, change, `ALTER TABLE tejun.saved_states ENABLE TRIGGER ALL`)
	_, err = s.LoadState(t.Context(), t.Name(), "r")
	assert.ErrorContains(t, err, "the content was changed after it was saved")
}

func TestAFenceRefusesOlderAttempts(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	require.NoError(t, s.Fence(ctx, t.Name(), 1))
	require.NoError(t, s.Fence(ctx, t.Name(), 1), "an attempt may pass several times")
	require.NoError(t, s.Fence(ctx, t.Name(), 3))
	err := s.Fence(ctx, t.Name(), 2)
	require.ErrorIs(t, err, ErrSuperseded)
	assert.ErrorContains(t, err, "attempt 3 has begun")
	require.NoError(t, s.Fence(ctx, t.Name(), 3))
	require.NoError(t, s.Fence(ctx, t.Name()+" other", 1))
	assert.ErrorContains(t, s.Fence(ctx, t.Name(), 0), "it counts from 1")
	assert.ErrorContains(t, s.Fence(ctx, "", 1), "key is missing")
}

func TestAFenceIsRightUnderConcurrency(t *testing.T) {
	s := openStore(t)
	order := rand.Perm(50)
	var wg sync.WaitGroup
	var refused atomic.Int32
	for _, n := range order {
		wg.Go(func() {
			if err := s.Fence(t.Context(), t.Name(), int32(n+1)); err != nil {
				assert.ErrorIs(t, err, ErrSuperseded)
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Fence(t.Context(), t.Name(), 50))
	for n := range int32(49) {
		require.ErrorIs(t, s.Fence(t.Context(), t.Name(), n+1), ErrSuperseded)
	}
}
