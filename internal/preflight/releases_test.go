package preflight

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func TestWhatAReleaseNeedsIsNamedWithARemedy(t *testing.T) {
	_, cfg, load := seeded(t)
	for name, c := range map[string]struct {
		change   func(*system.Releases)
		resource string
		state    State
	}{
		"builds":         {func(v *system.Releases) { v.Builds = "no-builds" }, "no-builds", Missing},
		"no versions":    {func(v *system.Releases) { v.Builds = "gzs-incoming" }, "gzs-incoming", Wrong},
		"pipeline":       {func(v *system.Releases) { v.Parts[0].Container.Pipeline = "other" }, "other", Missing},
		"repository":     {func(v *system.Releases) { v.Parts[0].Container.Repository = "gzs/other" }, "gzs/other", Missing},
		"alias":          {func(v *system.Releases) { v.Parts[2].Lambda.Alias = "dead" }, "gzs-index:dead", Missing},
		"static bucket":  {func(v *system.Releases) { v.Parts[3].Static.Bucket = "gzs-infra-repairs" }, "gzs-infra-repairs", Wrong},
		"watching alarm": {func(v *system.Releases) { v.Watch.Alarms[0] = "no-alarm" }, "no-alarm", Missing},
	} {
		t.Run(name, func(t *testing.T) {
			sys := load()
			c.change(&sys.Releases)
			var found []string
			for _, f := range Run(t.Context(), cfg, sys, nil).Problems() {
				found = append(found, string(f.State)+" "+f.Resource)
				assert.NotEmpty(t, f.Problem)
				assert.NotEmpty(t, f.Mend)
			}
			assert.Contains(t, found, string(c.state)+" "+c.resource)
		})
	}
}

func TestADeniedReleaseIsFoundBeforeARunNeedsIt(t *testing.T) {
	box, cfg, load := seeded(t)
	denied := map[string]string{
		"codepipeline": "PutApprovalResult", "ecr": "DescribeImageScanFindings", "lambda": "UpdateAlias", "s3": "GetObject", "cloudwatch": "GetMetricData",
	}
	for service, operation := range denied {
		require.NoError(t, box.AddFault(sandbox.Fault{Service: service, Operation: operation, Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	}
	found := map[string]State{}
	for _, f := range Run(t.Context(), cfg, load(), nil).Problems() {
		found[f.Resource] = f.State
	}
	for service, operation := range denied {
		assert.Equal(t, Denied, found[service+":"+operation])
	}
}
