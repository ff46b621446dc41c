package preflight

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"tejun/internal/dataset"
	"tejun/internal/system"
)

// grant is a set of actions that are needed on a set of resources. IAM is asked about the resources themselves, because
// a policy that is limited to them allows nothing on "*".
type grant struct {
	actions   []string
	resources []string
}

// needed lists what the activities call.
func needed(sys *system.System, passedRoles []string) []grant {
	account, region := sys.AWS.Account, sys.AWS.Region
	arn := func(service, region, rest string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, account, rest)
	}
	each := func(service string, names []string, rest func(string) string) []string {
		var arns []string
		for _, n := range names {
			arns = append(arns, arn(service, region, rest(n)))
		}
		return arns
	}
	var services, jobs []string
	for _, s := range sys.ECS.Services {
		services = append(services, s.Service)
	}
	for _, j := range sys.Jobs {
		jobs = append(jobs, j.Group+"/"+j.Schedule)
	}
	sender := sys.Mail.From
	if at := strings.LastIndex(sender, "@"); at >= 0 {
		sender = strings.TrimRight(sender[at+1:], ">")
	}
	grants := append([]grant{
		{[]string{"cloudfront:GetDistribution", "cloudfront:GetDistributionConfig", "cloudfront:UpdateDistribution", "cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"},
			[]string{arn("cloudfront", "", "distribution/"+sys.Distribution.ID)}},
		{[]string{"wafv2:GetWebACL", "wafv2:UpdateWebACL"}, []string{arn("wafv2", globalRegion, "global/webacl/"+sys.WAF.WebACLName+"/"+sys.WAF.WebACLID)}},
		{[]string{"wafv2:GetIPSet"}, []string{arn("wafv2", globalRegion, "global/ipset/"+sys.WAF.OperatorSet+"/"+sys.WAF.OperatorSetID)}},
		{[]string{"s3:ListBucket"}, []string{"arn:aws:s3:::" + sys.Maintenance.Bucket}},
		{[]string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, []string{"arn:aws:s3:::" + sys.Maintenance.Bucket + sys.Maintenance.PathPrefix + "*"}},
		{[]string{"ecs:DescribeServices", "ecs:UpdateService"}, each("ecs", services, func(s string) string { return "service/" + sys.ECS.Cluster + "/" + s })},
		{[]string{"rds:CreateDBClusterSnapshot"}, []string{arn("rds", region, "cluster:"+sys.Database.Cluster), arn("rds", region, "cluster-snapshot:"+sys.Database.SnapshotPrefix+"-*")}},
		{[]string{"rds:DescribeDBClusterSnapshots"}, []string{arn("rds", region, "cluster:"+sys.Database.Cluster)}},
		{[]string{"rds:AddTagsToResource"}, []string{arn("rds", region, "cluster-snapshot:"+sys.Database.SnapshotPrefix+"-*")}},
		{[]string{"cloudwatch:DescribeAlarms", "cloudwatch:DisableAlarmActions", "cloudwatch:EnableAlarmActions"}, each("cloudwatch", sys.Alarms, func(s string) string { return "alarm:" + s })},
		{[]string{"scheduler:GetSchedule", "scheduler:UpdateSchedule"}, each("scheduler", jobs, func(s string) string { return "schedule/" + s })},
		{[]string{"ses:SendEmail"}, []string{arn("ses", region, "identity/"+sender)}},
		// UpdateSchedule hands the target's role over again, so it needs the right to do so.
		{[]string{"iam:PassRole"}, passedRoles},
	}, databaseGrants(sys)...)
	grants = append(grants, settingGrants(sys)...)
	grants = append(append(grants, releaseGrants(sys)...), disasterGrants(sys)...)
	grants = append(grants, readinessGrants(sys)...)
	return append(append(grants, taskGrants(sys)...), incidentGrants(sys)...)
}

