package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// cabinet is the settings of a world, as far as the runbook sees them.
type cabinet struct {
	*world
	values     map[string]string // what each setting is, as JSON
	gate       string            // that the change must pass
	approved   []string          // in changes.standard
	told       []activities.ChangeRecord
	violations []string
	before     activities.MadeChange // by the run before a Reset
	madeBefore bool                  // what the record of changes answers
	frozen     string                // why nothing may be changed, "" if it may
}

func withCabinet(w *world, gate string) *cabinet {
	c := &cabinet{world: w, values: map[string]string{"mode": `"normal"`, "days": `365`, "tasks": `3`}, gate: gate}
	kinds := map[string]string{"mode": system.ParameterSetting, "days": system.LogSetting, "tasks": system.ServiceSetting}
	stub(w, "ResolveSetting", func(r system.SettingRequest) (system.SettingTarget, error) {
		on := system.SettingTarget{
			SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, Gate: c.gate, PreApproved: c.approved,
			GateOpen: 30 * 24 * time.Hour, Start: start, End: start.Add(4 * time.Hour), Longest: 4 * time.Hour,
		}
		if !r.Start.IsZero() {
			on.Start, on.End = r.Start, r.End
		}
		for _, v := range r.Settings {
			on.Settings = append(on.Settings, system.SettingResolved{Name: v.Setting, Kind: kinds[v.Setting], Resource: v.Setting, Old: v.Old, New: v.New, Rules: []string{"rule"}})
		}
		return on, nil
	})
	stub(w, "CheckChangeTime", func(activities.Span) (struct{}, error) {
		if c.frozen != "" {
			return struct{}{}, temporal.NewNonRetryableApplicationError(c.frozen, "Refused", nil)
		}
		return struct{}{}, nil
	})
	stub(w, "PlanSetting", func(in activities.SettingPlan) (plan.Change, error) {
		v := in.Setting
		if c.values[v.Name] != string(v.Old) {
			return plan.Change{}, temporal.NewNonRetryableApplicationError("the setting "+v.Name+" has another value", "Refused", nil)
		}
		return plan.NewChange(v.Target(), v.Name, v.Old, v.New, []any{w.drift, v.Old}, []any{w.drift, v.New})
	})
	stub(w, "ApplySetting", func(in activities.SettingChange) (struct{}, error) {
		w.calls = append(w.calls, "set "+in.Setting.Name)
		c.values[in.Setting.Name] = string(in.Setting.New)
		return struct{}{}, nil
	})
	stub(w, "RevertSetting", func(in activities.SettingChange) (struct{}, error) {
		w.calls = append(w.calls, "put back "+in.Setting.Name)
		c.values[in.Setting.Name] = string(in.Setting.Old)
		return struct{}{}, nil
	})
	stub(w, "EvaluateConfigRules", func(activities.Compliance) (activities.ComplianceSeen, error) {
		return activities.ComplianceSeen{Rules: []string{"rule"}, Violations: c.violations}, nil
	})
	stub(w, "RecordChange", func(in activities.ChangeRecord) (activities.ChangeRecorded, error) {
		c.told = append(c.told, in)
		return activities.ChangeRecorded{Seq: len(c.told), Made: c.madeBefore}, nil
	})
	stub(w, "FindOpenIncident", func(in activities.IncidentRef) (activities.OpenIncident, error) {
		return activities.OpenIncident{Number: "INC-1", WorkflowID: strings.Replace(in.Name, "INC-", "incident-", 1)}, nil
	})
	stub(w, "FindMadeChange", func(struct{}) (activities.MadeChange, error) { return c.before, nil })
	stub(w, "CheckStandardChange", func(activities.StandardQuestion) (activities.StandardFound, error) {
		return activities.StandardFound{Names: c.approved}, nil
	})
	return c
}

