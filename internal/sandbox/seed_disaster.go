package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	codepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	rds "github.com/aws/aws-sdk-go-v2/service/rds/types"
	route53 "github.com/aws/aws-sdk-go-v2/service/route53/types"

	"tejun/internal/system"
)

// TTLs of the seeded records, in seconds. That of the rehearsal's name is short, so that a drill need not wait long.
const (
	productionTTL = 60
	rehearsalTTL  = 5
)

// seededLag is how many milliseconds the seeded secondary lags behind.
const seededLag = 800

// seedDisaster makes the DR region as it is when nothing happens (pilot light): services without tasks, copies of the images, a
// pipeline that deploys them, a bucket for reports, and the zone whose records lead to the primary region.
func seedDisaster(c *call, sys *system.System) error {
	if !sys.HasDisaster() {
		return nil
	}
	seeds := []func(*call, *system.System) error{seedZone, seedDisasterBucket, markProduction}
	if sys.Disaster.Database.Via == system.ViaGlobalCluster {
		seeds = append(seeds, seedGlobalCluster)
	}
	for _, seed := range seeds {
		if err := seed(c, sys); err != nil {
			return err
		}
	}
	return c.in(sys.AWS.DRRegion, func(c *call) error { return seedPilotLight(c, sys) })
}

// seedDisasterBucket makes the bucket of the reports, where they survive the loss of the system's own region.
func seedDisasterBucket(c *call, sys *system.System) error {
	name := sys.Disaster.Reports.Bucket
	return c.put(bucketKind+"/"+name, bucket{Name: name, Region: sys.AWS.DRRegion})
}

// markProduction puts the tag on what no drill may touch.
func markProduction(c *call, sys *system.System) error {
	tag := sys.Disaster.ProductionTag
	for _, v := range sys.ECS.Services {
		key := serviceKey(&sys.ECS.Cluster, &v.Service)
		s, ok, err := get[Service](c, key)
		if err != nil || !ok {
			return orMissing(err, "ecs.services has no service "+v.Service)
		}
		s.Tags = append(s.Tags, ecs.Tag{Key: ptr(tag.Key), Value: ptr(tag.Value)})
		if err := c.put(key, s); err != nil {
			return err
		}
	}
	d, ok, err := c.lookDBCluster(sys.AWS.Region, sys.Database.Cluster)
	if err != nil || !ok {
		return orMissing(err, "database has no cluster "+sys.Database.Cluster)
	}
	d.Tags = append(d.Tags, rds.Tag{Key: ptr(tag.Key), Value: ptr(tag.Value)})
	if err := c.put(c.regional(dbClusterKind, d.Region, d.ID), d); err != nil {
		return err
	}
	for _, part := range sys.Releases.Parts {
		if part.Container == nil {
			continue
		}
		p, ok, err := get[pipeline](c, pipelineKind+"/"+part.Container.Pipeline)
		if err != nil {
			return err
		}
		if !ok { // releases are not seeded without releases.builds
			continue
		}
		p.Tags = append(p.Tags, codepipeline.Tag{Key: ptr(tag.Key), Value: ptr(tag.Value)})
		if err := c.put(pipelineKind+"/"+p.Name, p); err != nil {
			return err
		}
	}
	return nil
}

// seedPilotLight makes the cluster, its services and the pipeline, in the region of the call.
func seedPilotLight(c *call, sys *system.System) error {
	v := sys.Disaster
	err := c.put(c.local(clusterKind+"/"+v.ECS.Cluster), cluster{
		Name: v.ECS.Cluster, Region: c.region, ARN: arn("ecs", c.region, sys.AWS.Account, "cluster/"+v.ECS.Cluster),
	})
	p := pipeline{Name: v.Pipeline, Region: c.region, Number: 1, Cluster: v.ECS.Cluster, Variables: []string{"database"}}
	for _, svc := range v.ECS.Services {
		err = errors.Join(err, seedCopies(c, sys, svc.Repository), seedStandby(c, sys, svc))
		p.Deploys = append(p.Deploys, deployment{Repository: svc.Repository, Tag: ImageStable, Service: svc.Service, Container: svc.Name})
	}
	return errors.Join(err, c.put(c.local(pipelineKind+"/"+p.Name), p))
}

