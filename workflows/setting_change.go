package workflows

import (
	"encoding/json"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// SettingChange (設定変更管理, row 15) changes settings that system.yaml declares, at the request of the maintenance contractor:
// SSM parameters, counts and deployment limits of ECS services, IP sets of AWS WAF, retention of logs, thresholds of alarms.
//
// Who approves depends on the class. A normal change is approved by an officer of the ministry. A standard change was approved
// once and for all (changes.standard), or is approved by the operations manager. An emergency change is made first; an officer
// approves it afterwards, within a business day, and it is shown as overdue from then on until somebody has. A rejection undoes it.
//
// Every setting must have the value that the request expects, or nothing is changed. After the change AWS Config evaluates the
// rules that the settings name; if one is broken everything is put back, in reverse. What is approved stays. Logs that a
// shorter retention has deleted do not come back. Whoever asked for the change, carried it out, or decided about it is told how it ended.
var settingChange = runbook.Spec{Name: "SettingChange", Row: 15, Title: "設定変更管理 · Setting change"}

// SettingChangeInput asks for a change of settings.
type SettingChangeInput struct {
	Title     string         `json:"title"`  // Japanese
	Reason    string         `json:"reason"` // Japanese; what for, and why in haste if it is an emergency
	Class     string         `json:"class"`  // "standard", "normal" or "emergency"
	Requester string         `json:"requester"`
	Operator  string         `json:"operator"`
	Window    *ChangeWindow  `json:"window,omitempty"` // left out: as soon as it is approved
	Settings  []SettingValue `json:"settings"`         // changed in this order
	Incident  string         `json:"incident,omitempty"`
}

// ChangeWindow is from when until when a change may begin.
type ChangeWindow struct {
	Start runbook.Moment `json:"start"`
	End   runbook.Moment `json:"end"`
}

// SettingValue is one setting with the value that it is expected to have, and the one that it gets.
type SettingValue struct {
	Setting string          `json:"setting"` // name in system.yaml
	Old     json.RawMessage `json:"old"`
	New     json.RawMessage `json:"new"`
}

// mostSettings is how many settings one change may hold.
const mostSettings = 20

// Validate checks what can be checked without the operated system.
func (in *SettingChangeInput) Validate() error {
	var p problems
	p.line("title", in.Title, 120)
	p.text("reason", in.Reason, 2000)
	p.line("class", in.Class, 20)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	p.optional("incident", in.Incident, 200)
	if in.Window != nil {
		p.moment("window.start", in.Window.Start)
		p.moment("window.end", in.Window.End)
	}
	if n := len(in.Settings); n == 0 || n > mostSettings {
		p.add("settings has %d entries: name 1 to %d", n, mostSettings)
	}
	var names []string
	for _, v := range in.Settings {
		names = append(names, v.Setting)
	}
	p.names("settings", names)
	return p.err()
}

// request is the input with its times known; zero for a change at once.
func (in *SettingChangeInput) request(start, end time.Time) system.SettingRequest {
	r := system.SettingRequest{Requester: in.Requester, Operator: in.Operator, Class: in.Class, Start: start, End: end}
	for _, v := range in.Settings {
		r.Settings = append(r.Settings, system.SettingWish(v))
	}
	return r
}

// SettingChangeResult is what the report needs.
type SettingChangeResult struct {
	Plan        string           `json:"plan"` // digest
	Class       string           `json:"class"`
	PreApproved []string         `json:"preApproved"` // names in changes.standard; empty if people approved
	Targets     []string         `json:"targets"`
	ChangedAt   *time.Time       `json:"changedAt"` // when the first setting was changed
	Rules       []string         `json:"rules"`     // of AWS Config, that the settings are compliant with
	Evidence    runbook.Evidence `json:"evidence"`
}

// setting is one run of the runbook.
type setting struct {
	*runbook.Run
	in      SettingChangeInput
	on      system.SettingTarget
	mended  activities.OpenIncident // by the change; none usually
	changes []plan.Change           // one per setting, in their order
	broken  []string                // rules of AWS Config that the change breaks, in words
	result  SettingChangeResult
}

// SettingChange is the workflow.
func SettingChange(ctx workflow.Context, raw converter.RawValue) (SettingChangeResult, error) {
	s := &setting{}
	ctx, run, err := runbook.Open(ctx, settingChange, raw, &s.in)
	if err != nil {
		return SettingChangeResult{}, err
	}
	s.Run = run
	s.result.Evidence, err = s.Finish(ctx, s.run(ctx))
	s.result.Plan = s.PlanDigest()
	return s.result, err
}

func (s *setting) run(ctx workflow.Context) error {
	// 1. Which settings are meant, who approves, and when may it be? Nothing has an effect yet. From here on people are told how it ends.
	if err := s.MadeBefore(ctx, s.resolve(ctx)); err != nil {
		return err
	}
	if err := s.RecordChange(ctx, s.record()); err != nil {
		return err
	}
	s.tellsEnd(ctx)

	// 2. The plan: every setting is read, and must have the value that the request expects.
	if err := s.Planned(ctx, s.plan); err != nil {
		return err
	}
	s.Declare(s.steps()...)

	// 3. Approval, unless it was given once and for all, or comes afterwards.
	if err := s.approve(ctx); err != nil {
		return err
	}

	// 4. The window. A rejection wins until the start.
	if err := s.awaitWindow(ctx); err != nil {
		return err
	}
	if err := s.Step(ctx, s.take()); err != nil {
		return err
	}
	if err := s.mayBegin(ctx); err != nil {
		return err
	}

	// 5. One setting after another, each read back; then AWS Config's verdict on all of them.
	if err := s.ChangeIs(ctx, records.ChangeRunning, ""); err != nil {
		return err
	}
	s.result.ChangedAt = now(ctx)
	for _, step := range s.steps()[1:] {
		if err := s.Step(ctx, step); err != nil {
			return err
		}
	}
	if err := s.verdict(ctx); err != nil {
		return err
	}

	// 6. An emergency is approved now. What is rejected is put back, in reverse; what is approved stays.
	if err := s.approveAfterwards(ctx); err != nil {
		return err
	}
	s.Keep()
	return nil
}

// resolve turns the request into names in AWS, a gate and a time, and holds the settings.
func (s *setting) resolve(ctx workflow.Context) error {
	start, end, err := s.window(ctx)
	if err != nil {
		return err
	}
	on, err := runbook.Resolve(ctx, directory.ResolveSetting, s.in.request(start, end))
	if err != nil {
		return err
	}
	s.on = on
	s.result.Class, s.result.PreApproved, s.result.Targets, s.result.Rules = s.in.Class, on.PreApproved, s.targets(), []string{}
	err = s.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: s.targets(),
		About: []runbook.Fact{
			{Name: "件名 · Title", Value: s.in.Title},
			{Name: "区分 · Class", Value: s.in.Class},
			{Name: "時期 · When", Value: s.when()},
			{Name: "変更 · Changes", Value: s.lines()},
			{Name: "依頼者・作業者 · Requester and operator", Value: on.Requester + ", " + on.Operator},
		},
		Mail: map[string]string{"title": s.in.Title, "reason": s.in.Reason},
	})
	if err != nil {
		return err
	}
	if on.Gate != "" {
		if err := s.CanPass(ctx, s.gate()); err != nil {
			return err
		}
	}
	if s.mended, err = mends(ctx, s.in.Incident); err != nil {
		return err
	}
	from, until := s.holds(ctx)
	return s.Reserve(ctx, s.targets(), from, until)
}

