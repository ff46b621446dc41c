package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// DBSnapshot is a manual snapshot of a cluster. It is "creating" at first and "available" some time after Created.
type DBSnapshot struct {
	ID      string
	ARN     string
	Region  string
	Cluster DBCluster // as it was when the snapshot was made
	Created time.Time
	Tags    []types.Tag
	KMSKey  string `json:",omitempty"` // of a copy; else the cluster's
	Source  string `json:",omitempty"` // ARN of what it was copied from
	From    string `json:",omitempty"` // backup that it was copied from
	Real    bool   `json:",omitempty"` // a server was backed up
}

func noSnapshot(id string) error {
	return fail(http.StatusNotFound, &types.DBClusterSnapshotNotFoundFault{Message: ptr("DBClusterSnapshot " + id + " not found.")})
}

func (c *call) lookSnapshot(region, id string) (DBSnapshot, bool, error) {
	return get[DBSnapshot](c, c.regional(snapshotKind, region, id))
}

// newSnapshot stores a snapshot under a name that must be free.
func (c *call) newSnapshot(s DBSnapshot) (*types.DBClusterSnapshot, error) {
	if _, clash, err := c.lookSnapshot(s.Region, s.ID); err != nil {
		return nil, err
	} else if clash {
		return nil, fail(http.StatusBadRequest, &types.DBClusterSnapshotAlreadyExistsFault{
			Message: ptr("Cannot create the cluster snapshot because one with the identifier " + s.ID + " already exists."),
		})
	}
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	s.ARN, s.Created = arn("rds", s.Region, set.Account, "cluster-snapshot:"+s.ID), c.at
	if err := c.put(c.regional(snapshotKind, s.Region, s.ID), s); err != nil {
		return nil, err
	}
	shown, err := c.showSnapshot(s)
	return &shown, err
}

func createDBClusterSnapshot(c *call, in *rds.CreateDBClusterSnapshotInput) (*rds.CreateDBClusterSnapshotOutput, error) {
	if err := checkRDSName("DBClusterSnapshotIdentifier", in.DBClusterSnapshotIdentifier); err != nil {
		return nil, err
	}
	d, err := c.dbCluster(in.DBClusterIdentifier)
	if err != nil {
		return nil, err
	}
	id := rdsName(in.DBClusterSnapshotIdentifier)
	if _, clash, err := c.lookSnapshot(c.region, id); err != nil {
		return nil, err
	} else if status, err := c.dbClusterStatus(d); err != nil {
		return nil, err
	} else if status != "available" && !clash {
		return nil, badClusterState("DB cluster is not available: " + status + ".")
	}
	if c.databases != nil && d.Real { // a restored cluster without an instance has no server that could be backed up
		if _, _, done, err := c.databases.Serve(d.server()); err != nil || !done {
			return nil, badClusterState("the sandbox's server of the DB cluster does not run: add an instance first")
		}
	}
	shown, err := c.newSnapshot(DBSnapshot{ID: id, Region: c.region, Cluster: d, Tags: in.Tags, Real: c.databases != nil})
	if err != nil {
		return nil, err
	}
	return &rds.CreateDBClusterSnapshotOutput{DBClusterSnapshot: shown}, nil
}

func copyDBClusterSnapshot(c *call, in *rds.CopyDBClusterSnapshotInput) (*rds.CopyDBClusterSnapshotOutput, error) {
	if err := checkRDSName("TargetDBClusterSnapshotIdentifier", in.TargetDBClusterSnapshotIdentifier); err != nil {
		return nil, err
	}
	from, ok, err := c.lookSnapshot(c.rdsRegion(in.SourceDBClusterSnapshotIdentifier), rdsName(in.SourceDBClusterSnapshotIdentifier))
	if err != nil {
		return nil, err
	}
	if !ok { // a bare name means the client's own region: for another one the ARN is needed
		return nil, noSnapshot(val(in.SourceDBClusterSnapshotIdentifier))
	}
	key := orElse(val(in.KmsKeyId), from.key())
	if from.Region != c.region {
		switch parts := strings.Split(val(in.KmsKeyId), ":"); {
		case in.KmsKeyId == nil:
			return nil, invalidRDS("InvalidParameterCombination", "KmsKeyId must be explicitly specified for copies of encrypted snapshots across regions.")
		case len(parts) > 3 && parts[3] != c.region:
			return nil, fail(http.StatusBadRequest, &types.KMSKeyNotAccessibleFault{Message: ptr("The specified KMS key " + key + " is not in " + c.region + ".")})
		case val(in.SourceRegion) != from.Region:
			return nil, invalidRDS("InvalidParameterValue", "PreSignedUrl could not be authenticated: the source is in "+from.Region+" (SourceRegion makes the SDK sign it).")
		}
	}
	if shown, err := c.showSnapshot(from); err != nil {
		return nil, err
	} else if val(shown.Status) != "available" {
		return nil, fail(http.StatusBadRequest, &types.InvalidDBClusterSnapshotStateFault{Message: ptr("The source snapshot is " + val(shown.Status) + ".")})
	}
	tags := in.Tags
	if val(in.CopyTags) && len(tags) == 0 {
		tags = from.Tags
	}
	shown, err := c.newSnapshot(DBSnapshot{
		ID: rdsName(in.TargetDBClusterSnapshotIdentifier), Region: c.region, Cluster: from.Cluster, Tags: tags, KMSKey: key,
		Source: from.ARN, From: from.backup(), Real: from.Real,
	})
	if err != nil {
		return nil, err
	}
	return &rds.CopyDBClusterSnapshotOutput{DBClusterSnapshot: shown}, nil
}

