package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// DBInstance is an instance of an Aurora cluster: what a client connects to.
type DBInstance struct {
	ID      string
	ARN     string
	Region  string
	Cluster string
	Class   string
	Created time.Time
	Tags    []types.Tag
	Deleted *time.Time `json:",omitempty"` // since when it is being deleted
}

func noInstance(id string) error {
	return fail(http.StatusNotFound, &types.DBInstanceNotFoundFault{Message: ptr("DBInstance " + id + " not found.")})
}

// dbInstances lists those of a region that are still there.
func (c *call) dbInstances(region string) ([]DBInstance, error) {
	all, err := list[DBInstance](c, dbInstanceKind)
	if err != nil {
		return nil, err
	}
	var found []DBInstance
	for _, i := range all {
		gone, err := c.gone(i.Deleted, dropTime)
		switch {
		case err != nil:
			return nil, err
		case gone:
			c.remove(c.regional(dbInstanceKind, i.Region, i.ID))
		case i.Region == region:
			found = append(found, i)
		}
	}
	return found, nil
}

func (c *call) instancesOf(d DBCluster) ([]DBInstance, error) {
	all, err := c.dbInstances(d.Region)
	return slices.DeleteFunc(all, func(i DBInstance) bool { return i.Cluster != d.ID }), err
}

func describeDBInstances(c *call, in *rds.DescribeDBInstancesInput) (*rds.DescribeDBInstancesOutput, error) {
	names, err := clusterFilter("DescribeDBInstances", in.Filters)
	if err != nil {
		return nil, err
	}
	found, err := c.dbInstances(c.region)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(i DBInstance) bool {
		return in.DBInstanceIdentifier != nil && i.ID != rdsName(in.DBInstanceIdentifier) || names != nil && !slices.Contains(names, i.Cluster)
	})
	if in.DBInstanceIdentifier != nil && len(found) == 0 {
		return nil, noInstance(val(in.DBInstanceIdentifier))
	}
	items, next, err := page(found, val(in.Marker), int(val(in.MaxRecords)), 100, badRDSMarker)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBInstancesOutput{Marker: ptrUnlessEmpty(next)}
	for _, i := range items {
		shown, err := c.showDBInstance(i)
		if err != nil {
			return nil, err
		}
		out.DBInstances = append(out.DBInstances, shown)
	}
	return out, nil
}

func (c *call) showDBInstance(i DBInstance) (types.DBInstance, error) {
	d, err := c.dbCluster(&i.Cluster)
	if err != nil {
		return types.DBInstance{}, err
	}
	host, port := i.ID+".sandbox."+i.Region+".rds.amazonaws.com", int32(5432)
	percent, failed, err := c.lasting(i.Created, instanceTime, d.Real && i.Deleted == nil, func() (bool, error) {
		h, p, done, err := c.databases.Serve(d.server())
		if done {
			host, port = h, p
		}
		return done, err
	})
	status := "creating"
	switch {
	case i.Deleted != nil:
		status = "deleting"
	case failed != nil:
		status = "failed"
	case percent == 100:
		status = "available"
	}
	return types.DBInstance{
		DBInstanceIdentifier: ptr(i.ID), DBInstanceArn: ptr(i.ARN), DBClusterIdentifier: ptr(i.Cluster), DBInstanceClass: ptr(i.Class),
		Engine: ptr(d.Engine), EngineVersion: ptr(d.EngineVersion), DBInstanceStatus: ptr(status), InstanceCreateTime: ptr(i.Created), TagList: i.Tags,
		Endpoint: &types.Endpoint{Address: ptr(host), Port: ptr(port)}, StorageEncrypted: ptr(true), KmsKeyId: ptr(d.KMSKey),
	}, err
}

func createDBInstance(c *call, in *rds.CreateDBInstanceInput) (*rds.CreateDBInstanceOutput, error) {
	if err := checkRDSName("DBInstanceIdentifier", in.DBInstanceIdentifier); err != nil {
		return nil, err
	}
	if in.DBClusterIdentifier == nil {
		return nil, invalidRDS("SandboxNotModelled", "the sandbox models instances of Aurora clusters only: give DBClusterIdentifier")
	}
	d, err := c.dbCluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	id, key := rdsName(in.DBInstanceIdentifier), c.regional(dbInstanceKind, c.region, rdsName(in.DBInstanceIdentifier))
	all, err := c.dbInstances(c.region)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(all, func(i DBInstance) bool { return i.ID == id }) {
		return nil, fail(http.StatusBadRequest, &types.DBInstanceAlreadyExistsFault{Message: ptr("DB instance " + id + " already exists.")})
	}
	status, err := c.dbClusterStatus(d)
	switch {
	case err != nil:
		return nil, err
	case status != "available":
		return nil, badClusterState("DB cluster is not available: " + status + ".")
	case val(in.Engine) != d.Engine:
		return nil, invalidRDS("InvalidParameterValue", "The engine "+val(in.Engine)+" is not that of the cluster, "+d.Engine+".")
	case !strings.HasPrefix(val(in.DBInstanceClass), "db."):
		return nil, invalidRDS("InvalidParameterValue", "Invalid DB Instance class: "+val(in.DBInstanceClass))
	case val(in.DBInstanceClass) == "db.serverless" && d.Restored != nil && d.Restored.Scaling == nil:
		return nil, badClusterState("Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB instance.")
	}
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	i := DBInstance{
		ID: id, Region: c.region, ARN: arn("rds", c.region, set.Account, "db:"+id), Cluster: d.ID, Class: val(in.DBInstanceClass),
		Created: c.at, Tags: in.Tags,
	}
	if err := c.put(key, i); err != nil {
		return nil, err
	}
	shown, err := c.showDBInstance(i)
	return &rds.CreateDBInstanceOutput{DBInstance: &shown}, err
}

func deleteDBInstance(c *call, in *rds.DeleteDBInstanceInput) (*rds.DeleteDBInstanceOutput, error) {
	all, err := c.dbInstances(c.region)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(i DBInstance) bool { return i.ID == rdsName(in.DBInstanceIdentifier) })
	if at < 0 {
		return nil, noInstance(val(in.DBInstanceIdentifier))
	}
	i := all[at]
	if i.Deleted != nil {
		return nil, fail(http.StatusBadRequest, &types.InvalidDBInstanceStateFault{Message: ptr("Instance " + i.ID + " is already being deleted.")})
	}
	d, err := c.dbCluster(&i.Cluster)
	if err != nil {
		return nil, err
	}
	left := slices.ContainsFunc(all, func(o DBInstance) bool { return o.Cluster == d.ID && o.ID != i.ID && o.Deleted == nil })
	if d.Real && c.databases != nil && !left {
		if err := c.databases.Halt(d.server()); err != nil {
			return nil, err
		}
	}
	i.Deleted = ptr(c.at)
	shown, err := c.showDBInstance(i)
	if err != nil {
		return nil, err
	}
	key := c.regional(dbInstanceKind, i.Region, i.ID)
	if gone, err := c.gone(i.Deleted, dropTime); err != nil {
		return nil, err
	} else if gone {
		c.remove(key)
	} else if err := c.put(key, i); err != nil {
		return nil, err
	}
	return &rds.DeleteDBInstanceOutput{DBInstance: &shown}, nil
}