// window is when the change may begin; zero times for a change at once.
func (s *setting) window(ctx workflow.Context) (start, end time.Time, err error) {
	if s.in.Window == nil {
		return start, end, nil
	}
	window, err := runbook.Resolve(ctx, directory.ResolveMoments, activities.Moments{
		From: workflow.Now(ctx).UTC(), Texts: []string{string(s.in.Window.Start), string(s.in.Window.End)},
	})
	if err != nil {
		return start, end, err
	}
	return window.Times[0], window.Times[1], nil
}

// holds is for how long nobody else may touch the settings: the window, or from now until the change must have been approved and
// made. An emergency is made at once; until it is approved its hold is prolonged.
func (s *setting) holds(ctx workflow.Context) (from, until time.Time) {
	switch {
	case s.in.Window != nil:
		return s.on.Start, s.on.End.Add(s.on.Longest)
	case s.emergency():
		return workflow.Now(ctx), workflow.Now(ctx).Add(s.on.Longest)
	}
	return workflow.Now(ctx), workflow.Now(ctx).Add(s.on.GateOpen + s.on.Longest)
}

func (s *setting) emergency() bool { return s.in.Class == system.ClassEmergency }

// targets names what no other run may touch meanwhile.
func (s *setting) targets() []string {
	var names []string
	for _, v := range s.on.Settings {
		names = append(names, v.Target())
	}
	return names
}

func (s *setting) record() runbook.ChangeRecord {
	r := runbook.ChangeRecord{Kind: activities.SettingKind, Class: s.in.Class, Title: s.in.Title, Targets: s.targets(), Incident: s.mended.WorkflowID, Number: s.mended.Number}
	if s.in.Window != nil {
		r.From, r.Until = s.on.Start, s.on.End
	}
	return r
}

func (s *setting) when() string {
	if s.in.Window == nil {
		return "承認後すぐ · as soon as it is approved"
	}
	return runbook.JST(s.on.Start) + " – " + runbook.JST(s.on.End)
}

func (s *setting) lines() string {
	var lines []string
	for _, v := range s.on.Settings {
		lines = append(lines, v.String())
	}
	return strings.Join(lines, "; ")
}
