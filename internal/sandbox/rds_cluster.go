package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// DBCluster is an Aurora cluster.
type DBCluster struct {
	ID            string
	ARN           string
	Region        string
	ResourceID    string
	Engine        string
	EngineVersion string
	Master        string
	KMSKey        string
	Created       time.Time
	Status        string
	Tags          []types.Tag

	Restored *Restored  `json:",omitempty"` // nil for one that was there from the start
	Deleted  *time.Time `json:",omitempty"` // since when it is being deleted
	Real     bool       `json:",omitempty"` // it was restored from a server's backup
}

// Restored is what a restored cluster has of its own.
type Restored struct {
	From           Restoration
	SubnetGroup    string
	SecurityGroups []string
	Scaling        *types.ServerlessV2ScalingConfiguration
	Protected      bool
}

func (c *call) lookDBCluster(region, id string) (DBCluster, bool, error) {
	key := c.regional(dbClusterKind, region, id)
	d, ok, err := get[DBCluster](c, key)
	if err != nil || !ok {
		return d, false, err
	}
	gone, err := c.gone(d.Deleted, dropTime)
	if gone {
		c.remove(key)
	}
	return d, !gone, err
}

func (c *call) dbCluster(id *string) (DBCluster, error) {
	d, ok, err := c.lookDBCluster(c.rdsRegion(id), rdsName(id))
	if err == nil && !ok {
		err = noCluster(val(id))
	}
	return d, err
}

// dbClusters lists those of the client's region.
func (c *call) dbClusters() ([]DBCluster, error) {
	all, err := list[DBCluster](c, dbClusterKind)
	if err != nil {
		return nil, err
	}
	var found []DBCluster
	for _, d := range all {
		if d.Region != c.region {
			continue
		}
		if d, ok, err := c.lookDBCluster(d.Region, d.ID); err != nil {
			return nil, err
		} else if ok {
			found = append(found, d)
		}
	}
	return found, nil
}

func describeDBClusters(c *call, in *rds.DescribeDBClustersInput) (*rds.DescribeDBClustersOutput, error) {
	var found []DBCluster
	if in.DBClusterIdentifier != nil {
		d, err := c.dbCluster(in.DBClusterIdentifier)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	} else {
		all, err := c.dbClusters()
		if err != nil {
			return nil, err
		}
		found = all
	}
	names, err := clusterFilter("DescribeDBClusters", in.Filters)
	if err != nil {
		return nil, err
	}
	if names != nil {
		found = slices.DeleteFunc(found, func(d DBCluster) bool { return !slices.Contains(names, d.ID) })
	}
	items, next, err := page(found, val(in.Marker), int(val(in.MaxRecords)), 100, badRDSMarker)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClustersOutput{Marker: ptrUnlessEmpty(next)}
	for _, d := range items {
		shown, err := c.showDBCluster(d)
		if err != nil {
			return nil, err
		}
		out.DBClusters = append(out.DBClusters, shown)
	}
	return out, nil
}

// dbClusterStatus is what the cluster is doing.
func (c *call) dbClusterStatus(d DBCluster) (string, error) {
	switch {
	case d.Deleted != nil:
		return "deleting", nil
	case d.Restored == nil:
		return d.Status, nil
	}
	percent, failed, err := c.lasting(d.Created, restoreTime, d.Real, func() (bool, error) {
		return c.databases.Restore(d.server(), d.Restored.From)
	})
	switch {
	case failed != nil:
		return "restore-failed", err // what Aurora calls incompatible-restore and the like
	case percent < 100:
		return "creating", err
	}
	return "available", err
}

