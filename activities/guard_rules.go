package activities

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"

	"tejun/internal/system"
)

// drillScope is all that a drill may change, by system.yaml. The zero scope lets mail pass and nothing else.
type drillScope struct {
	region             string   // drRegion; everything but the record, the report and mail lies in it
	drillPrefix        string   // of the restored clusters
	cluster            string   // of ECS
	services           []string // of ECS, by the names that AWS knows
	pipeline           string
	zone               string // hosted zone
	rehearsal          string // the only record
	production         string // never, whatever rehearsal says
	bucket, prefix     string // of the reports
	tagKey, tagValue   string // what carries it is production
	productionClusters []string
}

// scopeOf reads the scope from the description.
func scopeOf(s *system.System) (drillScope, error) {
	if !s.HasDisaster() {
		return drillScope{}, fail(Refused, "system.yaml has no section disaster, so nothing may be changed")
	}
	d := s.Disaster
	scope := drillScope{
		region: s.AWS.DRRegion, drillPrefix: strings.ToLower(d.Database.DrillPrefix), cluster: d.ECS.Cluster, pipeline: d.Pipeline,
		zone: d.Redirect.Zone, rehearsal: d.Redirect.Rehearsal, production: d.Redirect.Production, bucket: d.Reports.Bucket, prefix: d.Reports.Prefix,
		tagKey: d.ProductionTag.Key, tagValue: d.ProductionTag.Value,
		productionClusters: []string{strings.ToLower(s.Database.Cluster), strings.ToLower(d.Database.Secondary)},
	}
	for _, v := range d.ECS.Services {
		scope.services = append(scope.services, v.Service)
	}
	return scope, nil
}

// touchedResource is something that exists, whose tags are looked at before it is changed.
type touchedResource struct {
	kind            string // "cluster", "instance", "service", "pipeline"
	name            string
	in              string // ECS: the cluster of the service
	region, account string
}

// judge says what a call would change, and why it is not allowed, or "". Everything that is not written down here is not allowed.
func (s drillScope) judge(call guardCall) (touched []touchedResource, why string) {
	switch in := call.input.(type) {
	case *sesv2.SendEmailInput:
		return nil, ""
	case *rds.RestoreDBClusterFromSnapshotInput:
		return nil, s.restored(call, in.DBClusterIdentifier)
	case *rds.CreateDBInstanceInput:
		name := aws.ToString(in.DBClusterIdentifier)
		return []touchedResource{{kind: "cluster", name: name}}, first(s.restored(call, in.DBClusterIdentifier), s.restored(call, in.DBInstanceIdentifier))
	case *rds.DeleteDBInstanceInput:
		return []touchedResource{{kind: "instance", name: aws.ToString(in.DBInstanceIdentifier)}}, s.restored(call, in.DBInstanceIdentifier)
	case *rds.DeleteDBClusterInput:
		return []touchedResource{{kind: "cluster", name: aws.ToString(in.DBClusterIdentifier)}}, s.restored(call, in.DBClusterIdentifier)
	case *ecs.UpdateServiceInput:
		return []touchedResource{{kind: "service", name: aws.ToString(in.Service), in: aws.ToString(in.Cluster)}}, s.scaled(call, in)
	case *codepipeline.StartPipelineExecutionInput:
		return []touchedResource{{kind: "pipeline", name: aws.ToString(in.Name)}}, first(s.piped(call, in.Name), s.deployed(in))
	case *codepipeline.StopPipelineExecutionInput:
		return []touchedResource{{kind: "pipeline", name: aws.ToString(in.PipelineName)}}, s.piped(call, in.PipelineName)
	case *route53.ChangeResourceRecordSetsInput:
		return nil, s.redirected(in)
	case *s3.PutObjectInput:
		return nil, s.reported(in)
	}
	return nil, "it is not on the list of what a drill may change"
}

// there says why a call outside the DR region is not allowed.
func (s drillScope) there(call guardCall) string {
	if s.region == "" || call.region != s.region {
		return fmt.Sprintf("a drill changes this in the DR region %q alone", s.region)
	}
	return ""
}

