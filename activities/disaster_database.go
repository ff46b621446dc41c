package activities

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"tejun/internal/plan"
	"tejun/internal/system"
)

// DisasterDataQuery asks for the data that there are in the DR region.
type DisasterDataQuery struct {
	Mode string `json:"mode"` // a drill restores a snapshot, whatever the description says
}

// DisasterData is the newest data in the DR region.
type DisasterData struct {
	Via        string    `json:"via"`        // system.ViaSnapshot or system.ViaGlobalCluster
	SnapshotID string    `json:"snapshotId"` // "" for a global cluster
	ARN        string    `json:"arn"`        // of the snapshot, or of the secondary cluster
	TakenAt    time.Time `json:"takenAt"`    // when the data were taken; for a global cluster, when the lag was measured
	DataAt     time.Time `json:"dataAt"`     // the newest change that is in them: for a global cluster TakenAt less the lag
	LagSeconds float64   `json:"lagSeconds"` // of a global cluster
	Words      string    `json:"words"`
}

// DisasterDatabasePlan asks for the plan of the database.
type DisasterDatabasePlan struct {
	Via        string `json:"via"`
	Cluster    string `json:"cluster"`    // that is restored; "" for a global cluster
	SnapshotID string `json:"snapshotId"` // that it is restored from

	Manner string `json:"manner,omitempty"` // of a global cluster's move: with or without loss of data; "" of runs whose plan does not say
}

// DisasterRestore makes the DR region's cluster out of a snapshot there.
type DisasterRestore struct {
	Operation  string `json:"operation"`
	Cluster    string `json:"cluster"` // disaster.database.drillPrefix or realPrefix, and the run's key
	SnapshotID string `json:"snapshotId"`
}

// DisasterCluster names a cluster in the DR region that a run restores.
type DisasterCluster struct {
	Operation string `json:"operation"`
	Cluster   string `json:"cluster"`
}

// DisasterEndpoint is where a cluster of the DR region answers.
type DisasterEndpoint struct {
	Endpoint string `json:"endpoint"` // host:port
}

// DisasterDatabase makes the data available in the DR region: by a restored cluster, or by the secondary of a global one.
type DisasterDatabase struct {
	elsewhere
	records   rdsRecords
	disasters standingStore
	serves    whoServes
	wait      time.Duration // between two readings of the same object
	now       func() time.Time
}

// ReadDisasterData finds the newest data in the DR region. Without any it is refused (Refused), and so is a drill while the DR region
// serves after a real disaster: every plan begins here, before anything is done.
func (a *DisasterDatabase) ReadDisasterData(ctx context.Context, in DisasterDataQuery) (DisasterData, error) {
	s, cfg, err := a.there()
	if err != nil {
		return DisasterData{}, err
	}
	if in.Mode != system.DisasterReal {
		why, err := a.serves.standing(ctx, s, a.disasters)
		if err == nil && why != "" {
			err = fail(Refused, "this drill cannot begin: %s", why)
		}
		if err != nil {
			return DisasterData{}, err
		}
	}
	if in.Mode == system.DisasterReal && s.Disaster.Database.Via == system.ViaGlobalCluster {
		return a.replicated(ctx, s, cfg)
	}
	list, err := (&RDS{client: rds.NewFromConfig(cfg), records: a.records}).ListRDSBackups(ctx, Backups{System: s.ID, Cluster: s.Database.Cluster, Region: s.AWS.DRRegion})
	if err != nil {
		return DisasterData{}, err
	}
	at := slices.IndexFunc(list.Backups, Backup.Good)
	if at < 0 && slices.ContainsFunc(list.Backups, func(b Backup) bool { return b.Status == "creating" || b.Status == "copying" }) {
		return DisasterData{}, fail(NotYet, "the first copy of a backup of %s in %s is still being made", s.Database.Cluster, s.AWS.DRRegion)
	}
	if at < 0 {
		return DisasterData{}, fail(Refused, "there is no good copy of a backup of %s in %s, so nothing can be restored there: run Backup first", s.Database.Cluster, s.AWS.DRRegion)
	}
	b := list.Backups[at]
	return DisasterData{
		Via: system.ViaSnapshot, SnapshotID: b.ID, ARN: b.ARN, TakenAt: b.TakenAt, DataAt: b.TakenAt,
		Words: fmt.Sprintf("snapshot %s in %s, taken at %s", b.ID, s.AWS.DRRegion, inJapan(b.TakenAt)),
	}, nil
}

// lagWindow is how far back the replication's lag is looked for.
const lagWindow = 3 * time.Hour