func (s DBSnapshot) key() string { return orElse(s.KMSKey, s.Cluster.KMSKey) }

func deleteDBClusterSnapshot(c *call, in *rds.DeleteDBClusterSnapshotInput) (*rds.DeleteDBClusterSnapshotOutput, error) {
	s, ok, err := c.lookSnapshot(c.region, rdsName(in.DBClusterSnapshotIdentifier))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noSnapshot(val(in.DBClusterSnapshotIdentifier))
	}
	shown, err := c.showSnapshot(s)
	if err != nil {
		return nil, err
	}
	if status := val(shown.Status); status != "available" && status != "failed" {
		return nil, fail(http.StatusBadRequest, &types.InvalidDBClusterSnapshotStateFault{Message: ptr("The snapshot is " + status + ".")})
	}
	if s.Real && c.databases != nil {
		if err := c.databases.DropBackup(s.backup()); err != nil {
			return nil, err
		}
	}
	c.remove(c.regional(snapshotKind, s.Region, s.ID))
	shown.Status = ptr("deleted")
	return &rds.DeleteDBClusterSnapshotOutput{DBClusterSnapshot: &shown}, nil
}

func (c *call) showSnapshot(s DBSnapshot) (types.DBClusterSnapshot, error) {
	takes, status := snapshotTime, "creating"
	work := func() (bool, error) { return c.databases.Backup(s.Cluster.server(), s.backup()) }
	if s.Source != "" {
		takes, status = snapshotCopyTime, "copying"
	}
	if s.From != "" { // a seeded copy is a backup of the server itself
		work = func() (bool, error) { return c.databases.CopyBackup(s.From, s.backup()) }
	}
	percent, failed, err := c.lasting(s.Created, takes, s.Real, work)
	switch {
	case failed != nil:
		status = "failed"
	case percent == 100:
		status = "available"
	}
	return types.DBClusterSnapshot{
		DBClusterSnapshotIdentifier: ptr(s.ID), DBClusterSnapshotArn: ptr(s.ARN), DBClusterIdentifier: ptr(s.Cluster.ID),
		DbClusterResourceId: ptr(s.Cluster.ResourceID), Status: ptr(status), PercentProgress: ptr(percent), SnapshotType: ptr("manual"),
		SnapshotCreateTime: ptr(s.Created), ClusterCreateTime: ptr(s.Cluster.Created), Engine: ptr(s.Cluster.Engine), EngineVersion: ptr(s.Cluster.EngineVersion),
		EngineMode: ptr("provisioned"), MasterUsername: ptr(s.Cluster.Master), StorageEncrypted: ptr(true), KmsKeyId: ptr(s.key()), TagList: s.Tags,
		SourceDBClusterSnapshotArn: ptrUnlessEmpty(s.Source),
	}, err
}

func describeDBClusterSnapshots(c *call, in *rds.DescribeDBClusterSnapshotsInput) (*rds.DescribeDBClusterSnapshotsOutput, error) {
	all, err := list[DBSnapshot](c, snapshotKind)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(s DBSnapshot) bool {
		return s.Region != c.rdsRegion(in.DBClusterSnapshotIdentifier) ||
			in.DBClusterSnapshotIdentifier != nil && rdsName(in.DBClusterSnapshotIdentifier) != s.ID ||
			in.DBClusterIdentifier != nil && rdsName(in.DBClusterIdentifier) != s.Cluster.ID ||
			in.SnapshotType != nil && *in.SnapshotType != "manual"
	})
	if in.DBClusterSnapshotIdentifier != nil && len(found) == 0 {
		return nil, noSnapshot(val(in.DBClusterSnapshotIdentifier))
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
