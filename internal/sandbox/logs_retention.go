package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const logGroupKind = "logs:group"

// LogGroup is a CloudWatch Logs group, as far as its retention is concerned.
type LogGroup struct {
	Name      string
	Region    string
	ARN       string
	Created   time.Time
	Retention int32 // days; 0 for ever
}

// retentionDays are the spans that CloudWatch Logs takes.
var retentionDays = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func logGroupOperations() []operation {
	return []operation{
		handle(reads, "LogGroupNamePrefix Limit NextToken", func(in *cloudwatchlogs.DescribeLogGroupsInput) about {
			return about{logGroupKey(in.LogGroupNamePrefix), ""}
		}, describeLogGroups),
		handle(writes, "LogGroupName RetentionInDays", func(in *cloudwatchlogs.PutRetentionPolicyInput) about {
			return about{logGroupKey(in.LogGroupName), ""}
		}, func(c *call, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
			if !slices.Contains(retentionDays, val(in.RetentionInDays)) {
				return nil, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set")})
			}
			return &cloudwatchlogs.PutRetentionPolicyOutput{}, setRetention(c, in.LogGroupName, *in.RetentionInDays)
		}),
		handle(writes, "LogGroupName", func(in *cloudwatchlogs.DeleteRetentionPolicyInput) about {
			return about{logGroupKey(in.LogGroupName), ""}
		},
			func(c *call, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
				return &cloudwatchlogs.DeleteRetentionPolicyOutput{}, setRetention(c, in.LogGroupName, 0)
			}),
	}
}

func logGroupKey(name *string) string { return logGroupKind + "/" + val(name) }

func describeLogGroups(c *call, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	all, err := listUnder[LogGroup](c, logGroupKind, val(in.LogGroupNamePrefix))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(g LogGroup) bool { return g.Region != c.region })
	items, next, err := page(all, val(in.NextToken), int(val(in.Limit)), 50, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr(words)})
	})
	out := &cloudwatchlogs.DescribeLogGroupsOutput{NextToken: ptrUnlessEmpty(next)}
	for _, g := range items {
		shown := types.LogGroup{LogGroupName: ptr(g.Name), LogGroupArn: ptr(g.ARN), Arn: ptr(g.ARN + ":*"), CreationTime: ptr(g.Created.UnixMilli())}
		if g.Retention > 0 {
			shown.RetentionInDays = ptr(g.Retention)
		}
		out.LogGroups = append(out.LogGroups, shown)
	}
	return out, err
}

func setRetention(c *call, name *string, days int32) error {
	g, ok, err := get[LogGroup](c, logGroupKey(name))
	if err != nil {
		return err
	}
	if !ok || g.Region != c.region {
		return fail(http.StatusBadRequest, &types.ResourceNotFoundException{Message: ptr("The specified log group does not exist.")})
	}
	g.Retention = days
	return c.put(logGroupKey(name), g)
}

func seedLogGroup(c *call, account, region, name string, days int32) error {
	return c.put(logGroupKey(&name), LogGroup{
		Name: name, Region: region, ARN: arn("logs", region, account, "log-group:"+strings.TrimSpace(name)), Created: c.at, Retention: days,
	})
}
