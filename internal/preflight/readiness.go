package preflight

import (
	"fmt"

	"tejun/internal/system"
)

// readinessGrants are those of the readiness check beyond the recovery's own. It only reads.
func readinessGrants(sys *system.System) []grant {
	if !sys.HasDisaster() {
		return nil
	}
	arn := func(service, region, rest string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, sys.AWS.Account, rest)
	}
	home, region := sys.AWS.Region, sys.AWS.DRRegion
	return []grant{
		{[]string{"rds:DescribeDBClusterSnapshots"}, []string{arn("rds", region, "cluster:"+sys.Database.Cluster), arn("rds", region, "cluster-snapshot:"+sys.Database.Backup.Prefix+"-*")}},
		{[]string{"ecs:ListTasks", "ecs:DescribeTaskDefinition"}, []string{"*"}},
		{[]string{"ecs:DescribeTasks"}, []string{arn("ecs", home, "task/"+sys.ECS.Cluster+"/*")}},
		{[]string{"ses:GetAccount", "ses:GetSuppressedDestination"}, []string{"*"}},
		{[]string{"s3:ListBucket"}, []string{"arn:aws:s3:::" + sys.Disaster.Reports.Bucket}},
	}
}
