package system

import (
	"slices"
	"strings"
	"time"
)

// DisasterRequest asks for a recovery in the DR region.
type DisasterRequest struct {
	Operation  string    `json:"operation"` // the run's key; "" in a check before the start
	Mode       string    `json:"mode"`      // DisasterDrill or DisasterReal
	Manner     string    `json:"manner"`    // DisasterGraceful or DisasterUngraceful
	Requester  string    `json:"requester"` // person ID or account
	Operator   string    `json:"operator"`
	Scheduled  bool      `json:"scheduled"`  // a schedule has started the run
	DisasterAt string    `json:"disasterAt"` // RFC 3339: when it struck; "" if that is not known, and in a drill
	At         time.Time `json:"at"`         // the run's start
}

// DisasterTarget is what the request means on this system. It enters the history and holds no secrets and no addresses of people.
// What is not in it the activities read from the description.
type DisasterTarget struct {
	SystemID    string    `json:"systemId"`
	Environment string    `json:"environment"`
	Mode        string    `json:"mode"`
	Manner      string    `json:"manner"`
	Requester   string    `json:"requester"` // person ID
	Operator    string    `json:"operator"`
	DisasterAt  time.Time `json:"disasterAt,omitzero"`

	Declarers []DeclarerTarget `json:"declarers"` // in order, without requester and operator
	RTO       time.Duration    `json:"rto"`
	RPO       time.Duration    `json:"rpo"`
	Budgets   []DisasterBudget `json:"budgets"` // in the order of the steps
	HoldUntil time.Time        `json:"holdUntil"`
	MailList  string           `json:"mailList"`

	Region   string `json:"region"`   // that fails
	DRRegion string `json:"drRegion"` // that takes over
	Database string `json:"database"` // Aurora cluster in Region
	Via      string `json:"via"`      // ViaSnapshot or ViaGlobalCluster; always ViaSnapshot in a drill
	Cluster  string `json:"cluster"`  // Aurora cluster in DRRegion: that is restored, or the global cluster's member

	PrimaryCluster  string                  `json:"primaryCluster"` // ECS in Region
	PrimaryServices []ServiceTarget         `json:"primaryServices"`
	PrimaryJobs     []JobTarget             `json:"primaryJobs"`
	Pipeline        string                  `json:"pipeline"`
	ECSCluster      string                  `json:"ecsCluster"` // in DRRegion
	Services        []DisasterServiceTarget `json:"services"`

	Zone       string        `json:"zone"`
	RecordName string        `json:"recordName"` // that is redirected: by the mode
	WatchFor   time.Duration `json:"watchFor"`
	WatchEvery time.Duration `json:"watchEvery"`
}

// DeclarerTarget is who may declare, and how long before the next one may too.
type DeclarerTarget struct {
	Person string        `json:"person"`
	Wait   time.Duration `json:"wait"`
}

// DisasterServiceTarget is a service in the DR region.
type DisasterServiceTarget struct {
	Name       string `json:"name"`    // logical
	Service    string `json:"service"` // ECS service name
	Desired    int32  `json:"desired"`
	Repository string `json:"repository"`
}

// Budget is how long a step may take; 0 for a step without a budget.
func (t DisasterTarget) Budget(step string) time.Duration {
	b, _ := find(t.Budgets, func(b DisasterBudget) bool { return b.Step == step })
	return b.Of
}

// DisasterHold is the name by which a run holds the DR environment of a system.
func DisasterHold(systemID string) string { return "disaster:" + systemID }