// seedCopies makes the repository with the image that runs in the primary region, as ECR's replication does.
func seedCopies(c *call, sys *system.System, name string) error {
	err := c.put(c.local(repositoryKind+"/"+name), repository{Name: name, Region: c.region})
	image := Image{Repository: name, Region: c.region, Digest: Digest(name, ImageStable), Tags: []string{ImageStable}, Pushed: c.at, Scanned: true}
	if from, ok, failed := get[Image](c, imageKey(name, image.Digest)); failed != nil {
		return failed
	} else if ok {
		image.Findings = from.Findings
	}
	return errors.Join(err, c.put(c.local(imageKey(name, image.Digest)), image))
}

// seedStandby makes a service without tasks, and the task definition that it has.
func seedStandby(c *call, sys *system.System, svc system.DisasterService) error {
	uri, err := c.repositoryURI(svc.Repository)
	if err != nil {
		return err
	}
	role := "arn:aws:iam::" + sys.AWS.Account + ":role/" + svc.Service
	d, err := c.register(definition{
		Family: svc.Service, Revision: 2, Region: c.region, Container: svc.Name, Image: uri + "@" + Digest(svc.Repository, ImageStable),
		TaskRole: role, ExecutionRole: role + "-start",
	})
	if err != nil {
		return err
	}
	cluster := sys.Disaster.ECS.Cluster
	return c.put(c.local(serviceKey(&cluster, &svc.Service)), Service{
		Cluster: cluster, Name: svc.Service, Region: c.region, Created: c.at, TaskDefinition: d.ARN,
		ARN: arn("ecs", c.region, sys.AWS.Account, "service/"+cluster+"/"+svc.Service), Version: ServiceVersion{Changed: c.at, Deployed: 1},
	})
}

// seedZone makes the zone with two records of each name. Users are sent to the primary region.
func seedZone(c *call, sys *system.System) error {
	to := sys.Disaster.Redirect
	_, parent, ok := strings.Cut(dnsName(to.Production), ".")
	if !ok || parent == "" || !strings.HasSuffix(dnsName(to.Rehearsal), "."+parent) {
		return fmt.Errorf("disaster.redirect: the sandbox seeds one zone, above %s and %s", to.Production, to.Rehearsal)
	}
	z := zone{ID: to.Zone, Name: parent}
	if err := c.put(zoneKind+"/"+z.ID, z); err != nil {
		return err
	}
	d, _, err := get[Distribution](c, distributionKey(&sys.Distribution.ID))
	if err != nil {
		return err
	}
	balancer := strings.ToLower(hashID(sys.ID+"-dr-", sys.Disaster.ECS.Cluster)) + "." + sys.AWS.DRRegion + ".elb.amazonaws.com"
	for name, ttl := range map[string]int64{to.Production: productionTTL, to.Rehearsal: rehearsalTTL} {
		for _, r := range []route53.ResourceRecordSet{
			{SetIdentifier: ptr(to.Primary), ResourceRecords: []route53.ResourceRecord{{Value: ptr(d.Domain)}}, Weight: ptr(int64(100)), Failover: route53.ResourceRecordSetFailoverPrimary},
			{SetIdentifier: ptr(to.DR), ResourceRecords: []route53.ResourceRecord{{Value: ptr(balancer)}}, Weight: ptr(int64(0)), Failover: route53.ResourceRecordSetFailoverSecondary},
		} {
			r.Name, r.Type, r.TTL = ptr(dnsName(name)), route53.RRTypeCname, ptr(ttl)
			if to.Kind == system.RedirectFailover {
				r.Weight, r.HealthCheckId = nil, ptr(strings.ToLower(hashID("hc-", name+val(r.SetIdentifier))))
			} else {
				r.Failover = ""
			}
			if err := c.put(recordKey(z, r), r); err != nil {
				return err
			}
		}
	}
	return nil
}

