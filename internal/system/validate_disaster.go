package system

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"tejun/internal/strictyaml"
)

const (
	recovery  = "DisasterRecovery" // the runbook of row 21
	mostLooks = 1000               // of a watch: each of them stands in the run's history
)

var (
	zoneForm          = regexp.MustCompile(`^Z[A-Z0-9]{5,31}$`)
	subnetGroupForm   = regexp.MustCompile(`^[A-Za-z0-9._ -]{1,255}$`)
	setIdentifierForm = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,128}$`)
	tagForm           = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+@-]{1,128}$`)
)

func (r *report) validateDisaster(s *System) {
	if !r.Has("disaster") {
		return
	}
	const at = "disaster"
	d := &s.Disaster
	week, month := 7*24*time.Hour, 31*24*time.Hour
	r.span(at+".rto", d.RTO, time.Minute, week)
	r.span(at+".rpo", d.RPO, time.Minute, month)
	r.span(at+".maxDuration", d.MaxDuration, time.Minute, month)
	r.Refers(at+".mailList", d.MailList, "mail list", strictyaml.NamesOf(s.Mail.Lists, func(l List) string { return l.Name }))
	r.Form(at+".reports.bucket", d.Reports.Bucket, bucketForm, "the name of an S3 bucket")
	r.Form(at+".reports.prefix", d.Reports.Prefix, keyPrefixForm, "a prefix such as reports/")
	if d.Reports.Bucket != "" && d.Reports.Bucket == s.Maintenance.Bucket {
		r.Add(at+".reports.bucket", "is maintenance.bucket, which the public reads: keep the reports in another one")
	}
	if strings.HasPrefix(strings.ToLower(d.ProductionTag.Key), "aws:") {
		r.Add(at+".productionTag.key", "%q: keys that begin with aws: are AWS's own: name the one that your resources carry", d.ProductionTag.Key)
	}
	r.Form(at+".productionTag.key", d.ProductionTag.Key, tagForm, "the key of a tag that production's resources carry, such as Environment")
	r.Form(at+".productionTag.value", d.ProductionTag.Value, tagForm, "the value of the tag, such as production")
	r.Form(at+".pipeline", d.Pipeline, pipelineForm, "the name of a pipeline of CodePipeline in aws.drRegion")

	r.validateDisasterDatabase(at+".database", s)
	r.validateDisasterECS(at+".ecs", s)
	r.view(at+".smoke.url", d.Smoke.URL, "")
	r.headers(at+".smoke.headers", d.Smoke.Headers)
	r.paths(at+".smoke.paths", d.Smoke.Paths)
	r.validateRedirect(at, s)
	r.validateDisasterTimes(at, d)
	r.orDefault(at+".readiness.repeatAfter", &d.Readiness.RepeatAfter, defaultReadinessRepeat, time.Minute, month)
	r.validateDeclare(at+".declare", s)
}

func (r *report) validateDisasterDatabase(at string, s *System) {
	d := s.Disaster.Database
	r.OneOf(at+".via", d.Via, ViaSnapshot, ViaGlobalCluster)
	for _, member := range []struct{ key, name string }{{".globalCluster", d.GlobalCluster}, {".secondary", d.Secondary}} {
		switch {
		case d.Via == ViaGlobalCluster:
			if r.Form(at+member.key, member.name, rdsForm, rdsWords) && member.name == s.Database.Cluster {
				r.Add(at+member.key, "is database.cluster, the one that fails: name another")
			}
		case r.Has(at + member.key):
			r.Add(at+member.key, "has no meaning with via %s: remove it, or write via: global-cluster", d.Via)
		}
	}
	r.clusterPrefix(at+".drillPrefix", d.DrillPrefix)
	r.clusterPrefix(at+".realPrefix", d.RealPrefix)
	r.instance(at, d.InstanceClass, d.MinCapacity, d.MaxCapacity)
	if d.SubnetGroup != "" {
		r.Form(at+".subnetGroup", d.SubnetGroup, subnetGroupForm, "the name of a DB subnet group in aws.drRegion")
	}
	for i, group := range d.SecurityGroups {
		r.Form(strictyaml.Index(at+".securityGroups", i), group, securityGroupForm, "the ID of a security group in aws.drRegion, such as sg-0d1e2f30415263748")
	}
	strictyaml.Unique(r.Report, at+".securityGroups", d.SecurityGroups, "security group", func(g string) (string, string) { return g, "" })
	r.drillAlone(at+".drillPrefix", s)

	// A drill restores a snapshot too, so the copies are needed whatever via says.
	if !r.Has("database.backup") {
		r.Add(at+".via", "needs copies of the data in aws.drRegion, and there is no database.backup: add it")
	} else if s.Disaster.RPO > 0 && s.Database.Backup.MaxAge > s.Disaster.RPO {
		r.Add("disaster.rpo", "%s is shorter than database.backup.maxAge (%s): nobody would be told of a missing backup before the target is lost. Shorten maxAge, or lengthen rpo", s.Disaster.RPO, s.Database.Backup.MaxAge)
	}
}

