package system

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"tejun/internal/strictyaml"
)

// Releases says what is released, how, and what lets a release pass or takes it back.
type Releases struct {
	Builds      string        `yaml:"builds"`      // versioned bucket into which builds put Lambda code and static files
	MaxDuration Duration      `yaml:"maxDuration"` // from the approval to the end of the watch; the parts are held this long
	MailList    string        `yaml:"mailList"`    // told how a release ends
	Parts       []ReleasePart `yaml:"parts"`
	Scan        ReleaseScan   `yaml:"scan"`
	Watch       ReleaseWatch  `yaml:"watch"`
}

// ReleasePart is one thing that can be released. Exactly one of Container, Lambda and Static is set.
type ReleasePart struct {
	Name      string         `yaml:"name"`      // logical, used in inputs
	Container *ContainerPart `yaml:"container"` // an image, rolled out to an ECS service by a pipeline
	Lambda    *LambdaPart    `yaml:"lambda"`    // code of a function, behind an alias
	Static    *StaticPart    `yaml:"static"`    // files of the site in a versioned bucket
}

// ContainerPart is a container of an ECS service. Its pipeline takes the image from the repository, waits for an approval, and
// deploys.
type ContainerPart struct {
	Pipeline   string `yaml:"pipeline"`   // CodePipeline
	Service    string `yaml:"service"`    // logical name of a service under ecs.services
	Container  string `yaml:"container"`  // in its task definition
	Repository string `yaml:"repository"` // ECR
	Check      string `yaml:"check"`      // path on the site that answers when it works; "" for none
}

// LambdaPart is a Lambda function that callers reach by an alias.
type LambdaPart struct {
	Function string `yaml:"function"`
	Alias    string `yaml:"alias"`
}

// StaticPart is a folder of the site.
type StaticPart struct {
	Bucket     string   `yaml:"bucket"`     // versioned
	Prefix     string   `yaml:"prefix"`     // of the keys, such as "guide/"
	Invalidate []string `yaml:"invalidate"` // paths that are dropped from CloudFront's caches, such as "/guide/*"
	Check      string   `yaml:"check"`      // path on the site that answers when it works; "" for none
}

// ReleaseScan says which findings of an image's scan keep it from being released.
type ReleaseScan struct {
	Threshold  string          `yaml:"threshold"` // findings as severe as this, or more, need an exception
	Exceptions []ScanException `yaml:"exceptions"`
}

// ScanException lets one finding pass for a while.
type ScanException struct {
	Finding string `yaml:"finding"` // as the scanner names it, such as CVE-2026-12345
	Until   string `yaml:"until"`   // last day in the system's zone, such as 2027-03-31
	By      string `yaml:"by"`      // officer who accepts the risk
	Why     string `yaml:"why"`
}

// ReleaseWatch says how long and by what a release is watched.
type ReleaseWatch struct {
	Duration  Duration  `yaml:"duration"`
	Every     Duration  `yaml:"every"`
	Alarms    []string  `yaml:"alarms"` // CloudWatch alarms that must not begin to ring
	ErrorRate ErrorRate `yaml:"errorRate"`
}

// ErrorRate is the share of failed requests, from two CloudWatch metrics.
type ErrorRate struct {
	Namespace    string            `yaml:"namespace" json:"namespace"` // such as AWS/ApplicationELB
	Errors       string            `yaml:"errors" json:"errors"`       // such as HTTPCode_Target_5XX_Count
	Requests     string            `yaml:"requests" json:"requests"`   // such as RequestCount
	Dimensions   map[string]string `yaml:"dimensions" json:"dimensions"`
	LimitPercent float64           `yaml:"limitPercent" json:"limitPercent"` // above it the release is taken back
}

// Severities are those of ECR's scans, the least severe first.
var Severities = []string{"INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL"}

// Severe tells whether a severity is at or above the threshold. One that is not known is: nobody has judged it.
func Severe(severity, threshold string) bool {
	at := slices.Index(Severities, severity)
	return at < 0 || at >= slices.Index(Severities, threshold)
}

// Kind is "container", "lambda" or "static".
func (p ReleasePart) Kind() string {
	switch {
	case p.Container != nil:
		return "container"
	case p.Lambda != nil:
		return "lambda"
	}
	return "static"
}

// Part finds a part by its logical name.
func (v Releases) Part(name string) (ReleasePart, bool) {
	return find(v.Parts, func(p ReleasePart) bool { return p.Name == name })
}

// Excused finds the exception that lets a finding pass at a moment.
func (v ReleaseScan) Excused(finding string, now time.Time, zone *time.Location) (ScanException, bool) {
	today := now.In(zone).Format(time.DateOnly)
	return find(v.Exceptions, func(e ScanException) bool { return e.Finding == finding && today <= e.Until })
}

