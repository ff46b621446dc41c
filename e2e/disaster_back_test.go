package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// standby tells how many tasks the services of the DR region are to run, and run.
func (w *world) standby() (tasks int) {
	w.t.Helper()
	state, err := w.box.World()
	require.NoError(w.t, err)
	d := w.system().Disaster.ECS
	for name, v := range state.Services {
		if slices.ContainsFunc(d.Services, func(s system.DisasterService) bool { return strings.HasSuffix(name, d.Cluster+"/"+s.Service) }) {
			tasks += int(v.Desired + v.Count)
		}
	}
	return tasks
}

// writers are what decides who may write, in the order of AWS's journal: services that get tasks, or lose them, by their region; snapshots,
// moves of the global cluster's writer, and redirects.
func (w *world) writers() (list []string) {
	w.t.Helper()
	sys := w.system()
	for _, e := range w.journal() {
		if !e.Effect {
			continue
		}
		switch e.Operation {
		case "UpdateService":
			var in struct {
				Cluster      string
				DesiredCount int
			}
			require.NoError(w.t, json.Unmarshal(e.Params, &in))
			region, does := "primary", "starts"
			if in.Cluster == sys.Disaster.ECS.Cluster {
				region = "dr"
			}
			if in.DesiredCount == 0 {
				does = "stops"
			}
			list = append(list, region+" "+does)
		case "CreateDBClusterSnapshot", "SwitchoverGlobalCluster", "ChangeResourceRecordSets":
			list = append(list, e.Operation)
		}
	}
	return slices.Compact(list)
}

// bringsBack stands for the people who bring the data back: they take them out of the DR region as they are.
func (w *world) bringsBack() {
	w.t.Helper()
	sys := w.system()
	state, err := w.box.World()
	require.NoError(w.t, err)
	for endpoint := range state.Databases {
		if name, _, _ := strings.Cut(endpoint, "."); strings.HasPrefix(name, sys.Disaster.Database.RealPrefix+"-") {
			client := rds.NewFromConfig(w.aws, func(o *rds.Options) { o.Region = sys.AWS.DRRegion })
			_, err := client.CreateDBClusterSnapshot(w.t.Context(), &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: &name, DBClusterSnapshotIdentifier: aws.String("back-" + name)})
			require.NoError(w.t, err)
			return
		}
	}
	require.Fail(w.t, "no restored cluster", "%v", state.Databases)
}

// Whoever gives the return up leaves nobody without a site: the DR region serves again, and the primary one writes no more.
func TestAReturnThatIsGivenUpLetsTheDRRegionServeAgain(t *testing.T) {
	t.Parallel()
	w := realWorld(t)
	r := w.strikes("graceful")
	r.answer(r.asks("approval", "return"), runbook.Approve, "suzuki")
	s := r.asks("work", "data-back")
	require.Zero(t, w.standby())
	r.answer(s, runbook.Rollback, "sato")
	s = r.asks("decision", "stay")
	require.Positive(t, w.standby())
	require.Equal(t, w.system().AWS.DRRegion, w.leadsTo())
	r.answer(s, runbook.Return, "sato")
	r.answer(r.asks("approval", "return"), runbook.Approve, "suzuki")
	s = r.asks("work", "data-back")
	require.Zero(t, w.standby(), "it is stopped again")
	r.answer(s, runbook.Cancel, "tanaka")
	r.ends(runbook.ErrCancelled)
	require.Positive(t, w.standby())
	tasks, jobs := w.primary()
	require.Zero(t, tasks)
	require.False(t, jobs)
	require.Equal(t, w.system().AWS.DRRegion, w.leadsTo())
	require.Equal(t, []string{"primary stops", "CreateDBClusterSnapshot", "dr starts", "ChangeResourceRecordSets", "dr stops", "dr starts", "dr stops", "dr starts"}, w.writers())
	require.Equal(t, records.DisasterStays, r.registered().Outcome)
	require.Contains(t, fmt.Sprint(w.mails("officers")), "データの反映")
}
