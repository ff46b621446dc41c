package sandbox

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// How long things take on Aurora, at time scale 1.
const (
	snapshotTime     = 3 * time.Minute
	snapshotCopyTime = 5 * time.Minute
	restoreTime      = 6 * time.Minute
	instanceTime     = 8 * time.Minute
	dropTime         = 2 * time.Minute
)

const (
	dbClusterKind  = "rds:cluster"
	dbInstanceKind = "rds:db"
	snapshotKind   = "rds:cluster-snapshot"
)

func rdsOperations() map[string]operation {
	cluster := func(id *string) about { return about{dbClusterKind + "/" + rdsName(id), ""} }
	instance := func(id *string) about { return about{dbInstanceKind + "/" + rdsName(id), ""} }
	snapshot := func(id *string) about { return about{snapshotKind + "/" + rdsName(id), ""} }
	return byName(append(append(rdsGlobalOperations(), rdsSubnetOperations()...),
		handle(reads, "DBClusterIdentifier Filters Marker MaxRecords", func(in *rds.DescribeDBClustersInput) about {
			return cluster(in.DBClusterIdentifier)
		}, describeDBClusters),
		handle(writes, "DBClusterIdentifier SnapshotIdentifier Engine DBSubnetGroupName VpcSecurityGroupIds ServerlessV2ScalingConfiguration DeletionProtection Tags",
			func(in *rds.RestoreDBClusterFromSnapshotInput) about { return cluster(in.DBClusterIdentifier) }, restoreDBClusterFromSnapshot),
		handle(writes, "DBClusterIdentifier SourceDBClusterIdentifier RestoreToTime UseLatestRestorableTime RestoreType DBSubnetGroupName VpcSecurityGroupIds ServerlessV2ScalingConfiguration DeletionProtection Tags",
			func(in *rds.RestoreDBClusterToPointInTimeInput) about { return cluster(in.DBClusterIdentifier) }, restoreDBClusterToPointInTime),
		handle(writes, "DBClusterIdentifier SkipFinalSnapshot", func(in *rds.DeleteDBClusterInput) about {
			return cluster(in.DBClusterIdentifier)
		}, deleteDBCluster),
		handle(reads, "DBInstanceIdentifier Filters Marker MaxRecords", func(in *rds.DescribeDBInstancesInput) about {
			return instance(in.DBInstanceIdentifier)
		}, describeDBInstances),
		handle(writes, "DBInstanceIdentifier DBClusterIdentifier DBInstanceClass Engine Tags", func(in *rds.CreateDBInstanceInput) about {
			return instance(in.DBInstanceIdentifier)
		}, createDBInstance),
		handle(writes, "DBInstanceIdentifier SkipFinalSnapshot", func(in *rds.DeleteDBInstanceInput) about {
			return instance(in.DBInstanceIdentifier)
		}, deleteDBInstance),
		handle(writes, "DBClusterIdentifier DBClusterSnapshotIdentifier Tags", func(in *rds.CreateDBClusterSnapshotInput) about {
			return snapshot(in.DBClusterSnapshotIdentifier)
		}, createDBClusterSnapshot),
		handle(writes, "SourceDBClusterSnapshotIdentifier TargetDBClusterSnapshotIdentifier KmsKeyId CopyTags Tags SourceRegion PreSignedUrl",
			func(in *rds.CopyDBClusterSnapshotInput) about { return snapshot(in.TargetDBClusterSnapshotIdentifier) }, copyDBClusterSnapshot).
			showing(withoutSignature),
		handle(writes, "DBClusterSnapshotIdentifier", func(in *rds.DeleteDBClusterSnapshotInput) about {
			return snapshot(in.DBClusterSnapshotIdentifier)
		}, deleteDBClusterSnapshot),
		handle(reads, "DBClusterIdentifier DBClusterSnapshotIdentifier Marker MaxRecords SnapshotType", func(in *rds.DescribeDBClusterSnapshotsInput) about {
			return snapshot(in.DBClusterSnapshotIdentifier)
		}, describeDBClusterSnapshots),
		handle(reads, "ResourceName", func(in *rds.ListTagsForResourceInput) about { return about{val(in.ResourceName), ""} }, listTagsForResource),
	)...)
}

// withoutSignature leaves out what is signed anew for each call.
func withoutSignature(in any) any {
	shown := *in.(*rds.CopyDBClusterSnapshotInput)
	shown.PreSignedUrl = nil
	return &shown
}

// rdsName is the identifier in an identifier or an ARN. RDS stores identifiers in lower case, whatever the caller writes.
func rdsName(id *string) string {
	s := strings.ToLower(val(id))
	return s[strings.LastIndex(s, ":")+1:]
}

// rdsRegion is the region that an ARN names, else that of the client.
func (c *call) rdsRegion(id *string) string {
	if parts := strings.Split(val(id), ":"); len(parts) == 7 && parts[0] == "arn" {
		return parts[3]
	}
	return c.region
}

func badRDSMarker(words string) error { return invalidRDS("InvalidParameterValue", words) }

// An identifier: 1 to 63 letters, digits or hyphens, first a letter, no hyphen at the end, no two in a row.
var rdsIdentifier = regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9])*$`)

func checkRDSName(parameter string, id *string) error {
	if name := val(id); !rdsIdentifier.MatchString(name) || len(name) > 63 {
		return invalidRDS("InvalidParameterValue", "The parameter "+parameter+" is not a valid identifier: "+name)
	}
	return nil
}

// clusterFilter is the one filter that is modelled.
func clusterFilter(operation string, filters []types.Filter) ([]string, error) {
	var names []string
	for _, f := range filters {
		if val(f.Name) != "db-cluster-id" {
			return nil, invalidRDS("SandboxNotModelled", "the sandbox does not model the filter "+val(f.Name)+" of "+operation)
		}
		for i := range f.Values {
			names = append(names, rdsName(&f.Values[i]))
		}
	}
	return names, nil
}

func listTagsForResource(c *call, in *rds.ListTagsForResourceInput) (*rds.ListTagsForResourceOutput, error) {
	if s, ok, err := c.lookSnapshot(c.rdsRegion(in.ResourceName), rdsName(in.ResourceName)); err != nil || ok && s.ARN == val(in.ResourceName) {
		return &rds.ListTagsForResourceOutput{TagList: s.Tags}, err
	}
	if d, ok, err := c.lookDBCluster(c.rdsRegion(in.ResourceName), rdsName(in.ResourceName)); err != nil || ok && d.ARN == val(in.ResourceName) {
		return &rds.ListTagsForResourceOutput{TagList: d.Tags}, err
	}
	return nil, fail(http.StatusNotFound, &types.DBClusterNotFoundFault{Message: ptr("No resource " + val(in.ResourceName) + ".")})
}
