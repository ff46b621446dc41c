package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/plan"
	store "tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// DisasterRecovery (大規模災害時対応, row 21) brings the system up in its DR region and sends the users there: as a drill, or because a
// disaster has struck.
//
// An officer of the ministry declares it, on a plan that says how old the data are; who may do so in the first one's place, and from
// when, stands in system.yaml. A drill redirects the rehearsal name alone and touches nothing of production: that is not left to this
// file, the guard below every activity refuses it. In a real one the primary region is kept from writing first, and if that is
// in doubt the run stops and asks.
//
// Nobody is sent to a site that was not tried out. A drill goes back whatever happens. A real one never goes back by itself: until
// users were redirected, a person may give it up, and then everything is put back; afterwards the way back begins with an officer's
// decision, once people have brought the data back. The restored database of a real disaster is never deleted.
//
// The run measures, apart for machine and people, how long everything took, and leaves a report.
var disasterRecovery = runbook.Spec{Name: "DisasterRecovery", Row: 21, Title: "大規模災害時対応 · Disaster recovery"}

// DisasterRecoveryInput asks for a drill, or for the recovery from a disaster.
type DisasterRecoveryInput struct {
	Mode       string         `json:"mode"`   // "drill" or "real"
	Manner     string         `json:"manner"` // "graceful": the primary region answers; "ungraceful": it does not
	Title      string         `json:"title"`  // Japanese
	Reason     string         `json:"reason"` // Japanese
	Ticket     string         `json:"ticket,omitempty"`
	Requester  string         `json:"requester"`
	Operator   string         `json:"operator"`
	DisasterAt runbook.Moment `json:"disasterAt,omitempty"` // real only: when it struck, RFC 3339
}

// Validate checks what can be checked without the operated system.
func (in *DisasterRecoveryInput) Validate() error {
	var p problems
	p.oneOf("mode", in.Mode, []string{system.DisasterDrill, system.DisasterReal})
	p.oneOf("manner", in.Manner, []string{system.DisasterGraceful, system.DisasterUngraceful})
	p.line("title", in.Title, 120)
	p.text("reason", in.Reason, 2000)
	p.optional("ticket", in.Ticket, 64)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	if _, absolute := in.DisasterAt.At(); in.DisasterAt != "" && !absolute {
		p.add("disasterAt %q: write RFC 3339 with a zone, such as 2027-01-18T10:00:00+09:00", in.DisasterAt)
	}
	return p.err()
}

// request is the input for system.yaml.
func (in *DisasterRecoveryInput) request(operation string, scheduled bool, at time.Time) system.DisasterRequest {
	return system.DisasterRequest{
		Operation: operation, Mode: in.Mode, Manner: in.Manner, Requester: in.Requester, Operator: in.Operator,
		Scheduled: scheduled, DisasterAt: string(in.DisasterAt), At: at,
	}
}

// DisasterRecoveryResult is what the periodic report needs. Spans are whole seconds, as the report has them.
type DisasterRecoveryResult struct {
	Plan       string           `json:"plan"`    // digest
	Outcome    string           `json:"outcome"` // one of records.DisasterOutcomes
	DeclaredAt *time.Time       `json:"declaredAt"`
	DataAt     *time.Time       `json:"dataAt"`     // the newest change that is in the data which came up
	RestoredAt *time.Time       `json:"restoredAt"` // the first good answer from outside by the DR region
	ReturnedAt *time.Time       `json:"returnedAt"` // and by the primary again
	RTO        *int             `json:"rtoSeconds"`
	RTOHuman   *int             `json:"rtoHumanSeconds"` // of RTO: waited for people
	RPO        *int             `json:"rpoSeconds"`
	Report     string           `json:"report"` // s3://bucket/key, "" if none was written
	Evidence   runbook.Evidence `json:"evidence"`
}

// disaster is one run of the runbook.
type disaster struct {
	*runbook.Run
	in      DisasterRecoveryInput
	on      system.DisasterTarget
	data    activities.DisasterData
	holdFor time.Duration // disaster.maxDuration
	changes disasterChanges
	stages  []stage
	beside  int    // mail that is being sent while the run goes on
	note    string // problems that were found on the way, for the report

	approvedBy     []string // who declared it
	finalCopy      *system.DatabaseTarget
	endpoint       string // host:port of the database in the DR region
	execution      string // of the DR pipeline
	deployed       activities.DisasterDeployed
	redirected     activities.Redirected
	redirecting    bool // users may have been sent to the DR region
	failedOver     bool // the writer may be in the DR region, without what was written last in the primary one
	looks          bool // after a redirect that failed, whether they were
	looksApart     bool // the check from outside after the way back is a step by itself
	redirectedBack bool
	seenBack       bool      // the primary region has answered from outside after that
	returning      bool      // an officer has decided that they go back
	remembers      bool      // an earlier life of the run, before a Reset, counts
	again          bool      // there may have been one
	decidedAt      time.Time // when it was decided that they go back, the zero time where that has no budget from there on
	returns        int       // how often that was decided
	servingAgain   bool      // a return was given up, and the DR region is to serve again
	asked          int       // how often people were asked to bring the data back
	result         DisasterRecoveryResult
}

