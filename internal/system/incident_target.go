package system

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tejun/internal/sla"
	"tejun/internal/strictyaml"
)

// IncidentRequest reports an incident, in logical names.
type IncidentRequest struct {
	Requester string    `json:"requester"` // person ID or account
	Operator  string    `json:"operator"`  // person ID or account
	Services  []string  `json:"services"`  // logical names; may be empty
	Detected  string    `json:"detected"`  // RFC 3339; "" for From
	From      time.Time `json:"from"`      // when it was reported
}

// IncidentTarget is what the report means on this system: people, limits and where to look. It enters the history, so it holds no
// addresses of people and no secrets.
type IncidentTarget struct {
	SystemID    string           `json:"systemId"`
	Environment string           `json:"environment"`
	Requester   string           `json:"requester"` // person ID
	Operator    string           `json:"operator"`  // person ID
	DetectedAt  time.Time        `json:"detectedAt"`
	Matrix      []IncidentLevel  `json:"matrix"`
	Severities  []SeverityTarget `json:"severities"`
	Escalation  []EscalateTo     `json:"escalation"`
	Stable      time.Duration    `json:"stable"`
	ReportList  string           `json:"reportList"`
	Operators   string           `json:"operators"` // mail list of those who operate
	Officers    string           `json:"officers"`  // mail list of those who decide

	Cluster   string          `json:"cluster"`
	Services  []ServiceTarget `json:"services"` // where the diagnosis looks: those of the report, or all that the description names
	Alarms    []string        `json:"alarms"`
	LogGroups []string        `json:"logGroups"`
	Pattern   string          `json:"pattern"`
	Around    time.Duration   `json:"around"`
	Paths     []string        `json:"paths"` // that answer when the site is up
}

// SeverityTarget is a severity and its limits.
type SeverityTarget struct {
	Name        string        `json:"name"`
	Title       string        `json:"title"`
	Acknowledge time.Duration `json:"acknowledge"`
	FirstReport time.Duration `json:"firstReport"`
	Recover     time.Duration `json:"recover"`
	Clock       sla.Kind      `json:"clock"`
}

// EscalateTo is a mail list, or person:ID, and how long it has.
type EscalateTo struct {
	To   string        `json:"to"`
	Wait time.Duration `json:"wait"`
}

// ResolveIncident turns a report into what it means, or says why not (*OutageRefused).
func (s *System) ResolveIncident(req IncidentRequest) (IncidentTarget, error) {
	c := outageCheck{system: s, now: req.From, zone: s.Location()}
	if s.Incidents.Bucket == "" {
		c.refuse("system.yaml does not say how incidents are handled: add incidents")
		return IncidentTarget{}, &OutageRefused{What: "the incident", Problems: c.problems}
	}
	requester, operator := c.people(OutageRequest{Requester: req.Requester, Operator: req.Operator})
	names := req.Services
	if len(names) == 0 {
		names = s.Incidents.Evidence.Services
	}
	services := c.services(names)
	detected := req.From
	if req.Detected != "" {
		detected = c.past("detectedAt", req.Detected, req.From)
	}
	if len(c.problems) > 0 {
		return IncidentTarget{}, &OutageRefused{What: "the incident", Problems: c.problems}
	}
	operate, _ := s.Answer("operate")
	decide, _ := s.Answer("decide") // the description is checked to have both
	e := s.Incidents.Evidence
	on := IncidentTarget{
		SystemID: s.ID, Environment: s.Environment, Requester: requester.ID, Operator: operator.ID, DetectedAt: detected.UTC(),
		Matrix: slices.Clone(s.Incidents.Matrix), Stable: s.Incidents.StablePeriod.D(), ReportList: s.Incidents.ReportList,
		Operators: operate.NotifyList, Officers: decide.NotifyList,
		Cluster: s.ECS.Cluster, Services: services, Alarms: slices.Clone(e.Alarms), LogGroups: slices.Clone(e.LogGroups), Pattern: e.Pattern,
		Around: e.Around.D(), Paths: slices.Clone(s.Site.Paths),
	}
	for _, v := range s.Incidents.Severities {
		on.Severities = append(on.Severities, SeverityTarget{
			Name: v.Name, Title: v.Title.Ja + " · " + v.Title.En, Acknowledge: v.Acknowledge.D(), FirstReport: v.FirstReport.D(), Recover: v.Recover.D(), Clock: sla.Kind(v.Clock),
		})
	}
	for _, step := range s.Incidents.Escalation {
		to := step.List
		if step.Person != "" {
			to = ToPerson(step.Person)
		}
		on.Escalation = append(on.Escalation, EscalateTo{To: to, Wait: step.Wait.D()})
	}
	return on, nil
}

// SeverityOf is the matrix: impact × urgency → severity.
func (t IncidentTarget) SeverityOf(impact, urgency string) (string, error) {
	for _, level := range t.Matrix {
		if level.Impact == impact && level.Urgency == urgency {
			return level.Severity, nil
		}
	}
	return "", fmt.Errorf("impact %q and urgency %q: each must be %s", impact, urgency, strings.Join(levels, ", "))
}

// Severity finds a severity by its name.
func (t IncidentTarget) Severity(name string) (SeverityTarget, error) {
	if v, ok := find(t.Severities, func(v SeverityTarget) bool { return v.Name == name }); ok {
		return v, nil
	}
	return SeverityTarget{}, fmt.Errorf("severity %q is unknown; these are known: %s", name, strictyaml.Listed(strictyaml.NamesOf(t.Severities, func(v SeverityTarget) string { return v.Name })))
}

// ToPerson names a person, by ID, where mail lists are named.
func ToPerson(id string) string { return personPrefix + id }

// Recipients are the addresses of a mail list, or of a person named as person:ID.
func (s *System) Recipients(to string) ([]string, bool) {
	if id, isPerson := strings.CutPrefix(to, personPrefix); isPerson {
		p, known := s.Person(id)
		return []string{p.Mail}, known && p.Mail != ""
	}
	list, known := s.List(to)
	return list.Addresses, known
}