// ResolveDisaster turns a request into what it means, or says why not (*OutageRefused).
func (s *System) ResolveDisaster(req DisasterRequest) (DisasterTarget, error) {
	c := outageCheck{system: s, now: req.At, zone: s.Location()}
	if !s.HasDisaster() {
		return DisasterTarget{}, &OutageRefused{What: "the recovery", Problems: []string{"system.yaml does not say how a disaster is met: add disaster"}}
	}
	c.disasterMode(req)
	requester, operator := c.people(OutageRequest{Requester: req.Requester, Operator: req.Operator})
	d := s.Disaster
	target := DisasterTarget{
		SystemID: s.ID, Environment: s.Environment, Mode: req.Mode, Manner: req.Manner, Requester: requester.ID, Operator: operator.ID,
		Declarers: c.declarers(requester, operator), RTO: d.RTO.D(), RPO: d.RPO.D(), Budgets: d.Budgets.List(),
		HoldUntil: req.At.Add(d.MaxDuration.D()).UTC(), MailList: d.MailList,
		Region: s.AWS.Region, DRRegion: s.AWS.DRRegion, Database: s.Database.Cluster, Via: ViaSnapshot,
		Cluster:        strings.TrimSuffix(d.Database.Prefix(req.Mode)+"-"+req.Operation, "-"),
		PrimaryCluster: s.ECS.Cluster, Pipeline: d.Pipeline, ECSCluster: d.ECS.Cluster,
		Zone: d.Redirect.Zone, RecordName: d.Redirect.Name(req.Mode), WatchFor: d.Watch.Duration.D(), WatchEvery: d.Watch.Every.D(),
	}
	if req.Mode == DisasterReal && d.Database.Via == ViaGlobalCluster {
		target.Via, target.Cluster = ViaGlobalCluster, d.Database.Secondary
	}
	for _, v := range s.ECS.Services {
		target.PrimaryServices = append(target.PrimaryServices, ServiceTarget{Name: v.Name, Service: v.Service})
	}
	for _, j := range s.Jobs {
		target.PrimaryJobs = append(target.PrimaryJobs, JobTarget{Name: j.Name, Group: j.Group, Schedule: j.Schedule})
	}
	for _, v := range d.ECS.Services {
		target.Services = append(target.Services, DisasterServiceTarget(v))
	}
	target.DisasterAt = c.disasterAt(req)
	c.drillFreeze(req, d.MaxDuration.D())
	if len(c.problems) > 0 {
		return DisasterTarget{}, &OutageRefused{What: "the recovery", Problems: c.problems}
	}
	return target, nil
}

// disasterMode checks what kind of run it is: nothing moves production by the clock.
func (c *outageCheck) disasterMode(req DisasterRequest) {
	if modes := []string{DisasterDrill, DisasterReal}; !slices.Contains(modes, req.Mode) {
		c.refuse("mode %q is unknown: write drill or real", req.Mode)
	}
	if manners := []string{DisasterGraceful, DisasterUngraceful}; !slices.Contains(manners, req.Manner) {
		c.refuse("manner %q is unknown: write graceful or ungraceful", req.Manner)
	}
	if req.Scheduled && req.Mode != DisasterDrill {
		c.refuse("a schedule has started it with mode %s: a schedule may only start a drill; a real one is started by a person", req.Mode)
	}
}

// declarers are those who may declare this run: whoever asks for it or carries it out does not.
func (c *outageCheck) declarers(requester, operator Person) []DeclarerTarget {
	targets := []DeclarerTarget{}
	for _, d := range c.system.Disaster.Declare {
		if d.Person != requester.ID && d.Person != operator.ID {
			targets = append(targets, DeclarerTarget{Person: d.Person, Wait: d.Wait.D()})
		}
	}
	if len(targets) == 0 {
		c.refuse("nobody could declare it: whoever asks for it or carries it out cannot; let somebody else ask, or add people to disaster.declare")
	}
	return targets
}

func (c *outageCheck) disasterAt(req DisasterRequest) time.Time {
	switch {
	case req.DisasterAt == "":
		return time.Time{}
	case req.Mode != DisasterReal:
		c.refuse("disasterAt belongs to mode real: remove it, in a drill nothing has struck")
		return time.Time{}
	}
	return c.past("disasterAt", req.DisasterAt, req.At).UTC()
}

// drillFreeze keeps drills out of times in which nothing may be changed. A disaster asks for no date.
func (c *outageCheck) drillFreeze(req DisasterRequest, takes time.Duration) {
	if req.Mode == DisasterReal {
		return
	}
	if f, frozen := c.system.Freeze(req.At, req.At.Add(takes)); frozen {
		c.refuse("a drill may take %s and would lie in the freeze %q, from %s to %s (%s): rehearse at another time", words(takes), f.Name, c.at(f.Start), c.at(f.End), f.Reason)
	}
}