// DisasterRecovery is the workflow.
func DisasterRecovery(ctx workflow.Context, raw converter.RawValue) (DisasterRecoveryResult, error) {
	d := &disaster{}
	ctx, run, err := runbook.Open(ctx, disasterRecovery, raw, &d.in)
	if err != nil {
		return DisasterRecoveryResult{}, err
	}
	d.Run = run
	d.remembers = workflow.GetVersion(ctx, resetEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion
	opened, err := d.run(ctx)
	if err != nil {
		d.remember(ctx)
	}
	if !opened { // nothing was begun in this life, and there is nothing to report
		if d.again && d.real() {
			d.Keep()
			d.StaysAs("what the run did before it was reset. Look at `starter disaster show`, and at both regions")
		}
		d.result.Evidence, err = d.Finish(ctx, err)
		return d.result, err
	}
	err = d.Close(ctx, d.report(ctx, d.wayBack(ctx, err)))
	if d.result.Plan == "" {
		d.result.Plan = d.PlanDigest()
	}
	d.result.Evidence = d.Status().Evidence
	return d.result, err
}

// run is the procedure until the way back begins. opened tells whether the run is in the register of disasters.
func (d *disaster) run(ctx workflow.Context) (opened bool, err error) {
	// 1. What does the request mean on this system, is it allowed, and does nobody else work there? From here on it is known as a
	// drill, or as real.
	if err := d.resolve(ctx); err != nil {
		return false, err
	}
	d.Declare(d.steps()...)

	// 2. How old are the data, and what would change? An officer declares exactly this.
	if err := d.Planned(ctx, d.plan); err != nil {
		return true, err
	}
	if err := d.declare(ctx); err != nil {
		return true, err
	}
	d.tell(ctx, "disaster-declared", map[string]string{"start": runbook.JapaneseTime(*d.result.DeclaredAt)})

	// 3. Real only: the primary region writes no more. If that is not certain, people decide.
	if err := d.fence(ctx); err != nil {
		return true, err
	}

	// 4. The DR region: database, software, services; and is it any good?
	for _, step := range []runbook.StepSpec{d.database(), d.pipeline(), d.scale(), d.smoke()} {
		if err := d.step(ctx, step); err != nil {
			return true, err
		}
	}

	// 5. The users go there. They arrive when the old answers of the DNS have run out.
	if err := d.redirect(ctx); err != nil {
		return true, err
	}
	d.Found(ctx, runbook.Fact{Name: "実績 · Measured", Value: strings.ReplaceAll(d.measured(), "\n", " ")})
	d.tell(ctx, "disaster-redirected", map[string]string{"detail": d.measured()})
	if err := d.watch(ctx); err != nil {
		return true, err
	}

	// 6. An officer decides that they go back. The way back is the undo of 5, 4 and 3, in reverse.
	return true, d.decideReturn(ctx)
}

// real tells whether a disaster has struck.
func (d *disaster) real() bool { return d.on.Mode == system.DisasterReal }

// graceful tells whether the primary region answers.
func (d *disaster) graceful() bool { return d.on.Manner == system.DisasterGraceful }

// resolve turns the request into AWS names, people and limits, registers the run as what it is, and holds what it works on.
func (d *disaster) resolve(ctx workflow.Context) error {
	now := workflow.Now(ctx).UTC()
	on, err := runbook.Resolve(ctx, directory.ResolveDisaster, d.in.request(d.Operation(), runbook.Scheduled(ctx), now))
	if err != nil {
		return err
	}
	d.on, d.holdFor = on, on.HoldUntil.Sub(now)
	if d.real() && d.graceful() && on.Via == system.ViaSnapshot {
		copies, err := runbook.Resolve(ctx, directory.ResolveDatabase, system.DatabaseRequest{
			What: "the last copy of the data", Requester: d.in.Requester, Operator: d.in.Operator, Needs: []string{"backup"},
		})
		if err != nil {
			return err
		}
		d.finalCopy = &copies
	}
	err = d.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: d.resources(), About: d.facts(),
		Mail: map[string]string{"title": d.in.Title, "reason": d.in.Reason, "mode": on.Mode},
	})
	if err != nil {
		return err
	}
	for _, gate := range []runbook.Gate{d.declareGate(), d.returnGate()} {
		if err := d.CanPass(ctx, gate); err != nil {
			return err
		}
	}
	if err := d.Reserve(ctx, d.resources(), workflow.Now(ctx), on.HoldUntil); err != nil {
		return err
	}
	_, err = runbook.Resolve(ctx, disasters.OpenDisaster, store.Disaster{
		Operation: d.Operation(), System: on.SystemID, Mode: on.Mode, Manner: on.Manner, Title: d.in.Title, StartedAt: d.Status().StartedAt,
	})
	return err
}

