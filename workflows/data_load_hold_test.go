package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/activities"
)

// A load needs its table and its dataset for itself, and says who has started it, whose hold of the dataset is no obstacle.
func TestLoadNeedsTableAndDatasetForItself(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks = nil
	var reserved activities.Reserve
	var took activities.Take
	stub(f.world, "ReserveResources", func(in activities.Reserve) (activities.Reserved, error) {
		reserved = in
		return activities.Reserved{}, nil
	})
	stub(f.world, "TakeResources", func(in activities.Take) (struct{}, error) {
		took = in
		return struct{}{}, nil
	})
	require.NoError(t, f.load())
	require.Equal(t, []string{"database:db/public.t", "dataset:postal-codes"}, reserved.Resources)
	require.Equal(t, reserved.Resources, took.Resources)
	require.Empty(t, reserved.Parent)
}
