package system

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"tejun/internal/strictyaml"
)

var (
	accountForm      = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm       = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	distributionForm = regexp.MustCompile(`^[A-Z0-9]{6,32}$`)
	hostForm         = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}$`)
	bucketForm       = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixForm       = regexp.MustCompile(`^/([A-Za-z0-9_-]+/)+$`)
	pathForm         = regexp.MustCompile(`^/[A-Za-z0-9._~/%-]*$`)
	wafForm          = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	ecsForm          = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)
	rdsForm          = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9]|-[A-Za-z0-9])*$`)
	schedulerForm    = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	expressionForm   = regexp.MustCompile(`^(cron\(\S+( \S+){5}\)|rate\([1-9][0-9]* (minute|hour|day)s?\))$`)
	arnForm          = regexp.MustCompile(`^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:([0-9]{12})?:\S+$`)
	alarmForm        = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,255}$`)
)

// rdsWords says what rdsForm takes.
const rdsWords = "letters, digits and single hyphens, starting with a letter, ending without a hyphen"

func (r *report) validateAWS(a AWS) {
	r.Form("aws.account", a.Account, accountForm, "the 12 digits of the account, in quotes")
	region := r.Form("aws.region", a.Region, regionForm, "a region such as ap-northeast-1")
	dr := r.Form("aws.drRegion", a.DRRegion, regionForm, "a region such as ap-northeast-3")
	if region && dr && a.Region == a.DRRegion {
		r.Add("aws.drRegion", "is the same as aws.region: a disaster would take both, so name another region")
	}
}

func (r *report) validateSite(s *System) {
	r.url("site.url", s.Site.URL, "paths are listed under site.paths")
	r.paths("site.paths", s.Site.Paths)

	for i, v := range s.Site.Vantages {
		r.validateVantage(strictyaml.Index("site.vantages", i), v, s.WAF.OperatorIPs)
	}
	strictyaml.Unique(r.Report, "site.vantages", s.Site.Vantages, "vantage", func(v Vantage) (string, string) { return v.Name, "name" })
	for _, name := range []string{"public", "operator"} {
		if _, ok := s.Vantage(name); !ok {
			r.Add("site.vantages", "there is no vantage %q: add it, the outside checks look from public and operator", name)
		}
	}
}

// url reports what is not the plain absolute address of a site, and says whether it is.
func (r *report) url(path, address, paths string) bool {
	if !r.Need(path, address) {
		return false
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		r.Add(path, "is not a URL: %v", err)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		r.Add(path, "%q: want an absolute address such as https://www.example.go.jp/", address)
	case u.User != nil:
		r.Add(path, "holds a user name or a password: remove it, as this file holds no secrets")
	case u.RawQuery != "" || u.Fragment != "":
		r.Add(path, "has a query or a fragment: remove it, %s", paths)
	default:
		return true
	}
	return false
}

// paths checks the paths of a site that is up.
func (r *report) paths(at string, paths []string) {
	r.Some(at, len(paths), "name at least one path that is up when the site is, such as /")
	for i, p := range paths {
		r.Form(strictyaml.Index(at, i), p, pathForm, "a path that starts with /")
	}
	strictyaml.Unique(r.Report, at, paths, "path", func(p string) (string, string) { return p, "" })
}

// headerName reports what HTTP does not take for the name of a header.
func (r *report) headerName(path, name string) {
	if !httpguts.ValidHeaderFieldName(name) {
		r.Add(path, "%q is not a name of an HTTP header", name)
	}
}

// header reports a header that cannot be sent, and says whether its value can.
func (r *report) header(path, name, value string) bool {
	r.headerName(path, name)
	if !httpguts.ValidHeaderFieldValue(value) {
		r.Add(path, "holds a line break or another control character: remove it")
		return false
	}
	return true
}

func (r *report) headers(path string, headers map[string]string) {
	for name, value := range headers {
		r.header(path+"."+name, name, value)
	}
}

func (r *report) validateVantage(path string, v Vantage, operators []netip.Prefix) {
	r.Form(path+".name", v.Name, idForm, "a name of small letters, digits and hyphens")
	for header, value := range v.Headers {
		at := path + ".headers." + header
		if !r.header(at, header, value) || !strings.EqualFold(header, "X-Forwarded-For") {
			continue
		}
		addr, err := netip.ParseAddr(value)
		if err != nil {
			r.Add(at, "%q is not one IP address", value)
			continue
		}
		passes := false
		for _, p := range operators {
			passes = passes || p.Bits() > 0 && p.Contains(addr) // a network of everybody is reported by itself
		}
		switch {
		case v.Name == "operator" && !passes:
			r.Add(at, "%s is not in waf.operatorIPs: operators would be shut out of the site", addr)
		case v.Name == "public" && passes:
			r.Add(at, "%s is in waf.operatorIPs: the public would never see the maintenance page", addr)
		}
	}
}

// validateFront checks what stands before the services: distribution, maintenance page, web ACL.
func (r *report) validateFront(s *System) {
	r.Form("distribution.id", s.Distribution.ID, distributionForm, "the ID of a CloudFront distribution, such as E2EXAMPLE1TEJUN")
	r.Form("distribution.domain", s.Distribution.Domain, hostForm, "a host name in small letters")

	if r.Form("maintenance.bucket", s.Maintenance.Bucket, bucketForm, "the name of an S3 bucket: 3 to 63 small letters, digits, dots and hyphens") &&
		strings.Contains(s.Maintenance.Bucket, "..") {
		r.Add("maintenance.bucket", "%q has two dots together: S3 has no such bucket", s.Maintenance.Bucket)
	}
	r.Form("maintenance.pathPrefix", s.Maintenance.PathPrefix, prefixForm, "a path such as /maintenance/, with a slash at both ends, and not / itself")
	r.span("maintenance.retryAfter", s.Maintenance.RetryAfter, time.Second, 7*24*time.Hour)

	w := s.WAF
	r.Form("waf.webACLId", w.WebACLID, wafForm, "the ID of a web ACL: letters, digits, - and _")
	r.Form("waf.webACLName", w.WebACLName, wafForm, "the name of a web ACL: letters, digits, - and _")
	r.Form("waf.operatorSetId", w.OperatorSetID, wafForm, "the ID of an IP set: letters, digits, - and _")
	r.Form("waf.operatorSetName", w.OperatorSet, wafForm, "the name of an IP set: letters, digits, - and _")
	r.Some("waf.operatorIPs", len(w.OperatorIPs), "name the operators' networks, or nobody could work on the closed site")
	for i, p := range w.OperatorIPs {
		at := strictyaml.Index("waf.operatorIPs", i)
		switch {
		case p.Bits() == 0:
			r.Add(at, "%s lets everybody pass: name the operators' networks only", p)
		case p != p.Masked():
			r.Add(at, "%s has bits set behind the mask: write %s", p, p.Masked())
		}
	}
	strictyaml.Unique(r.Report, "waf.operatorIPs", w.OperatorIPs, "network", func(p netip.Prefix) (string, string) { return p.Masked().String(), "" })
	if w.RulePriority < 0 {
		r.Add("waf.rulePriority", "%d is impossible: want 0 or more, smaller than that of any other rule", w.RulePriority)
	}
	if !r.Has("waf.rulePriority") {
		r.Add("waf.rulePriority", "is missing: give the priority of the maintenance rule, smaller than that of any other rule")
	}
}

// validateBack checks what stands behind the front: services, database, alarms, jobs.
func (r *report) validateBack(s *System) {
	r.Form("ecs.cluster", s.ECS.Cluster, ecsForm, "the name of an ECS cluster")
	r.Some("ecs.services", len(s.ECS.Services), "name at least one service")
	for i, v := range s.ECS.Services {
		at := strictyaml.Index("ecs.services", i)
		r.Form(at+".name", v.Name, idForm, "a name of small letters, digits and hyphens, as used in inputs")
		r.Form(at+".service", v.Service, ecsForm, "the name of an ECS service")
		r.Number(at+".desired", int(v.Desired), 1, 5000)
		if v.Path != "" {
			r.Form(at+".path", v.Path, pathForm, "a path that starts with /, or \"\" for none")
		}
	}
	strictyaml.Unique(r.Report, "ecs.services", s.ECS.Services, "name", func(v Service) (string, string) { return v.Name, "name" })
	strictyaml.Unique(r.Report, "ecs.services", s.ECS.Services, "ECS service", func(v Service) (string, string) { return v.Service, "service" })
	strictyaml.Unique(r.Report, "ecs.services", s.ECS.Services, "path", func(v Service) (string, string) { return v.Path, "path" })

	if r.Form("database.cluster", s.Database.Cluster, rdsForm, rdsWords) && len(s.Database.Cluster) > 63 {
		r.Add("database.cluster", "is longer than the 63 characters that RDS takes")
	}
	if r.Form("database.snapshotPrefix", s.Database.SnapshotPrefix, rdsForm, rdsWords) && len(s.Database.SnapshotPrefix) > 40 {
		r.Add("database.snapshotPrefix", "is longer than 40 characters: the rest of the snapshot's name would not fit")
	}
	r.validateDatabase(s)

	for i, a := range s.Alarms {
		r.Form(strictyaml.Index("alarms", i), a, alarmForm, "the name of a CloudWatch alarm, at most 255 characters on one line")
	}
	strictyaml.Unique(r.Report, "alarms", s.Alarms, "alarm", func(a string) (string, string) { return a, "" })

	for i, j := range s.Jobs {
		at := strictyaml.Index("jobs", i)
		r.Form(at+".name", j.Name, idForm, "a name of small letters, digits and hyphens")
		r.Form(at+".group", j.Group, schedulerForm, "the name of a schedule group, such as default")
		r.Form(at+".schedule", j.Schedule, schedulerForm, "the name of an EventBridge Scheduler schedule")
		r.Form(at+".cron", j.Cron, expressionForm, "cron(…) with six fields or rate(…), as EventBridge Scheduler writes them, such as cron(0 2 * * ? *)")
		r.Form(at+".target", j.Target, arnForm, "the ARN of the target")
	}
	strictyaml.Unique(r.Report, "jobs", s.Jobs, "name", func(j Job) (string, string) { return j.Name, "name" })
	strictyaml.Unique(r.Report, "jobs", s.Jobs, "schedule", func(j Job) (string, string) { return j.Group + "/" + j.Schedule, "schedule" })
}
