package schedules

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"tejun/internal/system"
)

// server starts a Temporal dev server: the one on PATH, else the one of the tools module.
func server(t *testing.T) client.Client {
	if testing.Short() {
		t.Skip("starts a Temporal server")
	}
	binary, err := exec.LookPath("temporal")
	if err != nil {
		out, err := exec.Command("go", "tool", "-modfile=../../tools/go.mod", "-n", "temporal").Output()
		require.NoError(t, err, "build the Temporal CLI of the tools module")
		binary = strings.TrimSpace(string(out))
	}
	s, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{ExistingPath: binary, LogLevel: "error"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Stop()) })
	return s.Client()
}

func described(schedules ...system.Schedule) *system.System {
	return &system.System{ID: "gzs", TimeZone: "Asia/Tokyo", Schedules: schedules}
}

func report() system.Schedule {
	return system.Schedule{
		ID: "report", Runbook: "PeriodicReport", Cron: "30 9 1 * *", Catchup: system.Duration(15 * time.Minute),
		Jitter: system.Duration(time.Minute), Note: "月次報告", Input: map[string]any{"month": "previous", "copies": 2},
	}
}

func backup() system.Schedule {
	return system.Schedule{ID: "restore-test", Runbook: "Backup", BusinessDay: &system.BusinessDay{N: 2, Time: "10:00", Months: []int{1, 4, 7, 10}}}
}

func actions(changes []Change) map[string]Action {
	out := map[string]Action{}
	for _, c := range changes {
		out[c.ID] = c.Action
	}
	return out
}

func TestApplyBringsTemporalToTheDescription(t *testing.T) {
	c, cal, ctx := server(t), japan(t), t.Context()
	apply := func(sys *system.System) map[string]Action {
		changes, err := Apply(ctx, c, sys, cal)
		require.NoError(t, err)
		return actions(changes)
	}
	look := func(id string) *client.ScheduleDescription {
		d, err := describe(ctx, c, id)
		require.NoError(t, err)
		return d
	}
	foreign(ctx, t, c, "nightly", nil)
	foreign(ctx, t, c, Prefix+"of-another-system", map[string]any{memoSystem: "other"})

	plan, err := Plan(ctx, c, described(report(), backup()), cal, time.Now())
	require.NoError(t, err)
	assert.Equal(t, map[string]Action{"tejun-report": Create, "tejun-restore-test": Create}, actions(plan))
	assert.Nil(t, look("tejun-report"), "a plan changes nothing")

	assert.Equal(t, map[string]Action{"tejun-report": Create, "tejun-restore-test": Create}, apply(described(report(), backup())))
	d := look("tejun-report")
	assert.Equal(t, "Asia/Tokyo", d.Schedule.Spec.TimeZoneName)
	assert.Equal(t, 15*time.Minute, d.Schedule.Policy.CatchupWindow)
	assert.Equal(t, time.Minute, d.Schedule.Spec.Jitter)
	assert.Equal(t, "Skip", d.Schedule.Policy.Overlap.String())
	assert.Equal(t, 9, d.Info.NextActionTimes[0].In(jst).Hour(), "in the system's zone")
	assert.Equal(t, defaultCatchup, look("tejun-restore-test").Schedule.Policy.CatchupWindow, "never the server's year")

	assert.Equal(t, map[string]Action{"tejun-report": Keep, "tejun-restore-test": Keep}, apply(described(report(), backup())), "again: nothing to do")

	changed := report()
	changed.Cron, changed.Input = "0 10 1 * *", map[string]any{"month": "previous", "copies": 3}
	changes, err := Apply(ctx, c, described(changed, backup()), cal)
	require.NoError(t, err)
	assert.Equal(t, Update, changes[0].Action)
	assert.Equal(t, []string{
		`input: {"copies":2,"month":"previous"} → {"copies":3,"month":"previous"}`,
		"times: minute=30 hour=9 day=1 month=* weekday=* → minute=0 hour=10 day=1 month=* weekday=*",
	}, changes[0].Why)

	changed.Paused = true
	assert.Equal(t, Pause, apply(described(changed, backup()))["tejun-report"])
	assert.True(t, look("tejun-report").Schedule.State.Paused)
	changed.Paused = false
	assert.Equal(t, Resume, apply(described(changed, backup()))["tejun-report"])
	assert.False(t, look("tejun-report").Schedule.State.Paused)

	require.Eventually(t, func() bool { // the list lags behind
		entries, err := list(ctx, c)
		return err == nil && len(entries) == 4
	}, 10*time.Second, 100*time.Millisecond)
	assert.Equal(t, map[string]Action{"tejun-report": Keep, "tejun-restore-test": Delete}, apply(described(changed)))
	assert.Nil(t, look("tejun-restore-test"))
	assert.NotNil(t, look("nightly"), "not ours: no prefix")
	assert.NotNil(t, look(Prefix+"of-another-system"), "not ours: another system's")

	_, err = Apply(ctx, c, described(system.Schedule{ID: "of-another-system", Runbook: "Backup", Cron: "0 0 * * *"}), cal)
	assert.ErrorContains(t, err, "belongs to system other, not to system gzs")
}

func TestAPersonsPauseOutlivesApply(t *testing.T) {
	c, cal, ctx := server(t), japan(t), t.Context()
	sys := described(report())
	_, err := Apply(ctx, c, sys, cal)
	require.NoError(t, err)

	seen, err := SetPaused(ctx, c, sys, "report", true, "paused by tanaka: 災害対応")
	require.NoError(t, err)
	assert.True(t, seen.Paused)

	changed := report()
	changed.Cron = "0 11 1 * *"
	changes, err := Apply(ctx, c, described(changed), cal)
	require.NoError(t, err)
	assert.Equal(t, Update, changes[0].Action)
	assert.True(t, changes[0].ByPerson)
	seenAgain, err := List(ctx, c, sys)
	require.NoError(t, err)
	require.Len(t, seenAgain, 1)
	assert.True(t, seenAgain[0].Paused)
	assert.Equal(t, "paused by tanaka: 災害対応", seenAgain[0].Note)

	seen, err = SetPaused(ctx, c, sys, "report", false, "resumed by tanaka: 収束")
	require.NoError(t, err)
	assert.False(t, seen.Paused)
	changes, err = Apply(ctx, c, described(changed), cal)
	require.NoError(t, err)
	assert.Equal(t, Keep, changes[0].Action)
}

func TestTriggerStartsOnceAndSaysWhenARunIsStillOpen(t *testing.T) {
	c, cal, ctx := server(t), japan(t), t.Context()
	sys := described(report())
	_, err := Apply(ctx, c, sys, cal)
	require.NoError(t, err)

	seen, err := Trigger(ctx, c, sys, "report")
	require.NoError(t, err)
	assert.Equal(t, 1, seen.Started)
	assert.True(t, strings.HasPrefix(seen.LastRun, "tejun-report-"), seen.LastRun)

	_, err = Trigger(ctx, c, sys, "report") // no worker, so the first run is still open
	assert.ErrorContains(t, err, "is still open")

	_, err = Trigger(ctx, c, sys, "nothing")
	assert.ErrorContains(t, err, "there is no schedule nothing")
}

// foreign creates a schedule that is not ours to touch.
func foreign(ctx context.Context, t *testing.T, c client.Client, id string, memo map[string]any) {
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Memo: memo, Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: 24 * time.Hour}}}, Paused: true,
		Action: &client.ScheduleWorkflowAction{Workflow: "Other", TaskQueue: "other"},
	})
	require.NoError(t, err)
}