func (c *call) showDBCluster(d DBCluster) (types.DBCluster, error) {
	status, err := c.dbClusterStatus(d)
	if err != nil {
		return types.DBCluster{}, err
	}
	host := "cluster-sandbox." + d.Region + ".rds.amazonaws.com"
	shown := types.DBCluster{
		DBClusterIdentifier: ptr(d.ID), DBClusterArn: ptr(d.ARN), DbClusterResourceId: ptr(d.ResourceID), Status: ptr(status),
		Engine: ptr(d.Engine), EngineVersion: ptr(d.EngineVersion), EngineMode: ptr("provisioned"), MasterUsername: ptr(d.Master), Port: ptr(int32(5432)),
		Endpoint: ptr(d.ID + "." + host), ReaderEndpoint: ptr(d.ID + ".ro-" + host), MultiAZ: ptr(d.Restored == nil), DeletionProtection: ptr(d.Restored == nil),
		StorageEncrypted: ptr(true), KmsKeyId: ptr(d.KMSKey), ClusterCreateTime: ptr(d.Created), LatestRestorableTime: ptr(c.at.Add(-5 * time.Minute)),
		BackupRetentionPeriod: ptr(int32(7)), TagList: d.Tags,
		ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfigurationInfo{MinCapacity: ptr(0.5), MaxCapacity: ptr(4.0)},
	}
	if c.databases != nil {
		if from, until := c.databases.Restorable(d.server()); !until.IsZero() {
			shown.EarliestRestorableTime, shown.LatestRestorableTime = &from, &until
		}
	}
	if r := d.Restored; r != nil {
		shown.DeletionProtection, shown.ServerlessV2ScalingConfiguration = ptr(r.Protected), nil
		if r.Scaling != nil {
			shown.ServerlessV2ScalingConfiguration = &types.ServerlessV2ScalingConfigurationInfo{MinCapacity: r.Scaling.MinCapacity, MaxCapacity: r.Scaling.MaxCapacity}
		}
		shown.DBSubnetGroup = ptr(r.SubnetGroup)
		for _, group := range r.SecurityGroups {
			shown.VpcSecurityGroups = append(shown.VpcSecurityGroups, types.VpcSecurityGroupMembership{VpcSecurityGroupId: ptr(group), Status: ptr("active")})
		}
	}
	instances, err := c.instancesOf(d)
	if err != nil {
		return types.DBCluster{}, err
	}
	for n, i := range instances {
		shown.DBClusterMembers = append(shown.DBClusterMembers, types.DBClusterMember{
			DBInstanceIdentifier: ptr(i.ID), IsClusterWriter: ptr(n == 0), PromotionTier: ptr(int32(n)),
		})
		if n == 0 && i.Deleted == nil && d.Real && c.databases != nil {
			if host, port, done, _ := c.databases.Serve(d.server()); done {
				shown.Endpoint, shown.ReaderEndpoint, shown.Port = ptr(host), ptr(host), ptr(port)
			}
		}
	}
	return shown, nil
}

func restoreDBClusterFromSnapshot(c *call, in *rds.RestoreDBClusterFromSnapshotInput) (*rds.RestoreDBClusterFromSnapshotOutput, error) {
	s, ok, err := c.lookSnapshot(c.rdsRegion(in.SnapshotIdentifier), rdsName(in.SnapshotIdentifier))
	if err != nil {
		return nil, err
	}
	if !ok || s.Region != c.region {
		return nil, noSnapshot(val(in.SnapshotIdentifier))
	}
	if val(in.Engine) != s.Cluster.Engine {
		return nil, invalidRDS("InvalidParameterValue", "The engine "+val(in.Engine)+" is not that of the snapshot, "+s.Cluster.Engine+".")
	}
	shown, err := c.showSnapshot(s)
	if err != nil {
		return nil, err
	}
	if status := val(shown.Status); status != "available" || c.databases != nil && !s.Real {
		return nil, fail(http.StatusBadRequest, &types.InvalidDBClusterSnapshotStateFault{Message: ptr("The snapshot is " + status + ", or was made when the sandbox had no servers.")})
	}
	made, err := c.newDBCluster(in.DBClusterIdentifier, s.Cluster, in.Tags, s.Real && c.databases != nil, Restored{
		From: Restoration{Backup: s.backup()}, SubnetGroup: val(in.DBSubnetGroupName), SecurityGroups: in.VpcSecurityGroupIds,
		Scaling: in.ServerlessV2ScalingConfiguration, Protected: val(in.DeletionProtection),
	})
	return &rds.RestoreDBClusterFromSnapshotOutput{DBCluster: made}, err
}