// replicated measures how far the secondary of the global cluster lags behind. When the primary is lost nothing new is measured, and
// the newest measurement says up to when the data are complete.
func (a *DisasterDatabase) replicated(ctx context.Context, s *system.System, cfg aws.Config) (DisasterData, error) {
	v := s.Disaster.Database
	global, err := a.global(ctx, s, cfg)
	if err != nil {
		return DisasterData{}, err
	}
	secondary, ok := global.member(s.AWS.DRRegion, v.Secondary)
	if !ok {
		return DisasterData{}, fail(Refused, "%s in %s is no member of the global cluster %s: mend disaster.database in system.yaml", v.Secondary, s.AWS.DRRegion, v.GlobalCluster)
	}
	now := a.now().UTC()
	out, err := cloudwatch.NewFromConfig(cfg).GetMetricData(ctx, lagQuery(v.Secondary, now))
	doing := "read the replication lag of " + v.Secondary
	if err != nil {
		return DisasterData{}, Classify(err, doing)
	}
	if len(out.MetricDataResults) != 1 || len(out.MetricDataResults[0].Values) == 0 {
		return DisasterData{}, fail(Refused, "%s: CloudWatch has none of the last %s, so nobody can say how old the data are: look at the cluster", doing, lagWindow)
	}
	measured, millis := out.MetricDataResults[0].Timestamps[0].UTC(), out.MetricDataResults[0].Values[0]
	lag := time.Duration(millis * float64(time.Millisecond))
	return DisasterData{
		Via: system.ViaGlobalCluster, ARN: secondary.arn, TakenAt: measured, DataAt: measured.Add(-lag), LagSeconds: lag.Seconds(),
		Words: fmt.Sprintf("global cluster %s, %s lags %s behind as of %s", v.GlobalCluster, v.Secondary, lag, inJapan(measured)),
	}, nil
}

// PlanDisasterDatabase says what becomes of the database.
func (a *DisasterDatabase) PlanDisasterDatabase(ctx context.Context, in DisasterDatabasePlan) (plan.Change, error) {
	s, cfg, err := a.there()
	if err != nil {
		return plan.Change{}, err
	}
	v := s.Disaster.Database
	var resource, title string
	var before, after any
	switch in.Via {
	case system.ViaSnapshot:
		if err := checkDisasterCluster(s, in.Cluster); err != nil {
			return plan.Change{}, err
		}
		resource, title = "rds:cluster/"+s.AWS.DRRegion+"/"+in.Cluster, fmt.Sprintf("Aurora クラスター %s: %s のスナップショット %s から復元", in.Cluster, s.AWS.DRRegion, in.SnapshotID)
		before, after = map[string]any{}, map[string]any{"SnapshotIdentifier": in.SnapshotID, "DBInstanceClass": v.InstanceClass, "DBSubnetGroup": v.SubnetGroup, "VpcSecurityGroupIds": v.SecurityGroups}
	case system.ViaGlobalCluster:
		global, err := a.global(ctx, s, cfg)
		if err != nil {
			return plan.Change{}, err
		}
		target, ok := global.member(s.AWS.DRRegion, v.Secondary)
		if !ok {
			return plan.Change{}, fail(Refused, "%s in %s is no member of the global cluster %s: mend disaster.database in system.yaml", v.Secondary, s.AWS.DRRegion, v.GlobalCluster)
		}
		resource, title = "rds:global-cluster/"+v.GlobalCluster, fmt.Sprintf("Aurora グローバルクラスター %s: %s を書込み可能に昇格", v.GlobalCluster, v.Secondary)
		before, after = map[string]any{"Writer": global.writer}, map[string]any{"Writer": target.arn}
		switch in.Manner {
		case system.DisasterGraceful:
			title += "（計画切替：失われるデータはありません）"
			after = map[string]any{"Writer": target.arn, "By": "SwitchoverGlobalCluster"}
		case system.DisasterUngraceful:
			title += "（強制切替：複製が済んでいないデータは失われます）"
			after = map[string]any{"Writer": target.arn, "By": "FailoverGlobalCluster", "AllowDataLoss": true}
		}
	default:
		return plan.Change{}, fail(InvalidInput, "via is %q: want %s or %s", in.Via, system.ViaSnapshot, system.ViaGlobalCluster)
	}
	c, err := plan.NewChange(resource, title, before, after, before, after)
	if err != nil {
		return plan.Change{}, fail(InvalidInput, "%v", err)
	}
	return c, nil
}