func changeOf(class string) map[string]any {
	return map[string]any{
		"title": "設定変更", "reason": "移行のため", "class": class, "requester": "ito", "operator": "tanaka", "incident": "incident-1",
		"settings": []map[string]any{
			{"setting": "mode", "old": "normal", "new": "read-only"}, {"setting": "days", "old": 365, "new": 400}, {"setting": "tasks", "old": 3, "new": 5},
		},
	}
}

func (c *cabinet) change(in map[string]any) error {
	c.env.ExecuteWorkflow("SettingChange", in)
	require.True(c.t, c.env.IsWorkflowCompleted())
	return c.env.GetWorkflowError()
}

func (c *cabinet) states() []string {
	states := []string{}
	for _, r := range c.told {
		states = append(states, r.State)
	}
	return states
}

var (
	made   = []string{"set mode", "set days", "set tasks"}
	unmade = []string{"put back tasks", "put back days", "put back mode"} // in reverse
)

func (c *cabinet) requireEffects(parts ...[]string) {
	c.t.Helper()
	want := []string{}
	for _, p := range parts {
		want = append(want, p...)
	}
	got := []string{}
	for _, e := range c.effects() {
		if !strings.HasPrefix(e, "mail:") {
			got = append(got, e)
		}
	}
	require.Equal(c.t, append(want, "ReleaseResources"), got)
}

func TestANormalChangeIsApprovedMadeAndStays(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "approve", by("sato"))
	require.NoError(t, c.change(changeOf("normal")))
	c.requireEffects(made)
	require.Equal(t, []string{"planned", "approved", "running", "done"}, c.states())
	last := c.told[len(c.told)-1]
	assert.Equal(t, []string{"sato"}, last.Approvers)
	assert.Equal(t, []string{"incident-1", "INC-1"}, []string{last.Incident, last.IncidentNumber}, "its run may handle another one later")
	assert.Equal(t, []string{"ssm:parameter/mode", "logs:group/days", "ecs:/tasks"}, last.Targets)
	var r workflows.SettingChangeResult
	require.NoError(t, c.env.GetWorkflowResult(&r))
	assert.Equal(t, []string{"rule"}, r.Rules)
	assert.Equal(t, c.status().Plan.Digest, r.Plan)
	assert.Len(t, c.status().Plan.Changes, 3)
}

func TestARejectedChangeChangesNothing(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "reject", by("sato"))
	require.True(t, runbook.IsEnd(c.change(changeOf("normal")), runbook.ErrRejected))
	c.requireEffects()
	require.Equal(t, []string{"planned", "rejected"}, c.states())
}

func TestAnotherOldValueEndsTheChangeBeforeAnybodyIsAsked(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.values["days"] = "30"
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "the setting days has another value")
	c.requireEffects()
	require.NotContains(t, c.kinds(), "gate-opened")
	require.Equal(t, []string{"planned", "failed"}, c.states())
}

// Between approval and effect somebody sets it by hand: what was approved is not done.
func TestAValueThatChangesAfterTheApprovalStopsTheChange(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	in := changeOf("normal")
	in["window"] = map[string]any{"start": "2027-01-18T22:00:00+09:00", "end": "2027-01-18T23:00:00+09:00"}
	c.at(start.Add(time.Hour), "approve", by("sato"))
	c.env.RegisterDelayedCallback(func() { c.mu.Lock(); defer c.mu.Unlock(); c.values["mode"] = `"off"` }, 2*time.Hour)
	err := c.change(in)
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "the setting mode has another value")
	c.requireEffects()
}

func TestAChangeApprovedOnceAndForAllAsksNobody(t *testing.T) {
	c := withCabinet(newWorld(t), "")
	c.approved = []string{"read-only"}
	require.NoError(t, c.change(changeOf("standard")))
	c.requireEffects(made)
	require.NotContains(t, c.kinds(), "gate-opened")
	require.Contains(t, c.kinds(), "pre-approved")
	require.Equal(t, []string{"planned", "approved", "running", "done"}, c.states())
	require.Contains(t, c.told[1].Note, "read-only")
}

