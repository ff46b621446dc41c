package activities

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
)

// ownDatabase is a cluster on which no other test holds anything.
func ownDatabase(s *system.System) { s.Database.Cluster = "fence-" + uuid.NewString()[:8] }

// holds reserves a table for a run of this product.
func (b *bench) holds(table string, from, until time.Time) string {
	b.t.Helper()
	run := "data-load-" + uuid.NewString()
	conflict, err := database.Reserve(b.t.Context(), records.Reservation{
		Resource: "database:" + b.system.Database.Cluster + "/" + table, WorkflowID: run, Runbook: "DataLoad", Requester: "ito", From: from, Until: until,
	})
	require.NoError(b.t, err)
	require.Nil(b.t, conflict)
	b.t.Cleanup(func() { require.NoError(b.t, database.Release(context.WithoutCancel(b.t.Context()), run)) })
	return run
}

// The product's own runs write as well as services and jobs do.
func TestOwnWritersOfThePrimaryDatabaseAreDoubts(t *testing.T) {
	t.Parallel()
	b := newBench(t, ownDatabase, loadTask)
	usual := must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{}).Doubts
	now := time.Now()
	running, late := b.holds("public.a", now.Add(-time.Hour), now.Add(time.Hour)), b.holds("public.b", now.Add(-3*time.Hour), now.Add(-time.Hour))
	soon := b.holds("public.c", now.Add(time.Hour), now.Add(2*time.Hour))
	b.holds("public.d", now.Add(b.system.Disaster.MaxDuration.D()+time.Hour), now.Add(b.system.Disaster.MaxDuration.D()+2*time.Hour))
	own := b.system.Database.Cluster
	b.system.Database.Cluster = "fence-another"
	b.holds("public.a", now.Add(-time.Hour), now.Add(time.Hour))
	b.system.Database.Cluster = own

	seen := must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	require.Len(t, seen.Doubts, len(usual)+3, seen.Doubts)
	require.False(t, seen.Fenced)
	for i, run := range []string{late, running, soon} {
		words := seen.Doubts[len(usual)+i]
		assert.Contains(t, words, run)
		assert.Contains(t, words, "DataLoad, requested by ito")
		assert.Contains(t, words, own+"/public.")
		assert.Contains(t, words, "until ")
	}
}

func TestATaskOfALoadIsADoubtUntilItEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, ownDatabase, loadTask)
	usual := must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{}).Doubts
	task := must(b, b.set.ECSTasks.RunECSLoadTask, b.loadTask(1))
	seen := must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	require.Len(t, seen.Doubts, len(usual)+1, seen.Doubts)
	assert.Contains(t, seen.Doubts[len(usual)], task.ARN)
	assert.Contains(t, seen.Doubts[len(usual)], b.operation)
	must(b, b.set.ECSTasks.StopECSLoadTask, b.loadTaskEnd(task.ARN))
	assert.Equal(t, usual, must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{}).Doubts)
	require.NoError(t, b.box.LoseRegion(b.system.AWS.Region))
	seen = must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	assert.Contains(t, seen.Doubts[len(seen.Doubts)-1], "tasks of loads")
}

// A region that hangs answers nothing, and that is known after one look's time, however much there is to look at.
func TestARegionThatHangsIsInDoubtAfterOneLook(t *testing.T) {
	t.Parallel()
	b := newBench(t, ownDatabase, loadTask)
	require.NoError(t, b.box.HangRegion(b.system.AWS.Region))
	began := time.Now()
	seen := must(b, b.set.DisasterFence.CheckDisasterFence, FenceCheck{})
	assert.Less(t, time.Since(began), 10*time.Second)
	assert.False(t, seen.Fenced)
	want := []string{}
	for _, v := range b.system.ECS.Services {
		want = append(want, "service "+v.Name+" in "+b.system.AWS.Region+": ECS did not answer within 5s")
	}
	for _, job := range b.system.Jobs {
		want = append(want, "job "+job.Name+" in "+b.system.AWS.Region+": EventBridge Scheduler did not answer within 5s")
	}
	want = append(want, "tasks of loads on "+b.system.Loads.Task.Cluster+" in "+b.system.AWS.Region+": ECS did not answer within 5s")
	assert.Equal(t, want, seen.Doubts)
}
