package runbook

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
)

func TestWordsAreWhatAPersonNeeds(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		words string
	}{
		"plain":                 {errBroken, "AWS says no"},
		"application error":     {final("refused because"), "refused because"},
		"wrapped":               {fmt.Errorf("activity error: %w", final("refused because")), "refused because"},
		"several":               {errors.Join(fmt.Errorf("activity error: %w", final("one")), errBroken), "one; AWS says no"},
		"time-out":              {temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil), "it did not finish in time (heartbeat)"},
		"time-out with a cause": {temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, errors.New("still deploying")), "it did not finish in time (starttoclose); last: still deploying"},
	} {
		require.Equal(t, c.words, Words(c.err), name)
	}
}

func TestEndIsNotRetriedAndKnowsItsKind(t *testing.T) {
	err := End(ErrExpired, "open until %s", "noon")
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Equal(t, "open until noon", app.Message())
	require.True(t, IsEnd(fmt.Errorf("wrapped: %w", err), ErrExpired))
	require.False(t, IsEnd(err, ErrRejected))
	require.False(t, IsEnd(errBroken, ErrExpired))
	require.False(t, IsEnd(nil, ErrExpired))
}
