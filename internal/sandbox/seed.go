package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	rds "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"tejun/internal/system"
)

// OriginSecret is the value of the header by which the load balancer knows CloudFront. It is in the seeded distribution so
// that tests can show that it turns up in no plan, history, log, journal or page.
const OriginSecret = "sandbox-origin-secret-do-not-print-4f1d"

// Seed fills an empty sandbox with what the description says, as it is on an ordinary day: everything deployed, enabled,
// available and at its desired count. On a sandbox that has been seeded it does nothing, so that what runs have done stays.
func (s *Sandbox) Seed(ctx context.Context, sys *system.System) error {
	return s.locked(func() error {
		c := s.newCall(ctx)
		set, err := c.settings()
		if err != nil || set.Account != "" {
			return err
		}
		set.Account, set.Region = sys.AWS.Account, sys.AWS.Region
		if err := c.put(settingsKey, set); err != nil {
			return err
		}
		for _, seed := range []func(*call, *system.System) error{
			seedEdge, seedWAF, seedBuckets, seedECS, seedDatabase, seedSubnetGroups, seedAlarms, seedJobs, seedMail, seedSettings, seedEventLogs, seedRole, seedReleases, seedDisaster,
		} {
			if err := seed(c, sys); err != nil {
				return fmt.Errorf("seed the sandbox from %s: %w", sys.ID, err)
			}
		}
		return s.commit(c, record{Seed: true})
	})
}

func seedBuckets(c *call, sys *system.System) error {
	for _, name := range append([]string{sys.Maintenance.Bucket, sys.Repairs.Bucket, sys.Loads.Bucket, sys.Incidents.Bucket}, sys.Loads.Buckets...) {
		if name == "" {
			continue
		}
		if err := c.put(bucketKind+"/"+name, bucket{Name: name, Region: sys.AWS.Region}); err != nil {
			return err
		}
	}
	return nil
}

func seedECS(c *call, sys *system.System) error {
	name := sys.ECS.Cluster
	if err := seedCluster(c, sys, name); err != nil {
		return err
	}
	if task := sys.Loads.Task; task != nil {
		if err := errors.Join(seedCluster(c, sys, task.Cluster), seedTaskDefinition(c, sys, task)); err != nil {
			return err
		}
	}
	for _, svc := range sys.ECS.Services {
		s := Service{
			Cluster: name, Name: svc.Service, Region: sys.AWS.Region, Desired: svc.Desired, Created: c.at,
			ARN:            arn("ecs", sys.AWS.Region, sys.AWS.Account, "service/"+name+"/"+svc.Service),
			TaskDefinition: arn("ecs", sys.AWS.Region, sys.AWS.Account, "task-definition/"+svc.Service+":7"),
			Version:        ServiceVersion{From: svc.Desired, Changed: c.at, Deployed: 1},
		}
		if err := c.put(serviceKey(&name, &svc.Service), s); err != nil {
			return err
		}
	}
	return nil
}

func seedCluster(c *call, sys *system.System, name string) error {
	return c.put(clusterKind+"/"+name, cluster{Name: name, Region: sys.AWS.Region, ARN: arn("ecs", sys.AWS.Region, sys.AWS.Account, "cluster/"+name)})
}

// seedTaskDefinition makes the task definition in which loads run.
func seedTaskDefinition(c *call, sys *system.System, task *system.LoadTask) error {
	family, revision, _ := strings.Cut(lastPart(task.TaskDefinition), ":")
	d := definition{
		Family: family, Revision: 3, Region: sys.AWS.Region, Container: task.Container,
		TaskRole: "arn:aws:iam::" + sys.AWS.Account + ":role/" + family, ExecutionRole: "arn:aws:iam::" + sys.AWS.Account + ":role/" + family + "-start",
	}
	if n, err := strconv.Atoi(revision); err == nil {
		d.Revision = n
	}
	d.ARN = arn("ecs", d.Region, sys.AWS.Account, fmt.Sprintf("task-definition/%s:%d", family, d.Revision))
	return c.put(definitionKind+"/"+family, d)
}

func seedDatabase(c *call, sys *system.System) error {
	id := strings.ToLower(sys.Database.Cluster)
	err := c.put(c.regional(dbClusterKind, sys.AWS.Region, id), DBCluster{
		ID: id, Region: sys.AWS.Region, ResourceID: hashID("cluster-", id), Status: "available", Created: c.at,
		ARN: arn("rds", sys.AWS.Region, sys.AWS.Account, "cluster:"+id), Engine: "aurora-postgresql", EngineVersion: "16.6", Master: "postgres",
		KMSKey: arn("kms", sys.AWS.Region, sys.AWS.Account, "key/00000000-5a9d-4b0c-8d00-000000000001"),
		Tags:   []rds.Tag{{Key: ptr("system"), Value: ptr(sys.ID)}},
	})
	for _, name := range []string{id + "-1", id + "-2"} {
		err = errors.Join(err, c.put(c.regional(dbInstanceKind, sys.AWS.Region, name), DBInstance{
			ID: name, Region: sys.AWS.Region, ARN: arn("rds", sys.AWS.Region, sys.AWS.Account, "db:"+name), Cluster: id, Class: "db.serverless", Created: c.at,
		}))
	}
	return err
}

