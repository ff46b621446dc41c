package system

import (
	"fmt"
	"strings"
	"time"

	"tejun/internal/strictyaml"
)

// ReleaseRequest asks for a release.
type ReleaseRequest struct {
	Requester string              `json:"requester"` // person ID or account
	Operator  string              `json:"operator"`
	Builder   string              `json:"builder"` // who built what is released
	Parts     []ReleasePartWanted `json:"parts"`   // in the order in which they are released
	At        time.Time           `json:"at"`      // the run's start
}

// ReleasePartWanted is a part and the kind of thing that is to be released as it.
type ReleasePartWanted struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // "container", "lambda" or "static"
}

// ReleaseTarget is what the request means on this system. It enters the history and holds no secrets.
type ReleaseTarget struct {
	SystemID     string        `json:"systemId"`
	Environment  string        `json:"environment"`
	Requester    string        `json:"requester"` // person ID
	Operator     string        `json:"operator"`
	Builder      string        `json:"builder"`
	Cluster      string        `json:"cluster"`
	Distribution string        `json:"distribution"`
	Builds       string        `json:"builds"` // bucket
	Parts        []PartTarget  `json:"parts"`
	StartBy      time.Time     `json:"startBy"`   // approved later than this, it would not end in time
	HoldUntil    time.Time     `json:"holdUntil"` // the parts are held until then
	WatchFor     time.Duration `json:"watchFor"`
	WatchEvery   time.Duration `json:"watchEvery"`
	Alarms       []string      `json:"alarms"`
	ErrorRate    ErrorRate     `json:"errorRate"`
	MailList     string        `json:"mailList"`
}

// PartTarget is one part of a release with its AWS names. Only those of its kind are set.
type PartTarget struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Check string `json:"check"` // path on the site that answers when it works; "" for none

	Pipeline   string `json:"pipeline,omitempty"`
	Service    string `json:"service,omitempty"` // ECS service name
	Container  string `json:"container,omitempty"`
	Repository string `json:"repository,omitempty"`

	Function string `json:"function,omitempty"`
	Alias    string `json:"alias,omitempty"`

	Bucket     string   `json:"bucket,omitempty"`
	Prefix     string   `json:"prefix,omitempty"`
	Invalidate []string `json:"invalidate,omitempty"`
}

// ResolveRelease turns a request into what it means, or says why not (*OutageRefused).
func (s *System) ResolveRelease(req ReleaseRequest) (ReleaseTarget, error) {
	c := outageCheck{system: s, now: req.At, zone: s.Location()}
	v := s.Releases
	if v.Builds == "" {
		return ReleaseTarget{}, &OutageRefused{What: "the release", Problems: []string{"system.yaml does not say what is released: add releases"}}
	}
	gate, known := s.Gate("Release", "release")
	if !known {
		c.refuse(`system.yaml has no gate "release" of the runbook Release: add it under gates`)
	}
	requester, operator := c.people(OutageRequest{Requester: req.Requester, Operator: req.Operator})
	builder, _ := c.person("builder", req.Builder)
	target := ReleaseTarget{
		SystemID: s.ID, Environment: s.Environment, Requester: requester.ID, Operator: operator.ID, Builder: builder.ID,
		Cluster: s.ECS.Cluster, Distribution: s.Distribution.ID, Builds: v.Builds, MailList: v.MailList,
		WatchFor: v.Watch.Duration.D(), WatchEvery: v.Watch.Every.D(), Alarms: v.Watch.Alarms, ErrorRate: v.Watch.ErrorRate,
	}
	for _, wanted := range req.Parts {
		target.Parts = append(target.Parts, c.part(wanted))
	}
	target.StartBy = req.At.Add(gate.Deadline.D()).UTC()
	c.beforeFreeze(&target, v.MaxDuration.D())
	target.HoldUntil = target.StartBy.Add(v.MaxDuration.D())
	if len(c.problems) > 0 {
		return ReleaseTarget{}, &OutageRefused{What: "the release", Problems: c.problems}
	}
	return target, nil
}

// part finds the AWS names of a part.
func (c *outageCheck) part(wanted ReleasePartWanted) PartTarget {
	v := c.system.Releases
	p, ok := v.Part(wanted.Name)
	switch {
	case !ok:
		c.refuse("part %q is unknown; these parts are known: %s", wanted.Name, strictyaml.Listed(strictyaml.NamesOf(v.Parts, func(p ReleasePart) string { return p.Name })))
		return PartTarget{}
	case p.Kind() != wanted.Kind:
		c.refuse("part %q is of the kind %s, and a %s was to be released as it: give %s", p.Name, p.Kind(), wanted.Kind, givenFor[p.Kind()])
	}
	target := PartTarget{Name: p.Name, Kind: p.Kind()}
	switch {
	case p.Container != nil:
		service, _ := c.system.Service(p.Container.Service) // the description is checked to have it
		target.Pipeline, target.Service, target.Container = p.Container.Pipeline, service.Service, p.Container.Container
		target.Repository, target.Check = p.Container.Repository, p.Container.Check
	case p.Lambda != nil:
		target.Function, target.Alias = p.Lambda.Function, p.Lambda.Alias
	case p.Static != nil:
		target.Bucket, target.Prefix, target.Invalidate, target.Check = p.Static.Bucket, p.Static.Prefix, p.Static.Invalidate, p.Static.Check
	}
	return target
}

// givenFor says what an input gives for a part of a kind.
var givenFor = map[string]string{"container": "its digest", "lambda": "its codeSha256 and object", "static": "its source and files"}

// beforeFreeze brings StartBy forward, so that the release ends before the next freeze.
func (c *outageCheck) beforeFreeze(target *ReleaseTarget, takes time.Duration) {
	for _, f := range c.system.Freezes {
		latest := f.Start.Add(-takes)
		switch {
		case !f.End.After(c.now) || latest.After(target.StartBy):
		case latest.After(c.now):
			target.StartBy = latest.UTC()
		default:
			c.refuse("a release may take %s and would run into the freeze %q, from %s to %s (%s): release after it", words(takes), f.Name, c.at(f.Start), c.at(f.End), f.Reason)
		}
	}
}

// MayRelease says why no release may be made from a moment until another, because of a freeze, or nil. It is asked again right before
// the first effect: people may have approved days after the release was asked for, and a freeze may have been added.
func (s *System) MayRelease(from, until time.Time) error {
	c := outageCheck{system: s, zone: s.Location()}
	if f, frozen := s.Freeze(from, until); frozen {
		c.refuse("a release may take %s and would run into the freeze %q, from %s to %s (%s): release after it", words(until.Sub(from)), f.Name, c.at(f.Start), c.at(f.End), f.Reason)
		return &OutageRefused{What: "the release", Problems: c.problems}
	}
	return nil
}

// Resource is the name by which a part is held, so that no two runs work on it.
func (p PartTarget) Resource(cluster string) string {
	switch p.Kind {
	case "container":
		return "ecs:" + cluster + "/" + p.Service
	case "lambda":
		return "lambda:" + p.Function
	}
	return "s3:" + p.Bucket + "/" + strings.TrimSuffix(p.Prefix, "/")
}

// String names a part for people.
func (p PartTarget) String() string { return fmt.Sprintf("%s (%s)", p.Name, p.Kind) }
