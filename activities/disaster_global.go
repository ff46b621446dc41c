package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"tejun/internal/system"
)

// GlobalMove makes another member of the global cluster the writer.
type GlobalMove struct {
	Operation string `json:"operation"`
	To        string `json:"to"` // region: that of the system, or its DR region
}

// GlobalFailover is a move that the writer of now need not take part in.
type GlobalFailover struct {
	GlobalMove
	AllowDataLoss bool `json:"allowDataLoss"` // must be set: what was not copied is lost
}

// GlobalRef says which member has to be the writer.
type GlobalRef struct {
	To string `json:"to"` // region
}

// GlobalCluster is the global cluster once it has settled.
type GlobalCluster struct {
	Writer   string `json:"writer"`   // ARN
	Endpoint string `json:"endpoint"` // of the writer, host:port; "" when it cannot be asked
}

// globalCluster is what is used of a global cluster.
type globalCluster struct {
	status  string
	writer  string // ARN
	members []globalMember
}

type globalMember struct {
	arn    string
	status string // of the synchronisation
}

// member finds one by region and cluster; "" for the cluster means any in the region.
func (g globalCluster) member(region, cluster string) (globalMember, bool) {
	at := slices.IndexFunc(g.members, func(m globalMember) bool {
		parts := strings.Split(m.arn, ":")
		return len(parts) == 7 && parts[3] == region && (cluster == "" || strings.EqualFold(parts[6], cluster))
	})
	if at < 0 {
		return globalMember{}, false
	}
	return g.members[at], true
}

// global reads the global cluster, as the DR region knows it.
func (a *DisasterDatabase) global(ctx context.Context, s *system.System, cfg aws.Config) (globalCluster, error) {
	id := s.Disaster.Database.GlobalCluster
	if s.Disaster.Database.Via != system.ViaGlobalCluster {
		return globalCluster{}, fail(Refused, "disaster.database.via is %q: there is no global cluster", s.Disaster.Database.Via)
	}
	out, err := rds.NewFromConfig(cfg).DescribeGlobalClusters(ctx, &rds.DescribeGlobalClustersInput{GlobalClusterIdentifier: &id})
	if err != nil {
		return globalCluster{}, Classify(err, "read the global cluster "+id)
	}
	if len(out.GlobalClusters) != 1 {
		return globalCluster{}, fail(NotFound, "read the global cluster %s: it does not exist; %s", id, classes[NotFound].advice)
	}
	found := globalCluster{status: aws.ToString(out.GlobalClusters[0].Status)}
	for _, m := range out.GlobalClusters[0].GlobalClusterMembers {
		found.members = append(found.members, globalMember{aws.ToString(m.DBClusterArn), string(m.SynchronizationStatus)})
		if aws.ToBool(m.IsWriter) {
			found.writer = aws.ToString(m.DBClusterArn)
		}
	}
	return found, nil
}

// SwitchoverGlobalCluster asks for the change of the writer, without loss of data and with the help of the writer of now. It does not
// wait for it: see AwaitGlobalCluster.
func (a *DisasterDatabase) SwitchoverGlobalCluster(ctx context.Context, in GlobalMove) (struct{}, error) {
	return struct{}{}, a.move(ctx, in, func(client *rds.Client, id, to string) error {
		_, err := client.SwitchoverGlobalCluster(ctx, &rds.SwitchoverGlobalClusterInput{GlobalClusterIdentifier: &id, TargetDbClusterIdentifier: &to})
		return Classify(err, "switch the global cluster "+id+" over to "+to)
	})
}

// FailoverGlobalCluster asks for the promotion of a member when the writer of now is lost. What was not copied is lost, and so it is
// refused (Refused) unless the input says that this is accepted.
func (a *DisasterDatabase) FailoverGlobalCluster(ctx context.Context, in GlobalFailover) (struct{}, error) {
	if !in.AllowDataLoss {
		return struct{}{}, fail(Refused, "a failover of the global cluster loses what was not copied yet: allow that, or use the switchover")
	}
	return struct{}{}, a.move(ctx, in.GlobalMove, func(client *rds.Client, id, to string) error {
		_, err := client.FailoverGlobalCluster(ctx, &rds.FailoverGlobalClusterInput{GlobalClusterIdentifier: &id, TargetDbClusterIdentifier: &to, AllowDataLoss: aws.Bool(true)})
		return Classify(err, "fail the global cluster "+id+" over to "+to)
	})
}

