// Package preflight checks, without changing anything, whether AWS is as system.yaml says: that every named resource is
// there and fit for use, and that the caller may make every call that the runbooks make.
package preflight

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"

	"tejun/internal/operated"
	"tejun/internal/system"
)

// State is what a check found.
type State string

// The states. Only OK lets a runbook rely on it; Unknown means that it could not be looked up, and Skipped that it cannot be from
// here, which by itself is no problem.
const (
	OK      State = "ok"
	Missing State = "missing"
	Wrong   State = "wrong"
	Denied  State = "denied"
	Unknown State = "unknown"
	Skipped State = "skipped"
)

// Finding is one thing that was checked.
type Finding struct {
	Area     string `json:"area"`     // AWS service, such as "cloudfront", or "permission"
	Resource string `json:"resource"` // name as in system.yaml, or the IAM action
	State    State  `json:"state"`
	Problem  string `json:"problem"` // "" when OK
	Mend     string `json:"mend"`    // what to do about it
}

// Report is all findings, in the order of system.yaml, data loads and permissions last.
type Report struct {
	Account  string    `json:"account"` // account of the caller, "" if unknown
	Caller   string    `json:"caller"`  // ARN
	Region   string    `json:"region"`
	Findings []Finding `json:"findings"`
}

// Good tells whether nothing stands in the way.
func (r Report) Good() bool { return len(r.Problems()) == 0 }

// Problems are the findings that are not OK.
func (r Report) Problems() []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.State != OK && f.State != Skipped {
			out = append(out, f)
		}
	}
	return out
}

// globalRegion is where AWS keeps what belongs to CloudFront.
const globalRegion = "us-east-1"

// callTimeout is for one call, its retries included.
const callTimeout = 20 * time.Second

// checker collects findings.
type checker struct {
	cfg    aws.Config
	sys    *system.System
	data   *operated.Database
	report Report
	passed []string // roles that the jobs hand to their targets
}

// database is what is asked of the operated system's database.
type database interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Run makes every check and reports all it finds; one failure does not hide the next. The region is the system's. data is the
// operated system's database; nil skips what only it can tell.
func Run(ctx context.Context, cfg aws.Config, sys *system.System, data *operated.Database) Report {
	cfg = cfg.Copy()
	cfg.Region = sys.AWS.Region
	c := &checker{cfg: cfg, sys: sys, data: data, report: Report{Region: cfg.Region}}
	if !c.identity(ctx) {
		return c.report // without credentials every other check would repeat the same sentence
	}
	c.distribution(ctx)
	c.bucket(ctx)
	c.webACL(ctx)
	c.operatorSet(ctx)
	c.services(ctx)
	c.loadTask(ctx)
	c.database(ctx)
	c.alarms(ctx)
	c.incidents(ctx)
	c.jobs(ctx)
	c.settings(ctx)
	c.releases(ctx)
	c.disaster(ctx)
	c.mail(ctx)
	datasets := c.loads(ctx)
	c.tables(ctx, datasets)
	c.permissions(ctx, datasets)
	return c.report
}

func (c *checker) ok(area, resource string) {
	c.report.Findings = append(c.report.Findings, Finding{Area: area, Resource: resource, State: OK})
}

func (c *checker) bad(state State, area, resource, problem, mend string) {
	c.report.Findings = append(c.report.Findings, Finding{Area: area, Resource: resource, State: state, Problem: problem, Mend: mend})
}

// global is the configuration for CloudFront's own region.
func (c *checker) global() aws.Config {
	cfg := c.cfg.Copy()
	cfg.Region = globalRegion
	return cfg
}
