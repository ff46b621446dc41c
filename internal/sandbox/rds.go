package sandbox

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// snapshotTime is how long Aurora takes for a snapshot at time scale 1.
const snapshotTime = 3 * time.Minute

const (
	dbClusterKind = "rds:cluster"
	snapshotKind  = "rds:cluster-snapshot"
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
}

// DBSnapshot is a manual snapshot of a cluster. It is "creating" at first and "available" some time after Created.
type DBSnapshot struct {
	ID      string
	ARN     string
	Region  string
	Cluster DBCluster // as it was when the snapshot was made
	Created time.Time
	Tags    []types.Tag
}

func rdsOperations() map[string]operation {
	return byName(
		handle(reads, "DBClusterIdentifier Filters Marker MaxRecords", func(in *rds.DescribeDBClustersInput) about {
			return about{dbClusterKey(in.DBClusterIdentifier), ""}
		}, describeDBClusters),
		handle(writes, "DBClusterIdentifier DBClusterSnapshotIdentifier Tags", func(in *rds.CreateDBClusterSnapshotInput) about {
			return about{snapshotKey(in.DBClusterSnapshotIdentifier), ""}
		}, createDBClusterSnapshot),
		handle(reads, "DBClusterIdentifier DBClusterSnapshotIdentifier Marker MaxRecords SnapshotType", func(in *rds.DescribeDBClusterSnapshotsInput) about {
			return about{snapshotKey(in.DBClusterSnapshotIdentifier), ""}
		}, describeDBClusterSnapshots),
		handle(reads, "ResourceName", func(in *rds.ListTagsForResourceInput) about { return about{val(in.ResourceName), ""} }, listTagsForResource),
	)
}

// Identifiers are stored in lower case, whatever the caller writes.
func rdsID(id *string) string { return strings.ToLower(val(id)) }

// dbClusterKey takes an identifier or an ARN.
func dbClusterKey(id *string) string {
	s := rdsID(id)
	return dbClusterKind + "/" + s[strings.LastIndex(s, ":")+1:]
}

func snapshotKey(id *string) string {
	s := rdsID(id)
	return snapshotKind + "/" + s[strings.LastIndex(s, ":")+1:]
}

func badRDSMarker(words string) error {
	return fail(http.StatusBadRequest, generic("InvalidParameterValue", words))
}

func (c *call) dbCluster(id *string) (DBCluster, error) {
	d, ok, err := get[DBCluster](c, dbClusterKey(id))
	if err == nil && (!ok || d.Region != c.region) {
		err = fail(http.StatusNotFound, &types.DBClusterNotFoundFault{Message: ptr("DBCluster " + val(id) + " not found.")})
	}
	return d, err
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
		all, err := list[DBCluster](c, dbClusterKind)
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(all, func(d DBCluster) bool { return d.Region != c.region })
	}
	for _, f := range in.Filters {
		if val(f.Name) != "db-cluster-id" {
			return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox does not model the filter "+val(f.Name)+" of DescribeDBClusters"))
		}
		found = slices.DeleteFunc(found, func(d DBCluster) bool { return !slices.Contains(f.Values, d.ID) && !slices.Contains(f.Values, d.ARN) })
	}
	items, next, err := page(found, val(in.Marker), int(val(in.MaxRecords)), 100, badRDSMarker)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClustersOutput{Marker: ptrUnlessEmpty(next)}
	for _, d := range items {
		out.DBClusters = append(out.DBClusters, c.showDBCluster(d))
	}
	return out, nil
}

func (c *call) showDBCluster(d DBCluster) types.DBCluster {
	host := "cluster-sandbox." + d.Region + ".rds.amazonaws.com"
	return types.DBCluster{
		DBClusterIdentifier: ptr(d.ID), DBClusterArn: ptr(d.ARN), DbClusterResourceId: ptr(d.ResourceID), Status: ptr(d.Status),
		Engine: ptr(d.Engine), EngineVersion: ptr(d.EngineVersion), EngineMode: ptr("provisioned"), MasterUsername: ptr(d.Master), Port: ptr(int32(5432)),
		Endpoint: ptr(d.ID + "." + host), ReaderEndpoint: ptr(d.ID + ".ro-" + host), MultiAZ: ptr(true), DeletionProtection: ptr(true),
		StorageEncrypted: ptr(true), KmsKeyId: ptr(d.KMSKey), ClusterCreateTime: ptr(d.Created), LatestRestorableTime: ptr(c.at.Add(-5 * time.Minute)),
		BackupRetentionPeriod: ptr(int32(7)), TagList: d.Tags,
		ServerlessV2ScalingConfiguration: &types.ServerlessV2ScalingConfigurationInfo{MinCapacity: ptr(0.5), MaxCapacity: ptr(4.0)},
		DBClusterMembers: []types.DBClusterMember{
			{DBInstanceIdentifier: ptr(d.ID + "-1"), IsClusterWriter: ptr(true), PromotionTier: ptr(int32(0))},
			{DBInstanceIdentifier: ptr(d.ID + "-2"), IsClusterWriter: ptr(false), PromotionTier: ptr(int32(1))},
		},
	}
}

