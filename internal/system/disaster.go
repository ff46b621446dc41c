package system

import "time"

// Modes and manners of DisasterRecovery.
const (
	DisasterDrill = "drill" // touches only what the description gives to drills
	DisasterReal  = "real"  // moves production

	DisasterGraceful   = "graceful"   // the primary answers: writes are stopped first, nothing is lost
	DisasterUngraceful = "ungraceful" // it does not: what was not copied is lost
)

// Ways to the data in the DR region.
const (
	ViaSnapshot      = "snapshot"       // the newest copy in aws.drRegion is restored
	ViaGlobalCluster = "global-cluster" // the secondary of an Aurora global database is promoted
)

// Kinds of the Route 53 records that send users to a region.
const (
	RedirectWeighted = "weighted" // 100 and 0 are exchanged
	RedirectFailover = "failover" // PRIMARY and SECONDARY are exchanged
)

const defaultReadinessRepeat = Duration(24 * time.Hour)

// Disaster says how the system comes up in aws.drRegion, who declares it, and what a drill may touch.
type Disaster struct {
	RTO           Duration           `yaml:"rto"`         // from the declaration to the first good answer from outside
	RPO           Duration           `yaml:"rpo"`         // how old the data may be at the declaration
	MaxDuration   Duration           `yaml:"maxDuration"` // of a run: the DR environment is held so long
	MailList      string             `yaml:"mailList"`    // declared, at risk, redirected, returned; the report; warnings of the readiness check
	Reports       DisasterReports    `yaml:"reports"`
	Declare       []DisasterDeclarer `yaml:"declare"`       // who may declare, in order
	ProductionTag DisasterTag        `yaml:"productionTag"` // what carries it is never touched by a drill
	Database      DisasterDatabase   `yaml:"database"`
	Pipeline      string             `yaml:"pipeline"` // CodePipeline in aws.drRegion: takes the variable `database`, the endpoint; asks nobody
	ECS           DisasterECS        `yaml:"ecs"`
	Smoke         DisasterSmoke      `yaml:"smoke"`
	Redirect      DisasterRedirect   `yaml:"redirect"`
	Outside       DisasterOutside    `yaml:"outside"`
	Watch         DisasterWatch      `yaml:"watch"`
	Budgets       DisasterBudgets    `yaml:"budgets"`
	Readiness     DisasterReadiness  `yaml:"readiness"` // may be left out
}

// DisasterReports says where the reports are kept. The bucket lies in aws.drRegion: a report of the loss of a region must not need it.
type DisasterReports struct {
	Bucket string `yaml:"bucket"`
	Prefix string `yaml:"prefix"` // of the keys, such as "reports/"
}

// DisasterDeclarer is a person who may declare. Whoever comes later also may when those before did not answer within their wait.
type DisasterDeclarer struct {
	Person string   `yaml:"person"`
	Wait   Duration `yaml:"wait"` // until the next one may too; none for the last
}

// DisasterTag is a tag of AWS resources.
type DisasterTag struct {
	Key   string `yaml:"key"`
	Value string `yaml:"value"`
}

// DisasterDatabase says how the data come up in aws.drRegion. A drill restores a snapshot whatever Via says: it cannot touch the
// global cluster.
type DisasterDatabase struct {
	Via            string   `yaml:"via"`           // ViaSnapshot or ViaGlobalCluster
	GlobalCluster  string   `yaml:"globalCluster"` // with ViaGlobalCluster only
	Secondary      string   `yaml:"secondary"`     // with ViaGlobalCluster only: its member in aws.drRegion
	DrillPrefix    string   `yaml:"drillPrefix"`   // restored clusters of drills are called this, a hyphen and the run's key
	RealPrefix     string   `yaml:"realPrefix"`    // those of a real disaster
	InstanceClass  string   `yaml:"instanceClass"`
	MinCapacity    float64  `yaml:"minCapacity"` // of Serverless v2; 0 for other classes
	MaxCapacity    float64  `yaml:"maxCapacity"`
	SubnetGroup    string   `yaml:"subnetGroup"`    // in aws.drRegion; "" for the default one
	SecurityGroups []string `yaml:"securityGroups"` // in aws.drRegion; none for the default one
}

// DisasterECS is the cluster in aws.drRegion and its services. When nothing happens they run no tasks (pilot light).
type DisasterECS struct {
	Cluster  string            `yaml:"cluster"`
	Services []DisasterService `yaml:"services"`
}