// seedGlobalCluster makes the secondary and joins it with the system's cluster.
func seedGlobalCluster(c *call, sys *system.System) error {
	v, region := sys.Disaster.Database, sys.AWS.DRRegion
	first, ok, err := c.lookDBCluster(sys.AWS.Region, sys.Database.Cluster)
	if err != nil || !ok {
		return orMissing(err, "database has no cluster "+sys.Database.Cluster)
	}
	id := strings.ToLower(v.Secondary)
	second := DBCluster{
		ID: id, Region: region, ARN: arn("rds", region, sys.AWS.Account, "cluster:"+id), ResourceID: hashID("cluster-", id), Engine: first.Engine, EngineVersion: first.EngineVersion,
		Master: first.Master, KMSKey: arn("kms", region, sys.AWS.Account, "key/00000000-5a9d-4b0c-8d00-000000000003"), Created: c.at, Status: "available",
	}
	global := strings.ToLower(v.GlobalCluster)
	err = errors.Join(
		c.put(c.regional(dbClusterKind, region, id), second),
		c.put(c.regional(dbInstanceKind, region, id+"-1"), DBInstance{
			ID: id + "-1", Region: region, ARN: arn("rds", region, sys.AWS.Account, "db:"+id+"-1"), Cluster: id, Class: v.InstanceClass, Created: c.at,
		}),
		c.put(globalClusterKind+"/"+global, GlobalCluster{
			ID: global, ARN: "arn:aws:rds::" + sys.AWS.Account + ":global-cluster:" + global, Members: []string{first.ARN, second.ARN}, Writer: first.ARN,
		}))
	return errors.Join(err, c.in(region, func(c *call) error {
		m := Metric{Region: region, Namespace: "AWS/RDS", Name: "AuroraGlobalDBReplicationLag", PerMinute: seededLag, Gauge: true}
		return c.put(c.local(metricKey(&m.Namespace, &m.Name)), m)
	}))
}

// SeedCopy puts a copy of a backup of the system's database into the DR region, as a run of Backup leaves one, whose data were taken at
// a moment. There a drill finds something to restore. A copy of the same name is left as it is.
func (s *Sandbox) SeedCopy(ctx context.Context, sys *system.System, taken time.Time) error {
	return s.change(ctx, func(c *call) error {
		d, ok, err := c.lookDBCluster(sys.AWS.Region, sys.Database.Cluster)
		if err != nil || !ok {
			return orMissing(err, "database has no cluster "+sys.Database.Cluster)
		}
		id := strings.ToLower(sys.Database.Backup.Prefix) + "-" + taken.UTC().Format("20060102-150405") + "-seeded"
		if _, there, err := c.lookSnapshot(sys.AWS.DRRegion, id); err != nil || there {
			return err
		}
		tag := func(key, value string) rds.Tag { return rds.Tag{Key: ptr(key), Value: ptr(value)} }
		snapshot := DBSnapshot{
			ID: id, ARN: arn("rds", sys.AWS.DRRegion, sys.AWS.Account, "cluster-snapshot:"+id), Region: sys.AWS.DRRegion, Cluster: d, Created: taken.UTC(), Real: c.databases != nil,
			KMSKey: sys.Database.Backup.DRKMSKey, Source: arn("rds", sys.AWS.Region, sys.AWS.Account, "cluster-snapshot:"+id),
			Tags: []rds.Tag{tag("tejun:operation", "seeded-copy"), tag("tejun:backup", sys.ID), tag("tejun:taken-at", taken.UTC().Format(time.RFC3339Nano))},
		}
		return c.put(c.regional(snapshotKind, sys.AWS.DRRegion, id), snapshot)
	})
}
