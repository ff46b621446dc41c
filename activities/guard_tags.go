package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// tagReader reads the tags of what a drill is about to change, in the region in which it is about to change it.
type tagReader struct {
	rds       *rds.Client
	ecs       *ecs.Client
	pipelines *codepipeline.Client
}

func newTagReader(cfg aws.Config) tagReader {
	return tagReader{rds.NewFromConfig(cfg), ecs.NewFromConfig(cfg), codepipeline.NewFromConfig(cfg)}
}

// read returns the tags, none of something that is not there: then the call itself says so.
func (t tagReader) read(ctx context.Context, r touchedResource) (map[string]string, error) {
	found, err := t.look(ctx, r)
	err = Classify(err, fmt.Sprintf("read the tags of the %s %s before a drill changes it", r.kind, r.name))
	if isType(err, NotFound) {
		return nil, nil
	}
	return found, err
}

func (t tagReader) look(ctx context.Context, r touchedResource) (map[string]string, error) {
	tags := map[string]string{}
	switch r.kind {
	case "cluster":
		out, err := t.rds.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &r.name}, inRegion(r.region))
		if err != nil {
			return nil, err
		}
		for _, c := range out.DBClusters {
			addTags(tags, c.TagList)
		}
	case "instance":
		out, err := t.rds.DescribeDBInstances(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &r.name}, inRegion(r.region))
		if err != nil {
			return nil, err
		}
		for _, i := range out.DBInstances {
			addTags(tags, i.TagList)
		}
	case "service":
		out, err := t.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{
			Cluster: &r.in, Services: []string{r.name}, Include: []ecstypes.ServiceField{ecstypes.ServiceFieldTags},
		}, func(o *ecs.Options) { o.Region = r.region })
		if err != nil {
			return nil, err
		}
		for _, s := range out.Services {
			for _, tag := range s.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
		}
	case "pipeline":
		arn := fmt.Sprintf("arn:aws:codepipeline:%s:%s:%s", r.region, r.account, r.name)
		out, err := t.pipelines.ListTagsForResource(ctx, &codepipeline.ListTagsForResourceInput{ResourceArn: &arn}, func(o *codepipeline.Options) { o.Region = r.region })
		if err != nil {
			return nil, err
		}
		for _, tag := range out.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
	default:
		return nil, fail(InvalidInput, "nobody knows how to read the tags of a %s", r.kind)
	}
	return tags, nil
}

func addTags(tags map[string]string, list []rdstypes.Tag) {
	for _, tag := range list {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
}