// drillAlone makes sure that a name which a drill's clusters carry is carried by no other cluster: a drill deletes by that name.
func (r *report) drillAlone(path string, s *System) {
	d := s.Disaster.Database
	if d.DrillPrefix == "" {
		return
	}
	drill := d.DrillPrefix + "-"
	for _, other := range []struct{ what, name string }{
		{"disaster.database.realPrefix", d.RealPrefix}, {"database.cluster", s.Database.Cluster}, {"disaster.database.secondary", d.Secondary},
		{"disaster.database.globalCluster", d.GlobalCluster}, {"database.restore.prefix", s.Database.Restore.Prefix},
	} {
		if other.name != "" && (strings.HasPrefix(other.name+"-", drill) || strings.HasPrefix(drill, other.name+"-")) {
			r.Add(path, "%q cannot be told from %s, %q: choose one with which the other does not begin, as drills delete what is called so", d.DrillPrefix, other.what, other.name)
		}
	}
}

func (r *report) validateDisasterECS(at string, s *System) {
	e := s.Disaster.ECS
	r.Form(at+".cluster", e.Cluster, ecsForm, "the name of an ECS cluster in aws.drRegion")
	r.Some(at+".services", len(e.Services), "name at least one service that the DR site needs")
	known := strictyaml.NamesOf(s.ECS.Services, func(v Service) string { return v.Name })
	for i, v := range e.Services {
		path := strictyaml.Index(at+".services", i)
		r.Refers(path+".name", v.Name, "service", known)
		r.Form(path+".service", v.Service, ecsForm, "the name of an ECS service in aws.drRegion")
		r.Number(path+".desired", int(v.Desired), 1, 5000)
		r.Form(path+".repository", v.Repository, repositoryForm, "the name of an ECR repository")
	}
	strictyaml.Unique(r.Report, at+".services", e.Services, "name", func(v DisasterService) (string, string) { return v.Name, "name" })
	strictyaml.Unique(r.Report, at+".services", e.Services, "ECS service", func(v DisasterService) (string, string) { return v.Service, "service" })
}

func (r *report) validateRedirect(at string, s *System) {
	v, out := s.Disaster.Redirect, s.Disaster.Outside
	path := at + ".redirect"
	r.Form(path+".zone", v.Zone, zoneForm, "the ID of a Route 53 hosted zone, such as Z0123456789ABCDEFGHIJ")
	r.OneOf(path+".kind", v.Kind, RedirectWeighted, RedirectFailover)
	r.Form(path+".production", v.Production, hostForm, "a host name in small letters")
	if r.Form(path+".rehearsal", v.Rehearsal, hostForm, "a host name in small letters") {
		switch v.Rehearsal {
		case v.Production:
			r.Add(path+".rehearsal", "is the name of production: a drill would move real users. Give it a name of its own")
		case s.Distribution.Domain:
			r.Add(path+".rehearsal", "is distribution.domain, the public's name: give it a name of its own")
		}
	}
	r.Form(path+".primary", v.Primary, setIdentifierForm, "the set identifier of the record that leads to aws.region")
	if r.Form(path+".dr", v.DR, setIdentifierForm, "the set identifier of the record that leads to aws.drRegion") && v.DR == v.Primary {
		r.Add(path+".dr", "is the same as primary: each of the two records has its own")
	}
	path = at + ".outside"
	r.view(path+".productionURL", out.ProductionURL, v.Production)
	r.headers(path+".productionHeaders", out.ProductionHeaders)
	r.view(path+".rehearsalURL", out.RehearsalURL, v.Rehearsal)
	r.headers(path+".rehearsalHeaders", out.RehearsalHeaders)
	r.paths(path+".paths", out.Paths)
	if r.Need(path+".header", out.Header) {
		r.headerName(path+".header", out.Header)
	}
}