func TestAWindowIsWaitedForAndCheckedAgain(t *testing.T) {
	window := map[string]any{"start": "2027-01-18T22:00:00+09:00", "end": "2027-01-18T23:00:00+09:00"}
	for name, c := range map[string]struct {
		prepare func(*cabinet)
		kind    string
		says    string
	}{
		"in time":                  {func(*cabinet) {}, "", ""},
		"frozen meanwhile":         {func(c *cabinet) { c.frozen = "the change lies in a freeze" }, runbook.ErrRefused, "lies in a freeze"},
		"rejected while it waited": {func(c *cabinet) { c.at(start.Add(2*time.Hour), "reject", by("suzuki")) }, runbook.ErrRejected, "suzuki"},
		"too late": {func(c *cabinet) {
			c.fail["TakeResources"] = once(final("Locked", "another run is at work"))
			c.at(start.Add(13*time.Hour+30*time.Minute), "retry", by("kato"))
		}, runbook.ErrExpired, "the window ended"},
	} {
		t.Run(name, func(t *testing.T) {
			cab := withCabinet(newWorld(t), system.GateNormal)
			in := changeOf("normal")
			in["window"] = window
			cab.at(start.Add(time.Hour), "approve", by("sato"))
			c.prepare(cab)
			err := cab.change(in)
			if c.kind == "" {
				require.NoError(t, err)
				require.Equal(t, time.Date(2027, 1, 18, 13, 0, 0, 0, time.UTC), cab.told[0].WindowFrom.UTC())
				return
			}
			require.True(t, runbook.IsEnd(err, c.kind), "%v", err)
			require.ErrorContains(t, err, c.says)
			cab.requireEffects()
		})
	}
}

func TestABrokenRuleIsPutBackInReverse(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.violations = []string{"/gzs/web is not compliant"}
	c.at(start.Add(time.Hour), "approve", by("sato"))
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.ErrorContains(t, err, "/gzs/web is not compliant")
	c.requireEffects(made, unmade)
	require.Equal(t, []string{"planned", "approved", "running", "undone"}, c.states())
	require.Contains(t, c.kinds(), "not-compliant")
}

func TestAFailedSettingIsHeldAndRolledBackInReverse(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "approve", by("sato"))
	c.fail["ApplySetting"] = func(n int) error {
		if n == 3 {
			return temporal.NewNonRetryableApplicationError("somebody changed it", "Drifted", nil)
		}
		return nil
	}
	c.at(start.Add(2*time.Hour), "rollback", by("tanaka"))
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	c.requireEffects(made[:2], unmade) // the third may have happened: its undo looks
	require.Equal(t, `"normal"`, c.values["mode"])
}

func TestACancelledChangeIsPutBackInReverse(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "approve", by("sato"))
	c.fail["EvaluateConfigRules"] = final("Denied", "no permission")
	c.at(start.Add(2*time.Hour), "cancel", by("kato"))
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
	c.requireEffects(made, unmade)
}

func TestAnEmergencyIsMadeFirstAndApprovedLate(t *testing.T) {
	c := withEmergency(t)
	c.at(start.Add(3*24*time.Hour), "approve", by("sato"))
	require.NoError(t, c.change(changeOf("emergency")))
	c.requireEffects(made)
	require.Equal(t, []string{"planned", "running", "applied", "overdue", "done"}, c.states())
	require.Contains(t, c.calls, "mail:after-overdue")
}

func TestAnEmergencyThatIsRejectedIsUndoneInReverse(t *testing.T) {
	c := withEmergency(t)
	c.at(start.Add(time.Hour), "approve", by("ito")) // the requester
	c.at(start.Add(2*time.Hour), "reject", by("sato"))
	err := c.change(changeOf("emergency"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRejected), "%v", err)
	c.requireEffects(made, unmade)
	require.Equal(t, []string{"planned", "running", "applied", "undone"}, c.states())
	require.Contains(t, c.status().Approvals[0].Refusal, "ito requested or operates this change")
}