// move looks first: RDS takes no token, and a second call while the first is under way would be refused. The writer is the target
// already when the move has begun or is done.
func (a *DisasterDatabase) move(ctx context.Context, in GlobalMove, ask func(client *rds.Client, id, to string) error) error {
	if err := checkOperation(in.Operation); err != nil {
		return err
	}
	s, cfg, err := a.there()
	if err != nil {
		return err
	}
	id := s.Disaster.Database.GlobalCluster
	if err := fence(ctx, a.records, in.Operation+"/rds:global-cluster/"+id); err != nil {
		return err
	}
	g, target, err := a.target(ctx, s, cfg, in.To)
	switch {
	case err != nil:
		return err
	case g.writer == target.arn:
		return nil
	case g.status == globalSwitching || g.status == globalFailing:
		return nil // asked for by an earlier attempt: the run holds the database; AwaitGlobalCluster looks where it leads
	case g.status != available:
		return fail(Conflict, "the global cluster %s is %s: it is looked at again", id, g.status)
	}
	return ask(rds.NewFromConfig(cfg), id, target.arn)
}

// States of a global cluster whose writer changes.
const (
	globalSwitching = "switching-over"
	globalFailing   = "failing-over"
)

func (a *DisasterDatabase) target(ctx context.Context, s *system.System, cfg aws.Config, region string) (globalCluster, globalMember, error) {
	var name string
	switch region {
	case s.AWS.Region:
		name = s.Database.Cluster
	case s.AWS.DRRegion:
		name = s.Disaster.Database.Secondary
	default:
		return globalCluster{}, globalMember{}, fail(InvalidInput, "region %q: want %s or %s", region, s.AWS.Region, s.AWS.DRRegion)
	}
	g, err := a.global(ctx, s, cfg)
	if err != nil {
		return g, globalMember{}, err
	}
	m, ok := g.member(region, name)
	if !ok {
		return g, m, fail(Refused, "%s in %s is no member of the global cluster %s: mend disaster.database in system.yaml", name, region, s.Disaster.Database.GlobalCluster)
	}
	return g, m, nil
}

// AwaitGlobalCluster waits until the member is the writer and nothing moves any more, and says where it answers.
func (a *DisasterDatabase) AwaitGlobalCluster(ctx context.Context, in GlobalRef) (GlobalCluster, error) {
	s, cfg, err := a.there()
	if err != nil {
		return GlobalCluster{}, err
	}
	done := GlobalCluster{}
	calm := 0 // readings in a row that showed another writer and no move: the first may be of a moment ago
	err = poll(ctx, func(ctx context.Context) (bool, string, error) {
		g, target, err := a.target(ctx, s, cfg, in.To)
		if err != nil {
			return false, "", err
		}
		words := fmt.Sprintf("the global cluster is %s, its writer is %s", g.status, g.writer)
		done.Writer = g.writer
		switch {
		case g.status == available && g.writer == target.arn:
			return true, words, nil
		case g.status != available:
			calm = 0
			return false, words, nil
		}
		if calm++; calm < settleReads {
			return false, words, nil
		}
		return false, "", fail(Unfit, "%s, not %s: the change of the writer was not carried out; look at the events of the global cluster", words, target.arn)
	})
	if err != nil {
		return GlobalCluster{}, err
	}
	at, err := endpointOf(ctx, &RDSCopies{client: rds.NewFromConfig(cfg, func(o *rds.Options) { o.Region = in.To })}, nameInARN(done.Writer))
	done.Endpoint = at.Endpoint
	return done, err
}

// GlobalStands says how a global cluster stands that was not to move, or has been refused to.
type GlobalStands struct {
	Unmoved bool   `json:"unmoved"` // for some seconds nothing moved, and the writer was the asked one
	Words   string `json:"words"`
}

// standReads are as many readings in a row as take about eight seconds.
const standReads = 8

// ReadGlobalCluster looks, for some seconds, whether a member is the writer and nothing moves.
func (a *DisasterDatabase) ReadGlobalCluster(ctx context.Context, in GlobalRef) (GlobalStands, error) {
	s, cfg, err := a.there()
	if err != nil {
		return GlobalStands{}, err
	}
	out, calm := GlobalStands{}, 0
	err = poll(ctx, func(ctx context.Context) (bool, string, error) {
		g, target, err := a.target(ctx, s, cfg, in.To)
		if err != nil {
			return false, "", err
		}
		out.Words = fmt.Sprintf("the global cluster is %s, its writer is %s", g.status, g.writer)
		if g.status != available || g.writer != target.arn {
			return true, out.Words, nil
		}
		calm++
		out.Unmoved = calm == standReads
		return out.Unmoved, out.Words, nil
	})
	return out, err
}

func nameInARN(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

// lagQuery asks for the newest replication lag of a secondary, in milliseconds.
func lagQuery(cluster string, now time.Time) *cloudwatch.GetMetricDataInput {
	return &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-lagWindow)), EndTime: aws.Time(now), ScanBy: cloudwatchtypes.ScanByTimestampDescending,
		MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{Id: aws.String("lag"), MetricStat: &cloudwatchtypes.MetricStat{
			Metric: &cloudwatchtypes.Metric{
				Namespace: aws.String("AWS/RDS"), MetricName: aws.String("AuroraGlobalDBReplicationLag"),
				Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("DBClusterIdentifier"), Value: &cluster}},
			},
			Period: aws.Int32(60), Stat: aws.String("Maximum"),
		}}},
	}
}
