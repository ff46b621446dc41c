package activities

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"go.temporal.io/sdk/worker"

	"tejun/internal/system"
)

// Disaster is the activities by which the system comes up in its DR region.
type Disaster struct {
	Route53          *Route53
	DisasterDatabase *DisasterDatabase
	DisasterPipeline *DisasterPipeline
	DisasterECS      *DisasterECS
	DisasterSite     *DisasterSite
	DisasterFence    *DisasterFence
}

// globalRoute53 is a client of Route 53, which knows no regions.
func globalRoute53(cfg aws.Config) *route53.Client {
	return route53.NewFromConfig(cfg, func(o *route53.Options) { o.Region = globalRegion })
}

func newDisaster(d Deps, cfg aws.Config, changes changer, site *Site) Disaster {
	there := elsewhere{cfg: cfg, system: d.System}
	names := &Route53{client: globalRoute53(cfg), changes: changes, system: d.System}
	return Disaster{
		Route53:          names,
		DisasterDatabase: &DisasterDatabase{elsewhere: there, records: d.Records, disasters: d.Records, serves: whoServes{names}, wait: readBackWait, now: time.Now},
		DisasterPipeline: &DisasterPipeline{elsewhere: there, records: d.Records},
		DisasterECS:      &DisasterECS{elsewhere: there, changes: changes},
		DisasterSite:     &DisasterSite{site: site, now: time.Now},
		DisasterFence:    &DisasterFence{cfg: cfg, system: d.System, records: d.Records},
	}
}

func (s Set) registerDisaster(r worker.ActivityRegistry) {
	for _, activity := range []any{
		s.Route53.PlanRoute53Redirect,
		s.Route53.ApplyRoute53Redirect,
		s.Route53.RevertRoute53Redirect,
		s.Route53.AwaitRoute53Change,
		s.DisasterDatabase.ReadDisasterData,
		s.DisasterDatabase.PlanDisasterDatabase,
		s.DisasterDatabase.RestoreDisasterCluster,
		s.DisasterDatabase.AwaitDisasterCluster,
		s.DisasterDatabase.AddDisasterInstance,
		s.DisasterDatabase.AwaitDisasterInstance,
		s.DisasterDatabase.DeleteDisasterCluster,
		s.DisasterDatabase.SwitchoverGlobalCluster,
		s.DisasterDatabase.FailoverGlobalCluster,
		s.DisasterDatabase.AwaitGlobalCluster,
		s.DisasterDatabase.ReadGlobalCluster,
		s.DisasterPipeline.StartDisasterPipeline,
		s.DisasterPipeline.AwaitDisasterPipeline,
		s.DisasterPipeline.StopDisasterPipeline,
		s.DisasterECS.PlanDisasterService,
		s.DisasterECS.ScaleDisasterService,
		s.DisasterECS.AwaitDisasterService,
		s.DisasterECS.RevertDisasterService,
		s.DisasterECS.PlanDisasterServiceHalt,
		s.DisasterECS.HaltDisasterService,
		s.DisasterECS.AwaitDisasterServiceHalted,
		s.DisasterECS.ResumeDisasterService,
		s.DisasterECS.CheckDisasterHalt,
		s.DisasterSite.SmokeDisasterSite,
		s.DisasterSite.CheckDisasterOutside,
		s.DisasterFence.CheckDisasterFence,
	} {
		r.RegisterActivity(activity)
	}
}

// elsewhere makes clients of the DR region, which system.yaml names.
type elsewhere struct {
	cfg    aws.Config
	system func() (*system.System, error)
}

// there is the description, and a configuration whose clients are in the DR region. Without the section `disaster` it refuses
// (Refused).
func (e elsewhere) there() (*system.System, aws.Config, error) {
	s, err := disasterOf(e.system)
	if err != nil {
		return nil, aws.Config{}, err
	}
	cfg := e.cfg.Copy()
	cfg.Region = s.AWS.DRRegion
	return s, cfg, nil
}

// disasterOf is the description, if it says how a disaster is met.
func disasterOf(load func() (*system.System, error)) (*system.System, error) {
	s, err := describe(load)
	if err == nil && !s.HasDisaster() {
		err = fail(Refused, "system.yaml does not say how a disaster is met: add the section `disaster`")
	}
	return s, err
}
