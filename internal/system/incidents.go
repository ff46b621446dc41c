package system

import (
	"slices"
	"strings"
	"time"

	"tejun/internal/sla"
	"tejun/internal/strictyaml"
)

// levels are those of impact and of urgency, the highest first.
var levels = []string{"high", "medium", "low"}

// IncidentLevels lists the levels of impact and of urgency.
func IncidentLevels() []string { return slices.Clone(levels) }

const (
	defaultFirstReport = Duration(time.Hour)        // row 10 of the seed: at most an hour
	defaultStable      = Duration(30 * time.Minute) // likewise
	personPrefix       = "person:"                  // before a person's ID where mail lists are named
)

// Incidents says how incidents are judged, how fast they must be answered, and who is told when nobody does.
type Incidents struct {
	Requester    string           `yaml:"requester"`    // who reports what monitoring has found
	Operator     string           `yaml:"operator"`     // who is answerable for it then
	Matrix       []IncidentLevel  `yaml:"matrix"`       // impact × urgency → severity: all nine
	Severities   []Severity       `yaml:"severities"`   // the worst first
	Escalation   []EscalationStep `yaml:"escalation"`   // in this order, until somebody acknowledges; the last one again and again
	StablePeriod Duration         `yaml:"stablePeriod"` // how long recovery is watched; 30m if it is left out
	ReportList   string           `yaml:"reportList"`   // who gets the first report and the last one
	Evidence     IncidentEvidence `yaml:"evidence"`
	Bucket       string           `yaml:"bucket"` // where the reports are kept
	Prefix       string           `yaml:"prefix"` // of the keys, such as "incidents/"
}

// IncidentLevel is a field of the matrix.
type IncidentLevel struct {
	Impact   string `yaml:"impact" json:"impact"`
	Urgency  string `yaml:"urgency" json:"urgency"`
	Severity string `yaml:"severity" json:"severity"`
}

// Severity says how fast an incident must be answered.
type Severity struct {
	Name        string   `yaml:"name"`
	Title       Name     `yaml:"title"`
	Acknowledge Duration `yaml:"acknowledge"` // until somebody of the vendor has taken it on
	FirstReport Duration `yaml:"firstReport"` // until the ministry has been told; 1h, the most, if it is left out
	Recover     Duration `yaml:"recover"`     // until the users can work again
	Clock       string   `yaml:"clock"`       // "24x365" or "business"
}

// EscalationStep is who is told, and how long they have before the next ones are. Exactly one of List and Person is set.
type EscalationStep struct {
	List   string   `yaml:"list"`
	Person string   `yaml:"person"`
	Wait   Duration `yaml:"wait"`
}

// IncidentEvidence says where the diagnosis looks.
type IncidentEvidence struct {
	Services  []string `yaml:"services"`  // logical names; all if left out
	Alarms    []string `yaml:"alarms"`    // all if left out
	LogGroups []string `yaml:"logGroups"` // CloudWatch Logs
	Pattern   string   `yaml:"pattern"`   // filter pattern of what is an error, such as ERROR
	Around    Duration `yaml:"around"`    // how long before the detection it looks; 30m if left out
}

func (r *report) validateIncidents(s *System) {
	if !r.Has("incidents") {
		return
	}
	const at = "incidents"
	v := &s.Incidents
	people := strictyaml.NamesOf(s.People, func(p Person) string { return p.ID })
	lists := strictyaml.NamesOf(s.Mail.Lists, func(l List) string { return l.Name })
	r.Refers(at+".requester", v.Requester, "person", people)
	r.Refers(at+".operator", v.Operator, "operator", strictyaml.NamesOf(s.Eligible(RoleOperator, ""), func(p Person) string { return p.ID }))
	r.validateSeverities(at, v)
	r.validateMatrix(at, *v)
	r.Some(at+".escalation", len(v.Escalation), "name at least one list or person, or nobody would be told")
	for i, step := range v.Escalation {
		path := strictyaml.Index(at+".escalation", i)
		switch {
		case (step.List == "") == (step.Person == ""):
			r.Add(path, "must name a list or a person, and not both")
		case step.List != "":
			r.Refers(path+".list", step.List, "mail list", lists)
		default:
			r.Refers(path+".person", step.Person, "person", people)
		}
		r.span(path+".wait", step.Wait, time.Second, 24*time.Hour)
	}
	r.orDefault(at+".stablePeriod", &v.StablePeriod, defaultStable, time.Second, 7*24*time.Hour)
	r.Refers(at+".reportList", v.ReportList, "mail list", lists)
	r.Form(at+".bucket", v.Bucket, bucketForm, "the name of an S3 bucket")
	r.Form(at+".prefix", v.Prefix, keyPrefixForm, "a prefix such as incidents/")
	r.validateEvidence(at+".evidence", s, &v.Evidence)
}

