package preflight

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func TestWhatARecoveryNeedsIsNamedWithARemedy(t *testing.T) {
	_, cfg, load := seeded(t)
	for name, c := range map[string]struct {
		change   func(*system.Disaster)
		resource string
	}{
		"zone":       {func(v *system.Disaster) { v.Redirect.Zone = "Z0OTHER" }, "Z0OTHER"},
		"pipeline":   {func(v *system.Disaster) { v.Pipeline = "other" }, "other"},
		"service":    {func(v *system.Disaster) { v.ECS.Services[0].Service = "other" }, "gzs-infra-dr/other"},
		"cluster":    {func(v *system.Disaster) { v.ECS.Cluster = "other" }, "other/gzs-web-dr"},
		"repository": {func(v *system.Disaster) { v.ECS.Services[0].Repository = "gzs/other" }, "gzs/other"},
		"global cluster": {func(v *system.Disaster) {
			v.Database.Via, v.Database.GlobalCluster = system.ViaGlobalCluster, "gzs-global"
		}, "gzs-global"},
	} {
		t.Run(name, func(t *testing.T) {
			sys := load()
			c.change(&sys.Disaster)
			var found []string
			for _, f := range Run(t.Context(), cfg, sys, nil).Problems() {
				found = append(found, string(f.State)+" "+f.Resource)
				assert.NotEmpty(t, f.Problem)
				assert.NotEmpty(t, f.Mend)
			}
			assert.Contains(t, found, string(Missing)+" "+c.resource)
		})
	}
}

func TestADeniedRecoveryIsFoundBeforeARunNeedsIt(t *testing.T) {
	box, cfg, load := seeded(t)
	denied := map[string]string{"route53": "ChangeResourceRecordSets", "rds": "RestoreDBClusterFromSnapshot", "codepipeline": "StopPipelineExecution"}
	for service, operation := range denied {
		name := service
		if service == "route53" {
			name = "route 53"
		}
		require.NoError(t, box.AddFault(sandbox.Fault{Service: name, Operation: operation, Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	}
	found := map[string]State{}
	for _, f := range Run(t.Context(), cfg, load(), nil).Problems() {
		found[f.Resource] = f.State
	}
	for service, operation := range denied {
		assert.Equal(t, Denied, found[service+":"+operation])
	}
}
