// Package runbook is the vocabulary in which runbooks are written: plain functions, called from top to bottom of a
// workflow, that plan, ask for approval, do a step, hold it for a person when it fails, put it back, wait, and leave
// evidence. It decides nothing about the operated system.
package runbook

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
)

// The search attributes. Their names are permanent.
var (
	AttributeRow       = temporal.NewSearchAttributeKeyInt64("TejunRow")
	AttributeRunbook   = temporal.NewSearchAttributeKeyKeyword("TejunRunbook")
	AttributeState     = temporal.NewSearchAttributeKeyKeyword("TejunState")
	AttributeRequester = temporal.NewSearchAttributeKeyKeyword("TejunRequester")
	AttributeTarget    = temporal.NewSearchAttributeKeyKeywordList("TejunTarget")
)

// Nil receivers name the activities; the worker holds the real ones.
var (
	records   *activities.Records
	directory *activities.Directory
	ses       *activities.SES
)

// Spec is what is the same for every run of a runbook.
type Spec struct {
	Name  string // workflow type, permanent
	Row   int    // row of the seed table
	Title string // Japanese and English
}

// Run is one run of a runbook: what it has done, what it waits for, and how to put things back.
type Run struct {
	spec       Spec
	status     Status
	subject    Subject
	asking     *question            // what people can answer at this moment; nil when nothing is asked
	passed     map[string]*question // the gates that were passed, by name; the last passing counts
	opened     map[string]int       // how often the gates were asked, by name: asked again, an approval must say which plan it is for
	leftGate   *question            // the gate that was left open because the history is long
	takenGate  *OpenGate            // the one that an earlier history has left open
	cancelling *question            // "cancel" is taken at any time
	original   string               // ID of the run before any Reset
	seen       map[string]Answered
	decided    int                 // decisions received, to stop a flood
	counted    int                 // those of them that counted
	judging    workflow.Mutex      // decisions are judged one after another, in the order of history
	deciding   int                 // decisions that have come and have no answer yet
	records    int                 // evidence rows that the workflow itself has asked for
	undo       []undoEntry         // newest last
	cancel     workflow.CancelFunc // cancels the context of the work, not that of the way back
	executed   []string            // people who had a hand in the execution: they approve nothing
	starters   []string            // those of executed who had a hand in the run that has started this one
	again      []string            // steps that somebody answered "retry" for
	lasts      []string            // what stays of the steps that were tried, even if the run is given up
	rejected   *Answered           // a rejection that was in time and whose record was not
	lost       error               // evidence that could not be written; the run must not end as a success
	reasons    []string            // why the run is being given up, for the way back
	change     *changeLine         // the record of the change that the run makes; nil if it makes none
	kept       []string            // steps whose effects stay, see Keep
	finals     []lastStep          // what is done when it is clear how the run ends
	untold     string              // what of finals was not done, as the run's last words have it; "" for nothing
	waits      []Wait              // for people, by now
	pages      int                 // times that people were told again about a held step
}

// Subject is who and what the run is about; it is known once the input has been resolved.
type Subject struct {
	System      string            // the system's ID
	Environment string            // "development" or "production"
	Requester   string            // person ID
	Operator    string            // person ID
	Makers      []string          // person IDs; who made what is brought in: they approve nothing either
	Targets     []string          // resources, for the search attribute
	About       []Fact            // what it is about, in words, for people who look at the run
	Mail        map[string]string // data for mail templates: title, times, services
}

// Operation is the stable name of this run's effects. It survives retries and Reset, which keep the first run's ID,
// and differs for a new run under an old workflow ID.
func (r *Run) Operation() string { return r.status.operation }

// About tells the run who asked for it and what it is about.
func (r *Run) About(ctx workflow.Context, s Subject) error {
	r.subject = s
	r.status.Requester, r.status.About = s.Requester, s.About
	for _, id := range append([]string{s.Operator}, s.Makers...) {
		if !slices.Contains(r.executed, id) { // it may be told again
			r.executed = append(r.executed, id)
		}
	}
	r.show(ctx)
	terms, err := local(ctx, directory.AnswerTerms, activities.AnswerQuestion{Kind: "operate", OpenedAt: workflow.Now(ctx).UTC()})
	if err != nil {
		return endOr(ctx, err, ErrRefused)
	}
	r.cancelling = &question{kind: "cancel", gate: "run", terms: map[string]authority{Cancel: who(terms)}}
	return workflow.UpsertTypedSearchAttributes(ctx,
		AttributeRequester.ValueSet(s.Requester), AttributeTarget.ValueSet(s.Targets))
}

// Found adds what the run has found out to what it is about.
func (r *Run) Found(ctx workflow.Context, facts ...Fact) {
	r.status.About = append(r.status.About, facts...)
	r.show(ctx)
}

// Status is a copy of what the query "status" answers.
func (r *Run) Status() Status { return r.status }

// PlanDigest is the digest of the plan in force, "" before there is one.
func (r *Run) PlanDigest() string {
	if r.status.Plan == nil {
		return ""
	}
	return r.status.Plan.Digest
}

// say sets the state and its words, and shows them.
func (r *Run) say(ctx workflow.Context, s State, text string) {
	changed := r.status.State != s
	r.status.State, r.status.Says = s, text
	r.show(ctx)
	if !changed {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributeState.ValueSet(string(s))); err != nil {
		workflow.GetLogger(ctx).Error("the search attribute TejunState was not set", "error", err)
	}
}

// Says shows in one line what the run is doing, in the state in which it is.
func (r *Run) Says(ctx workflow.Context, text string) {
	r.status.Says = text
	r.show(ctx)
}

// show refreshes what the Temporal UI displays.
func (r *Run) show(ctx workflow.Context) { workflow.SetCurrentDetails(ctx, r.status.Markdown()) }

func (r *Run) setPlan(ctx workflow.Context, p plan.Plan) {
	r.status.Plan, r.status.planText = &p, p.Markdown()
	r.show(ctx)
}

func moment(ctx workflow.Context) *time.Time {
	now := workflow.Now(ctx).UTC()
	return &now
}
