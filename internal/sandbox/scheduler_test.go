package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func schedule(t *testing.T, c *scheduler.Client) *scheduler.GetScheduleOutput {
	t.Helper()
	out, err := c.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: aws.String("gzs-nightly")})
	require.NoError(t, err)
	return out
}

func fullBody(s *scheduler.GetScheduleOutput, token string) *scheduler.UpdateScheduleInput {
	return &scheduler.UpdateScheduleInput{
		Name: s.Name, GroupName: s.GroupName, ScheduleExpression: s.ScheduleExpression, ScheduleExpressionTimezone: s.ScheduleExpressionTimezone,
		Description: s.Description, FlexibleTimeWindow: s.FlexibleTimeWindow, Target: s.Target, State: s.State, StartDate: s.StartDate, EndDate: s.EndDate,
		ActionAfterCompletion: s.ActionAfterCompletion, KmsKeyArn: s.KmsKeyArn, ClientToken: aws.String(token),
	}
}

func TestUpdateScheduleErasesWhatIsLeftOut(t *testing.T) {
	_, cfg := seeded(t)
	c := scheduler.NewFromConfig(cfg)
	before := schedule(t, c)
	assert.Equal(t, types.ScheduleStateEnabled, before.State)
	assert.NotNil(t, before.Target.DeadLetterConfig)
	assert.NotNil(t, before.Target.RetryPolicy)
	_, err := c.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{
		Name: before.Name, ScheduleExpression: before.ScheduleExpression, FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: before.Target.Arn, RoleArn: before.Target.RoleArn},
	})
	require.NoError(t, err)
	after := schedule(t, c)
	assert.Nil(t, after.Description)
	assert.Nil(t, after.Target.DeadLetterConfig)
	assert.Equal(t, "UTC", *after.ScheduleExpressionTimezone)

	_, err = c.UpdateSchedule(t.Context(), fullBody(before, "back"))
	require.NoError(t, err)
	back := schedule(t, c)
	back.ResultMetadata, before.ResultMetadata = after.ResultMetadata, after.ResultMetadata
	back.LastModificationDate = before.LastModificationDate
	assert.Equal(t, before, back)
}

func TestClientTokenMakesTheSameUpdateCountOnce(t *testing.T) {
	s, cfg := seeded(t)
	c := scheduler.NewFromConfig(cfg)
	before := schedule(t, c)
	pause := fullBody(before, "token-1")
	pause.State = types.ScheduleStateDisabled
	for _, effect := range []bool{true, false} {
		_, err := c.UpdateSchedule(t.Context(), pause)
		require.NoError(t, err)
		assert.Equal(t, effect, lastEntry(t, s).Effect)
		assert.Equal(t, "token-1", lastEntry(t, s).Token)
	}
	_, err := c.UpdateSchedule(t.Context(), fullBody(before, "token-1"))
	var conflict *types.ConflictException
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, types.ScheduleStateDisabled, schedule(t, c).State)
}

func TestScheduleErrorsAndLists(t *testing.T) {
	_, cfg := seeded(t)
	c := scheduler.NewFromConfig(cfg)
	_, err := c.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: aws.String("none")})
	var none *types.ResourceNotFoundException
	require.ErrorAs(t, err, &none)
	for _, change := range []func(*scheduler.UpdateScheduleInput){
		func(u *scheduler.UpdateScheduleInput) { u.ScheduleExpression = aws.String("0 2 * * *") },
		func(u *scheduler.UpdateScheduleInput) { u.ScheduleExpressionTimezone = aws.String("Asia/Edo") },
		func(u *scheduler.UpdateScheduleInput) {
			u.FlexibleTimeWindow = &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible}
		},
	} {
		body := fullBody(schedule(t, c), "x")
		change(body)
		_, err = c.UpdateSchedule(t.Context(), body)
		var invalid *types.ValidationException
		require.ErrorAs(t, err, &invalid)
	}
	all, err := c.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{State: types.ScheduleStateEnabled})
	require.NoError(t, err)
	assert.Len(t, all.Schedules, 2)
	group, err := c.ListSchedules(t.Context(), &scheduler.ListSchedulesInput{GroupName: aws.String("jobs")})
	require.NoError(t, err)
	require.Len(t, group.Schedules, 1)
	assert.Equal(t, "gzs-hourly", *group.Schedules[0].Name)
}
