package preflight

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func withTask(s *system.System) {
	s.Loads.Task = &system.LoadTask{
		Cluster: s.ECS.Cluster, TaskDefinition: "gzs-tejun-load", Container: "worker",
		Subnets: []string{"subnet-0a1b2c3d4e5f60718"}, SecurityGroups: []string{"sg-0c1d2e3f405162738"},
	}
}

func TestTheTaskOfLoadsIsChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*system.LoadTask)
		resource string
		state    State
		says     string
	}{
		"as described":  {func(*system.LoadTask) {}, "", OK, ""},
		"by revision":   {func(v *system.LoadTask) { v.TaskDefinition += ":3" }, "", OK, ""},
		"other cluster": {func(v *system.LoadTask) { v.Cluster = "other" }, "other", Missing, "no active cluster"},
		"no definition": {func(v *system.LoadTask) { v.TaskDefinition = "other" }, "other", Missing, "no such task definition"},
		"no revision":   {func(v *system.LoadTask) { v.TaskDefinition += ":99" }, "gzs-tejun-load:99", Missing, "no such task definition"},
		"no container":  {func(v *system.LoadTask) { v.Container = "other" }, "gzs-tejun-load", Wrong, "no container other, only worker"},
	} {
		t.Run(name, func(t *testing.T) {
			box, cfg, load := empty(t)
			sys := load()
			withTask(sys)
			require.NoError(t, box.Seed(t.Context(), sys))
			c.change(sys.Loads.Task)
			report := Run(t.Context(), cfg, sys, nil)
			if c.state == OK {
				require.True(t, report.Good(), "%+v", report.Problems())
				return
			}
			require.Len(t, report.Problems(), 1)
			p := report.Problems()[0]
			assert.Equal(t, c.resource, p.Resource)
			assert.Equal(t, c.state, p.State)
			assert.Contains(t, p.Problem, c.says)
			assert.NotEmpty(t, p.Mend)
		})
	}
}

func TestPermissionsForTheTaskOfLoadsAreAskedForWhereThereIsOne(t *testing.T) {
	box, cfg, load := empty(t)
	sys := load()
	withTask(sys)
	require.NoError(t, box.Seed(t.Context(), sys))
	require.NoError(t, box.AddFault(sandbox.Fault{Service: "ecs", Operation: "RunTask", Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	problems := Run(t.Context(), cfg, sys, nil).Problems()
	require.Len(t, problems, 1)
	assert.Equal(t, "ecs:RunTask", problems[0].Resource)
	assert.Contains(t, problems[0].Problem, "task-definition/gzs-tejun-load:*")
	require.True(t, Run(t.Context(), cfg, load(), nil).Good(), "nothing of it is needed without a task")
}
