package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
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

// A load that another run has started says for the next look that it was refused for a reason that passes, and only then.
func TestLoadThatIsRefusedForNowLeavesItsWord(t *testing.T) {
	for name, c := range map[string]struct {
		refusal error
		parent  string
		says    bool
	}{
		"the table is held":      {temporal.NewNonRetryableApplicationError("t is held by load-7", activities.Locked, nil), "data-arrival", true},
		"it cannot be reserved":  {temporal.NewNonRetryableApplicationError("an end before the start", activities.InvalidInput, nil), "data-arrival", false},
		"it was started by hand": {temporal.NewNonRetryableApplicationError("t is held by load-7", activities.Locked, nil), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := withFerry(newWorld(t))
			kept := 0
			stub(f.world, "KeepArrivalRefused", func(in activities.RunRef) (struct{}, error) {
				require.NotEmpty(t, in.WorkflowID)
				kept++
				return struct{}{}, nil
			})
			stub(f.world, "ReserveResources", func(in activities.Reserve) (activities.Reserved, error) {
				require.Equal(t, c.parent, in.Parent)
				return activities.Reserved{}, c.refusal
			})
			var err error
			if c.parent == "" {
				err = f.load()
			} else {
				f.env.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
					return workflow.ExecuteChildWorkflow(ctx, "DataLoad", loadOf()).Get(ctx, nil)
				}, workflow.RegisterOptions{Name: "Parent"})
				f.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: c.parent})
				f.env.ExecuteWorkflow("Parent")
				err = f.env.GetWorkflowError()
			}
			require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
			require.Equal(t, c.says, kept == 1)
			require.Zero(t, f.loaded)
		})
	}
}

// Whoever made the file does not approve its content, under no account of theirs, whatever role they have.
func TestWhoMadeTheFileDoesNotApproveItsContent(t *testing.T) {
	f := withFerry(newWorld(t))
	in := loadOf()
	in.Hands = []string{"m-sato"}
	f.at(start.Add(time.Hour), "approve", by("sato"))
	f.at(start.Add(2*time.Hour), "approve", by("m-sato"))
	f.at(start.Add(3*time.Hour), "approve", by("suzuki"))
	f.env.ExecuteWorkflow("DataLoad", in)
	require.NoError(t, f.env.GetWorkflowError())
	said := f.status().Approvals
	require.Len(t, said, 3)
	for _, attack := range said[:2] {
		require.Equal(t, "sato requested or operates this change; somebody else must approve it", attack.Refusal)
	}

	f = withFerry(newWorld(t))
	in.Hands = []string{"sato", "suzuki"}
	f.env.ExecuteWorkflow("DataLoad", in)
	require.ErrorContains(t, f.env.GetWorkflowError(), `the gate "content" needs 1 approval(s)`)
	require.Empty(t, f.effects())
}
