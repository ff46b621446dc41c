package records

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The guard of drills asks for the run's own row. Where it is in doubt it is a drill.
func TestWhatTheRunsOfAnIDAre(t *testing.T) {
	s := openStore(t)
	_, err := s.DisasterModeOfRun(t.Context(), "never", "none")
	require.ErrorIs(t, err, ErrNotFound)

	first := drill(t, "1", opened)
	first.Mode = ModeReal
	openDisaster(t, s, first)
	mode, err := s.DisasterModeOfRun(t.Context(), first.WorkflowID, first.Operation)
	require.NoError(t, err)
	require.Equal(t, ModeReal, mode)

	second := drill(t, "2", opened)
	second.WorkflowID = first.WorkflowID
	_, err = s.DisasterModeOfRun(t.Context(), first.WorkflowID, second.Operation)
	require.ErrorIs(t, err, ErrNotFound, "a new run under the ID of a real one is not real by that")
	_, err = s.DisasterModeOfRun(t.Context(), second.Operation, first.Operation)
	require.ErrorIs(t, err, ErrNotFound, "nor is the row of another ID its own")
	openDisaster(t, s, second)
	for _, operation := range []string{first.Operation, second.Operation} {
		mode, err = s.DisasterModeOfRun(t.Context(), first.WorkflowID, operation)
		require.NoError(t, err)
		require.Equal(t, ModeDrill, mode, "an ID that was used for both counts as a drill")
	}
}
