package preflight

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"

	"tejun/internal/system"
)

// disaster: everything that the recovery in the DR region touches is there. Whether it is fit, the readiness check says.
func (c *checker) disaster(ctx context.Context) {
	if !c.sys.HasDisaster() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	there := c.cfg.Copy()
	there.Region = c.sys.AWS.DRRegion
	v := c.sys.Disaster
	c.exists("route53", v.Redirect.Zone, "route53:GetHostedZone", func() error {
		_, err := route53.NewFromConfig(c.cfg).GetHostedZone(ctx, &route53.GetHostedZoneInput{Id: &v.Redirect.Zone})
		return err
	})
	c.exists("codepipeline", v.Pipeline, "codepipeline:GetPipeline", func() error {
		_, err := codepipeline.NewFromConfig(there).GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &v.Pipeline})
		return err
	})
	for _, svc := range v.ECS.Services {
		c.standby(ctx, there, svc)
		c.exists("ecr", svc.Repository, "ecr:DescribeRepositories", func() error {
			_, err := ecr.NewFromConfig(there).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{svc.Repository}})
			return err
		})
	}
	if v.Database.Via == system.ViaGlobalCluster {
		c.exists("rds", v.Database.GlobalCluster, "rds:DescribeGlobalClusters", func() error {
			_, err := rds.NewFromConfig(there).DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: &v.Database.GlobalCluster})
			return err
		})
	}
}

// exists reports whether something can be read.
func (c *checker) exists(area, name, action string, read func() error) {
	if err := read(); err != nil {
		c.failed(err, area, name, action)
		return
	}
	c.ok(area, name)
}

// standby: the service is there. DescribeServices answers 200 with a list of failures for what is not.
func (c *checker) standby(ctx context.Context, there aws.Config, svc system.DisasterService) {
	const area = "ecs"
	name := c.sys.Disaster.ECS.Cluster + "/" + svc.Service
	out, err := ecs.NewFromConfig(there).DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &c.sys.Disaster.ECS.Cluster, Services: []string{svc.Service}})
	switch {
	case err != nil:
		c.failed(err, area, name, "ecs:DescribeServices")
	case len(out.Services) == 0:
		c.bad(Missing, area, name, "there is no such service in "+there.Region, "create it, or mend disaster.ecs in system.yaml")
	default:
		c.ok(area, name)
	}
}

// disasterGrants are those of the recovery in the DR region.
func disasterGrants(sys *system.System) []grant {
	if !sys.HasDisaster() {
		return nil
	}
	v, region := sys.Disaster, sys.AWS.DRRegion
	arn := func(service, rest string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, sys.AWS.Account, rest)
	}
	var services, repositories []string
	for _, svc := range v.ECS.Services {
		services = append(services, arn("ecs", "service/"+v.ECS.Cluster+"/"+svc.Service))
		repositories = append(repositories, arn("ecr", "repository/"+svc.Repository))
	}
	var clusters, instances []string
	for _, prefix := range []string{v.Database.DrillPrefix, v.Database.RealPrefix} {
		clusters, instances = append(clusters, arn("rds", "cluster:"+prefix+"-*")), append(instances, arn("rds", "db:"+prefix+"-*"))
	}
	restored := []string{arn("rds", "cluster-snapshot:"+sys.Database.Backup.Prefix+"-*")}
	if v.Database.SubnetGroup != "" {
		restored = append(restored, arn("rds", "subgrp:"+v.Database.SubnetGroup))
	}
	grants := []grant{
		{[]string{"route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets", "route53:GetHostedZone"}, []string{"arn:aws:route53:::hostedzone/" + v.Redirect.Zone}},
		{[]string{"route53:GetChange"}, []string{"arn:aws:route53:::change/*"}},
		{[]string{"codepipeline:GetPipeline", "codepipeline:GetPipelineState", "codepipeline:GetPipelineExecution", "codepipeline:ListPipelineExecutions", "codepipeline:StartPipelineExecution", "codepipeline:StopPipelineExecution", "codepipeline:ListTagsForResource"},
			[]string{arn("codepipeline", v.Pipeline)}},
		{[]string{"ecs:DescribeServices", "ecs:UpdateService"}, services},
		{[]string{"ecs:DescribeTaskDefinition"}, []string{"*"}},
		{[]string{"ecr:DescribeImages", "ecr:DescribeRepositories"}, repositories},
		{[]string{"rds:RestoreDBClusterFromSnapshot", "rds:DescribeDBClusters", "rds:DeleteDBCluster", "rds:AddTagsToResource"}, clusters},
		{[]string{"rds:RestoreDBClusterFromSnapshot"}, restored},
		{[]string{"rds:CreateDBInstance"}, clusters},
		{[]string{"rds:CreateDBInstance", "rds:DescribeDBInstances", "rds:DeleteDBInstance", "rds:AddTagsToResource"}, instances},
		{[]string{"rds:DescribeAccountAttributes"}, []string{"*"}},
		{[]string{"rds:DescribeDBSubnetGroups"}, []string{arn("rds", "subgrp:"+cmp.Or(v.Database.SubnetGroup, "default"))}},
		{[]string{"s3:PutObject", "s3:GetObject"}, []string{"arn:aws:s3:::" + v.Reports.Bucket + "/" + v.Reports.Prefix + "*"}},
	}
	if v.Database.Via == system.ViaSnapshot {
		grants = append(grants, lastCopyGrants(sys)...)
	}
	if v.Database.Via == system.ViaGlobalCluster {
		global := fmt.Sprintf("arn:aws:rds::%s:global-cluster:%s", sys.AWS.Account, strings.ToLower(v.Database.GlobalCluster))
		grants = append(grants, grant{[]string{"rds:DescribeGlobalClusters", "rds:SwitchoverGlobalCluster", "rds:FailoverGlobalCluster"}, []string{global}},
			grant{[]string{"cloudwatch:GetMetricData"}, []string{"*"}})
	}
	return grants
}

// lastCopyGrants are those of the last snapshot of a graceful recovery: called as the cluster that it is restored to, taken of
// production, copied, restored, and deleted by retention.
func lastCopyGrants(sys *system.System) []grant {
	arn := func(region, rest string) string {
		return fmt.Sprintf("arn:aws:rds:%s:%s:%s", region, sys.AWS.Account, rest)
	}
	name := "cluster-snapshot:" + sys.Disaster.Database.RealPrefix + "-*"
	home, there := arn(sys.AWS.Region, name), arn(sys.AWS.DRRegion, name)
	return []grant{
		{[]string{"rds:CreateDBClusterSnapshot"}, []string{arn(sys.AWS.Region, "cluster:"+sys.Database.Cluster), home}},
		{[]string{"rds:DescribeDBClusterSnapshots", "rds:AddTagsToResource", "rds:CopyDBClusterSnapshot", "rds:DeleteDBClusterSnapshot"}, []string{home, there}},
		{[]string{"rds:RestoreDBClusterFromSnapshot"}, []string{there}},
	}
}
