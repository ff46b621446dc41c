package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// The planned outage (計画停止運用, row 8) takes the site down and back up on a schedule that was announced: it
// announces, shows a maintenance page to the public while operators still reach the site, stops the services, waits for
// the work, and puts everything back.
//
// An officer of the ministry approves twice: the plan, and go/no-go shortly before the window. An announcement that has
// been sent cannot be taken back; a second one says that the outage ended or was called off. The snapshot stays.
//
// The way to the maintenance page is deployed at every CloudFront edge before the WAF closes the site, and the WAF opens
// the site before that way is taken down again. So nobody sees a bare error while edges still differ.
var plannedOutage = runbook.Spec{Name: "PlannedOutage", Row: 8, Title: "計画停止運用 · Planned outage"}

// PlannedOutageInput asks for an outage.
type PlannedOutageInput struct {
	Title     string       `json:"title"`     // Japanese; the announcement's and the page's headline
	Reason    string       `json:"reason"`    // Japanese; what is done and why
	Requester string       `json:"requester"` // person in system.yaml who asks for it
	Operator  string       `json:"operator"`  // person in system.yaml who carries it out
	Window    OutageWindow `json:"window"`
	Services  []string     `json:"services"` // logical names of the services to stop; may be empty
	Notice    OutageNotice `json:"notice"`
}

// OutageWindow is from when until when the site may be down.
type OutageWindow struct {
	Start runbook.Moment `json:"start"` // RFC 3339 with a zone, or counted from the run's start: "+10bd 22:00"
	End   runbook.Moment `json:"end"`
}

// OutageNotice says how the outage is announced.
type OutageNotice struct {
	Class         string `json:"class"`                   // a notice class of system.yaml, such as "standard"
	Justification string `json:"justification,omitempty"` // why the notice is short, where the class wants it
	Text          string `json:"text,omitempty"`          // Japanese; added to the announcement
}

