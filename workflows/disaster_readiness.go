package workflows

import (
	"strconv"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/calendar"
	"tejun/internal/readiness"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// DisasterReadiness (大規模災害時対応, row 21: 準備状況の点検) looks whether a disaster could be met at this moment: are the data in the
// DR region fresh enough, would the pipeline, the services, their images and the DNS records do, is there room, could the gates be
// passed and the people be reached? A schedule starts it every 30 minutes. It changes nothing and asks nobody.
//
// What stands in the way is in the result and in the evidence, each with what to do. People are told when the set of findings changes,
// when nothing stands in the way any more, and again when it has not changed for long (disaster.readiness.repeatAfter). What could not
// be looked at is a finding too: nobody knows then.
var disasterReadiness = runbook.Spec{Name: "DisasterReadiness", Row: 21, Title: "大規模災害時対応の準備状況点検 · Disaster readiness"}

// DisasterReadinessInput says for whom it is looked. They are those of a drill: whoever asks for one or carries it out does not declare
// it, so they show whether the gates could be passed.
type DisasterReadinessInput struct {
	Reason    string `json:"reason"`    // Japanese
	Requester string `json:"requester"` // person in system.yaml
	Operator  string `json:"operator"`  // person in system.yaml who mends what is found
}

// Validate checks what can be checked without the operated system.
func (in *DisasterReadinessInput) Validate() error {
	var p problems
	p.text("reason", in.Reason, 2000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	return p.err()
}

func (in *DisasterReadinessInput) request() system.ReadinessRequest {
	return system.ReadinessRequest{Requester: in.Requester, Operator: in.Operator}
}

// DisasterReadinessResult is what the report needs.
type DisasterReadinessResult struct {
	Ready      bool               `json:"ready"`    // nothing stands in the way
	Findings   []readiness.Worded `json:"findings"` // what does
	FreshUntil *time.Time         `json:"freshUntil,omitempty"`
	Notes      []string           `json:"notes,omitempty"`
	HeldBy     string             `json:"heldBy,omitempty"` // the run that holds the DR environment; what it moves was not judged
	Told       string             `json:"told,omitempty"`   // changed, repeated or well; "" if people knew
	Evidence   runbook.Evidence   `json:"evidence"`
}

// readinessRun is one run of the runbook.
type readinessRun struct {
	*runbook.Run
	in      DisasterReadinessInput
	on      system.ReadinessTarget
	found   []readiness.Finding
	verdict activities.ReadinessVerdict
	result  DisasterReadinessResult
}

// DisasterReadiness is the workflow.
func DisasterReadiness(ctx workflow.Context, raw converter.RawValue) (DisasterReadinessResult, error) {
	r := &readinessRun{}
	ctx, run, err := runbook.Open(ctx, disasterReadiness, raw, &r.in)
	if err != nil {
		return DisasterReadinessResult{}, err
	}
	r.Run = run
	r.result.Evidence, err = r.Finish(ctx, r.run(ctx))
	return r.result, err
}

func (r *readinessRun) run(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveReadiness, r.in.request())
	if err != nil {
		return err
	}
	r.on = on
	err = r.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: []string{"disaster:readiness/" + on.SystemID},
		Mail: map[string]string{"title": disasterReadiness.Title, "reason": r.in.Reason},
	})
	if err != nil {
		return err
	}
	steps := []runbook.StepSpec{
		r.look(), r.judge(), r.tell("tell-deciders", "判断者への通知 · Tell those who decide", on.Deciders), r.tell("tell-operators", "運用担当への通知 · Tell those who operate", on.Operators), r.keep(),
	}
	r.Declare(steps...)
	for _, step := range steps {
		if err := r.Step(ctx, step); err != nil {
			return err
		}
	}
	r.Record(ctx, "readiness", "", r.result)
	return nil
}

// look makes all checks, beside one another.
func (r *readinessRun) look() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "look", Title: "データ・パイプライン・サービス・DNS・承認者等の点検 · Look at what a recovery needs",
		Do: func(ctx workflow.Context) error {
			r.found, r.result.Notes, r.result.FreshUntil = nil, nil, nil
			asked := activities.ReadinessCheck{Requester: r.on.Requester, Operator: r.on.Operator}
			hold, err := runbook.Call(runbook.WithSummary(ctx, "who holds the DR environment"), runbook.Read, readinessChecks.FindReadinessHold, asked)
			if err != nil {
				return err
			}
			r.result.HeldBy, r.found, asked.InUse = hold.Run, hold.Findings, hold.Run != ""

			checks := r.checks()
			looks := make([]runbook.Future[activities.ReadinessSeen], len(checks))
			for i, c := range checks {
				looks[i] = runbook.Start(runbook.WithSummary(ctx, c.about), runbook.Read, c.check, asked)
			}
			for i, c := range checks {
				seen, err := looks[i].Get(ctx)
				if runbook.WasCancelled(ctx, err) {
					return err
				}
				if err != nil { // the others may still tell
					seen = activities.SeenBefore(err)
					seen.Findings = append(seen.Findings, readiness.Finding{Code: readiness.Unseen, About: c.about, Data: map[string]string{"why": runbook.Words(err)}})
				}
				r.found, r.result.Notes = append(r.found, seen.Findings...), append(r.result.Notes, seen.Notes...)
				if !seen.FreshUntil.IsZero() {
					r.result.FreshUntil = &seen.FreshUntil
				}
			}
			return nil
		},
	}
}

