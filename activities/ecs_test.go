package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func TestECSServiceIsAwaitedDownAndUp(t *testing.T) {
	c, b := ecsChanging(), newBench(t)
	ref := ServiceRef{Cluster: b.system.ECS.Cluster, Service: b.system.ECS.Services[0].Service}
	change, err := c.plan(b)
	require.NoError(t, err)
	require.NoError(t, b.box.SetTimeScale(0.01))
	require.NoError(t, c.apply(b, Ref(change)))
	b.fault("ecs", "DescribeServices", sandbox.FaultLostRequest)
	must(b, b.set.ECS.AwaitECSService, ServiceCheck{ref, ServiceStopped})
	_, err = try(b, b.set.ECS.AwaitECSService, ServiceCheck{ref, ServiceServing})
	requireType(t, err, InvalidInput)
	require.ErrorContains(t, err, "it is not meant to run")
	s, err := b.set.ECS.describe(t.Context(), ref)
	require.NoError(t, err)
	require.Zero(t, s.RunningCount)

	require.NoError(t, c.revert(b, Ref(change)))
	must(b, b.set.ECS.AwaitECSService, ServiceCheck{ref, ServiceStarted})
	must(b, b.set.ECS.AwaitECSService, ServiceCheck{ref, ServiceServing})
	s, err = b.set.ECS.describe(t.Context(), ref)
	require.NoError(t, err)
	assert.Equal(t, s.DesiredCount, s.RunningCount)
	assert.Equal(t, b.system.ECS.Services[0].Desired, s.RunningCount)

	_, err = try(b, b.set.ECS.AwaitECSService, ServiceCheck{ref, "gone"})
	requireType(t, err, InvalidInput)
	_, err = try(b, b.set.ECS.AwaitECSService, ServiceCheck{ServiceRef{ref.Cluster, "nobody"}, ServiceStarted})
	requireType(t, err, NotFound)
}

func TestECSServiceIsSettledOnlyWhenItsOwnVersionRuns(t *testing.T) {
	old := []types.Deployment{{TaskDefinition: aws.String("v1"), RunningCount: 1}, {TaskDefinition: aws.String("v2"), RunningCount: 2}}
	for name, c := range map[string]struct {
		service types.Service
		want    string
		settled bool
	}{
		"all serve":             {types.Service{DesiredCount: 2, RunningCount: 2}, ServiceServing, true},
		"one does not serve":    {types.Service{DesiredCount: 2, RunningCount: 1}, ServiceServing, false},
		"all run":               {types.Service{DesiredCount: 2, RunningCount: 2}, ServiceStarted, true},
		"one is missing":        {types.Service{DesiredCount: 2, RunningCount: 1}, ServiceStarted, false},
		"one is starting":       {types.Service{DesiredCount: 2, RunningCount: 2, PendingCount: 1}, ServiceStarted, false},
		"an old version drains": {types.Service{DesiredCount: 2, RunningCount: 2, TaskDefinition: aws.String("v2"), Deployments: old}, ServiceStarted, false},
		"had none before":       {types.Service{}, ServiceStarted, true},
		"stopped":               {types.Service{}, ServiceStopped, true},
		"still wanted":          {types.Service{DesiredCount: 2, RunningCount: 2}, ServiceStopped, false},
		"still draining":        {types.Service{RunningCount: 1}, ServiceStopped, false},
	} {
		assert.Equal(t, c.settled, settledAs(c.service, c.want), name)
	}
}
