package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"tejun/internal/system"
)

// retentionState is for how many days a log group keeps its events; 0 for ever.
type retentionState struct {
	Days int32 `json:"days"`
}

func (a *Settings) retention(in system.SettingResolved) changeable {
	return newSetting(a, in, fmt.Sprintf("CloudWatch Logs %s: 保存期間を変更", in.Resource),
		func(s retentionState) any { return s.Days },
		func(s *retentionState, to json.RawMessage) error { return json.Unmarshal(to, &s.Days) },
		func(ctx context.Context) (retentionState, string, error) {
			days, err := a.readRetention(ctx, in.Resource)
			return retentionState{days}, "", err
		},
		// There is no precondition; the fence before it keeps old attempts out.
		func(ctx context.Context, s retentionState, _ string) error {
			if s.Days == 0 {
				_, err := a.logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &in.Resource})
				return Classify(err, "let the log group "+in.Resource+" keep its events for ever")
			}
			_, err := a.logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &in.Resource, RetentionInDays: &s.Days})
			return Classify(err, fmt.Sprintf("let the log group %s keep its events for %d days", in.Resource, s.Days))
		}, nil)
}

// readRetention finds a log group by its name; AWS finds by prefixes only.
func (a *Settings) readRetention(ctx context.Context, name string) (int32, error) {
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(a.logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, Classify(err, "read the log group "+name)
		}
		for _, group := range page.LogGroups {
			if aws.ToString(group.LogGroupName) == name {
				return aws.ToInt32(group.RetentionInDays), nil
			}
		}
	}
	return 0, fail(NotFound, "there is no log group %s; %s", name, classes[NotFound].advice)
}