// readinessCheck is one check and what it is about. The words are permanent: they are part of a finding's key, and stand in findings.yaml.
type readinessCheck struct {
	about string
	check runbook.Activity[activities.ReadinessCheck, activities.ReadinessSeen]
}

func (r *readinessRun) checks() []readinessCheck {
	return []readinessCheck{
		{"RDS snapshots", readinessChecks.CheckReadinessData},
		{"CodePipeline", readinessChecks.CheckReadinessPipeline},
		{"ECS services", readinessChecks.CheckReadinessServices},
		{"ECR images", readinessChecks.CheckReadinessImages},
		{"Route 53", readinessChecks.CheckReadinessRedirect},
		{"RDS quotas", readinessChecks.CheckReadinessQuotas},
		{"SES", readinessChecks.CheckReadinessPeople},
		{"S3", readinessChecks.CheckReadinessReports},
	}
}

// judge puts what was found into words, and compares it with what people know.
func (r *readinessRun) judge() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "judge", Title: "前回の通知との比較 · Compare with what people know",
		Do: func(ctx workflow.Context) (err error) {
			r.verdict, err = runbook.Call(ctx, runbook.Read, readinessChecks.CompareReadiness, activities.ReadinessFound{
				System: r.on.SystemID, Findings: r.found, At: workflow.Now(ctx).UTC(), RepeatAfter: r.on.RepeatAfter, InUse: r.result.HeldBy != "",
			})
			if err != nil {
				return err
			}
			r.result.Findings, r.result.Ready = r.verdict.Findings, len(r.verdict.Findings) == 0
			r.Found(ctx, r.facts()...)
			return nil
		},
	}
}

// facts are for people who look at the run.
func (r *readinessRun) facts() []runbook.Fact {
	ready := "整っている · ready"
	if !r.result.Ready {
		ready = "不備 " + strconv.Itoa(len(r.result.Findings)) + " 件 · not ready"
	}
	facts := []runbook.Fact{{Name: "準備状況 · Readiness", Value: ready}}
	if r.result.FreshUntil != nil {
		facts = append(facts, runbook.Fact{Name: "最新の複製が RPO を満たす期限 · The newest copy is fresh enough until", Value: runbook.JapaneseTime(*r.result.FreshUntil)})
	}
	if r.result.HeldBy != "" {
		facts = append(facts, runbook.Fact{Name: "DR 環境の使用中 · The DR environment is held by", Value: r.result.HeldBy})
	}
	for _, f := range r.result.Findings {
		facts = append(facts, runbook.Fact{Name: f.Area.Ja + " · " + f.Area.En, Value: f.What.En + " → " + f.Do.En})
	}
	return facts
}

// readinessMails are the templates by what people are told.
var readinessMails = map[string]string{readiness.Changed: "readiness-warning", readiness.Repeated: "readiness-repeated", readiness.Well: "readiness-well"}

// tell writes to a list, if there is anything to tell.
func (r *readinessRun) tell(name, title, list string) runbook.StepSpec {
	return runbook.StepSpec{
		Name: name, Title: title,
		Do: func(ctx workflow.Context) error {
			if r.verdict.Tell == readiness.Nothing || list == "" {
				return nil
			}
			return r.Notify(ctx, name, readinessMails[r.verdict.Tell], list, map[string]string{
				"error": strconv.Itoa(len(r.verdict.Findings)) + "件", "detail": r.verdict.List, "gone": r.verdict.Gone,
			})
		},
		SkipIf: "the people on the list know what was found",
	}
}

// keep remembers what people know, now that they were told: a worker that is killed before tells them twice rather than never.
func (r *readinessRun) keep() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "keep", Title: "通知内容の記録 · Remember what people were told",
		Do: func(ctx workflow.Context) error {
			if r.verdict.Tell == readiness.Nothing {
				return nil
			}
			_, err := runbook.Call(ctx, runbook.Change, readinessChecks.KeepReadiness, activities.ReadinessTold{
				System: r.on.SystemID, Kind: r.verdict.Tell, Findings: r.verdict.Findings, At: workflow.Now(ctx).UTC(),
			})
			if err == nil {
				r.result.Told = r.verdict.Tell
			}
			return err
		},
		SkipIf: "the next run may tell the same again",
	}
}

func checkDisasterReadiness(raw []byte, sys *system.System, _ *calendar.Calendar, _ time.Time) error {
	var in DisasterReadinessInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := sys.ResolveReadiness(in.request())
	return err
}
