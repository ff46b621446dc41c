package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/internal/drillreport"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// stayEdition is the change by which the decision to return is asked for again and again, instead of ending the run.
const stayEdition = "return-asked-again"

// stayFor is how long the DR region may serve within one run: a history ends some day, and this one cannot go on in another, since the
// guard lets no run of this kind continue as a new one. People are told when most of it is used.
const stayFor = 30 * 24 * time.Hour

// stay lets the DR region serve until its users have gone back. A rejection, silence, and a return that is given up all leave it
// serving; the decision is asked for again then, or as soon as somebody wants it.
func (d *disaster) stay(ctx workflow.Context) error {
	until := workflow.Now(ctx).Add(stayFor)
	limit := runbook.Budget{
		Name: "stay", Title: "災害対策系での継続（期限を過ぎると本手順は終了し、切り戻しは手作業となります） · The DR region goes on serving", Of: stayFor,
		Warn: func(ctx workflow.Context, b runbook.BudgetLine) {
			d.Tell(ctx, "at-risk-stay", "disaster-at-risk", d.on.MailList, map[string]string{
				"step": "災害対策系での継続（期限を過ぎると本手順は終了し、切り戻しは手作業となります）", "until": runbook.JapaneseTime(b.Due()), "detail": drillreport.InWords(b.Of),
			})
		},
	}
	again := 0 // how often the DR region served again
	return d.Within(ctx, limit, func(ctx workflow.Context) error {
		for {
			err := d.tryReturn(ctx, until)
			asked := runbook.IsEnd(err, runbook.ErrRejected) || runbook.IsEnd(err, runbook.ErrRolledBack)
			if runbook.WasCancelled(ctx, err) || !asked && !runbook.IsEnd(err, runbook.ErrExpired) {
				return err
			}
			d.prolong(ctx)
			if d.changes.back.begun { // nobody is served
				if err := d.stepIn(ctx, drillreport.PartReturn, d.serveAgain()); err != nil {
					return err
				}
				if workflow.GetVersion(ctx, "serves-again-told", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
					again++
					d.Tell(ctx, fmt.Sprintf("serves-again-%d", again), "disaster-serves-again", d.on.MailList, nil)
				}
			}
			if !workflow.Now(ctx).Before(until) {
				return runbook.End(runbook.ErrExpired, "until %s its users did not go back, and this run cannot go on for longer; last: %s", runbook.JST(until), runbook.Words(err))
			}
			if asked {
				if err := d.untilWanted(ctx, until, runbook.Words(err)); err != nil {
					return err
				}
			}
		}
	})
}

// tryReturn asks an officer to decide that the users go back, on a plan that still holds, and makes the primary region ready for them.
func (d *disaster) tryReturn(ctx workflow.Context, until time.Time) error {
	d.prolong(ctx)
	err := d.stage(ctx, "return", drillreport.PartReturn, func(ctx workflow.Context) error {
		if err := d.Planned(ctx, d.planReturn); err != nil {
			return err
		}
		gate := d.returnGate()
		gate.Plan, gate.Expires = d.planReturn, "the DR region goes on serving, and it is asked again"
		if until.Before(gate.NotAfter) {
			gate.NotAfter, gate.Expires = until, "the run ends, and the DR region goes on serving"
		}
		if err := d.Approve(ctx, gate); err != nil {
			return err
		}
		return d.Confirm(ctx, gate)
	})
	if err != nil {
		return err
	}
	d.prolong(ctx)
	return d.goBackWithin(ctx)
}

// untilWanted waits until it is time to ask for the decision again, or until an officer wants that.
func (d *disaster) untilWanted(ctx workflow.Context, until time.Time, why string) error {
	if d.on.HoldUntil.Before(until) {
		until = d.on.HoldUntil
	}
	_, err := d.Asked(ctx, runbook.Waiting, runbook.Ask{
		Kind: "decision", Name: "stay", Until: until, Then: "the decision to go back is asked for again", Anew: true,
		Why:     "災害対策系での継続中 · the DR region goes on serving (" + why + "); an officer may ask for the decision to go back at any time",
		Answers: map[string]string{runbook.Return: "decide"},
	})
	return err
}

// prolong holds what the run works on for as long as it may take from now on. What another run has reserved meanwhile for a later time
// is not taken from it: it finds, before it begins, that this one is still at work.
func (d *disaster) prolong(ctx workflow.Context) {
	until := workflow.Now(ctx).Add(d.holdFor).UTC()
	if !until.After(d.on.HoldUntil) {
		return
	}
	refused := map[string]string{}
	for _, name := range d.resources() {
		if err := d.Reserve(ctx, []string{name}, d.Status().StartedAt, until); err != nil {
			refused[name] = runbook.Words(err)
		}
	}
	d.on.HoldUntil = until
	if len(refused) > 0 {
		d.Record(ctx, "hold-not-prolonged", "", map[string]any{"until": until, "refused": refused})
	}
}

// planReturn is what an officer decides with the return: who stops, what people have to do, who starts, and where users are sent. It is
// made anew right before the first effect.
func (d *disaster) planReturn(ctx workflow.Context) (changes []plan.Change, err error) {
	look := runbook.StepSpec{
		Name: "plan-return", Title: "切り戻しの計画 · Plan the way back",
		Do: func(ctx workflow.Context) (err error) {
			changes, err = d.changes.back.compute(ctx, d)
			return err
		},
	}
	err = d.Step(ctx, d.firm(look))
	return changes, err
}

func (c *backChanges) compute(ctx workflow.Context, d *disaster) ([]plan.Change, error) {
	seen, err := runbook.Call(runbook.WithSummary(ctx, "who serves?"), runbook.Read, route53.PlanRoute53Redirect, d.redirectChange().Redirect)
	if err != nil {
		return nil, err
	}
	var all []plan.Change
	add := func(resource, title string, after any) {
		change, made := plan.NewChange(resource, title, nil, after, nil, after)
		if made != nil {
			err = made
		}
		all = append(all, change)
	}
	add("fence:"+d.on.DRRegion, fmt.Sprintf("%s: 全サービスの停止（ここから切り戻しの完了まで、利用者はサービスを利用できません）", d.on.DRRegion), d.on.Services)
	if d.on.Via == system.ViaGlobalCluster && d.graceful() {
		add("rds:global-cluster", fmt.Sprintf("Aurora グローバルクラスター: %s を再び書込み可能に昇格", d.on.Region), d.on.Region)
	} else {
		add("data:"+d.on.Region, fmt.Sprintf("%s で更新されたデータを %s に反映（人手による作業）", d.on.DRRegion, d.on.Region), d.on.Region)
	}
	add("start:"+d.on.Region, fmt.Sprintf("%s: サービスと定期ジョブの再開", d.on.Region), map[string]any{"services": d.on.PrimaryServices, "jobs": d.on.PrimaryJobs})
	back, made := plan.NewChange(seen.Resource, fmt.Sprintf("Route 53 %s: 参照先を %s に戻す", d.on.RecordName, d.on.Region), seen.Before, d.changes.redirect.Before, seen.BeforeHash, d.changes.redirect.BeforeHash)
	if made != nil {
		err = made
	}
	return append(all, back), err
}
