package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Nil receiver, as for the planned outage; the worker holds the real one.
var settings *activities.Settings

// plan reads all settings at once.
func (s *setting) plan(ctx workflow.Context) ([]plan.Change, error) {
	var begun []runbook.Future[plan.Change]
	for _, v := range s.on.Settings {
		begun = append(begun, runbook.Start(reading(ctx, v.Name), runbook.Read, settings.PlanSetting, activities.SettingPlan{Operation: s.Operation(), Setting: v}))
	}
	var failed error
	s.changes = make([]plan.Change, len(begun))
	for i, read := range begun {
		change, err := read.Get(ctx)
		s.changes[i], failed = change, errors.Join(failed, err)
	}
	if failed != nil {
		return nil, failed
	}
	return s.changes, nil
}

// gate is the one that the class asks for.
func (s *setting) gate() runbook.Gate {
	g := runbook.Gate{Name: s.on.Gate, Plan: s.plan}
	switch g.Name {
	case system.GateNormal:
		g.Asks = "設定変更の承認 · approval of the change"
	case system.GateStandard:
		g.Asks = "標準変更の承認（運用責任者） · approval of the standard change by the operations manager"
	case system.GateAfterwards:
		g.Asks, g.Afterwards = "緊急変更の事後承認 · approval of the emergency change, which has been made", true
	}
	if s.in.Window != nil {
		g.NotAfter = s.on.End
	}
	return g
}

// approve asks for the approval before the change, if there is one.
func (s *setting) approve(ctx workflow.Context) error {
	switch {
	case s.emergency():
		return nil
	case s.on.Gate == "":
		return s.preApproved(ctx, nil)
	}
	if err := s.Approve(ctx, s.gate()); err != nil {
		return err
	}
	return s.ChangeIs(ctx, records.ChangeApproved, "")
}

// preApproved writes down what has approved the plan in force once and for all; instead is what that replaces.
func (s *setting) preApproved(ctx workflow.Context, instead map[string]any) error {
	body := map[string]any{"plan": s.PlanDigest(), "standard": s.on.PreApproved}
	if instead != nil {
		body["instead"] = instead
	}
	s.Record(ctx, "pre-approved", "", body)
	return s.ChangeIs(ctx, records.ChangeApproved, "approved once and for all: "+strings.Join(s.on.PreApproved, ", "))
}

// awaitWindow waits for the window's start, if there is one. Whoever approves standard changes can still reject one that was
// approved once and for all.
func (s *setting) awaitWindow(ctx workflow.Context) error {
	if s.in.Window == nil {
		return nil
	}
	gate := s.on.Gate
	if gate == "" {
		gate = system.GateStandard
	}
	return s.WaitUntil(ctx, s.on.Start, "the window starts", gate)
}

// mayBegin makes sure, right before the first effect, that the approval still holds and that the time is still allowed: it may
// be days later, and a freeze may have been added.
func (s *setting) mayBegin(ctx workflow.Context) error {
	if s.emergency() {
		return nil
	}
	if s.on.Gate != "" {
		if err := s.Confirm(ctx, s.gate()); err != nil {
			return err
		}
	} else if err := s.stillStandard(ctx); err != nil {
		return err
	}
	at := workflow.Now(ctx)
	until := at.Add(s.on.Longest)
	if s.in.Window != nil {
		if until = s.on.End; !at.Before(until) {
			return runbook.End(runbook.ErrExpired, "the window ended at %s, and it is %s: nothing was changed. Ask for a new window", runbook.JST(until), runbook.JST(at))
		}
	}
	_, err := runbook.Resolve(ctx, directory.CheckChangeTime, activities.Span{From: at.UTC(), Until: until.UTC()})
	return err
}

// stillStandard judges a change again that was approved once and for all and has waited for its window: by what is approved so now, and
// by the values that the settings have now. The first edition did not ask what approves it now.
func (s *setting) stillStandard(ctx workflow.Context) error {
	if s.in.Window == nil {
		return nil
	}
	edition := workflow.GetVersion(ctx, "standard-judged-again", workflow.DefaultVersion, 2)
	if edition == workflow.DefaultVersion {
		return nil
	}
	found, err := runbook.Resolve(ctx, directory.CheckStandardChange, activities.StandardQuestion{Settings: s.on.Settings})
	if err != nil {
		return err
	}
	before, by := s.PlanDigest(), s.on.PreApproved
	if err := s.Planned(ctx, s.plan); err != nil {
		return err
	}
	if edition == 1 {
		if s.PlanDigest() != before {
			s.Record(ctx, "pre-approved", "", map[string]any{"plan": s.PlanDigest(), "standard": by, "instead": before})
		}
		return nil
	}
	if s.PlanDigest() == before && slices.Equal(found.Names, by) {
		return nil
	}
	s.on.PreApproved, s.result.PreApproved = found.Names, found.Names
	return s.preApproved(ctx, map[string]any{"plan": before, "standard": by})
}