func (d *disaster) facts() []runbook.Fact {
	mode := "訓練（本番には触れません） · DRILL, production is not touched"
	if d.real() {
		mode = "実災害 · REAL"
	}
	manner := "緊急切替 · ungraceful: the primary region does not answer"
	if d.graceful() {
		manner = "計画切替 · graceful: the primary region answers"
	}
	return []runbook.Fact{
		{Name: "区分 · Mode", Value: mode},
		{Name: "件名 · Title", Value: d.in.Title},
		{Name: "切替方法 · Manner", Value: manner},
		{Name: "依頼番号 · Ticket", Value: orDash(d.in.Ticket)},
		{Name: "切替先 · From and to", Value: d.on.Region + " → " + d.on.DRRegion + ", " + d.on.RecordName},
		{Name: "目標 · Targets", Value: fmt.Sprintf("RTO %s, RPO %s", drillreport.InWords(d.on.RTO), drillreport.InWords(d.on.RPO))},
		{Name: "依頼者・作業者 · Requester and operator", Value: d.on.Requester + ", " + d.on.Operator},
	}
}

// resources names what no other run may touch meanwhile. In an ungraceful disaster production's are not asked for: whoever
// holds them cannot go on either, and must not keep this run from beginning.
func (d *disaster) resources() []string {
	names := []string{system.DisasterHold(d.on.SystemID), "route53:" + d.on.RecordName, "codepipeline:" + d.on.DRRegion + "/" + d.on.Pipeline}
	for _, v := range d.on.Services {
		names = append(names, "ecs:"+d.on.DRRegion+"/"+d.on.ECSCluster+"/"+v.Service)
	}
	if d.real() && d.graceful() {
		for _, v := range d.on.PrimaryServices {
			names = append(names, "ecs:"+d.on.PrimaryCluster+"/"+v.Service)
		}
	}
	return names
}

// declareGate is passed by the people of disaster.declare, each in their turn.
func (d *disaster) declareGate() runbook.Gate {
	g := runbook.Gate{Name: "declare", Asks: "訓練の開始の宣言 · declaration of the drill", NotAfter: d.on.HoldUntil, Plan: d.plan}
	if d.real() {
		g.Asks = "大規模災害の宣言 · declaration of the disaster"
	}
	for _, p := range d.on.Declarers {
		g.Among = append(g.Among, runbook.Successor{Person: p.Person, Wait: p.Wait})
	}
	return g
}

// declare asks until it is declared, on a plan that still holds. A real one that was declared is not given up by itself, even before its
// first effect.
func (d *disaster) declare(ctx workflow.Context) error {
	err := d.within(ctx, "declare", "宣言 · Declaration", func(ctx workflow.Context) error {
		return d.stage(ctx, "declare", drillreport.PartRecovery, func(ctx workflow.Context) error {
			gate := d.declareGate()
			if err := d.Approve(ctx, gate); err != nil {
				return err
			}
			take := takeStep(d.Run, d.resources())
			if d.real() && workflow.GetVersion(ctx, "declared-holds", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
				d.declared()
				take, gate.Plan = d.firm(take), d.planAgain
			}
			if err := d.Step(ctx, take); err != nil {
				return err
			}
			err := d.Confirm(ctx, gate)
			if runbook.IsEnd(err, runbook.ErrRejected) || runbook.IsEnd(err, runbook.ErrExpired) { // the approval was void, and no other came
				d.result.DeclaredAt, d.approvedBy = nil, nil
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	d.declared()
	return nil
}

// declared takes over when and by whom it was declared last: an approval that became void does not count.
func (d *disaster) declared() {
	for _, a := range d.Status().Approvals {
		if a.Accepted && a.Action == runbook.Approve && a.Gate == "declare" {
			at := a.At
			d.result.DeclaredAt, d.approvedBy = &at, d.Approvers("declare")
		}
	}
}

// plan reads what is there and says what would change.
func (d *disaster) plan(ctx workflow.Context) ([]plan.Change, error) {
	changes, err := d.changes.compute(ctx, d)
	if c := d.changes.redirect; err == nil && d.remembers && d.real() && c.BeforeHash == c.AfterHash {
		d.redirecting = true // users are there already: the primary region must not write again by itself
	}
	return changes, err
}

// planAgain plans again after a real disaster was declared. When it cannot, people are asked, as at every other step.
func (d *disaster) planAgain(ctx workflow.Context) (changes []plan.Change, err error) {
	err = d.Step(ctx, d.firm(d.planStep(&changes)))
	return changes, err
}

func (d *disaster) planStep(into *[]plan.Change) runbook.StepSpec {
	return runbook.StepSpec{
		Name: "plan-again", Title: "計画の再確認 · Make sure that the declared plan still holds",
		Do: func(ctx workflow.Context) (err error) {
			*into, err = d.plan(ctx)
			return err
		},
	}
}

// onlyLooks tells of the steps before the first effect.
func onlyLooks(step string) bool {
	return step == "take" || step == "plan-again" || step == "plan-return"
}
