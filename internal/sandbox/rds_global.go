package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// How long the writer of a global cluster takes at time scale 1 to change, and a member that was lost to follow it again.
const (
	switchoverTime = 3 * time.Minute
	failoverTime   = 2 * time.Minute
	resyncTime     = 10 * time.Minute
)

const globalClusterKind = "rds:global-cluster"

// States of a global cluster.
const (
	globalAvailable = "available"
	globalSwitching = "switching-over"
	globalFailing   = "failing-over"
)

// GlobalCluster is an Aurora global database: clusters in several regions, one of which is the writer.
type GlobalCluster struct {
	ID      string
	ARN     string
	Members []string          // ARNs of the clusters
	Writer  string            // ARN; during a move where it leads
	Tags    []types.Tag       `json:",omitempty"`
	Version GlobalClusterMove `json:"version"`
}

// GlobalClusterMove is the newest change of the writer.
type GlobalClusterMove struct {
	From  string    `json:",omitempty"` // ARN; "" when there was none
	Began time.Time `json:",omitzero"`
	Loses bool      `json:",omitempty"` // a failover: what was not copied is lost
}

func rdsGlobalOperations() []operation {
	global := func(id *string) about { return about{globalClusterKind + "/" + rdsName(id), ""} }
	return []operation{
		handle(reads, "GlobalClusterIdentifier Marker MaxRecords", func(in *rds.DescribeGlobalClustersInput) about { return global(in.GlobalClusterIdentifier) }, describeGlobalClusters),
		handle(writes, "GlobalClusterIdentifier TargetDbClusterIdentifier", func(in *rds.SwitchoverGlobalClusterInput) about { return global(in.GlobalClusterIdentifier) },
			func(c *call, in *rds.SwitchoverGlobalClusterInput) (*rds.SwitchoverGlobalClusterOutput, error) {
				shown, err := c.moveWriter(in.GlobalClusterIdentifier, in.TargetDbClusterIdentifier, false)
				return &rds.SwitchoverGlobalClusterOutput{GlobalCluster: shown}, err
			}),
		handle(writes, "GlobalClusterIdentifier TargetDbClusterIdentifier AllowDataLoss Switchover", func(in *rds.FailoverGlobalClusterInput) about { return global(in.GlobalClusterIdentifier) },
			func(c *call, in *rds.FailoverGlobalClusterInput) (*rds.FailoverGlobalClusterOutput, error) {
				if val(in.AllowDataLoss) && val(in.Switchover) {
					return nil, invalidRDS("InvalidParameterCombination", "AllowDataLoss and Switchover cannot be specified together.")
				}
				shown, err := c.moveWriter(in.GlobalClusterIdentifier, in.TargetDbClusterIdentifier, val(in.AllowDataLoss))
				return &rds.FailoverGlobalClusterOutput{GlobalCluster: shown}, err
			}),
		handle(reads, "", func(*rds.DescribeAccountAttributesInput) about { return about{} }, describeAccountAttributes),
	}
}

func (c *call) globalCluster(id *string) (GlobalCluster, error) {
	g, ok, err := get[GlobalCluster](c, globalClusterKind+"/"+rdsName(id))
	if err == nil && !ok {
		err = fail(http.StatusNotFound, &types.GlobalClusterNotFoundFault{Message: ptr("Global cluster " + val(id) + " not found.")})
	}
	return g, err
}

func describeGlobalClusters(c *call, in *rds.DescribeGlobalClustersInput) (*rds.DescribeGlobalClustersOutput, error) {
	all, err := list[GlobalCluster](c, globalClusterKind)
	if err != nil {
		return nil, err
	}
	if in.GlobalClusterIdentifier != nil {
		g, err := c.globalCluster(in.GlobalClusterIdentifier)
		if err != nil {
			return nil, err
		}
		all = []GlobalCluster{g}
	}
	items, next, err := page(all, val(in.Marker), int(val(in.MaxRecords)), 100, badRDSMarker)
	out := &rds.DescribeGlobalClustersOutput{Marker: ptrUnlessEmpty(next)}
	for _, g := range items {
		shown, err := c.showGlobal(g)
		if err != nil {
			return nil, err
		}
		out.GlobalClusters = append(out.GlobalClusters, *shown)
	}
	return out, err
}

// moving tells whether the writer changes at this moment.
func (c *call) moving(g GlobalCluster) (bool, error) {
	if g.Version.From == "" {
		return false, nil
	}
	takes := switchoverTime
	if g.Version.Loses {
		takes = failoverTime
	}
	done, err := c.elapsed(g.Version.Began, takes)
	return done < 1, err
}

// writerNow is the member that takes writes.
func (c *call) writerNow(g GlobalCluster) (string, error) {
	moving, err := c.moving(g)
	if moving {
		return g.Version.From, err
	}
	return g.Writer, err
}

func regionInARN(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 3 {
		return parts[3]
	}
	return ""
}

// synced tells whether a member follows the writer. The old writer of a failover must first be reached again, and then be built anew.
func (c *call) synced(g GlobalCluster, member string) (bool, error) {
	if c.lost(regionInARN(member)) {
		return false, nil
	}
	if !g.Version.Loses || member != g.Version.From {
		return true, nil
	}
	done, err := c.elapsed(g.Version.Began, failoverTime+resyncTime)
	return done == 1, err
}