// Validate checks what can be checked without the operated system.
func (in *PlannedOutageInput) Validate() error {
	var p problems
	p.line("title", in.Title, 120)
	p.text("reason", in.Reason, 2000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	p.line("notice.class", in.Notice.Class, 64)
	p.optional("notice.justification", in.Notice.Justification, 2000)
	p.optional("notice.text", in.Notice.Text, 4000)
	p.names("services", in.Services)
	p.moment("window.start", in.Window.Start)
	p.moment("window.end", in.Window.End)
	from, fixed := in.Window.Start.At()
	if until, too := in.Window.End.At(); fixed && too && !until.After(from) {
		p.add("window.end (%s) is not after window.start (%s)", in.Window.End, in.Window.Start)
	}
	return p.err()
}

// request is the input with its times known.
func (in *PlannedOutageInput) request(start, end time.Time) system.OutageRequest {
	return system.OutageRequest{
		Requester: in.Requester, Operator: in.Operator, Start: start, End: end,
		Services: in.Services, NoticeClass: in.Notice.Class, NoticeWhy: in.Notice.Justification,
	}
}

// PlannedOutageResult is what the report needs. Every figure leads back to the run's evidence.
type PlannedOutageResult struct {
	Plan           string           `json:"plan"` // digest
	Snapshot       string           `json:"snapshot"`
	PlannedMinutes float64          `json:"plannedMinutes"`
	ActualMinutes  float64          `json:"actualMinutes"` // from the site's closing to its opening
	ClosedAt       *time.Time       `json:"closedAt"`
	OpenedAt       *time.Time       `json:"openedAt"`
	EndedBy        string           `json:"endedBy"` // "done", "return" or "overrun"
	Evidence       runbook.Evidence `json:"evidence"`
}

// outage is one run of the runbook.
type outage struct {
	*runbook.Run
	in      PlannedOutageInput
	on      system.OutageTarget
	changes changes
	start   time.Time
	end     time.Time // the window's end, extensions included
	result  PlannedOutageResult
}

// PlannedOutage is the workflow.
func PlannedOutage(ctx workflow.Context, raw converter.RawValue) (PlannedOutageResult, error) {
	o := &outage{}
	ctx, run, err := runbook.Open(ctx, plannedOutage, raw, &o.in)
	if err != nil {
		return PlannedOutageResult{}, err
	}
	o.Run = run
	o.result.Evidence, err = o.Finish(ctx, o.run(ctx))
	o.result.Plan = o.PlanDigest()
	return o.result, err
}

func (o *outage) run(ctx workflow.Context) error {
	// 1. What does the request mean on this system, and is it allowed? Nothing has an effect yet.
	if err := o.resolve(ctx); err != nil {
		return err
	}
	o.Declare(o.steps()...)

	// 2. The plan: before → after of everything that changes. The ministry approves it in time for the announcement.
	if err := o.Planned(ctx, o.plan); err != nil {
		return err
	}
	if err := o.Approve(ctx, o.planGate()); err != nil {
		return err
	}
	if err := o.Confirm(ctx, o.planGate()); err != nil {
		return err
	}
	if late := workflow.Now(ctx); late.After(o.on.AnnounceBy) {
		return runbook.End(runbook.ErrExpired, "the announcement had to go out by %s to keep the notice, and it is %s. Plan a new outage",
			runbook.JST(o.on.AnnounceBy), runbook.JST(late))
	}
	if err := o.Step(ctx, o.announce()); err != nil {
		return err
	}

	// 3. Go or no-go, shortly before the window. A rejection wins until the start.
	if err := o.WaitUntil(ctx, o.on.GoNoGoAt, "asks for go/no-go", "go"); err != nil {
		return err
	}
	if err := o.Approve(ctx, o.goGate()); err != nil {
		return err
	}
	if err := o.WaitUntil(ctx, o.start, "the window starts", "go"); err != nil {
		return err
	}
	if err := o.Step(ctx, o.take()); err != nil {
		return err
	}
	if err := o.Confirm(ctx, o.goGate()); err != nil {
		return err
	}
	if late := workflow.Now(ctx); late.After(o.on.LatestStart) {
		return runbook.End(runbook.ErrExpired, "the window should have started by %s, and it is %s: too late to keep the announced times. Plan a new outage",
			runbook.JST(o.on.LatestStart), runbook.JST(late))
	}

	// 4. Into the outage.
	for _, step := range []runbook.StepSpec{o.snapshot(), o.muteAlarms(), o.pauseJobs(), o.putPage(), o.routePage()} {
		if err := o.Step(ctx, step); err != nil {
			return err
		}
	}
	o.OnReturn(o.checkOpen()) // on the way back: after the site is opened, before the page is taken away
	for _, step := range []runbook.StepSpec{o.closeSite(), o.checkClosed(), o.stopServices()} {
		if err := o.Step(ctx, step); err != nil {
			return err
		}
	}

	// 5. People work; the window is watched. The way back is the undo of 4 and 3, in reverse.
	return o.work(ctx)
}

// resolve turns the request into AWS names, times and limits, and holds them for the window.
func (o *outage) resolve(ctx workflow.Context) error {
	window, err := runbook.Resolve(ctx, directory.ResolveMoments, activities.Moments{
		From: workflow.Now(ctx).UTC(), Texts: []string{string(o.in.Window.Start), string(o.in.Window.End)},
	})
	if err != nil {
		return err
	}
	o.start, o.end = window.Times[0], window.Times[1]
	on, err := runbook.Resolve(ctx, directory.ResolvePlannedOutage, o.in.request(o.start, o.end))
	if err != nil {
		return err
	}
	o.on = on
	o.result.PlannedMinutes = o.end.Sub(o.start).Minutes()
	err = o.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator,
		Targets: o.resources(),
		About: []runbook.Fact{
			{Name: "件名 · Title", Value: o.in.Title},
			{Name: "時間帯 · Window", Value: runbook.JST(o.start) + " – " + runbook.JST(o.end)},
			{Name: "停止するサービス · Services to stop", Value: strings.Join(o.in.Services, ", ")},
			{Name: "依頼者・作業者 · Requester and operator", Value: on.Requester + ", " + on.Operator},
		},
		Mail: map[string]string{
			"title": o.in.Title, "reason": o.in.Reason, "services": strings.Join(o.in.Services, "、"),
			"start": runbook.JapaneseTime(o.start), "end": runbook.JapaneseTime(o.end),
		},
	})
	if err != nil {
		return err
	}
	if err := o.Satisfiable(ctx, "plan", "go"); err != nil {
		return err
	}
	return o.Reserve(ctx, o.resources(), o.start, on.OverrunEnd)
}

