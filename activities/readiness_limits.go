package activities

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tejun/internal/readiness"
)

// roomNeeded is how much of each quota of RDS must be free in the DR region: the restored cluster, its instance, and one more copy.
var roomNeeded = []struct {
	quota string
	room  int64
}{{"DBClusters", 1}, {"DBInstances", 1}, {"ManualClusterSnapshots", 1}}

// enoughZones is in how many availability zones Aurora wants the subnets of a cluster to lie.
const enoughZones = 2

// subnetGroup looks whether the subnets are there in which the restored cluster is to lie.
func subnetGroup(ctx context.Context, client *rds.Client, seen *ReadinessSeen, name, region string) error {
	if name == "" {
		return nil
	}
	out, err := client.DescribeDBSubnetGroups(ctx, &rds.DescribeDBSubnetGroupsInput{DBSubnetGroupName: &name})
	if err = Classify(err, "read the DB subnet group "+name+" in "+region); isType(err, NotFound) {
		seen.find("subnet-group-missing", name, map[string]string{"region": region})
		return nil
	}
	if err != nil {
		return err
	}
	for _, g := range out.DBSubnetGroups {
		zones := map[string]bool{}
		for _, s := range g.Subnets {
			if aws.ToString(s.SubnetStatus) == "Active" && s.SubnetAvailabilityZone != nil {
				zones[aws.ToString(s.SubnetAvailabilityZone.Name)] = true
			}
		}
		if status := aws.ToString(g.SubnetGroupStatus); status != "Complete" || len(zones) < enoughZones {
			seen.find("subnet-group-unfit", name, map[string]string{"region": region, "status": status, "zones": strconv.Itoa(len(zones)), "need": strconv.Itoa(enoughZones)})
		}
	}
	return nil
}

// CheckReadinessQuotas looks whether RDS has room in the DR region, and subnets for the restored cluster. Of a cluster that a run has restored there is no need for another.
func (a *Readiness) CheckReadinessQuotas(ctx context.Context, in ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, cfg, err := a.there()
	if err != nil {
		return seen, err
	}
	client := rds.NewFromConfig(cfg)
	if err := subnetGroup(ctx, client, &seen, s.Disaster.Database.SubnetGroup, s.AWS.DRRegion); err != nil {
		return seen, err
	}
	out, err := client.DescribeAccountAttributes(ctx, &rds.DescribeAccountAttributesInput{})
	if err != nil {
		return seen, Classify(err, "read the quotas of RDS in "+s.AWS.DRRegion)
	}
	for _, need := range roomNeeded {
		i := slices.IndexFunc(out.AccountQuotas, func(q rdstypes.AccountQuota) bool { return aws.ToString(q.AccountQuotaName) == need.quota })
		if i < 0 {
			seen.find("quota-unknown", need.quota, map[string]string{"region": s.AWS.DRRegion})
			continue
		}
		used, most := aws.ToInt64(out.AccountQuotas[i].Used), aws.ToInt64(out.AccountQuotas[i].Max)
		seen.note("%s in %s: %d of %d in use", need.quota, s.AWS.DRRegion, used, most)
		if most-used < need.room && !in.InUse {
			seen.find("quota-short", need.quota, map[string]string{
				"region": s.AWS.DRRegion, "used": strconv.FormatInt(used, 10), "max": strconv.FormatInt(most, 10), "need": strconv.FormatInt(need.room, 10),
			})
		}
	}
	return seen, nil
}

// CheckReadinessReports looks whether the bucket is in the DR region into which the report goes.
func (a *Readiness) CheckReadinessReports(ctx context.Context, _ ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, err := disasterOf(a.system)
	if err != nil {
		return seen, err
	}
	bucket := s.Disaster.Reports.Bucket
	_, err = a.objects.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}, bucketRegion(s.AWS.DRRegion))
	if statusOf(err) == http.StatusMovedPermanently {
		seen.find("bucket-elsewhere", bucket, map[string]string{"region": s.AWS.DRRegion})
		return seen, nil
	}
	if err = Classify(err, "look at the bucket "+bucket); isType(err, NotFound) {
		seen.find("bucket-missing", bucket, nil)
		return seen, nil
	}
	return seen, err
}