func (c *call) showGlobal(g GlobalCluster) (*types.GlobalCluster, error) {
	moving, err := c.moving(g)
	if err != nil {
		return nil, err
	}
	writer, err := c.writerNow(g)
	if err != nil {
		return nil, err
	}
	shown := &types.GlobalCluster{
		GlobalClusterIdentifier: ptr(g.ID), GlobalClusterArn: ptr(g.ARN), GlobalClusterResourceId: ptr(strings.ToLower(hashID("cluster-", g.ID))), Status: ptr(globalAvailable),
		Engine: ptr("aurora-postgresql"), EngineVersion: ptr("16.6"), StorageEncrypted: ptr(true), DeletionProtection: ptr(true), TagList: g.Tags,
	}
	if moving {
		status := globalSwitching
		if g.Version.Loses {
			status = globalFailing
		}
		shown.Status = ptr(status)
		shown.FailoverState = &types.FailoverState{
			Status: types.FailoverStatus(status), FromDbClusterArn: ptr(g.Version.From), ToDbClusterArn: ptr(g.Writer), IsDataLossAllowed: ptr(g.Version.Loses),
		}
	}
	var readers []string
	for _, m := range g.Members {
		if m != writer {
			readers = append(readers, m)
		}
	}
	for _, m := range g.Members {
		member := types.GlobalClusterMember{
			DBClusterArn: ptr(m), IsWriter: ptr(m == writer), GlobalWriteForwardingStatus: types.WriteForwardingStatusDisabled,
			SynchronizationStatus: types.GlobalClusterMemberSynchronizationStatusConnected,
		}
		if m == writer {
			member.Readers = readers
		}
		if ok, err := c.synced(g, m); err != nil {
			return nil, err
		} else if !ok {
			member.SynchronizationStatus = types.GlobalClusterMemberSynchronizationStatusPendingResync
		}
		shown.GlobalClusterMembers = append(shown.GlobalClusterMembers, member)
	}
	return shown, nil
}

// moveWriter begins to make another member the writer. Without loss of data both must be reached, and follow each other.
func (c *call) moveWriter(id, target *string, loses bool) (*types.GlobalCluster, error) {
	g, err := c.globalCluster(id)
	if err != nil {
		return nil, err
	}
	refuse := func(words string, args ...any) error {
		return fail(http.StatusBadRequest, &types.InvalidGlobalClusterStateFault{Message: ptr(fmt.Sprintf(words, args...))})
	}
	if moving, err := c.moving(g); err != nil {
		return nil, err
	} else if moving {
		return nil, refuse("The global cluster %s is changing its primary cluster already.", g.ID)
	}
	to := val(target)
	switch d, there, err := c.lookDBCluster(regionInARN(to), rdsName(target)); {
	case err != nil:
		return nil, err
	case !there || d.Deleted != nil || !slices.Contains(g.Members, to):
		return nil, fail(http.StatusNotFound, &types.DBClusterNotFoundFault{Message: ptr("DB cluster " + to + " is not a member of the global cluster " + g.ID + ".")})
	case to == g.Writer:
		return nil, refuse("DB cluster %s is the primary cluster of %s already.", to, g.ID)
	case c.lost(regionInARN(to)):
		return nil, refuse("The target cluster %s cannot be reached.", to)
	}
	followed, err := c.synced(g, to)
	if err != nil {
		return nil, err
	}
	if !loses && (!followed || c.lost(regionInARN(g.Writer))) {
		return nil, refuse("The primary cluster %s and the target cluster %s do not follow each other: a switchover needs both of them.", g.Writer, to)
	}
	g.Version = GlobalClusterMove{From: g.Writer, Began: c.at, Loses: loses}
	g.Writer = to
	if err := c.put(globalClusterKind+"/"+g.ID, g); err != nil {
		return nil, err
	}
	return c.showGlobal(g)
}

// writes tells whether a cluster takes writes: any does that is no reader of a global one.
func (c *call) writes(arn string) (bool, error) {
	all, err := list[GlobalCluster](c, globalClusterKind)
	if err != nil {
		return false, err
	}
	for _, g := range all {
		if slices.Contains(g.Members, arn) {
			writer, err := c.writerNow(g)
			return writer == arn, err
		}
	}
	return true, nil
}

// Quotas of an account in a region.
const (
	quotaClusters  = 40
	quotaInstances = 40
	quotaSnapshots = 100
)

// describeAccountAttributes tells how much of the quotas is used in the client's region.
func describeAccountAttributes(c *call, _ *rds.DescribeAccountAttributesInput) (*rds.DescribeAccountAttributesOutput, error) {
	clusters, err := c.dbClusters()
	if err != nil {
		return nil, err
	}
	instances, err := c.dbInstances(c.region)
	if err != nil {
		return nil, err
	}
	snapshots, err := list[DBSnapshot](c, snapshotKind)
	if err != nil {
		return nil, err
	}
	snapshots = slices.DeleteFunc(snapshots, func(s DBSnapshot) bool { return s.Region != c.region })
	quota := func(name string, used, most int) types.AccountQuota {
		return types.AccountQuota{AccountQuotaName: ptr(name), Used: ptr(int64(used)), Max: ptr(int64(most))}
	}
	return &rds.DescribeAccountAttributesOutput{AccountQuotas: []types.AccountQuota{
		quota("DBClusters", len(clusters), quotaClusters), quota("DBInstances", len(instances), quotaInstances),
		quota("ManualClusterSnapshots", len(snapshots), quotaSnapshots),
	}}, nil
}
