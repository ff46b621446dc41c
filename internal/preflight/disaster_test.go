package preflight

import (
	"path"
	"slices"
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

// The names stand in workflows/disaster_plan.go and internal/system: a graceful run takes a last snapshot of production under the name
// of the cluster that it restores, and copies it into the DR region.
func TestTheLastSnapshotOfARecoveryIsAskedForInBothRegions(t *testing.T) {
	_, _, load := seeded(t)
	sys := load()
	asked := func(action, resource string) bool {
		return slices.ContainsFunc(needed(sys, nil), func(g grant) bool {
			return slices.Contains(g.actions, "rds:"+action) && slices.ContainsFunc(g.resources, func(pattern string) bool {
				ok, err := path.Match(pattern, resource)
				return err == nil && ok
			})
		})
	}
	const home, there = "arn:aws:rds:ap-northeast-1:123456789012:", "arn:aws:rds:ap-northeast-3:123456789012:"
	for _, c := range [][2]string{
		{"CreateDBClusterSnapshot", home + "cluster:" + sys.Database.Cluster}, {"CreateDBClusterSnapshot", home + "cluster-snapshot:tejun-dr-x-final"},
		{"AddTagsToResource", home + "cluster-snapshot:tejun-dr-x-final"}, {"CopyDBClusterSnapshot", home + "cluster-snapshot:tejun-dr-x-final"},
		{"DescribeDBClusterSnapshots", home + "cluster-snapshot:tejun-dr-x-final"},
		{"CopyDBClusterSnapshot", there + "cluster-snapshot:tejun-dr-x-final"}, {"AddTagsToResource", there + "cluster-snapshot:tejun-dr-x-final"},
		{"DescribeDBClusterSnapshots", there + "cluster-snapshot:tejun-dr-x-final"},
		{"RestoreDBClusterFromSnapshot", there + "cluster-snapshot:tejun-dr-x-final"}, {"RestoreDBClusterFromSnapshot", there + "cluster-snapshot:tejun-backup-x"},
		{"RestoreDBClusterFromSnapshot", there + "cluster:tejun-dr-x"}, {"RestoreDBClusterFromSnapshot", there + "subgrp:gzs-infra-dr-db"},
		{"CreateDBInstance", there + "cluster:tejun-dr-x"}, {"CreateDBInstance", there + "db:tejun-dr-x"},
		{"DeleteDBClusterSnapshot", home + "cluster-snapshot:tejun-dr-x-final"}, {"DeleteDBClusterSnapshot", there + "cluster-snapshot:tejun-dr-x-final"},
	} {
		assert.True(t, asked(c[0], c[1]), "rds:%s on %s", c[0], c[1])
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