// resources names what no other run may touch during the window.
func (o *outage) resources() []string {
	names := []string{"cloudfront:distribution/" + o.on.Distribution, "wafv2:webacl/" + o.on.WebACLID}
	for _, s := range o.on.Services {
		names = append(names, "ecs:"+o.on.Cluster+"/"+s.Service)
	}
	return names
}

func (o *outage) planGate() runbook.Gate {
	return runbook.Gate{Name: "plan", Asks: "計画の承認 · approval of the plan", NotAfter: o.on.AnnounceBy, Plan: o.plan}
}

func (o *outage) goGate() runbook.Gate {
	return runbook.Gate{Name: "go", Asks: "実施可否の判断 · go or no-go", NotAfter: o.on.LatestStart, Plan: o.plan}
}

// work waits until the operators report the work as done, and asks the ministry when the window runs out.
func (o *outage) work(ctx workflow.Context) error {
	decideAt, overrunEnd := o.on.DecideAt, o.on.OverrunEnd
	answers := map[string]string{runbook.Finished: "operate", runbook.Extend: "decide", runbook.Return: "decide"}
	for {
		phases := []struct {
			name, why, then, template string
			until                     time.Time
		}{
			{"work", "作業中 · the work is going on", "a decision is asked for", "", decideAt},
			{"decision", "時間内に終わるかの判断 · will the work end in time? extend, return, or done", "the window is overrun", "window-decision", o.end},
			{"overrun", "時間超過 · the window is over: extend, return, or done", "the site comes back by itself", "window-overrun", overrunEnd},
		}
		var extended bool
		for _, phase := range phases {
			var granted activities.Extension
			d, err := o.Asked(ctx, runbook.Waiting, runbook.Ask{
				Kind: kind(phase.name), Name: phase.name, Why: phase.why, Until: phase.until, Then: phase.then, Answers: answers,
				Tell: phase.template, Check: o.checkExtension(&granted),
			})
			if err != nil {
				return err
			}
			if d == nil {
				continue
			}
			if d.Action != runbook.Extend {
				o.result.EndedBy = d.Action
				return nil
			}
			o.end, decideAt, overrunEnd, extended = granted.End, granted.DecideAt, granted.OverrunEnd, true
			o.Inform("end", runbook.JapaneseTime(o.end))
			break
		}
		if !extended {
			o.result.EndedBy = "overrun"
			return nil
		}
	}
}

// checkExtension lets an extension count only if the rules allow it and the resources are free until then.
func (o *outage) checkExtension(granted *activities.Extension) func(workflow.Context, runbook.Decision) string {
	return func(ctx workflow.Context, d runbook.Decision) string {
		if d.Action != runbook.Extend {
			return ""
		}
		if d.Until == nil {
			return `"until" is missing: say the window's new end, as RFC 3339 with a zone`
		}
		extension, err := runbook.Resolve(ctx, directory.ResolveExtension, activities.ExtensionQuestion{
			Start: o.start, End: o.end, Until: *d.Until,
		})
		if err == nil {
			err = o.Reserve(ctx, o.resources(), o.start, extension.OverrunEnd)
		}
		if err != nil {
			return runbook.Words(err)
		}
		*granted = extension
		return ""
	}
}

func kind(phase string) string {
	if phase == "work" {
		return "work"
	}
	return "decision"
}

// plan reads the present state of everything that the outage changes, all at once.
func (o *outage) plan(ctx workflow.Context) ([]plan.Change, error) {
	return o.changes.compute(ctx, o)
}
