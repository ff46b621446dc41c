package workflows_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/workflows/runbook"
)

// The pipeline names what it deploys in the order of system.yaml as it is by then.
func TestTheServicesOfTheDRRegionAreKnownByTheirNames(t *testing.T) {
	t.Run("in another order", func(t *testing.T) {
		r := newRegions(t)
		slices.Reverse(r.images)
		r.answers(through())
		require.NoError(t, r.recover(drillInput("graceful")))
	})
	t.Run("one is missing", func(t *testing.T) {
		r := newRegions(t)
		r.images = r.images[:1]
		r.answers(through("held scale", "rollback", "kato"))
		err := r.recover(drillInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.ErrorContains(t, err, "has deployed nothing for the service api")
		require.NotContains(t, r.made(), "ScaleDisasterService")
		require.Equal(t, ordinary(), r.at)
	})
}
