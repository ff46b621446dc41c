package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/system"
	"tejun/workflows"
)

// The daily backup takes away what loads, repairs and outages have left, oldest first, after the new backup is there.
func TestBackupDeletesSnapshotsOfRunsPastTheirRetention(t *testing.T) {
	v := withVault(newWorld(t))
	v.keep(home, 2, 1)
	for _, s := range []struct {
		id   string
		days int
	}{{"tejun-load-new", 3}, {"tejun-outage-old", 15}, {"tejun-repair-older", 20}} {
		v.before = append(v.before, activities.Backup{ID: s.id, Region: home, Status: "available", TakenAt: start.Add(-time.Duration(s.days) * 24 * time.Hour)})
	}
	require.NoError(t, v.execute("Backup", backupOf("backup")))
	require.Equal(t, slices.Concat(backedUp, []string{"DeleteRDSRunSnapshot:" + home + "/tejun-repair-older", "DeleteRDSRunSnapshot:" + home + "/tejun-outage-old"}, release), v.effects())
	require.Equal(t, []workflows.BackupDelete{{Region: home, ID: "tejun-repair-older"}, {Region: home, ID: "tejun-outage-old"}}, v.result().Expired)
}

func TestSnapshotsOfRunsHaveARetentionOfTheirOwn(t *testing.T) {
	s, err := system.Load("../examples/system.yaml")
	require.NoError(t, err)
	s.Retention.RunSnapshotDays = 0
	on, err := s.ResolveDatabase(system.DatabaseRequest{What: "the backup", Requester: "takahashi", Operator: "tanaka"})
	require.NoError(t, err)
	require.Equal(t, system.DefaultRunSnapshotDays, on.RunSnapshotDays)
}