// DisasterService is one service in aws.drRegion.
type DisasterService struct {
	Name       string `yaml:"name"`       // logical: that of the service under ecs.services which it stands in for
	Service    string `yaml:"service"`    // ECS service name
	Desired    int32  `yaml:"desired"`    // in a drill and in a disaster
	Repository string `yaml:"repository"` // ECR, of the same name in both regions
}

// DisasterSmoke is how the DR site is tried before anybody is sent to it: itself, past the public name.
type DisasterSmoke struct {
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"` // sent with the GET
	Paths   []string          `yaml:"paths"`
}

// DisasterRedirect names the two records of each name that send users to a region. Both records of a name are in Zone.
type DisasterRedirect struct {
	Zone       string `yaml:"zone"`       // ID of the Route 53 hosted zone
	Kind       string `yaml:"kind"`       // RedirectWeighted or RedirectFailover
	Production string `yaml:"production"` // the public name
	Rehearsal  string `yaml:"rehearsal"`  // the only name that a drill may change
	Primary    string `yaml:"primary"`    // set identifier of the record that leads to aws.region
	DR         string `yaml:"dr"`         // and of the one that leads to aws.drRegion
}

// DisasterOutside is how it is seen from outside which region answers.
type DisasterOutside struct {
	ProductionURL     string            `yaml:"productionURL"` // of Redirect.Production
	ProductionHeaders map[string]string `yaml:"productionHeaders"`
	RehearsalURL      string            `yaml:"rehearsalURL"` // of Redirect.Rehearsal
	RehearsalHeaders  map[string]string `yaml:"rehearsalHeaders"`
	Paths             []string          `yaml:"paths"`
	Header            string            `yaml:"header"` // response header whose value is the region that answers
}

// DisasterWatch says how long what was redirected is watched.
type DisasterWatch struct {
	Duration Duration `yaml:"duration"`
	Every    Duration `yaml:"every"`
}

// DisasterBudgets are how long the steps may take, people's time included. A warning goes out when 80 % of one is used.
type DisasterBudgets struct {
	Declare  Duration `yaml:"declare"`
	Fence    Duration `yaml:"fence"`    // the doubt that may come once more before the redirect has what is left of it
	LastCopy Duration `yaml:"lastCopy"` // of the data, with ViaSnapshot only: lies in a graceful recovery's RTO
	Database Duration `yaml:"database"`
	Pipeline Duration `yaml:"pipeline"`
	Scale    Duration `yaml:"scale"`
	Smoke    Duration `yaml:"smoke"`
	Redirect Duration `yaml:"redirect"` // until Route 53 says INSYNC
	Outside  Duration `yaml:"outside"`  // until the first good answer: the old TTL runs in it
	Return   Duration `yaml:"return"`   // the whole way back, from the decision on: the fence, people's work on the data, the services, the records
}

// DisasterReadiness says how the runbook DisasterReadiness warns.
type DisasterReadiness struct {
	RepeatAfter Duration `yaml:"repeatAfter"` // an unchanged warning is mailed again after this; 24h if it is left out
}

// DisasterBudget is the budget of one step.
type DisasterBudget struct {
	Step string        `json:"step"`
	Of   time.Duration `json:"of"`
}

// List gives the budgets in the order of the steps.
func (b DisasterBudgets) List() []DisasterBudget {
	return []DisasterBudget{
		{"declare", b.Declare.D()}, {"fence", b.Fence.D()}, {"last-copy", b.LastCopy.D()}, {"database", b.Database.D()}, {"pipeline", b.Pipeline.D()}, {"scale", b.Scale.D()},
		{"smoke", b.Smoke.D()}, {"redirect", b.Redirect.D()}, {"outside", b.Outside.D()}, {"return", b.Return.D()},
	}
}

// Name is the one name that a run of a mode redirects.
func (r DisasterRedirect) Name(mode string) string {
	if mode == DisasterReal {
		return r.Production
	}
	return r.Rehearsal
}

// Prefix is that of the clusters which a run of a mode restores.
func (d DisasterDatabase) Prefix(mode string) string {
	if mode == DisasterReal {
		return d.RealPrefix
	}
	return d.DrillPrefix
}

// Service finds a service of the DR region by its logical name.
func (e DisasterECS) Service(name string) (DisasterService, bool) {
	return find(e.Services, func(v DisasterService) bool { return v.Name == name })
}

// HasDisaster says whether the description says how a disaster is met.
func (s *System) HasDisaster() bool { return s.Disaster.RTO > 0 }