func TestAnEmergencyThatNobodyApprovesEndsAndStays(t *testing.T) {
	c := withEmergency(t)
	err := c.change(changeOf("emergency"))
	require.True(t, runbook.IsEnd(err, runbook.ErrNeverApproved), "%v", err)
	c.requireEffects(made)
	require.Equal(t, []string{"planned", "running", "applied", "overdue", "failed"}, c.states())
	require.Contains(t, c.told[4].Note, "It stays as it was made (set-mode, set-days, set-tasks)")
	require.Contains(t, c.calls, "mail:after-never")
}

// withEmergency is a cabinet whose officers have until the next day.
func withEmergency(t *testing.T) *cabinet {
	w := newWorld(t)
	w.late = 32 * time.Hour
	return withCabinet(w, system.GateAfterwards)
}

func TestAnEmergencyHoldsItsSettingsUntilItIsDecided(t *testing.T) {
	c := withEmergency(t)
	c.fail["ReserveResources"] = func(n int) error {
		if n == 2 { // somebody has reserved the time after the emergency
			return temporal.NewNonRetryableApplicationError("ssm:parameter/mode is held by setting-change-z", "Locked", nil)
		}
		return nil
	}
	c.at(start.Add(time.Hour), "approve", by("sato"))
	require.NoError(t, c.change(changeOf("emergency")), "that is no reason to undo it")
	require.Contains(t, c.kinds(), "hold-not-prolonged")
	require.Equal(t, 2, c.tries["ReserveResources"])
}

func TestASecondChangeOfOneTargetIsToldWhoHoldsIt(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.conflict = "setting-change-a (SettingChange, requested by kato) from 10:00 until 14:00"
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "is held by setting-change-a (SettingChange, requested by kato) from 10:00 until 14:00")
	require.Empty(t, c.effects())
}

func TestShorterRetentionSaysWhatIsNotPutBack(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.violations = []string{"too short"}
	in := changeOf("normal")
	in["settings"] = []map[string]any{{"setting": "days", "old": 365, "new": 30}}
	c.at(start.Add(time.Hour), "approve", by("sato"))
	err := c.change(in)
	require.ErrorContains(t, err, "Not put back: log events of days that CloudWatch Logs has deleted")
}

func TestBadSettingChangeInputIsRefusedBeforeAnyEffect(t *testing.T) {
	many := []map[string]any{}
	for range 21 {
		many = append(many, map[string]any{"setting": "mode", "old": 1, "new": 2})
	}
	for says, spoil := range map[string]func(map[string]any){
		"title is missing":              func(in map[string]any) { delete(in, "title") },
		"title must be one line":        func(in map[string]any) { in["title"] = "a\nb" },
		"settings has 0 entries":        func(in map[string]any) { in["settings"] = []any{} },
		"settings has 21 entries":       func(in map[string]any) { in["settings"] = many },
		`settings names "mode" twice`:   func(in map[string]any) { in["settings"] = many[:2] },
		"window.end is missing":         func(in map[string]any) { in["window"] = map[string]any{"start": "2027-01-18T22:00:00+09:00"} },
		"has no zone":                   func(in map[string]any) { in["window"] = map[string]any{"start": "2027-01-18T22:00:00", "end": "+1h"} },
		`field "approved" is unknown`:   func(in map[string]any) { in["approved"] = true },
		`"settings.0.force" is unknown`: func(in map[string]any) { in["settings"] = []map[string]any{{"setting": "mode", "force": true}} },
	} {
		t.Run(says, func(t *testing.T) {
			c := withCabinet(newWorld(t), system.GateNormal)
			in := changeOf("normal")
			spoil(in)
			err := c.change(in)
			require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
			require.ErrorContains(t, err, says)
			require.Empty(t, c.effects())
			require.Empty(t, c.told)
		})
	}
}
