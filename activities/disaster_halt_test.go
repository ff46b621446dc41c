package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

// serves brings the services of the DR region up.
func serves(b *bench) {
	for _, v := range b.system.Disaster.ECS.Services {
		change := must(b, b.set.DisasterECS.PlanDisasterService, DisasterServiceRef{v.Name})
		must(b, b.set.DisasterECS.ScaleDisasterService, scaled(b, v.Name, change))
		must(b, b.set.DisasterECS.AwaitDisasterService, DisasterServiceCheck{DisasterServiceRef: DisasterServiceRef{v.Name}})
	}
}

// What people have made of a service since it was scaled up comes back when it is resumed; the way back of the drill is another one.
func TestDRServiceIsHaltedAndComesBackAsItWasHalted(t *testing.T) {
	for kind, want := range map[string]string{"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.FaultThrottle: Throttled} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := must(b, b.set.DisasterECS.PlanDisasterService, DisasterServiceRef{"web"})
			serves(b)
			seen := must(b, b.set.DisasterECS.CheckDisasterHalt, FenceCheck{})
			assert.False(t, seen.Fenced)
			require.Len(t, seen.Doubts, 2)
			assert.Contains(t, seen.Doubts[0], "2 of 2 tasks run")
			cfg := b.cfg.Copy()
			cfg.Region = b.system.AWS.DRRegion
			web, _ := b.system.Disaster.ECS.Service("web")
			_, err := ecs.NewFromConfig(cfg).UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: &b.system.Disaster.ECS.Cluster, Service: &web.Service, DesiredCount: aws.Int32(5)})
			require.NoError(t, err)

			require.NoError(t, b.box.SetTimeScale(0.01))
			b.since()
			change := must(b, b.set.DisasterECS.PlanDisasterServiceHalt, DisasterServiceRef{"web"})
			if kind != "" {
				b.fault("ecs", "UpdateService", kind)
				_, err := try(b, b.set.DisasterECS.HaltDisasterService, scaled(b, "web", change))
				requireType(t, err, want)
			}
			must(b, b.set.DisasterECS.HaltDisasterService, scaled(b, "web", change))
			must(b, b.set.DisasterECS.HaltDisasterService, scaled(b, "web", change))
			assert.Equal(t, []string{"UpdateService"}, b.effects())
			must(b, b.set.DisasterECS.AwaitDisasterServiceHalted, DisasterServiceRef{"web"})
			desired, runs, _ := standby(b, "web")
			assert.Zero(t, desired+runs)
			seen = must(b, b.set.DisasterECS.CheckDisasterHalt, FenceCheck{})
			assert.Len(t, seen.Doubts, 1, "the other one still runs: %v", seen.Doubts)

			again := must(b, b.set.DisasterECS.PlanDisasterServiceHalt, DisasterServiceRef{"web"}) // as after a Reset
			must(b, b.set.DisasterECS.HaltDisasterService, scaled(b, "web", again))
			must(b, b.set.DisasterECS.ResumeDisasterService, scaled(b, "web", again))
			desired, _, _ = standby(b, "web")
			assert.EqualValues(t, 5, desired)
			must(b, b.set.DisasterECS.ResumeDisasterService, scaled(b, "web", change))

			must(b, b.set.DisasterECS.HaltDisasterService, scaled(b, "web", change))
			must(b, b.set.DisasterECS.RevertDisasterService, scaled(b, "web", first))
			desired, runs, _ = standby(b, "web")
			assert.Zero(t, desired+runs, "it is the way back, too")
		})
	}
}

func TestAHaltIsDoubtedWhenTheDRRegionDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	assert.Equal(t, FenceSeen{true, []string{}}, must(b, b.set.DisasterECS.CheckDisasterHalt, FenceCheck{}))
	require.NoError(t, b.box.LoseRegion(b.system.AWS.DRRegion))
	seen := must(b, b.set.DisasterECS.CheckDisasterHalt, FenceCheck{})
	assert.False(t, seen.Fenced)
	require.Len(t, seen.Doubts, 2)
	assert.Contains(t, seen.Doubts[0], "no answer")
}
