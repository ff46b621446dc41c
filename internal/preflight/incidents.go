package preflight

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"tejun/internal/system"
)

// incidents: the log groups that the diagnosis reads can be read, and the bucket of the reports is there.
func (c *checker) incidents(ctx context.Context) {
	const area = "logs"
	if c.sys.Incidents.Bucket == "" {
		return
	}
	c.head(ctx, c.sys.Incidents.Bucket)
	client := cloudwatchlogs.NewFromConfig(c.cfg)
	for _, group := range c.sys.Incidents.Evidence.LogGroups {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		_, err := client.FilterLogEvents(call, &cloudwatchlogs.FilterLogEventsInput{
			LogGroupName: &group, FilterPattern: aws.String(c.sys.Incidents.Evidence.Pattern), Limit: aws.Int32(1),
		})
		cancel()
		if err != nil {
			c.failed(err, area, group, "logs:FilterLogEvents")
			continue
		}
		c.ok(area, group)
	}
}

// incidentGrants are those of the diagnosis, and of the reports.
func incidentGrants(sys *system.System) []grant {
	if sys.Incidents.Bucket == "" {
		return nil
	}
	grants := []grant{{[]string{"s3:GetObject", "s3:PutObject"}, []string{"arn:aws:s3:::" + sys.Incidents.Bucket + "/" + sys.Incidents.Prefix + "*"}}}
	for _, group := range sys.Incidents.Evidence.LogGroups {
		grants = append(grants, grant{[]string{"logs:FilterLogEvents"}, []string{fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:*", sys.AWS.Region, sys.AWS.Account, group)}})
	}
	return grants
}
