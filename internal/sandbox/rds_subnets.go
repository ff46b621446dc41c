package sandbox

import (
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"tejun/internal/system"
)

const (
	subnetGroupKind    = "rds:subnet-group"
	defaultSubnetGroup = "default" // of the region's default VPC; it is not shown
)

// subnetGroup says in which subnets of a region clusters may lie.
type subnetGroup struct {
	Name    string
	Region  string
	ARN     string
	Subnets []string // one in each of the region's first zones
}

func rdsSubnetOperations() []operation {
	group := func(name *string) about { return about{subnetGroupKind + "/" + rdsName(name), ""} }
	return []operation{
		handle(reads, "DBSubnetGroupName Marker MaxRecords", func(in *rds.DescribeDBSubnetGroupsInput) about { return group(in.DBSubnetGroupName) }, describeDBSubnetGroups),
		handle(writes, "DBSubnetGroupName", func(in *rds.DeleteDBSubnetGroupInput) about { return group(in.DBSubnetGroupName) }, deleteDBSubnetGroup),
	}
}

// subnetGroup finds a group of the region by its name, which knows no capitals.
func (c *call) subnetGroup(name *string) (subnetGroup, error) {
	g, ok, err := get[subnetGroup](c, c.regional(subnetGroupKind, c.region, rdsName(name)))
	if err == nil && !ok {
		err = fail(http.StatusNotFound, &types.DBSubnetGroupNotFoundFault{Message: ptr("DB subnet group '" + val(name) + "' does not exist.")})
	}
	return g, err
}

func describeDBSubnetGroups(c *call, in *rds.DescribeDBSubnetGroupsInput) (*rds.DescribeDBSubnetGroupsOutput, error) {
	var found []subnetGroup
	if in.DBSubnetGroupName != nil {
		g, err := c.subnetGroup(in.DBSubnetGroupName)
		if err != nil {
			return nil, err
		}
		found = append(found, g)
	} else {
		all, err := list[subnetGroup](c, subnetGroupKind)
		if err != nil {
			return nil, err
		}
		for _, g := range all {
			if g.Region == c.region {
				found = append(found, g)
			}
		}
	}
	items, next, err := page(found, val(in.Marker), int(val(in.MaxRecords)), 100, badRDSMarker)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBSubnetGroupsOutput{Marker: ptrUnlessEmpty(next)}
	for _, g := range items {
		out.DBSubnetGroups = append(out.DBSubnetGroups, g.shown())
	}
	return out, nil
}

func (g subnetGroup) shown() types.DBSubnetGroup {
	shown := types.DBSubnetGroup{
		DBSubnetGroupName: ptr(g.Name), DBSubnetGroupArn: ptr(g.ARN), DBSubnetGroupDescription: ptr(g.Name), VpcId: ptr(hashID("vpc-", g.Region)), SubnetGroupStatus: ptr("Complete"),
	}
	for i, id := range g.Subnets {
		shown.Subnets = append(shown.Subnets, types.Subnet{
			SubnetIdentifier: ptr(id), SubnetStatus: ptr("Active"), SubnetAvailabilityZone: &types.AvailabilityZone{Name: ptr(g.Region + string(rune('a'+i)))},
		})
	}
	return shown
}

// deleteDBSubnetGroup refuses one in which a cluster lies.
func deleteDBSubnetGroup(c *call, in *rds.DeleteDBSubnetGroupInput) (*rds.DeleteDBSubnetGroupOutput, error) {
	g, err := c.subnetGroup(in.DBSubnetGroupName)
	if err != nil {
		return nil, err
	}
	clusters, err := c.dbClusters()
	if err != nil {
		return nil, err
	}
	for _, d := range clusters {
		if d.Restored != nil && rdsName(&d.Restored.SubnetGroup) == rdsName(&g.Name) {
			return nil, fail(http.StatusBadRequest, &types.InvalidDBSubnetGroupStateFault{Message: ptr("Cannot delete the subnet group '" + g.Name + "' because at least one database instance is still using it.")})
		}
	}
	c.remove(c.regional(subnetGroupKind, c.region, rdsName(&g.Name)))
	return &rds.DeleteDBSubnetGroupOutput{}, nil
}

// seedSubnetGroups makes the groups that the description names, each where it lies.
func seedSubnetGroups(c *call, sys *system.System) error {
	var problems []error
	for name, region := range map[string]string{sys.Database.Restore.SubnetGroup: sys.AWS.Region, sys.Disaster.Database.SubnetGroup: sys.AWS.DRRegion} {
		if name == "" || region == "" {
			continue
		}
		problems = append(problems, c.put(c.regional(subnetGroupKind, region, name), subnetGroup{
			Name: name, Region: region, ARN: arn("rds", region, sys.AWS.Account, "subgrp:"+name), Subnets: []string{hashID("subnet-", region+name+"a"), hashID("subnet-", region+name+"b")},
		}))
	}
	return errors.Join(problems...)
}