// A snapshot identifier: 1 to 63 letters, digits or hyphens, first a letter, no hyphen at the end, no two in a row.
var snapshotName = regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9])*$`)

func createDBClusterSnapshot(c *call, in *rds.CreateDBClusterSnapshotInput) (*rds.CreateDBClusterSnapshotOutput, error) {
	if name := val(in.DBClusterSnapshotIdentifier); !snapshotName.MatchString(name) || len(name) > 63 {
		return nil, fail(http.StatusBadRequest, generic("InvalidParameterValue", "The parameter DBClusterSnapshotIdentifier is not a valid identifier: "+name))
	}
	d, err := c.dbCluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	if _, clash, err := get[DBSnapshot](c, snapshotKey(in.DBClusterSnapshotIdentifier)); err != nil {
		return nil, err
	} else if clash {
		return nil, fail(http.StatusBadRequest, &types.DBClusterSnapshotAlreadyExistsFault{
			Message: ptr("Cannot create the cluster snapshot because one with the identifier " + rdsID(in.DBClusterSnapshotIdentifier) + " already exists."),
		})
	}
	if d.Status != "available" {
		return nil, fail(http.StatusBadRequest, &types.InvalidDBClusterStateFault{Message: ptr("DB cluster is not available: " + d.Status + ".")})
	}
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	id := rdsID(in.DBClusterSnapshotIdentifier)
	s := DBSnapshot{ID: id, ARN: arn("rds", c.region, set.Account, "cluster-snapshot:"+id), Region: c.region, Cluster: d, Created: c.at, Tags: in.Tags}
	if err := c.put(snapshotKey(in.DBClusterSnapshotIdentifier), s); err != nil {
		return nil, err
	}
	shown, err := c.showSnapshot(s)
	return &rds.CreateDBClusterSnapshotOutput{DBClusterSnapshot: &shown}, err
}

func (c *call) showSnapshot(s DBSnapshot) (types.DBClusterSnapshot, error) {
	done, err := c.elapsed(s.Created, snapshotTime)
	status := "creating"
	if done == 1 {
		status = "available"
	}
	return types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: ptr(s.ID), DBClusterSnapshotArn: ptr(s.ARN), DBClusterIdentifier: ptr(s.Cluster.ID),
		DbClusterResourceId: ptr(s.Cluster.ResourceID), Status: ptr(status), PercentProgress: ptr(int32(done * 100)), SnapshotType: ptr("manual"),
		SnapshotCreateTime: ptr(s.Created), ClusterCreateTime: ptr(s.Cluster.Created), Engine: ptr(s.Cluster.Engine), EngineVersion: ptr(s.Cluster.EngineVersion),
		EngineMode: ptr("provisioned"), MasterUsername: ptr(s.Cluster.Master), StorageEncrypted: ptr(true), KmsKeyId: ptr(s.Cluster.KMSKey), TagList: s.Tags,
	}, err
}

func describeDBClusterSnapshots(c *call, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	all, err := list[DBSnapshot](c, snapshotKind)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(s DBSnapshot) bool {
		return s.Region != c.region ||
			in.DBClusterSnapshotIdentifier != nil && snapshotKey(in.DBClusterSnapshotIdentifier) != snapshotKey(&s.ID) ||
			in.DBClusterIdentifier != nil && dbClusterKey(in.DBClusterIdentifier) != dbClusterKey(&s.Cluster.ID) ||
			in.SnapshotType != nil && *in.SnapshotType != "manual"
	})
	if in.DBClusterSnapshotIdentifier != nil && len(found) == 0 {
		return nil, fail(http.StatusNotFound, &types.DBClusterSnapshotNotFoundFault{Message: ptr("DBClusterSnapshot " + val(in.DBClusterSnapshotIdentifier) + " not found.")})
	}
	items, next, err := page(found, val(in.Marker), int(val(in.MaxRecords)), 100, badRDSMarker)
	if err != nil {
		return nil, err
	}
	out := &rds.DescribeDBClusterSnapshotsOutput{Marker: ptrUnlessEmpty(next)}
	for _, s := range items {
		shown, err := c.showSnapshot(s)
		if err != nil {
			return nil, err
		}
		out.DBClusterSnapshots = append(out.DBClusterSnapshots, shown)
	}
	return out, nil
}

func listTagsForResource(c *call, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	s, ok, err := get[DBSnapshot](c, snapshotKey(in.ResourceName))
	if err != nil {
		return nil, err
	}
	if ok && s.ARN == val(in.ResourceName) {
		return &rds.ListTagsForResourceOutput{TagList: s.Tags}, nil
	}
	d, ok, err := get[DBCluster](c, dbClusterKey(in.ResourceName))
	if err != nil {
		return nil, err
	}
	if ok && d.ARN == val(in.ResourceName) {
		return &rds.ListTagsForResourceOutput{TagList: d.Tags}, nil
	}
	return nil, fail(http.StatusNotFound, &types.DBClusterNotFoundFault{Message: ptr("No resource " + val(in.ResourceName) + ".")})
}
