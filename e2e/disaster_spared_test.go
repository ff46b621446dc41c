package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// touchedBy is what a write names, of all services.
type touchedBy struct {
	DBClusterIdentifier, DBInstanceIdentifier string
	Cluster, Service, TaskDefinition          string
	Name, PipelineName                        string
	Variables                                 []struct{ Name, Value string }
	SourceRevisions                           []json.RawMessage
	HostedZoneId, Bucket, Key                 string //nolint:revive // as Route 53 has it
	ChangeBatch                               struct {
		Changes []struct {
			Action            string
			ResourceRecordSet struct{ Name, Type, SetIdentifier string }
		}
	}
}

// spared proves by the sandbox's journal that no drill of the world has touched anything but what system.yaml gives to drills, whatever
// became of it; that its services were given no database but its own, and no version but that which they had. A world in which a real
// one ran is left out.
func (w *world) spared() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := w.records.Disasters(ctx, records.DisasterFilter{Mode: records.ModeReal})
	require.NoError(w.t, err)
	s := w.system()
	if slices.ContainsFunc(list, func(d records.Disaster) bool { return d.System == s.ID }) {
		return
	}
	d := s.Disaster
	for _, e := range w.journal() {
		var in touchedBy
		require.NoError(w.t, json.Unmarshal(e.Params, &in))
		ok, there := false, e.Region == s.AWS.DRRegion
		switch e.Operation {
		case "SendEmail":
			ok = true
		case "RestoreDBClusterFromSnapshot", "DeleteDBCluster", "CreateDBInstance", "DeleteDBInstance":
			ok = there && strings.HasPrefix(in.DBClusterIdentifier+in.DBInstanceIdentifier, d.Database.DrillPrefix+"-")
		case "UpdateService":
			ok = there && in.Cluster == d.ECS.Cluster && slices.ContainsFunc(d.ECS.Services, func(v system.DisasterService) bool { return v.Service == in.Service }) &&
				(in.TaskDefinition == "" || in.TaskDefinition == w.versionBefore(in.Service))
		case "StartPipelineExecution":
			ok = there && in.Name == d.Pipeline && len(in.SourceRevisions) == 0 && len(in.Variables) == 1 && in.Variables[0].Name == "database" &&
				strings.HasPrefix(in.Variables[0].Value, d.Database.DrillPrefix+"-") && strings.Contains(in.Variables[0].Value, "."+s.AWS.DRRegion+".")
		case "StopPipelineExecution":
			ok = there && in.PipelineName == d.Pipeline
		case "ChangeResourceRecordSets":
			ok = in.HostedZoneId == d.Redirect.Zone
			for _, c := range in.ChangeBatch.Changes {
				r := c.ResourceRecordSet
				ok = ok && strings.TrimSuffix(r.Name, ".") == d.Redirect.Rehearsal && slices.Contains([]string{d.Redirect.Primary, d.Redirect.DR}, r.SetIdentifier)
			}
		case "PutObject":
			ok = in.Bucket == d.Reports.Bucket && strings.HasPrefix(in.Key, d.Reports.Prefix)
		}
		require.True(w.t, ok, "a drill touched %s in %s: %s %s", e.Resource, e.Region, e.Operation, e.Params)
	}
}

// versionBefore is the task definition that a DR service had when the world was made.
func (w *world) versionBefore(service string) string {
	for key, content := range w.before.Resources {
		var s sandbox.Service
		if strings.HasPrefix(key, "ecs:service/") && json.Unmarshal(content, &s) == nil && s.Region == w.system().AWS.DRRegion && s.Cluster == w.system().Disaster.ECS.Cluster && s.Name == service {
			return s.TaskDefinition
		}
	}
	return "none: there was no service " + service
}
