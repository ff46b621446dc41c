package records

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The guard of drills asks by the workflow ID, which a Reset keeps. Where it is in doubt it is a drill.
func TestWhatTheRunsOfAnIDAre(t *testing.T) {
	s := openStore(t)
	_, err := s.DisasterModeOfRun(t.Context(), "never")
	require.ErrorIs(t, err, ErrNotFound)

	first := drill(t, "1", opened)
	first.Mode = ModeReal
	openDisaster(t, s, first)
	mode, err := s.DisasterModeOfRun(t.Context(), first.WorkflowID)
	require.NoError(t, err)
	require.Equal(t, ModeReal, mode)

	second := drill(t, "2", opened)
	second.WorkflowID = first.WorkflowID
	openDisaster(t, s, second)
	mode, err = s.DisasterModeOfRun(t.Context(), first.WorkflowID)
	require.NoError(t, err)
	require.Equal(t, ModeDrill, mode, "an ID that was used for both counts as a drill")
}
