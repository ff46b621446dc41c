package activities

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/load"
)

// What comes out the same every time is not tried again; what may pass by itself is.
func TestErrorsOfALoadAreClassified(t *testing.T) {
	for _, c := range []struct {
		err   error
		kind  string
		again bool
	}{
		{&load.TargetError{Reason: "t would have 3 rows after the load, and the plan says 2"}, Refused, false},
		{fmt.Errorf("planned was more: %w", load.ErrDrifted), Drifted, false},
		{load.ErrNotStaged, NotStaged, false},
		{load.ErrSuperseded, Conflict, true},
		{errors.New("the connection broke"), Unavailable, true},
	} {
		var typed *temporal.ApplicationError
		require.ErrorAs(t, loadError(fmt.Errorf("wrapped: %w", c.err), "import"), &typed)
		require.Equal(t, c.kind, typed.Type(), c.err.Error())
		require.Equal(t, c.again, !typed.NonRetryable(), c.err.Error())
	}
}