func restoreDBClusterToPointInTime(c *call, in *rds.RestoreDBClusterToPointInTimeInput) (*rds.RestoreDBClusterToPointInTimeOutput, error) {
	from, err := c.dbCluster(in.SourceDBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if kind := val(in.RestoreType); kind != "" && kind != "full-copy" {
		return nil, invalidRDS("SandboxNotModelled", "the sandbox does not model RestoreType "+kind)
	}
	earliest, latest := from.Created, c.at
	if c.databases != nil {
		earliest, latest = c.databases.Restorable(from.server())
		if latest.IsZero() {
			return nil, badClusterState("the sandbox has no backup of the server of this cluster yet: try again in a moment")
		}
	}
	at := val(in.RestoreToTime)
	switch latestWanted := val(in.UseLatestRestorableTime); {
	case latestWanted == (in.RestoreToTime != nil):
		return nil, invalidRDS("InvalidParameterCombination", "Exactly one of RestoreToTime and UseLatestRestorableTime must be given.")
	case latestWanted:
		at = latest
	case at.Before(earliest) || at.After(latest):
		return nil, fail(http.StatusBadRequest, &types.InvalidRestoreFault{Message: ptr(fmt.Sprintf(
			"The specified restore time %s is not between %s and %s.", at.UTC().Format(time.RFC3339Nano), earliest.UTC().Format(time.RFC3339Nano), latest.UTC().Format(time.RFC3339Nano)))})
	}
	made, err := c.newDBCluster(in.DBClusterIdentifier, from, in.Tags, c.databases != nil, Restored{
		From: Restoration{Cluster: from.server(), At: at.UTC()}, SubnetGroup: val(in.DBSubnetGroupName), SecurityGroups: in.VpcSecurityGroupIds,
		Scaling: in.ServerlessV2ScalingConfiguration, Protected: val(in.DeletionProtection),
	})
	return &rds.RestoreDBClusterToPointInTimeOutput{DBCluster: made}, err
}

// newDBCluster stores a restored cluster: without instances, in the default security group unless another one is named.
func (c *call) newDBCluster(id *string, like DBCluster, tags []types.Tag, isReal bool, r Restored) (*types.DBCluster, error) {
	if err := checkRDSName("DBClusterIdentifier", id); err != nil {
		return nil, err
	}
	name := rdsName(id)
	if _, clash, err := c.lookDBCluster(c.region, name); err != nil {
		return nil, err
	} else if clash {
		return nil, fail(http.StatusBadRequest, &types.DBClusterAlreadyExistsFault{Message: ptr("DB cluster " + name + " already exists.")})
	}
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	if r.SubnetGroup != "" && r.SubnetGroup != defaultSubnetGroup {
		if _, err := c.subnetGroup(&r.SubnetGroup); err != nil {
			return nil, err
		}
	}
	r.SubnetGroup = orElse(r.SubnetGroup, defaultSubnetGroup)
	if len(r.SecurityGroups) == 0 {
		r.SecurityGroups = []string{"sg-default"}
	}
	d := DBCluster{
		ID: name, Region: c.region, ARN: arn("rds", c.region, set.Account, "cluster:"+name), ResourceID: hashID("cluster-", name+c.at.String()),
		Engine: like.Engine, EngineVersion: like.EngineVersion, Master: like.Master, KMSKey: like.KMSKey, Created: c.at, Status: "available",
		Tags: tags, Restored: &r, Real: isReal,
	}
	if err := c.put(c.regional(dbClusterKind, d.Region, d.ID), d); err != nil {
		return nil, err
	}
	shown, err := c.showDBCluster(d)
	return &shown, err
}

func deleteDBCluster(c *call, in *rds.DeleteDBClusterInput) (*rds.DeleteDBClusterOutput, error) {
	d, err := c.dbCluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if d.Deleted != nil {
		return nil, badClusterState("Cluster " + d.ID + " is already being deleted.")
	}
	if d.Restored == nil || d.Restored.Protected {
		return nil, invalidRDS("InvalidParameterCombination", "Cannot delete protected Cluster, please disable deletion protection and try again.")
	}
	if !val(in.SkipFinalSnapshot) {
		return nil, invalidRDS("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	}
	instances, err := c.instancesOf(d)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(instances, func(i DBInstance) bool { return i.Deleted == nil }) {
		return nil, badClusterState("Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
	}
	if d.Real && c.databases != nil {
		if err := c.databases.Drop(d.server()); err != nil {
			return nil, err
		}
	}
	for _, i := range instances {
		c.remove(c.regional(dbInstanceKind, i.Region, i.ID))
	}
	d.Deleted = ptr(c.at)
	shown, err := c.showDBCluster(d)
	if err != nil {
		return nil, err
	}
	if gone, err := c.gone(d.Deleted, dropTime); err != nil {
		return nil, err
	} else if gone {
		c.remove(c.regional(dbClusterKind, d.Region, d.ID))
	} else if err := c.put(c.regional(dbClusterKind, d.Region, d.ID), d); err != nil {
		return nil, err
	}
	return &rds.DeleteDBClusterOutput{DBCluster: &shown}, nil
}