// approveAfterwards waits for the approval of an emergency change. Its settings stay held meanwhile, unless another run has
// reserved one of them for later: then that run is told when it begins.
func (s *setting) approveAfterwards(ctx workflow.Context) error {
	if !s.emergency() {
		return nil
	}
	at := workflow.Now(ctx)
	if err := s.Reserve(ctx, s.targets(), s.on.Start, at.Add(s.on.GateOpen)); err != nil {
		if !runbook.IsEnd(err, runbook.ErrRefused) {
			return err
		}
		s.Record(ctx, "hold-not-prolonged", "", map[string]string{"why": runbook.Words(err)})
	}
	return s.ApproveAfterwards(ctx, s.gate())
}

// steps lists the steps in order: take, the settings, the verdict of AWS Config if a setting names rules.
func (s *setting) steps() []runbook.StepSpec {
	steps := []runbook.StepSpec{s.take()}
	for i := range s.on.Settings {
		steps = append(steps, s.change(i))
	}
	if slices.ContainsFunc(s.on.Settings, func(v system.SettingResolved) bool { return len(v.Rules) > 0 }) {
		steps = append(steps, s.comply())
	}
	return steps
}

func (s *setting) take() runbook.StepSpec { return takeStep(s.Run, s.targets()) }

// change sets one setting and reads it back. A service is waited for until its tasks run as it says.
func (s *setting) change(i int) runbook.StepSpec {
	v := s.on.Settings[i]
	in := activities.SettingChange{Operation: s.Operation(), Setting: v, Change: activities.Ref(s.changes[i])}
	settled := func(change func(workflow.Context) error) func(workflow.Context) error {
		if v.Kind != system.ServiceSetting {
			return change
		}
		return func(ctx workflow.Context) error {
			if err := change(ctx); err != nil {
				return err
			}
			_, err := runbook.Call(ctx, runbook.Settle, ecs.AwaitECSService, activities.ServiceCheck{
				ServiceRef: activities.ServiceRef{Cluster: v.Cluster, Service: v.Resource}, Want: activities.ServiceStarted,
			})
			return err
		}
	}
	step := runbook.StepSpec{
		Name: "set-" + v.Name, Title: fmt.Sprintf("設定変更 %s · Change %s", v.Name, v.Name),
		Do:        settled(do(runbook.Change, settings.ApplySetting, in)),
		Undo:      settled(do(runbook.Change, settings.RevertSetting, in)),
		UndoTitle: fmt.Sprintf("設定の復元 %s · Put %s back", v.Name, v.Name),
	}
	if system.Shortens(v.Kind, v.Old, v.New) {
		step.Lasts = fmt.Sprintf("log events of %s that CloudWatch Logs has deleted because of the shorter retention", v.Resource)
	}
	return step
}

// comply has AWS Config judge the settings. A broken rule is no failure of the step: it ends the change.
func (s *setting) comply() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "comply", Title: "AWS Config による準拠の確認 · Have AWS Config check the settings",
		Do: func(ctx workflow.Context) error {
			seen, err := runbook.Call(ctx, runbook.Settle, settings.EvaluateConfigRules, activities.Compliance{Settings: s.on.Settings, Since: *s.result.ChangedAt})
			s.result.Rules, s.broken = seen.Rules, seen.Violations
			return err
		},
		SkipIf: "somebody has looked at the settings and they comply with the rules",
	}
}

// verdict ends the change if a rule is broken.
func (s *setting) verdict(ctx workflow.Context) error {
	if len(s.broken) == 0 {
		return nil
	}
	s.Record(ctx, "not-compliant", "comply", map[string]any{"violations": s.broken})
	return runbook.End(runbook.ErrRolledBack, "the change broke rules of AWS Config, so it was put back: %s", strings.Join(s.broken, "; "))
}