// checkDisasterCluster takes only names that runs of this kind give.
func checkDisasterCluster(s *system.System, cluster string) error {
	v := s.Disaster.Database
	for _, prefix := range []string{v.DrillPrefix, v.RealPrefix} {
		if prefix != "" && strings.HasPrefix(cluster, prefix+"-") && len(cluster) > len(prefix)+1 {
			return nil
		}
	}
	return fail(InvalidInput, "cluster %q: want a name that begins with %s- or %s-", cluster, v.DrillPrefix, v.RealPrefix)
}

// copies is the activities on restored clusters, in the DR region.
func (a *DisasterDatabase) copies(in DisasterCluster) (*RDSCopies, *system.System, error) {
	s, cfg, err := a.there()
	if err != nil {
		return nil, nil, err
	}
	if err := checkDisasterCluster(s, in.Cluster); err != nil {
		return nil, nil, err
	}
	return &RDSCopies{client: rds.NewFromConfig(cfg), records: a.records, system: a.system, wait: a.wait}, s, nil
}

// settings are what a cluster in the DR region needs.
func disasterSettings(s *system.System) system.DatabaseRestore {
	v := s.Disaster.Database
	return system.DatabaseRestore{InstanceClass: v.InstanceClass, MinCapacity: v.MinCapacity, MaxCapacity: v.MaxCapacity, SubnetGroup: v.SubnetGroup, SecurityGroups: v.SecurityGroups}
}

// RestoreDisasterCluster asks for the cluster and does not wait for it: see AwaitDisasterCluster. It has no instance at first.
func (a *DisasterDatabase) RestoreDisasterCluster(ctx context.Context, in DisasterRestore) (struct{}, error) {
	copies, s, err := a.copies(DisasterCluster{in.Operation, in.Cluster})
	if err != nil {
		return struct{}{}, err
	}
	if in.SnapshotID == "" {
		return struct{}{}, fail(InvalidInput, "restore %s: name a snapshot", in.Cluster)
	}
	return struct{}{}, copies.restoreAs(ctx, Restore{Operation: in.Operation, Cluster: in.Cluster, SnapshotID: in.SnapshotID}, disasterSettings(s))
}

// AwaitDisasterCluster waits until an instance can be added.
func (a *DisasterDatabase) AwaitDisasterCluster(ctx context.Context, in DisasterCluster) (struct{}, error) {
	copies, _, err := a.copies(in)
	if err != nil {
		return struct{}{}, err
	}
	return copies.AwaitRDSCluster(ctx, RestoredRef(in))
}

// AddDisasterInstance asks for the cluster's instance, without which nobody can connect.
func (a *DisasterDatabase) AddDisasterInstance(ctx context.Context, in DisasterCluster) (struct{}, error) {
	copies, s, err := a.copies(in)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, copies.addInstance(ctx, RestoredRef(in), disasterSettings(s).InstanceClass)
}

// AwaitDisasterInstance waits until the instance answers, and says where the cluster does.
func (a *DisasterDatabase) AwaitDisasterInstance(ctx context.Context, in DisasterCluster) (DisasterEndpoint, error) {
	copies, _, err := a.copies(in)
	if err != nil {
		return DisasterEndpoint{}, err
	}
	if _, err := copies.AwaitRDSInstance(ctx, RestoredRef(in)); err != nil {
		return DisasterEndpoint{}, err
	}
	return endpointOf(ctx, copies, in.Cluster)
}

func endpointOf(ctx context.Context, copies *RDSCopies, cluster string) (DisasterEndpoint, error) {
	found, err := copies.find(ctx, cluster)
	if err != nil {
		return DisasterEndpoint{}, err
	}
	if found == nil || aws.ToString(found.Endpoint) == "" {
		return DisasterEndpoint{}, fail(NotYet, "the cluster %s does not say where it answers", cluster)
	}
	return DisasterEndpoint{aws.ToString(found.Endpoint) + ":" + strconv.Itoa(int(aws.ToInt32(found.Port)))}, nil
}

// DeleteDisasterCluster takes the cluster of a drill and its instance away and waits until they are gone. It is harmless when there
// is none. The cluster of a real disaster holds the only newest data, and is never deleted (Refused).
func (a *DisasterDatabase) DeleteDisasterCluster(ctx context.Context, in DisasterCluster) (struct{}, error) {
	copies, s, err := a.copies(in)
	if err != nil {
		return struct{}{}, err
	}
	if !strings.HasPrefix(in.Cluster, s.Disaster.Database.DrillPrefix+"-") {
		return struct{}{}, fail(Refused, "the cluster %s was not made by a drill: only people delete it", in.Cluster)
	}
	return copies.DeleteRDSRestoredCluster(ctx, RestoredRef(in))
}
