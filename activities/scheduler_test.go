package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func TestJobsPausedByHalfGoOnOrGoBack(t *testing.T) {
	for name, next := range map[string]func(c changing, b *bench, ref ChangeRef) error{
		"go on":   func(c changing, b *bench, ref ChangeRef) error { return c.apply(b, ref) },
		"go back": func(c changing, b *bench, ref ChangeRef) error { return c.revert(b, ref) },
	} {
		t.Run(name, func(t *testing.T) {
			c, b := jobsChanging(), newBench(t)
			change, err := c.plan(b)
			require.NoError(t, err)
			require.NoError(t, b.box.AddFault(sandbox.Fault{
				Service: "scheduler", Operation: "UpdateSchedule", Kind: sandbox.FaultLostRequest, Resource: "gzs-nightly-import",
			}))
			requireType(t, c.apply(b, Ref(change)), Unavailable)
			require.Len(t, b.effects(), 1)
			b.since()
			require.NoError(t, next(c, b, Ref(change)))
			require.Len(t, b.effects(), 1, "only the part that is left")
		})
	}
}

func TestJobThatDriftedWhilePausedDoesNotKeepTheOthersPaused(t *testing.T) {
	c, b := jobsChanging(), newBench(t)
	change, err := c.plan(b)
	require.NoError(t, err)
	require.NoError(t, c.apply(b, Ref(change)))
	require.NoError(t, c.meddle(b))
	b.since()
	requireType(t, c.revert(b, Ref(change)), Drifted)
	require.Len(t, b.effects(), 1)
	first, err := b.set.Scheduler.client.GetSchedule(t.Context(), &scheduler.GetScheduleInput{
		Name: &b.system.Jobs[0].Schedule, GroupName: &b.system.Jobs[0].Group,
	})
	require.NoError(t, err)
	assert.Equal(t, "ENABLED", string(first.State))
}

func TestJobsTokensAreTheSameInEveryAttemptAndNewForANewChange(t *testing.T) {
	c, b := jobsChanging(), newBench(t)
	change, err := c.plan(b)
	require.NoError(t, err)
	b.fault("scheduler", "UpdateSchedule", sandbox.FaultLostRequest)
	requireType(t, c.apply(b, Ref(change)), Unavailable)
	require.NoError(t, c.apply(b, Ref(change)))
	writes := b.writes()
	require.Len(t, writes, 3)
	assert.Equal(t, writes[0].Token, writes[1].Token)
	assert.NotEqual(t, writes[1].Token, writes[2].Token, "of another schedule")
	require.NoError(t, c.revert(b, Ref(change)))
	b.since()
	require.NoError(t, c.apply(b, Ref(change)), "once more, as after a Reset")
	require.Len(t, b.effects(), 2, "no old token keeps it from happening")
}

func TestNoJobsAndNoAlarmsAreAChangeThatDoesNothing(t *testing.T) {
	b := newBench(t)
	jobs := must(b, b.set.Scheduler.PlanSchedulerPause, Jobs{})
	must(b, b.set.Scheduler.PauseSchedulerJobs, JobsChange{Operation: b.operation, Change: Ref(jobs)})
	must(b, b.set.Scheduler.ResumeSchedulerJobs, JobsChange{Operation: b.operation, Change: Ref(jobs)})
	alarms := must(b, b.set.CloudWatch.PlanCloudWatchAlarmMute, Alarms{})
	must(b, b.set.CloudWatch.MuteCloudWatchAlarms, AlarmChange{Operation: b.operation, Change: Ref(alarms)})
	must(b, b.set.CloudWatch.UnmuteCloudWatchAlarms, AlarmChange{Operation: b.operation, Change: Ref(alarms)})
	require.Empty(t, b.writes())
}

func TestAlarmThatDoesNotExistIsNotFound(t *testing.T) {
	b := newBench(t)
	_, err := try(b, b.set.CloudWatch.PlanCloudWatchAlarmMute, Alarms{Names: []string{"no-such-alarm"}})
	requireType(t, err, NotFound)
}
