package activities

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"tejun/internal/system"
)

// guardSight is what the guard looks at by itself before it lets a call pass.
type guardSight struct {
	tags      tagReader
	serves    whoServes
	databases *rds.Client
}

func newGuardSight(cfg aws.Config) guardSight {
	return guardSight{newTagReader(cfg), whoServes{&Route53{client: globalRoute53(cfg)}}, rds.NewFromConfig(cfg)}
}

// strange says why what a call names or gives is not what a drill may name or give, or "". The rules have allowed the call as such.
// What cannot be read is an error.
func (v guardSight) strange(ctx context.Context, s *system.System, scope drillScope, call guardCall, watch *guardWatch) (why string, err error) {
	switch in := call.input.(type) {
	case *codepipeline.StartPipelineExecutionInput:
		return v.strangeDatabase(ctx, scope, aws.ToString(in.Variables[0].Value))
	case *ecs.UpdateServiceInput:
		if in.TaskDefinition != nil {
			return strangeDefinition(ctx, s, aws.ToString(in.Service), *in.TaskDefinition, watch)
		}
	case *route53.ChangeResourceRecordSetsInput:
		return v.strangeRecord(ctx, s.Disaster.Redirect, in)
	}
	return "", nil
}

// strangeDatabase: the services of a drill use a cluster that a drill has restored, by the endpoint that RDS itself names.
func (v guardSight) strangeDatabase(ctx context.Context, scope drillScope, database string) (string, error) {
	clusters := rds.NewDescribeDBClustersPaginator(v.databases, &rds.DescribeDBClustersInput{})
	for clusters.HasMorePages() {
		page, err := clusters.NextPage(ctx, inRegion(scope.region))
		if err != nil {
			return "", Classify(err, "look which database "+database+" is before a drill uses it")
		}
		for _, c := range page.DBClusters {
			tags := map[string]string{}
			addTags(tags, c.TagList)
			value, tagged := tags[scope.tagKey]
			ours := strings.HasPrefix(aws.ToString(c.DBClusterIdentifier), scope.drillPrefix+"-") && (!tagged || value != scope.tagValue)
			if ours && aws.ToString(c.Endpoint) != "" && database == fmt.Sprintf("%s:%d", aws.ToString(c.Endpoint), aws.ToInt32(c.Port)) {
				return "", nil
			}
		}
	}
	return fmt.Sprintf("the database %q is none of the clusters that drills restore in %s, which are called %s-…", database, scope.region, scope.drillPrefix), nil
}

// strangeDefinition: a service gets back the task definition that it had before this very run started the DR pipeline, and no other.
func strangeDefinition(ctx context.Context, s *system.System, service, definition string, watch *guardWatch) (string, error) {
	kept, found, err := keptState(ctx, watch.store, watch.operation(), keptDefinition(s, service))
	if err != nil {
		return "", err
	}
	if !found || kept.TaskDefinition != definition {
		return fmt.Sprintf("the task definition %s is not the one that %s had before this run", familyOf(definition), service), nil
	}
	return "", nil
}

// strangeRecord: UPSERT makes a record where there is none.
func (v guardSight) strangeRecord(ctx context.Context, to system.DisasterRedirect, in *route53.ChangeResourceRecordSetsInput) (string, error) {
	var there map[string]redirectRecord
	for _, c := range in.ChangeBatch.Changes {
		if c.Action != route53types.ChangeActionUpsert {
			continue
		}
		if there == nil {
			var err error
			if there, err = v.serves.names.records(ctx, to, to.Rehearsal); err != nil {
				return "", err
			}
		}
		key := string(c.ResourceRecordSet.Type) + "/" + aws.ToString(c.ResourceRecordSet.SetIdentifier)
		if _, ok := there[key]; !ok {
			return fmt.Sprintf("a drill changes the records of %s and makes none: it has no %s", to.Rehearsal, key), nil
		}
	}
	return "", nil
}