// view checks an address that is looked at from outside; host is whose it must be, "" for any.
func (r *report) view(path, address, host string) {
	if !r.url(path, address, "paths are listed beside it") || host == "" {
		return
	}
	if u, err := url.Parse(address); err == nil && u.Hostname() != host {
		r.Add(path, "leads to %s, and %s is redirected: the check would see another site", u.Hostname(), host)
	}
}

func (r *report) validateDisasterTimes(at string, d *Disaster) {
	if r.span(at+".watch.duration", d.Watch.Duration, time.Second, 12*time.Hour) && r.span(at+".watch.every", d.Watch.Every, 100*time.Millisecond, time.Hour) {
		switch looks := d.Watch.Duration / d.Watch.Every; {
		case looks < 1:
			r.Add(at+".watch.every", "%s is longer than the watch of %s: look more often", d.Watch.Every, d.Watch.Duration)
		case looks > mostLooks:
			r.Add(at+".watch.every", "%s makes %d looks in the watch of %s, and the run's history has room for %d: look more seldom, or watch for a shorter time", d.Watch.Every, looks, d.Watch.Duration, mostLooks)
		}
	}
	var target, all time.Duration
	whole := true
	for _, b := range d.Budgets.List() {
		key := b.Step
		if key == "last-copy" {
			if key = "lastCopy"; !r.Has(at + ".budgets.lastCopy") { // nothing warns of it then
				continue
			}
		}
		whole = r.span(at+".budgets."+key, Duration(b.Of), time.Second, 7*24*time.Hour) && whole
		all += b.Of
		if b.Step != "declare" && b.Step != "return" { // the target counts from the declaration to the first answer
			target += b.Of
		}
	}
	if !whole {
		return
	}
	if d.RTO > 0 && target > d.RTO.D() {
		r.Add(at+".budgets", "from fence to outside they come to %s, more than rto (%s): no run that keeps them would keep the target", words(target), d.RTO)
	}
	if all += d.Watch.Duration.D(); d.MaxDuration > 0 && all > d.MaxDuration.D() {
		r.Add(at+".maxDuration", "%s is less than the budgets and the watch together (%s): a run within its budgets would not end in time", d.MaxDuration, words(all))
	}
}

// validateDeclare checks that everybody who may declare also may by the gate, and gets a turn before it closes.
func (r *report) validateDeclare(at string, s *System) {
	r.Some(at, len(s.Disaster.Declare), "name at least one officer, or nobody could declare")
	gate, found := s.Gate(recovery, "declare")
	if !found {
		r.Add(at, "nobody could answer: add the gate declare of %s under gates", recovery)
	}
	if _, there := s.Gate(recovery, "return"); !there {
		r.Add("disaster", "nobody could decide to return: add the gate return of %s under gates", recovery)
	}
	able := strictyaml.NamesOf(s.Eligible(gate.Role, gate.Organisation), func(p Person) string { return p.ID })
	people := strictyaml.NamesOf(s.People, func(p Person) string { return p.ID })
	var waits time.Duration
	last := len(s.Disaster.Declare) - 1
	for i, d := range s.Disaster.Declare {
		path := strictyaml.Index(at, i)
		if r.Refers(path+".person", d.Person, "person", people) && found && !slices.Contains(able, d.Person) {
			r.Add(path+".person", "%s may not pass the gate declare, only these may: %s", d.Person, strictyaml.Listed(able))
		}
		switch {
		case i < last:
			r.span(path+".wait", d.Wait, time.Second, 24*time.Hour)
			waits += d.Wait.D()
		case r.Has(path + ".wait"):
			r.Add(path+".wait", "has no meaning for the last one, as nobody comes after: remove it")
		}
	}
	strictyaml.Unique(r.Report, at, s.Disaster.Declare, "person", func(d DisasterDeclarer) (string, string) { return d.Person, "person" })
	if found && waits >= gate.Deadline.D() {
		r.Add(at, "the last one would get a turn after %s, and the gate closes after %s: shorten the waits", words(waits), gate.Deadline)
	}
}

// validateDrillSchedule refuses a schedule that would move production by the clock.
func (r *report) validateDrillSchedule(at string, v Schedule) {
	if v.Runbook != recovery {
		return
	}
	if mode, _ := v.Input["mode"].(string); mode != DisasterDrill {
		r.Add(at+".input", "its mode is %q: a schedule may only start a drill, so write mode: drill. A real recovery is started by a person", mode)
	}
}
