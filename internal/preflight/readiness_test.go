package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func TestTheReadinessCheckOnlyReadsAndWhatItMayNotReadIsFoundBefore(t *testing.T) {
	box, cfg, load := seeded(t)
	for _, g := range readinessGrants(load()) {
		for _, action := range g.actions {
			require.Regexp(t, `:(Describe|List|Get)`, action)
		}
	}
	require.NoError(t, box.AddFault(sandbox.Fault{Service: "sesv2", Operation: "GetSuppressedDestination", Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	var found []string
	for _, f := range Run(t.Context(), cfg, load(), nil).Problems() {
		found = append(found, string(f.State)+" "+f.Resource)
	}
	require.Equal(t, []string{string(Denied) + " ses:GetSuppressedDestination"}, found)
	require.Empty(t, readinessGrants(&system.System{}), "without the section there is nothing to look at")
}