var (
	pipelineForm   = regexp.MustCompile(`^[A-Za-z0-9.@_-]{1,100}$`)
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+([._/-][a-z0-9]+)*$`)
	lambdaForm     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	findingForm    = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,100}$`)
	metricForm     = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,255}$`)
	invalidForm    = regexp.MustCompile(`^/[A-Za-z0-9._~/%-]*\*?$`)
)

func (r *report) validateReleases(s *System) {
	if !r.Has("releases") {
		return
	}
	v := s.Releases
	r.Form("releases.builds", v.Builds, bucketForm, "the name of an S3 bucket")
	r.span("releases.maxDuration", v.MaxDuration, time.Minute, 24*time.Hour)
	r.Refers("releases.mailList", v.MailList, "mail list", strictyaml.NamesOf(s.Mail.Lists, func(l List) string { return l.Name }))
	r.Some("releases.parts", len(v.Parts), "name at least one part that is released")
	for i, p := range v.Parts {
		r.validateReleasePart(strictyaml.Index("releases.parts", i), p, s)
	}
	strictyaml.Unique(r.Report, "releases.parts", v.Parts, "name", func(p ReleasePart) (string, string) { return p.Name, "name" })
	r.validateScan(v.Scan, s)
	r.validateWatch(v.Watch)
	if v.Watch.Duration >= v.MaxDuration {
		r.Add("releases.maxDuration", "%s does not reach beyond the watch of %s: leave time for the release itself", v.MaxDuration, v.Watch.Duration)
	}
}

func (r *report) validateReleasePart(at string, p ReleasePart, s *System) {
	r.Form(at+".name", p.Name, idForm, "a name of small letters, digits and hyphens, as used in inputs")
	given := 0
	check := func(path, value string) {
		if value != "" {
			r.Form(path, value, pathForm, "a path that starts with /, or \"\" for none")
		}
	}
	if c := p.Container; c != nil {
		given++
		r.Form(at+".container.pipeline", c.Pipeline, pipelineForm, "the name of a pipeline of CodePipeline")
		r.Refers(at+".container.service", c.Service, "service", strictyaml.NamesOf(s.ECS.Services, func(v Service) string { return v.Name }))
		r.Form(at+".container.container", c.Container, ecsForm, "the name of a container of the service's task definition")
		r.Form(at+".container.repository", c.Repository, repositoryForm, "the name of an ECR repository")
		check(at+".container.check", c.Check)
	}
	if l := p.Lambda; l != nil {
		given++
		r.Form(at+".lambda.function", l.Function, lambdaForm, "the name of a Lambda function")
		r.Form(at+".lambda.alias", l.Alias, lambdaForm, "the name of an alias of the function")
	}
	if v := p.Static; v != nil {
		given++
		r.Form(at+".static.bucket", v.Bucket, bucketForm, "the name of an S3 bucket with versioning")
		r.Form(at+".static.prefix", v.Prefix, keyPrefixForm, "a prefix such as guide/")
		r.Some(at+".static.invalidate", len(v.Invalidate), "name the paths that CloudFront has to fetch anew, such as /guide/*")
		for i, path := range v.Invalidate {
			r.Form(strictyaml.Index(at+".static.invalidate", i), path, invalidForm, "a path such as /guide/*")
		}
		check(at+".static.check", v.Check)
	}
	if given != 1 {
		r.Add(at, "has %d of container, lambda and static: give exactly one", given)
	}
}

func (r *report) validateScan(v ReleaseScan, s *System) {
	r.OneOf("releases.scan.threshold", v.Threshold, Severities...)
	for i, e := range v.Exceptions {
		at := strictyaml.Index("releases.scan.exceptions", i)
		r.Form(at+".finding", e.Finding, findingForm, "a finding as the scanner names it, such as CVE-2026-12345")
		if r.Need(at+".until", e.Until) {
			if _, err := time.Parse(time.DateOnly, e.Until); err != nil {
				r.Add(at+".until", "%q is no day: write the last one on which it counts, such as 2027-03-31", e.Until)
			}
		}
		r.Refers(at+".by", e.By, "officer", strictyaml.NamesOf(s.Eligible(RoleOfficer, ""), func(p Person) string { return p.ID }))
		r.Line(at+".why", e.Why)
	}
	strictyaml.Unique(r.Report, "releases.scan.exceptions", v.Exceptions, "finding", func(e ScanException) (string, string) { return e.Finding, "finding" })
}

func (r *report) validateWatch(v ReleaseWatch) {
	const at = "releases.watch"
	if r.span(at+".duration", v.Duration, time.Second, 12*time.Hour) && r.span(at+".every", v.Every, 100*time.Millisecond, time.Hour) && v.Every > v.Duration {
		r.Add(at+".every", "%s is longer than the watch of %s: look more often", v.Every, v.Duration)
	}
	for i, a := range v.Alarms {
		r.Form(strictyaml.Index(at+".alarms", i), a, alarmForm, "the name of a CloudWatch alarm, at most 255 characters on one line")
	}
	if len(v.Alarms) > 100 {
		r.Add(at+".alarms", "has %d entries: name at most 100", len(v.Alarms))
	}
	strictyaml.Unique(r.Report, at+".alarms", v.Alarms, "alarm", func(a string) (string, string) { return a, "" })
	e := v.ErrorRate
	r.Form(at+".errorRate.namespace", e.Namespace, metricForm, "a namespace of CloudWatch, such as AWS/ApplicationELB")
	r.Form(at+".errorRate.errors", e.Errors, metricForm, "the name of the metric that counts failures")
	r.Form(at+".errorRate.requests", e.Requests, metricForm, "the name of the metric that counts requests")
	if e.LimitPercent <= 0 || e.LimitPercent >= 100 {
		r.Add(at+".errorRate.limitPercent", "%v is impossible: want more than 0 and less than 100", e.LimitPercent)
	}
	for name, value := range e.Dimensions {
		if strings.TrimSpace(value) == "" {
			r.Add(at+".errorRate.dimensions."+name, "is empty: give a value")
		}
	}
}
