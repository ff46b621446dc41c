package sandbox

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"tejun/internal/system"
)

// seedJobs gives every schedule a full body, so that an update that leaves something out shows.
func seedJobs(c *call, sys *system.System) error {
	for _, job := range sys.Jobs {
		group := orElse(job.Group, "default")
		s := Schedule{
			Name: job.Schedule, Group: group, Region: sys.AWS.Region, Created: c.at, State: types.ScheduleStateEnabled,
			ARN: arn("scheduler", sys.AWS.Region, sys.AWS.Account, "schedule/"+group+"/"+job.Schedule), Expression: job.Cron, TimeZone: orElse(sys.TimeZone, "Asia/Tokyo"),
			Description:        ptr("Job " + job.Name),
			FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeFlexible, MaximumWindowInMinutes: ptr(int32(5))},
			Target:             jobTarget(sys, job), ActionAfterCompletion: types.ActionAfterCompletionNone,
			Version: ScheduleVersion{c.at},
		}
		if err := c.put(scheduleKey(&group, &job.Schedule), s); err != nil {
			return err
		}
	}
	return nil
}

func jobTarget(sys *system.System, job system.Job) *types.Target {
	t := &types.Target{
		Arn: ptr(job.Target), RoleArn: ptr("arn:aws:iam::" + sys.AWS.Account + ":role/" + sys.ID + "-scheduler"),
		Input:            ptr(`{"job":"` + job.Name + `"}`),
		DeadLetterConfig: &types.DeadLetterConfig{Arn: ptr(arn("sqs", sys.AWS.Region, sys.AWS.Account, sys.ID+"-jobs-dead-letter"))},
		RetryPolicy:      &types.RetryPolicy{MaximumEventAgeInSeconds: ptr(int32(3600)), MaximumRetryAttempts: ptr(int32(3))},
	}
	if strings.HasPrefix(job.Target, "arn:aws:ecs:") {
		t.EcsParameters = &types.EcsParameters{
			TaskDefinitionArn: ptr(arn("ecs", sys.AWS.Region, sys.AWS.Account, "task-definition/"+job.Schedule+":3")),
			LaunchType:        types.LaunchTypeFargate, TaskCount: ptr(int32(1)), PropagateTags: types.PropagateTagsTaskDefinition,
			NetworkConfiguration: &types.NetworkConfiguration{AwsvpcConfiguration: &types.AwsVpcConfiguration{
				Subnets: []string{"subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"}, SecurityGroups: []string{"sg-0a1b2c3d4e5f60003"}, AssignPublicIp: types.AssignPublicIpDisabled,
			}},
		}
	}
	return t
}
