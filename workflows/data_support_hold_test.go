package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// From the creation to the end of the load nobody else loads a file of the dataset; then files that have arrived may be loaded.
func TestSupportHoldsTheDatasetWhileAFileOfItIsCreated(t *testing.T) {
	o := withOffice(newWorld(t))
	o.env.RegisterDelayedCallback(func() { require.Empty(t, o.holds, "nobody has agreed to the estimate yet") }, 90*time.Minute)
	o.env.RegisterDelayedCallback(func() { require.Equal(t, []string{"hold dataset:shops"}, o.holds) }, 4*time.Hour-time.Minute)
	o.first()
	o.env.RegisterDelayedCallback(func() { require.Equal(t, []string{"hold dataset:shops", "release dataset:shops"}, o.holds) }, 5*time.Hour)
	o.at(hour(6), "reject", by("suzuki"))
	o.done(hour(7), "tanaka", created("two.csv", hashTwo))
	o.approveAsSeen(hour(8), "kato")
	o.approveAsSeen(hour(9), "ito")
	require.NoError(t, o.ask(request()))
	require.Equal(t, []string{"hold dataset:shops", "release dataset:shops", "hold dataset:shops", "release dataset:shops", "release all"}, o.holds)
	require.Equal(t, []string{"one.csv", "two.csv"}, o.claims, "no file that was reported is ever taken for one that has arrived")
	require.True(t, o.until.After(due), "the load comes after the deadline of the creation")
	require.Empty(t, o.status().Holds)
}

func TestSupportLetsGoOfTheDatasetHoweverItEnds(t *testing.T) {
	o := withOffice(newWorld(t))
	o.agreed()
	require.Error(t, o.ask(request()))
	require.Equal(t, []string{"hold dataset:shops", "release all"}, o.holds)
}

// A load that is under way when the creation is to begin is waited for, and no round is lost with it.
func TestSupportWaitsForALoadThatIsUnderWay(t *testing.T) {
	o := withOffice(newWorld(t))
	stub(o.world, "ReserveResources", func(in activities.Reserve) (activities.Reserved, error) {
		if o.env.Now().Before(hour(10)) {
			return activities.Reserved{}, temporal.NewNonRetryableApplicationError("dataset:shops is held by load-7", activities.Locked, nil)
		}
		o.holds = append(o.holds, in.Resources...)
		return activities.Reserved{}, nil
	})
	o.agreed()
	o.env.RegisterDelayedCallback(func() {
		require.Contains(t, o.status().Says, "waits until another run has ended: dataset:shops is held by load-7")
	}, 5*time.Hour)
	o.done(hour(12), "tanaka", created("one.csv", hashOne))
	o.at(hour(13), "approve", by("kato"))
	o.at(hour(14), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Equal(t, "dataset:shops", o.holds[0])
	require.Equal(t, 1, o.outcome().Rounds)

	stuck := withOffice(newWorld(t))
	stub(stuck.world, "ReserveResources", func(activities.Reserve) (activities.Reserved, error) {
		return activities.Reserved{}, temporal.NewNonRetryableApplicationError("dataset:shops is held by load-7", activities.Locked, nil)
	})
	stuck.agreed()
	err := stuck.ask(request())
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
	require.ErrorContains(t, err, "another run was in the way: dataset:shops is held by load-7")
}
