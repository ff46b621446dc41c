package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// newCabinet is a world whose settings nobody else has.
func newCabinet(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	own := uuid.NewString()[:8]
	return newWorld(t, append([]func(*system.System){func(s *system.System) {
		s.Settings, s.Alarms = slices.Clone(s.Settings), slices.Clone(s.Alarms)
		for i := range s.Settings {
			v := &s.Settings[i]
			switch v.Kind {
			case system.ParameterSetting, system.LogSetting:
				v.Resource += "-" + own
			case system.IPSetSetting:
				v.ID = "c3d4e5f6-" + own
			case system.AlarmSetting:
				at := slices.Index(s.Alarms, v.Resource)
				v.Resource += "-" + own
				s.Alarms[at] = v.Resource
			}
		}
	}}, changes...)...)
}

// gateOf lets a test change a gate of SettingChange.
func gateOf(name string, change func(*system.Gate)) func(*system.System) {
	return func(s *system.System) {
		s.Gates = slices.Clone(s.Gates)
		i := slices.IndexFunc(s.Gates, func(g system.Gate) bool { return g.Runbook == "SettingChange" && g.Gate == name })
		change(&s.Gates[i])
	}
}

// settingTo is a change of one setting.
func settingTo(name, from, to string) workflows.SettingValue {
	return workflows.SettingValue{Setting: name, Old: json.RawMessage(from), New: json.RawMessage(to)}
}

var (
	threeTasks = `{"desiredCount":3,"minimumHealthyPercent":100,"maximumPercent":200}`
	fiveTasks  = `{"desiredCount":5,"minimumHealthyPercent":50,"maximumPercent":200}`

	modeOff   = settingTo("web-mode", `"normal"`, `"read-only"`)
	moreTasks = settingTo("web-tasks", threeTasks, fiveTasks)
	moreDays  = settingTo("web-log-days", `365`, `400`)
)

// changed starts a change of settings. An emergency is asked for by the operations manager.
func (w *world) changed(class string, settings ...workflows.SettingValue) *run {
	w.t.Helper()
	in := workflows.SettingChangeInput{Title: "設定変更", Reason: "試験のため", Class: class, Requester: "kato", Operator: "tanaka", Settings: settings}
	if class == system.ClassEmergency {
		in.Requester = "takahashi"
	}
	return w.begin("SettingChange", in)
}

// states are those that the record of the run's change has been in.
func (r *run) states() []string {
	r.t.Helper()
	history, err := r.records.ChangeHistory(r.t.Context(), r.id)
	require.NoError(r.t, err)
	var states []string
	for _, c := range history {
		states = append(states, c.State)
	}
	return states
}

// written are the operations that changed something, mail left out, in order.
func (w *world) written() []string {
	w.t.Helper()
	names := []string{}
	for _, e := range w.journal() {
		if e.Effect && e.Service != "sesv2" {
			names = append(names, e.Operation)
		}
	}
	return names
}

func (w *world) asBefore() {
	w.t.Helper()
	before, err := w.before.Content()
	require.NoError(w.t, err)
	after, err := w.snapshot().Content()
	require.NoError(w.t, err)
	require.Equal(w.t, before, after)
}

func TestANormalChangeOfSettings(t *testing.T) {
	t.Parallel()
	w := newCabinet(t)
	r := w.changed(system.ClassNormal, modeOff, moreTasks, moreDays)
	asked := r.asks("approval", "normal")
	require.False(t, r.try(asked, runbook.Approve, "kato").Accepted, "who asked for it does not approve it")
	require.False(t, r.try(asked, runbook.Approve, "takahashi").Accepted, "the operations manager approves standard changes only")

	second := w.changed(system.ClassNormal, modeOff)
	s := second.ends(runbook.ErrRefused)
	require.Contains(t, s.Says, "is held by "+r.id+" (SettingChange, requested by kato) from ")
	require.Regexp(t, ` until \d{4}-\d\d-\d\d \d\d:\d\d JST`, s.Says)

	r.answer(asked, runbook.Approve, "sato")
	r.done()
	require.Equal(t, []string{"PutParameter", "UpdateService", "PutRetentionPolicy", "StartConfigRulesEvaluation"}, w.written())
	require.Equal(t, []string{"planned", "approved", "running", "done"}, r.states())
	var result workflows.SettingChangeResult
	require.NoError(t, w.client.GetWorkflow(t.Context(), r.id, "").Get(t.Context(), &result))
	require.Equal(t, []string{"gzs-log-retention"}, result.Rules)
	for _, who := range []string{"kato", "tanaka", "sato"} {
		require.Equal(t, []string{"【設定変更完了】設定変更"}, w.mails(system.ToPerson(who)), who)
	}
	require.Empty(t, w.mails(system.ToPerson("takahashi")), "whose approval did not count")
}

func TestAnotherOldValueStopsTheChange(t *testing.T) {
	t.Parallel()
	w := newCabinet(t)
	r := w.changed(system.ClassNormal, moreDays, settingTo("web-mode", `"maintenance"`, `"read-only"`))
	s := r.ends(runbook.ErrRefused)
	require.Contains(t, s.Says, `web-mode has another value than the request expects`)
	require.Contains(t, s.Says, `"maintenance"`)
	require.Contains(t, s.Says, `"normal"`)
	require.Empty(t, w.written())
	require.Equal(t, []string{"planned", "failed"}, r.states())
}

