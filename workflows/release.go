package workflows

import (
	"encoding/base64"
	"path"
	"regexp"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	store "tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Release (アプリリリース, row 16) brings new versions into production: container images by their pipeline, code of Lambda functions,
// files of the site. One release may hold several parts; they come in the order of the input.
//
// An officer of the ministry approves exactly what comes: digests, code hashes, hashes of files. Whoever built, requested or operates
// it may not. An image whose scan has grave findings is refused before anything happens, unless each has a named exception that
// counts on that day. Before the first effect everything is looked at again: a new finding, or another deployment meanwhile, makes
// the approval void.
//
// What runs is compared with what was approved, as a deployment that ECS has rolled back looks stable. Then the release is watched:
// an alarm that begins to ring, too many errors, or a failed check takes all parts back, in reverse, without asking anybody. The
// operator may take it back earlier; nobody can end the watch early. Versions of Lambda code and of files stay, unused.
var release = runbook.Spec{Name: "Release", Row: 16, Title: "アプリリリース · Release"}

// mostParts and mostFiles keep a release small enough to be judged by people.
const (
	mostParts = 10
	mostFiles = 200
)

// ReleaseInput asks for a release.
type ReleaseInput struct {
	Title     string        `json:"title"`    // Japanese
	Reason    string        `json:"reason"`   // Japanese; what changes for whom
	Ticket    string        `json:"ticket"`   // number of the request
	Criteria  string        `json:"criteria"` // Japanese; by what people see that it works
	Requester string        `json:"requester"`
	Operator  string        `json:"operator"`
	Builder   string        `json:"builder"` // person who built what is released
	Incident  string        `json:"incident,omitempty"`
	Parts     []ReleasePart `json:"parts"` // in the order in which they are released
}

// ReleasePart is a part of system.yaml and its new version: an image's digest; or a code hash and where the code lies; or files and
// where they lie.
type ReleasePart struct {
	Name       string            `json:"name"`
	Digest     string            `json:"digest,omitempty"`     // "sha256:" and 64 hex digits
	CodeSHA256 string            `json:"codeSha256,omitempty"` // in base64, as Lambda writes it
	Object     string            `json:"object,omitempty"`     // key of the code in the bucket of builds
	Source     string            `json:"source,omitempty"`     // prefix of the files in the bucket of builds
	Files      map[string]string `json:"files,omitempty"`      // path → SHA-256 in hex
}

var (
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	hashForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	keyForm    = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,512}$`)
)

// Validate checks what can be checked without the operated system.
func (in *ReleaseInput) Validate() error {
	var p problems
	p.line("title", in.Title, 120)
	p.text("reason", in.Reason, 2000)
	p.line("ticket", in.Ticket, 64)
	p.text("criteria", in.Criteria, 2000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	p.line("builder", in.Builder, 64)
	p.optional("incident", in.Incident, 200)
	if len(in.Parts) == 0 || len(in.Parts) > mostParts {
		p.add("parts has %d entries: give 1 to %d", len(in.Parts), mostParts)
	}
	var names []string
	for _, part := range in.Parts {
		names = append(names, part.Name)
		part.validate(&p)
	}
	p.names("parts", names)
	return p.err()
}

func (v *ReleasePart) validate(p *problems) {
	at := "part " + v.Name
	switch {
	case v.Digest != "" && v.CodeSHA256+v.Object+v.Source == "" && v.Files == nil:
		if !digestForm.MatchString(v.Digest) {
			p.add("%s: digest %q: want sha256: and 64 hex digits in small letters", at, v.Digest)
		}
	case v.CodeSHA256 != "" && v.Object != "" && v.Digest+v.Source == "" && v.Files == nil:
		if sum, err := base64.StdEncoding.DecodeString(v.CodeSHA256); err != nil || len(sum) != 32 {
			p.add("%s: codeSha256 %q: want a SHA-256 in base64, as `aws lambda get-function` shows it", at, v.CodeSHA256)
		}
		v.key(p, at+": object", v.Object)
	case v.Source != "" && len(v.Files) > 0 && v.Digest+v.CodeSHA256+v.Object == "":
		v.key(p, at+": source", strings.TrimSuffix(v.Source, "/"))
		if !strings.HasSuffix(v.Source, "/") {
			p.add("%s: source %q: want a prefix that ends with /", at, v.Source)
		}
		if len(v.Files) > mostFiles {
			p.add("%s has %d files; at most %d are allowed: release them one after another", at, len(v.Files), mostFiles)
		}
		for _, name := range workflow.DeterministicKeys(v.Files) {
			v.key(p, at+": file", name)
			if !hashForm.MatchString(v.Files[name]) {
				p.add("%s: file %s: want its SHA-256 as 64 hex digits in small letters", at, name)
			}
		}
	default:
		p.add("%s: give either digest, or codeSha256 and object, or source and files", at)
	}
}

// key keeps a name inside its bucket and prefix.
func (v *ReleasePart) key(p *problems, what, key string) {
	if !keyForm.MatchString(key) || path.Clean(key) != key || strings.HasPrefix(key, "/") || strings.HasPrefix(key, "..") {
		p.add("%s %q: want a plain key of letters, digits, . _ - and single slashes, without .. and without a slash at its start", what, key)
	}
}

func (v *ReleasePart) kind() string {
	switch {
	case v.Digest != "":
		return "container"
	case v.CodeSHA256 != "":
		return "lambda"
	}
	return "static"
}

// request is the input for system.yaml.
func (in *ReleaseInput) request(at time.Time) system.ReleaseRequest {
	req := system.ReleaseRequest{Requester: in.Requester, Operator: in.Operator, Builder: in.Builder, At: at}
	for _, part := range in.Parts {
		req.Parts = append(req.Parts, system.ReleasePartWanted{Name: part.Name, Kind: part.kind()})
	}
	return req
}

// ReleaseResult is what the report needs.
type ReleaseResult struct {
	Plan     string           `json:"plan"` // digest
	Parts    []ReleasedPart   `json:"parts"`
	Watched  string           `json:"watched"` // what the watch saw last
	Evidence runbook.Evidence `json:"evidence"`
}

// ReleasedPart is what a part was before, and what it is at the run's end, as read back from AWS.
type ReleasedPart struct {
	Name   string `json:"name"`
	Before string `json:"before"` // digest, or alias version; "" for files
	After  string `json:"after"`  // read when the part was in place; "" if it never was
}

// releasing is one run of the runbook.
type releasing struct {
	*runbook.Run
	in     ReleaseInput
	on     system.ReleaseTarget
	parts  []part
	rang   []string // alarms that rang before, and have not cleared since
	given  error    // why it is taken back; nil if it stays
	result ReleaseResult
}

// Release is the workflow.
func Release(ctx workflow.Context, raw converter.RawValue) (ReleaseResult, error) {
	r := &releasing{}
	ctx, run, err := runbook.Open(ctx, release, raw, &r.in)
	if err != nil {
		return ReleaseResult{}, err
	}
	r.Run = run
	r.given = r.run(ctx)
	r.result.Evidence, err = r.Finish(ctx, r.given)
	r.result.Plan = r.PlanDigest()
	return r.result, err
}

func (r *releasing) run(ctx workflow.Context) error {
	// 1. What does the request mean on this system, is it allowed, and does nobody else work on these parts?
	if err := r.MadeBefore(ctx, r.resolve(ctx)); err != nil {
		return err
	}
	r.Declare(r.steps()...)

	// 2. The scans of the images, and before → after of every part. The ministry approves exactly this.
	if err := r.Planned(ctx, r.plan); err != nil {
		return err
	}
	if err := r.Approve(ctx, r.gate()); err != nil {
		return err
	}
	if err := r.Step(ctx, takeStep(r.Run, r.resources())); err != nil {
		return err
	}
	if err := r.Confirm(ctx, r.gate()); err != nil {
		return err
	}
	if late := workflow.Now(ctx); late.After(r.on.StartBy) {
		return runbook.End(runbook.ErrExpired, "the release had to start by %s, and it is %s. Ask for it anew", runbook.JST(r.on.StartBy), runbook.JST(late))
	}
	if err := r.baseline(ctx); err != nil {
		return err
	}
	if err := r.unfrozen(ctx); err != nil {
		return err
	}
	if err := r.ChangeIs(ctx, store.ChangeRunning, ""); err != nil {
		return err
	}

	// 3. One part after another, each looked at when it is in place. From here on people are told how it has ended.
	r.tellsEnd(ctx)
	for _, part := range r.parts {
		for _, step := range part.steps() {
			if err := r.Step(ctx, step); err != nil {
				return err
			}
		}
	}

	// 4. All of it together: checks from outside, then the watch. What passes it stays.
	if err := r.Step(ctx, r.checkSite()); err != nil {
		return err
	}
	if err := r.Watch(ctx, r.watch()); err != nil {
		return err
	}
	if err := r.Step(ctx, r.readBack()); err != nil {
		return err
	}
	r.Keep()
	return nil
}

// resolve turns the request into AWS names and limits, and holds the parts.
func (r *releasing) resolve(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveRelease, r.in.request(workflow.Now(ctx).UTC()))
	if err != nil {
		return err
	}
	r.on = on
	r.result.Parts = make([]ReleasedPart, len(on.Parts))
	for i, target := range on.Parts {
		r.result.Parts[i].Name = target.Name
		r.parts = append(r.parts, r.part(i))
	}
	err = r.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Makers: []string{on.Builder},
		Targets: r.resources(), About: r.facts(),
		Mail: map[string]string{"title": r.in.Title, "reason": r.in.Reason},
	})
	if err != nil {
		return err
	}
	if err := r.Satisfiable(ctx, "release"); err != nil {
		return err
	}
	mended, err := mends(ctx, r.in.Incident)
	if err != nil {
		return err
	}
	if err := r.Reserve(ctx, r.resources(), workflow.Now(ctx), on.HoldUntil); err != nil {
		return err
	}
	return r.RecordChange(ctx, runbook.ChangeRecord{
		Kind: activities.ReleaseKind, Class: activities.NormalChange, Title: r.in.Title, Targets: r.resources(),
		Incident: mended.WorkflowID, Number: mended.Number,
	})
}

func (r *releasing) facts() []runbook.Fact {
	var names []string
	for _, part := range r.on.Parts {
		names = append(names, part.String())
	}
	facts := []runbook.Fact{
		{Name: "件名 · Title", Value: r.in.Title},
		{Name: "依頼番号 · Ticket", Value: r.in.Ticket},
		{Name: "対象 · Parts", Value: strings.Join(names, ", ")},
		{Name: "合否基準 · Criteria", Value: r.in.Criteria},
		{Name: "依頼者・作業者・構築者 · Requester, operator, builder", Value: r.on.Requester + ", " + r.on.Operator + ", " + r.on.Builder},
	}
	if r.in.Incident != "" {
		facts = append(facts, runbook.Fact{Name: "対応する障害 · Incident", Value: r.in.Incident})
	}
	return facts
}

// resources names what no other run may touch until the release has ended.
func (r *releasing) resources() []string {
	var names []string
	for _, part := range r.on.Parts {
		names = append(names, part.Resource(r.on.Cluster))
	}
	return names
}

func (r *releasing) gate() runbook.Gate {
	return runbook.Gate{Name: "release", Asks: "リリースの承認 · approval of the release", NotAfter: r.on.StartBy, Plan: r.plan}
}

// plan reads the present state of every part, and judges what is to come. What may not be released is refused here.
func (r *releasing) plan(ctx workflow.Context) ([]plan.Change, error) {
	var changes []plan.Change
	for _, part := range r.parts {
		planned, err := part.plan(ctx)
		if err != nil {
			return nil, err
		}
		changes = append(changes, planned...)
	}
	return changes, nil
}