func seedAlarms(c *call, sys *system.System) error {
	topic := arn("sns", sys.AWS.Region, sys.AWS.Account, sys.ID+"-alarms")
	for _, name := range sys.Alarms {
		a := Alarm{Region: sys.AWS.Region, Metric: cloudwatch.MetricAlarm{
			AlarmName: ptr(name), AlarmArn: ptr(arn("cloudwatch", sys.AWS.Region, sys.AWS.Account, "alarm:"+name)),
			AlarmDescription: ptr("Watches " + name), ActionsEnabled: ptr(true), AlarmActions: []string{topic}, OKActions: []string{topic},
			Namespace: ptr("AWS/ECS"), MetricName: ptr("RunningTaskCount"), Statistic: cloudwatch.StatisticAverage,
			ComparisonOperator: cloudwatch.ComparisonOperatorLessThanThreshold, Threshold: ptr(1.0), Period: ptr(int32(60)), EvaluationPeriods: ptr(int32(3)),
			TreatMissingData: ptr("breaching"), StateValue: cloudwatch.StateValueOk, StateReason: ptr("Threshold not crossed"),
			StateUpdatedTimestamp: ptr(c.at), StateTransitionedTimestamp: ptr(c.at), Dimensions: []cloudwatch.Dimension{{Name: ptr("ClusterName"), Value: ptr(sys.ECS.Cluster)}},
		}, Version: AlarmVersion{c.at}}
		if err := c.put(alarmKey(name), a); err != nil {
			return err
		}
	}
	return nil
}

func seedMail(c *call, sys *system.System) error {
	from := strings.ToLower(addressOf(sys.Mail.From))
	_, domain, _ := strings.Cut(from, "@")
	for _, name := range []string{from, domain} {
		if err := c.put(identityKind+"/"+name, identity{Name: name, Region: sys.AWS.Region}); err != nil {
			return err
		}
	}
	if name := sys.Mail.ConfigurationSet; name != "" {
		return c.put(configurationSetKind+"/"+name, configurationSet{Name: name, Region: sys.AWS.Region})
	}
	return nil
}

// seedRole lets the worker do what its runbooks need and nothing else.
func seedRole(c *call, sys *system.System) error {
	return c.put(roleKind+"/"+CallerRole, role{
		Name: CallerRole, ARN: "arn:aws:iam::" + sys.AWS.Account + ":role/" + CallerRole, Created: c.at,
		Allow: []string{
			"cloudfront:GetDistribution", "cloudfront:GetDistributionConfig", "cloudfront:ListDistributions", "cloudfront:UpdateDistribution",
			"cloudfront:CreateInvalidation", "cloudfront:GetInvalidation", "cloudfront:ListInvalidations",
			"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket",
			"wafv2:GetWebACL", "wafv2:UpdateWebACL", "wafv2:GetIPSet", "wafv2:ListWebACLs", "wafv2:ListIPSets",
			"ecs:DescribeClusters", "ecs:DescribeServices", "ecs:UpdateService",
			"ecs:RunTask", "ecs:StopTask", "ecs:DescribeTasks", "ecs:ListTasks", "ecs:DescribeTaskDefinition", "ecs:TagResource",
			"rds:DescribeDBClusters", "rds:CreateDBClusterSnapshot", "rds:DescribeDBClusterSnapshots", "rds:ListTagsForResource", "rds:AddTagsToResource",
			"rds:CopyDBClusterSnapshot", "rds:DeleteDBClusterSnapshot", "rds:RestoreDBClusterFromSnapshot", "rds:RestoreDBClusterToPointInTime",
			"rds:DescribeDBInstances", "rds:CreateDBInstance", "rds:DeleteDBInstance", "rds:DeleteDBCluster", "kms:CreateGrant", "kms:DescribeKey",
			"codepipeline:GetPipeline", "codepipeline:GetPipelineState", "codepipeline:GetPipelineExecution", "codepipeline:ListPipelineExecutions",
			"codepipeline:StartPipelineExecution", "codepipeline:PutApprovalResult", "codepipeline:StopPipelineExecution",
			"ecr:DescribeImages", "ecr:DescribeImageScanFindings", "ecr:DescribeRepositories",
			"lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:UpdateFunctionCode", "lambda:PublishVersion", "lambda:GetAlias", "lambda:UpdateAlias",
			"s3:GetObjectVersion", "s3:ListBucketVersions", "s3:GetBucketVersioning", "cloudwatch:GetMetricData",
			"cloudwatch:DescribeAlarms", "cloudwatch:DisableAlarmActions", "cloudwatch:EnableAlarmActions", "logs:FilterLogEvents",
			"scheduler:GetSchedule", "scheduler:UpdateSchedule", "scheduler:ListSchedules", "iam:PassRole",
			"ses:SendEmail", "ses:GetAccount", "ses:GetEmailIdentity", "ses:GetConfigurationSet", "ses:GetSuppressedDestination",
			"wafv2:UpdateIPSet", "cloudwatch:PutMetricAlarm", "logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
			"ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter",
			"config:DescribeConfigRules", "config:DescribeConfigRuleEvaluationStatus", "config:StartConfigRulesEvaluation",
			"config:GetComplianceDetailsByConfigRule", "config:GetResourceConfigHistory",
			"sts:GetCallerIdentity", "iam:GetRole", "iam:SimulatePrincipalPolicy",
			"route53:ListHostedZones", "route53:GetHostedZone", "route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets", "route53:GetChange",
			"rds:DescribeGlobalClusters", "rds:SwitchoverGlobalCluster", "rds:FailoverGlobalCluster", "rds:DescribeAccountAttributes", "rds:DescribeDBSubnetGroups", "codepipeline:ListTagsForResource",
		},
	})
}