func (s drillScope) restored(call guardCall, id *string) string {
	name := strings.ToLower(aws.ToString(id)) // RDS knows no capitals
	switch {
	case s.there(call) != "":
		return s.there(call)
	case s.drillPrefix == "" || !strings.HasPrefix(name, s.drillPrefix+"-"):
		return fmt.Sprintf("%q is none of the clusters that drills restore, which are called %s-…", aws.ToString(id), s.drillPrefix)
	case slices.Contains(s.productionClusters, name):
		return fmt.Sprintf("%q is production's", aws.ToString(id))
	}
	return ""
}

func (s drillScope) scaled(call guardCall, in *ecs.UpdateServiceInput) string {
	plain := ecs.UpdateServiceInput{Cluster: in.Cluster, Service: in.Service, DesiredCount: in.DesiredCount, TaskDefinition: in.TaskDefinition}
	switch {
	case s.there(call) != "":
		return s.there(call)
	case s.cluster == "" || aws.ToString(in.Cluster) != s.cluster || !slices.Contains(s.services, aws.ToString(in.Service)):
		return fmt.Sprintf("the service %s/%s is none of disaster.ecs", aws.ToString(in.Cluster), aws.ToString(in.Service))
	case !reflect.DeepEqual(*in, plain):
		return "a drill changes the number of tasks and the version of a service, and nothing else of it"
	}
	return ""
}

func (s drillScope) piped(call guardCall, name *string) string {
	switch {
	case s.there(call) != "":
		return s.there(call)
	case s.pipeline == "" || aws.ToString(name) != s.pipeline:
		return fmt.Sprintf("the pipeline %q is not disaster.pipeline", aws.ToString(name))
	}
	return ""
}

// deployed keeps a drill from giving the pipeline anything but a database: which one that may be says guardSight.
func (s drillScope) deployed(in *codepipeline.StartPipelineExecutionInput) string {
	plain := codepipeline.StartPipelineExecutionInput{Name: in.Name, ClientRequestToken: in.ClientRequestToken, Variables: in.Variables}
	switch {
	case !reflect.DeepEqual(*in, plain):
		return "a drill tells the pipeline which database it is to use, and nothing else of it"
	case len(in.Variables) != 1 || aws.ToString(in.Variables[0].Name) != databaseVariable:
		return "a drill gives the pipeline the variable " + databaseVariable + ", and no other one"
	}
	return ""
}

// recordName is a name of DNS in one form: Route 53 takes capitals and a dot at the end, and means the same.
func recordName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func (s drillScope) redirected(in *route53.ChangeResourceRecordSetsInput) string {
	rehearsal := recordName(s.rehearsal)
	switch zone := strings.TrimPrefix(aws.ToString(in.HostedZoneId), "/hostedzone/"); {
	case s.zone == "" || zone != s.zone:
		return fmt.Sprintf("the hosted zone %q is not disaster.redirect.zone", zone)
	case rehearsal == "" || rehearsal == recordName(s.production):
		return "disaster.redirect.rehearsal names no record of its own"
	case in.ChangeBatch == nil || len(in.ChangeBatch.Changes) == 0:
		return "it names no record"
	}
	left := map[string]int{} // records made less those taken away, by type and set identifier
	for _, c := range in.ChangeBatch.Changes {
		if c.ResourceRecordSet == nil || recordName(aws.ToString(c.ResourceRecordSet.Name)) != rehearsal {
			name := "(none)"
			if c.ResourceRecordSet != nil {
				name = aws.ToString(c.ResourceRecordSet.Name)
			}
			return fmt.Sprintf("the record %q is not %s, the only one that a drill may change", name, s.rehearsal)
		}
		key := string(c.ResourceRecordSet.Type) + "/" + aws.ToString(c.ResourceRecordSet.SetIdentifier)
		switch c.Action {
		case route53types.ChangeActionCreate:
			left[key]++
		case route53types.ChangeActionDelete:
			left[key]--
		}
	}
	for key, n := range left {
		if n != 0 {
			return fmt.Sprintf("a drill changes the records of %s and neither makes one nor takes one away (%s)", s.rehearsal, key)
		}
	}
	return ""
}

func (s drillScope) reported(in *s3.PutObjectInput) string {
	if s.bucket == "" || s.prefix == "" || aws.ToString(in.Bucket) != s.bucket || !strings.HasPrefix(aws.ToString(in.Key), s.prefix) {
		return fmt.Sprintf("the object %s/%s does not lie under disaster.reports, %s/%s", aws.ToString(in.Bucket), aws.ToString(in.Key), s.bucket, s.prefix)
	}
	return ""
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