func (r *report) validateSeverities(at string, v *Incidents) {
	r.Some(at+".severities", len(v.Severities), "name at least one")
	for i := range v.Severities {
		path, one := strictyaml.Index(at+".severities", i), &v.Severities[i]
		r.Form(path+".name", one.Name, idForm, "a name of small letters, digits and hyphens, such as critical")
		r.name(path+".title", one.Title)
		r.span(path+".acknowledge", one.Acknowledge, time.Second, 7*24*time.Hour)
		r.orDefault(path+".firstReport", &one.FirstReport, defaultFirstReport, time.Second, time.Hour)
		r.span(path+".recover", one.Recover, time.Second, longestWait)
		r.OneOf(path+".clock", one.Clock, sla.Kinds()...)
	}
	strictyaml.Unique(r.Report, at+".severities", v.Severities, "name", func(s Severity) (string, string) { return s.Name, "name" })
}

// validateMatrix wants every pair of levels once: an incident whose severity nobody has thought about would have no limits.
func (r *report) validateMatrix(at string, v Incidents) {
	names := strictyaml.NamesOf(v.Severities, func(s Severity) string { return s.Name })
	seen := map[[2]string]bool{}
	for i, level := range v.Matrix {
		path := strictyaml.Index(at+".matrix", i)
		r.OneOf(path+".impact", level.Impact, levels...)
		r.OneOf(path+".urgency", level.Urgency, levels...)
		r.Refers(path+".severity", level.Severity, "severity", names)
		pair := [2]string{level.Impact, level.Urgency}
		if seen[pair] {
			r.Add(path, "impact %s and urgency %s are given twice: keep one", level.Impact, level.Urgency)
		}
		seen[pair] = true
	}
	for _, impact := range levels {
		for _, urgency := range levels {
			if !seen[[2]string{impact, urgency}] {
				r.Add(at+".matrix", "has no severity for impact %s and urgency %s: add it", impact, urgency)
			}
		}
	}
}

func (r *report) validateEvidence(at string, s *System, v *IncidentEvidence) {
	services := strictyaml.NamesOf(s.ECS.Services, func(one Service) string { return one.Name })
	for i, name := range v.Services {
		r.Refers(strictyaml.Index(at+".services", i), name, "service", services)
	}
	for i, name := range v.Alarms {
		r.Refers(strictyaml.Index(at+".alarms", i), name, "alarm", s.Alarms)
	}
	for i, group := range v.LogGroups {
		if path := strictyaml.Index(at+".logGroups", i); r.Line(path, group) && (len(group) > 512 || strings.ContainsAny(group, " *:")) {
			r.Add(path, "%q: want the name of a CloudWatch Logs group, such as /ecs/gzs-api", group)
		}
	}
	if len(v.LogGroups) > 0 {
		r.Line(at+".pattern", v.Pattern)
	}
	r.orDefault(at+".around", &v.Around, defaultStable, time.Second, 24*time.Hour)
	if len(v.Services) == 0 {
		v.Services = services
	}
	if len(v.Alarms) == 0 {
		v.Alarms = slices.Clone(s.Alarms)
	}
}

// orDefault checks a span that may be left out.
func (r *report) orDefault(path string, d *Duration, otherwise Duration, least, most time.Duration) {
	if !r.Has(path) {
		*d = otherwise
		return
	}
	r.span(path, *d, least, most)
}