func TestAStandardChangeAsksTheManagerUnlessItIsListed(t *testing.T) {
	t.Parallel()
	w := newCabinet(t)
	r := w.changed(system.ClassStandard, modeOff)
	r.done()
	require.Equal(t, 1, r.kinds("pre-approved"))
	require.Zero(t, r.kinds("gate-opened"))

	other := w.changed(system.ClassStandard, settingTo("api-error-alarm", `1`, `5`))
	other.answer(other.asks("approval", "standard"), runbook.Approve, "takahashi")
	other.done()
	require.Equal(t, []string{"PutParameter", "PutMetricAlarm", "StartConfigRulesEvaluation"}, w.written())
}

// A rule that the change breaks has everything put back, in reverse.
func TestABrokenRuleOfConfigPutsTheChangeBack(t *testing.T) {
	t.Parallel()
	w := newCabinet(t)
	r := w.changed(system.ClassNormal, modeOff, settingTo("web-log-days", `365`, `7`), moreTasks)
	r.answer(r.asks("approval", "normal"), runbook.Approve, "sato")
	s := r.ends(runbook.ErrRolledBack)
	require.Contains(t, s.Says, "is not compliant with the AWS Config rule gzs-log-retention")
	require.Equal(t, []string{
		"PutParameter", "PutRetentionPolicy", "UpdateService", "StartConfigRulesEvaluation", "UpdateService", "PutRetentionPolicy", "PutParameter",
	}, w.written())
	require.Equal(t, []string{"planned", "approved", "running", "undone"}, r.states())
}

func TestAnEmergencyChangeIsOverdueUntilItIsApproved(t *testing.T) {
	t.Parallel()
	w := newCabinet(t, gateOf("afterwards", func(g *system.Gate) { g.LateAfter = "+1s" }))
	r := w.changed(system.ClassEmergency, modeOff)
	s := r.until("the approval to be overdue", func(s runbook.Status) bool { return s.State == runbook.Overdue && s.WaitingFor != nil })
	require.Contains(t, s.Markdown(), "OVERDUE since")
	require.Equal(t, []string{"PutParameter"}, w.written(), "it was made first")
	eventually(t, "the mail about it", func() error {
		if !slices.ContainsFunc(w.mails("managers"), func(m string) bool { return strings.HasPrefix(m, "【至急・事後承認の遅延】") }) {
			return errNotYet
		}
		return nil
	})
	late, err := w.records.Changes(t.Context(), false)
	require.NoError(t, err)
	i := slices.IndexFunc(late, func(c records.Change) bool { return c.WorkflowID == r.id })
	require.GreaterOrEqual(t, i, 0)
	require.True(t, late[i].Overdue(time.Now()))

	require.False(t, r.try(s, runbook.Approve, "takahashi").Accepted, "who asked for it does not approve it")
	require.False(t, r.try(s, runbook.Approve, "tanaka").Accepted, "nor who made it")
	r.answer(s, runbook.Approve, "sato")
	r.done()
	require.Equal(t, []string{"PutParameter"}, w.written())
	require.Equal(t, []string{"planned", "running", "applied", "overdue", "done"}, r.states())
}

func TestAnEmergencyChangeThatNobodyApprovesEndsAndStays(t *testing.T) {
	t.Parallel()
	w := newCabinet(t, gateOf("afterwards", func(g *system.Gate) { g.LateAfter, g.Deadline = "+1s", system.Duration(4*time.Second) }))
	r := w.changed(system.ClassEmergency, modeOff)
	s := r.ends(runbook.ErrNeverApproved)
	require.Contains(t, s.Says, "It stays as it was made (set-web-mode)")
	require.Equal(t, []string{"PutParameter"}, w.written())
	require.Equal(t, "failed", r.states()[len(r.states())-1])
	eventually(t, "the mail about it", func() error {
		if !slices.ContainsFunc(w.mails("managers"), func(m string) bool { return strings.HasPrefix(m, "【重要・事後承認なしで終了】") }) {
			return errNotYet
		}
		return nil
	})
}

// A Reset to the very start repeats nothing, loses neither the plan nor the way back, and makes what was approved void.
func TestResetOfAnEmergencyChangeLosesNeitherApprovalNorWayBack(t *testing.T) {
	t.Parallel()
	w := newCabinet(t, gateOf("afterwards", func(g *system.Gate) { g.Quorum = 2 }))
	r := w.changed(system.ClassEmergency, modeOff)
	old := r.asks("approval", "afterwards")
	r.answer(old, runbook.Approve, "sato")
	r.reset(started)
	again := r.asks("approval", "afterwards")
	require.Equal(t, old.WaitingFor.Plan, again.WaitingFor.Plan, "the plan is the one that was carried out")
	require.Zero(t, again.WaitingFor.Got)
	r.untoldByOldApprovals(old)
	r.answer(again, runbook.Reject, "suzuki")
	r.ends(runbook.ErrRejected)
	require.Equal(t, []string{"PutParameter", "PutParameter"}, w.written(), "made once, put back once")
	w.asBefore()
}
