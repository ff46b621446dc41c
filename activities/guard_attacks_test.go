package activities

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// attack is a call that no drill may make.
type attack struct {
	name, says string
	do         func(context.Context, clients) error
}

// attacks on production, and on what else a drill has no business with.
func attacks() []attack {
	const offList = "not on the list"
	s := aws.String
	drill := s("tejun-drill-0123456789ab")
	return []attack{
		{"delete production's cluster", "none of the clusters that drills restore", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: s("gzs-infra-db"), SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		}},
		{"delete production's cluster at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: s("gzs-infra-db"), SkipFinalSnapshot: aws.Bool(true)})
			return err
		}},
		{"a drill's name at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: drill, SkipFinalSnapshot: aws.Bool(true)}, rdsIn(home))
			return err
		}},
		{"delete production's instance", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: s("gzs-infra-db-1"), SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		}},
		{"an instance into production's cluster", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: drill, DBClusterIdentifier: s("gzs-infra-db"), DBInstanceClass: s("db.serverless"), Engine: s(engine)}, rdsIn(dr))
			return err
		}},
		{"a real disaster's cluster", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.RestoreDBClusterFromSnapshot(ctx, &rds.RestoreDBClusterFromSnapshotInput{DBClusterIdentifier: s("tejun-dr-0123456789ab"), SnapshotIdentifier: s("x"), Engine: s(engine)}, rdsIn(dr))
			return err
		}},
		{"the prefix without its hyphen", "none of the clusters", func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBCluster(ctx, &rds.DeleteDBClusterInput{DBClusterIdentifier: s("tejun-drillmaster"), SkipFinalSnapshot: aws.Bool(true)}, rdsIn(dr))
			return err
		}},
		{"delete a backup", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"snapshot production", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.CreateDBClusterSnapshot(ctx, &rds.CreateDBClusterSnapshotInput{DBClusterIdentifier: s("gzs-infra-db"), DBClusterSnapshotIdentifier: drill})
			return err
		}},
		{"modify production's cluster", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.ModifyDBCluster(ctx, &rds.ModifyDBClusterInput{DBClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"switch the global cluster over", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.SwitchoverGlobalCluster(ctx, &rds.SwitchoverGlobalClusterInput{GlobalClusterIdentifier: s("gzs-infra-global"), TargetDbClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"fail the global cluster over", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.FailoverGlobalCluster(ctx, &rds.FailoverGlobalClusterInput{GlobalClusterIdentifier: s("gzs-infra-global"), TargetDbClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"detach the global cluster", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.RemoveFromGlobalCluster(ctx, &rds.RemoveFromGlobalClusterInput{GlobalClusterIdentifier: s("gzs-infra-global"), DbClusterIdentifier: drill}, rdsIn(dr))
			return err
		}},
		{"tag a cluster", offList, func(ctx context.Context, c clients) error {
			_, err := c.rds.RemoveTagsFromResource(ctx, &rds.RemoveTagsFromResourceInput{ResourceName: drill, TagKeys: []string{"Environment"}}, rdsIn(dr))
			return err
		}},
		{"stop production's service", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra"), Service: s("gzs-web"), DesiredCount: aws.Int32(0)})
			return err
		}},
		{"production's service by the DR region", "none of disaster.ecs", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra"), Service: s("gzs-web"), DesiredCount: aws.Int32(0)}, ecsIn(dr))
			return err
		}},
		{"a service that is not declared", "none of disaster.ecs", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-batch"), DesiredCount: aws.Int32(0)}, ecsIn(dr))
			return err
		}},
		{"the DR service at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1)})
			return err
		}},
		{"another role and network for the DR service", "and nothing else of it", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1), EnableExecuteCommand: aws.Bool(true)}, ecsIn(dr))
			return err
		}},
		{"production's version on the DR service", "is not the one that gzs-web-dr had", func(ctx context.Context, c clients) error {
			found, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: s("gzs-infra"), Services: []string{"gzs-web"}})
			if err != nil {
				return err
			}
			_, err = c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
				Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1), TaskDefinition: found.Services[0].TaskDefinition,
			}, ecsIn(dr))
			return err
		}},
		{"another version of the DR service by its family", "is not the one that gzs-web-dr had", func(ctx context.Context, c clients) error {
			_, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: s("gzs-infra-dr"), Service: s("gzs-web-dr"), DesiredCount: aws.Int32(1), TaskDefinition: s("gzs-web-dr")}, ecsIn(dr))
			return err
		}},
		{"a task of one's own", offList, func(ctx context.Context, c clients) error {
			_, err := c.ecs.RunTask(ctx, &ecs.RunTaskInput{Cluster: s("gzs-infra-dr"), TaskDefinition: s("gzs-tejun-load")}, ecsIn(dr))
			return err
		}},
		{"production's pipeline", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-web")})
			return err
		}},
		{"another pipeline of the DR region", "is not disaster.pipeline", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-web")}, pipelineIn(dr))
			return err
		}},
		{"the DR site on production's database", "is none of the clusters that drills restore", func(ctx context.Context, c clients) error {
			found, err := c.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: s("gzs-infra-db")})
			if err != nil {
				return err
			}
			return c.deploy(ctx, aws.ToString(found.DBClusters[0].Endpoint)+":5432")
		}},
		{"the DR site on a name of one's own", "is none of the clusters that drills restore", func(ctx context.Context, c clients) error {
			return c.deploy(ctx, "tejun-drill-0123456789ab.cluster-evil.ap-northeast-3.rds.amazonaws.com:5432")
		}},
		{"the DR site on no database", "the variable database", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: s("gzs-dr")}, pipelineIn(dr))
			return err
		}},
		{"another variable beside the database", "the variable database", func(ctx context.Context, c clients) error {
			return c.deploy(ctx, "x:5432", pipelinetypes.PipelineVariable{Name: s("cluster"), Value: s("gzs-infra")})
		}},
		{"an image of one's own", "and nothing else of it", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{
				Name: s("gzs-dr"), Variables: []pipelinetypes.PipelineVariable{{Name: s(databaseVariable), Value: s("x:5432")}},
				SourceRevisions: []pipelinetypes.SourceRevisionOverride{{ActionName: s("Web"), RevisionType: pipelinetypes.SourceRevisionTypeImageDigest, RevisionValue: s("sha256:" + strings.Repeat("0", 64))}},
			}, pipelineIn(dr))
			return err
		}},
		{"the DR pipeline's name at home", "in the DR region", func(ctx context.Context, c clients) error {
			_, err := c.pipelines.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: s("gzs-dr"), PipelineExecutionId: drill})
			return err
		}},
		{"production's record", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "www.gzs.example.go.jp"))
			return err
		}},
		{"production's record beside the rehearsal's", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp", "WWW.gzs.example.go.jp."))
			return err
		}},
		{"production's record in another spelling", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", `\167ww.gzs.example.go.jp`))
			return err
		}},
		{"every name at once", "is not drill.gzs.example.go.jp", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0EXAMPLEGZS", "*.gzs.example.go.jp"))
			return err
		}},
		{"the rehearsal's name in another zone", "is not disaster.redirect.zone", func(ctx context.Context, c clients) error {
			_, err := c.route53.ChangeResourceRecordSets(ctx, upsert("Z0OTHER", "drill.gzs.example.go.jp"))
			return err
		}},
		{"delete the rehearsal's record", "takes one away", func(ctx context.Context, c clients) error {
			in := upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp")
			in.ChangeBatch.Changes[0].Action = route53types.ChangeActionDelete
			_, err := c.route53.ChangeResourceRecordSets(ctx, in)
			return err
		}},
		{"delete one record and make the other twice", "takes one away", func(ctx context.Context, c clients) error {
			in := upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp", "drill.gzs.example.go.jp")
			in.ChangeBatch.Changes[0].Action, in.ChangeBatch.Changes[1].Action = route53types.ChangeActionDelete, route53types.ChangeActionCreate
			in.ChangeBatch.Changes[1].ResourceRecordSet.SetIdentifier = s("tokyo")
			_, err := c.route53.ChangeResourceRecordSets(ctx, in)
			return err
		}},
		{"a record that was not there", "makes none", func(ctx context.Context, c clients) error {
			in := upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp")
			in.ChangeBatch.Changes[0].ResourceRecordSet.SetIdentifier = s("third")
			_, err := c.route53.ChangeResourceRecordSets(ctx, in)
			return err
		}},
		{"a type of record that was not there", "makes none", func(ctx context.Context, c clients) error {
			in := upsert("Z0EXAMPLEGZS", "drill.gzs.example.go.jp", "drill.gzs.example.go.jp")
			in.ChangeBatch.Changes[1].ResourceRecordSet.Type, in.ChangeBatch.Changes[1].ResourceRecordSet.ResourceRecords[0].Value = route53types.RRTypeA, s("203.0.113.1")
			_, err := c.route53.ChangeResourceRecordSets(ctx, in)
			return err
		}},
		{"delete the zone", offList, func(ctx context.Context, c clients) error {
			_, err := c.route53.DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: s("Z0EXAMPLEGZS")})
			return err
		}},
		{"the maintenance page", "under disaster.reports", func(ctx context.Context, c clients) error {
			_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: s("gzs-infra-maintenance"), Key: s("maintenance/x.html"), Body: strings.NewReader("x")})
			return err
		}},
		{"beside the reports", "under disaster.reports", func(ctx context.Context, c clients) error {
			_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: s("gzs-infra-disaster"), Key: s("x.html"), Body: strings.NewReader("x")})
			return err
		}},
		{"delete a report", offList, func(ctx context.Context, c clients) error {
			_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: s("gzs-infra-disaster"), Key: s("reports/x.html")})
			return err
		}},
		{"the public's distribution", offList, func(ctx context.Context, c clients) error {
			_, err := cloudfront.NewFromConfig(c.cfg).CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{DistributionId: s("E2EXAMPLE1TEJUN"), InvalidationBatch: &cftypes.InvalidationBatch{
				CallerReference: s("x"), Paths: &cftypes.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}},
			}})
			return err
		}},
		{"code", offList, func(ctx context.Context, c clients) error {
			_, err := lambda.NewFromConfig(c.cfg).UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: s("gzs-index")})
			return err
		}},
		{"a parameter", offList, func(ctx context.Context, c clients) error {
			_, err := ssm.NewFromConfig(c.cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: s("/gzs/x"), Value: s("y")})
			return err
		}},
	}
}