// databaseGrants are those of backups, restores and repairs, as far as the description has them.
func databaseGrants(sys *system.System) []grant {
	arn := func(region, rest string) string {
		return fmt.Sprintf("arn:aws:rds:%s:%s:%s", region, sys.AWS.Account, rest)
	}
	var grants []grant
	home, cluster := sys.AWS.Region, arn(sys.AWS.Region, "cluster:"+sys.Database.Cluster)
	before := []string{arn(home, "cluster-snapshot:"+sys.Database.SnapshotPrefix+"-*")} // snapshots that runs take before a change
	if sys.Repairs.Bucket != "" {
		before = append(before, arn(home, "cluster-snapshot:tejun-repair-*"))
	}
	if sys.Loads.Datasets != "" {
		before = append(before, arn(home, "cluster-snapshot:tejun-load-*"))
	}
	grants = append(grants, grant{[]string{"rds:CreateDBClusterSnapshot", "rds:AddTagsToResource"}, before})
	if prefix := sys.Database.Backup.Prefix; prefix != "" {
		grants = append(grants, grant{[]string{"rds:DeleteDBClusterSnapshot"}, before})
		snapshots := []string{arn(home, "cluster-snapshot:"+prefix+"-*"), arn(sys.AWS.DRRegion, "cluster-snapshot:"+prefix+"-*")}
		grants = append(grants,
			grant{[]string{"rds:CreateDBClusterSnapshot", "rds:AddTagsToResource", "rds:DeleteDBClusterSnapshot", "rds:CopyDBClusterSnapshot"}, snapshots},
			grant{[]string{"kms:CreateGrant", "kms:DescribeKey"}, []string{sys.Database.Backup.DRKMSKey}})
	}
	if prefix := sys.Database.Restore.Prefix; prefix != "" {
		temporary := []string{arn(home, "cluster:"+prefix+"-*")}
		grants = append(grants,
			grant{[]string{"rds:RestoreDBClusterFromSnapshot", "rds:RestoreDBClusterToPointInTime", "rds:DeleteDBCluster", "rds:DescribeDBClusters"}, temporary},
			grant{[]string{"rds:RestoreDBClusterToPointInTime"}, []string{cluster}},
			grant{[]string{"rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:DescribeDBInstances"}, []string{arn(home, "db:"+prefix+"-*")}})
	}
	if bucket := sys.Repairs.Bucket; bucket != "" {
		grants = append(grants,
			grant{[]string{"s3:ListBucket"}, []string{"arn:aws:s3:::" + bucket}},
			grant{[]string{"s3:GetObject", "s3:PutObject"}, []string{"arn:aws:s3:::" + bucket + "/" + sys.Repairs.Prefix + "*"}})
	}
	return grants
}

// identity asks who we are. It says whether AWS can be asked at all.
func (c *checker) identity(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	who, err := sts.NewFromConfig(c.cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		c.bad(Unknown, "sts", "caller", "AWS does not say who the caller is: "+err.Error(), "set up credentials (AWS_PROFILE, a role), or use the sandbox with TEJUN_AWS=sandbox:DIR")
		return false
	}
	c.report.Account, c.report.Caller = aws.ToString(who.Account), aws.ToString(who.Arn)
	if c.report.Account != c.sys.AWS.Account {
		c.bad(Wrong, "sts", "account", fmt.Sprintf("the credentials are for account %s, system.yaml is about %s", c.report.Account, c.sys.AWS.Account), "use the credentials of that account, or mend aws.account")
		return false
	}
	c.ok("sts", "account "+c.report.Account)
	return true
}

var assumedRole = regexp.MustCompile(`^arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/([^/]+)/`)

// principal is the ARN that IAM's simulation takes. A session's ARN does not hold the role's path, so the role is asked.
func (c *checker) principal(ctx context.Context, client *iam.Client) (string, error) {
	m := assumedRole.FindStringSubmatch(c.report.Caller)
	if m == nil {
		return c.report.Caller, nil
	}
	out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &m[1]})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.Role.Arn), nil
}

// permissions asks IAM's simulator about every call. It knows identity policies and boundaries; a policy on the resource
// or of the organisation can still refuse.
func (c *checker) permissions(ctx context.Context, datasets []*dataset.Dataset) {
	if strings.HasSuffix(c.report.Caller, ":root") {
		c.bad(Wrong, "permission", "root", "the caller is the account's root user, which may do everything", "use a role with just the permissions that are needed")
		return
	}
	client := iam.NewFromConfig(c.cfg)
	call, cancel := context.WithTimeout(ctx, callTimeout)
	source, err := c.principal(call, client)
	cancel()
	if err != nil {
		c.failed(err, "permission", "caller", "iam:GetRole on the caller's own role")
		return
	}
	for _, g := range append(needed(c.sys, c.passed), loadGrants(c.sys, datasets)...) {
		if len(g.resources) > 0 {
			c.simulate(ctx, client, source, g)
		}
	}
}

func (c *checker) simulate(ctx context.Context, client *iam.Client, source string, g grant) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	denied := map[string][]string{} // action → resources
	pages := iam.NewSimulatePrincipalPolicyPaginator(client, &iam.SimulatePrincipalPolicyInput{
		PolicySourceArn: &source, ActionNames: g.actions, ResourceArns: g.resources,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			c.failed(err, "permission", strings.Join(g.actions, ", "), "iam:SimulatePrincipalPolicy on the caller's own role")
			return
		}
		for _, result := range page.EvaluationResults {
			if result.EvalDecision != iamtypes.PolicyEvaluationDecisionTypeAllowed {
				action := aws.ToString(result.EvalActionName)
				denied[action] = append(denied[action], aws.ToString(result.EvalResourceName))
			}
		}
	}
	for _, action := range g.actions {
		if on := denied[action]; len(on) > 0 {
			c.bad(Denied, "permission", action, "not allowed on "+strings.Join(on, ", "), "add it to the policy of "+source)
		} else {
			c.ok("permission", action)
		}
	}
}
