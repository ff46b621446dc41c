package system

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
)

func settingNow() time.Time {
	return time.Date(2027, 1, 18, 10, 0, 0, 0, time.FixedZone("JST", 9*60*60))
}

func wish(name, from, to string) SettingWish {
	return SettingWish{Setting: name, Old: json.RawMessage(from), New: json.RawMessage(to)}
}

func normalChange(wishes ...SettingWish) SettingRequest {
	return SettingRequest{Requester: "kato", Operator: "tanaka", Class: ClassNormal, Settings: wishes}
}

func resolveSetting(t *testing.T, s *System, req SettingRequest) (SettingTarget, error) {
	t.Helper()
	cal, err := calendar.Japan()
	require.NoError(t, err)
	return s.ResolveSetting(req, cal, settingNow())
}

func TestASettingChangeIsResolvedToNamesInAWS(t *testing.T) {
	s := example(t)
	got, err := resolveSetting(t, s, normalChange(
		wish("web-tasks", `{"maximumPercent":200,"minimumHealthyPercent":100,"desiredCount":3}`, `{"desiredCount":5,"minimumHealthyPercent":50,"maximumPercent":200}`),
		wish("blocked-networks", `["203.0.113.128/25"]`, `["203.0.113.128/25","198.51.100.0/25"]`),
		wish("web-log-days", `365`, `30`),
		wish("web-mode", `"normal"`, `"read-only"`),
		wish("api-error-alarm", `1.0`, `5`),
	))
	require.NoError(t, err)
	assert.Equal(t, GateNormal, got.Gate)
	var targets, values []string
	for _, v := range got.Settings {
		targets, values = append(targets, v.Target()), append(values, string(v.Old)+" → "+string(v.New))
	}
	assert.Equal(t, []string{"ecs:gzs-infra/gzs-web", "wafv2:ipset/c3d4e5f6-7890-12ab-cdef-777788889999", "logs:group//gzs/web", "ssm:parameter//gzs/web/mode", "cloudwatch:alarm/gzs-api-5xx"}, targets)
	assert.Equal(t, []string{
		`{"desiredCount":3,"minimumHealthyPercent":100,"maximumPercent":200} → {"desiredCount":5,"minimumHealthyPercent":50,"maximumPercent":200}`,
		`["203.0.113.128/25"] → ["198.51.100.0/25","203.0.113.128/25"]`, `365 → 30`, `"normal" → "read-only"`, `1 → 5`,
	}, values, "values have one form")
	assert.Equal(t, settingNow().Add(4*time.Hour).Unix(), got.End.Unix(), "at once, within changes.longest")
}

func TestTheClassFindsTheGate(t *testing.T) {
	s := example(t)
	for name, c := range map[string]struct {
		class, requester string
		wishes           []SettingWish
		gate             string
		approved         []string
	}{
		"normal":          {ClassNormal, "kato", []SettingWish{wish("web-mode", `"normal"`, `"read-only"`)}, GateNormal, []string{}},
		"listed":          {ClassStandard, "kato", []SettingWish{wish("web-mode", `"normal"`, `"read-only"`)}, "", []string{"web-read-only"}},
		"another value":   {ClassStandard, "kato", []SettingWish{wish("web-mode", `"normal"`, `"read-only "`)}, GateStandard, []string{}},
		"one of them not": {ClassStandard, "kato", []SettingWish{wish("web-mode", `"normal"`, `"read-only"`), wish("api-error-alarm", `1`, `2`)}, GateStandard, []string{}},
		"emergency":       {ClassEmergency, "takahashi", []SettingWish{wish("web-mode", `"normal"`, `"read-only"`)}, GateAfterwards, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			req := normalChange(c.wishes...)
			req.Class, req.Requester = c.class, c.requester
			got, err := resolveSetting(t, s, req)
			require.NoError(t, err)
			assert.Equal(t, c.gate, got.Gate)
			assert.Equal(t, c.approved, got.PreApproved)
		})
	}
}

func TestWhatASettingChangeIsRefusedFor(t *testing.T) {
	at := func(hour int) time.Time { return settingNow().Add(time.Duration(hour) * time.Hour) }
	for says, change := range map[string]func(*System, *SettingRequest){
		`there is no setting "web-mod"`:                func(_ *System, r *SettingRequest) { r.Settings[0].Setting = "web-mod" },
		"(do you mean web-mode?)":                      func(_ *System, r *SettingRequest) { r.Settings[0].Setting = "web-mod" },
		"is named twice":                               func(_ *System, r *SettingRequest) { r.Settings = append(r.Settings, r.Settings[0]) },
		"there is nothing to change":                   func(_ *System, r *SettingRequest) { r.Settings[0].New = r.Settings[0].Old },
		"the old value is missing":                     func(_ *System, r *SettingRequest) { r.Settings[0].Old = nil },
		"the new value want a text":                    func(_ *System, r *SettingRequest) { r.Settings[0].New = json.RawMessage(`7`) },
		`the class "quick" is unknown`:                 func(_ *System, r *SettingRequest) { r.Class = "quick" },
		"let the operations manager or an officer ask": func(_ *System, r *SettingRequest) { r.Class = ClassEmergency },
		"an emergency change is made at once": func(_ *System, r *SettingRequest) {
			r.Class, r.Requester, r.Start, r.End = ClassEmergency, "takahashi", at(1), at(2)
		},
		"the window has only one of start and end": func(_ *System, r *SettingRequest) { r.Start = at(1) },
		"choose a later start":                     func(_ *System, r *SettingRequest) { r.Start, r.End = at(-1), at(1) },
		"ends (":                                   func(_ *System, r *SettingRequest) { r.Start, r.End = at(2), at(1) },
		"and a change may take 4h at most":         func(_ *System, r *SettingRequest) { r.Start, r.End = at(1), at(6) },
		`lies in the freeze "凍結"`: func(s *System, _ *SettingRequest) {
			s.Freezes = []Freeze{{Name: "凍結", Start: at(1), End: at(9), Reason: "集中"}}
		},
		"outside the times allowed": func(s *System, _ *SettingRequest) {
			s.Windows = []Window{{Weekdays: []string{"Sun"}, Start: "00:00", Duration: Duration(time.Hour)}}
		},
		"declares no settings":                          func(s *System, _ *SettingRequest) { s.Settings = nil },
		`no gate "normal" of the runbook SettingChange`: func(s *System, _ *SettingRequest) { s.Gates = nil },
		"requester \"nobody\" is unknown":               func(_ *System, r *SettingRequest) { r.Requester = "nobody" },
		"operator sato does not have the role operator": func(_ *System, r *SettingRequest) { r.Operator = "sato" },
		"to keep logs for a shorter time deletes": func(_ *System, r *SettingRequest) {
			r.Class, r.Settings = ClassStandard, []SettingWish{wish("web-log-days", `0`, `365`)}
		},
		"31 days is no span": func(_ *System, r *SettingRequest) { r.Settings = []SettingWish{wish("web-log-days", `30`, `31`)} },
		"198.51.100.1/24 has bits set": func(_ *System, r *SettingRequest) {
			r.Settings = []SettingWish{wish("blocked-networks", `[]`, `["198.51.100.1/24"]`)}
		},
		"0.0.0.0/0 is everybody": func(_ *System, r *SettingRequest) {
			r.Settings = []SettingWish{wish("blocked-networks", `[]`, `["0.0.0.0/0"]`)}
		},
		"holds IPv4 and IPv6": func(_ *System, r *SettingRequest) {
			r.Settings = []SettingWish{wish("blocked-networks", `[]`, `["198.51.100.0/24","2001:db8::/32"]`)}
		},
		"maximumPercent is missing": func(_ *System, r *SettingRequest) {
			r.Settings = []SettingWish{wish("web-tasks", `{"desiredCount":1,"minimumHealthyPercent":1}`, `{}`)}
		},
		"no deployment could ever go on": func(_ *System, r *SettingRequest) {
			r.Settings = []SettingWish{wish("web-tasks", `{"desiredCount":1,"minimumHealthyPercent":100,"maximumPercent":100}`, `{}`)}
		},
		"want a number": func(_ *System, r *SettingRequest) { r.Settings = []SettingWish{wish("api-error-alarm", `"1"`, `2`)} },
	} {
		t.Run(says, func(t *testing.T) {
			s, req := example(t), normalChange(wish("web-mode", `"normal"`, `"read-only"`))
			change(s, &req)
			_, err := resolveSetting(t, s, req)
			var refused *OutageRefused
			require.ErrorAs(t, err, &refused)
			assert.ErrorContains(t, err, says)
			assert.ErrorContains(t, err, "the setting change is refused")
		})
	}
}

// An emergency does not wait for the end of a freeze.
func TestAnEmergencyChangeIsAllowedInAFreeze(t *testing.T) {
	s := example(t)
	s.Freezes = []Freeze{{Name: "凍結", Start: settingNow().Add(-time.Hour), End: settingNow().Add(time.Hour), Reason: "集中"}}
	req := normalChange(wish("web-mode", `"normal"`, `"read-only"`))
	_, err := resolveSetting(t, s, req)
	require.ErrorContains(t, err, "凍結")
	require.ErrorContains(t, s.MayChange(settingNow(), settingNow().Add(time.Minute)), "凍結", "asked again before the effect")
	require.NoError(t, s.MayChange(settingNow().Add(time.Hour), settingNow().Add(2*time.Hour)))
	req.Class, req.Requester = ClassEmergency, "takahashi"
	_, err = resolveSetting(t, s, req)
	require.NoError(t, err)
}

func TestShorterRetentionIsWhatNoUndoBringsBack(t *testing.T) {
	for pair, shorter := range map[[2]string]bool{{"365", "30"}: true, {"0", "3653"}: true, {"30", "0"}: false, {"30", "365"}: false} {
		assert.Equal(t, shorter, Shortens(LogSetting, json.RawMessage(pair[0]), json.RawMessage(pair[1])), pair)
	}
	assert.False(t, Shortens(AlarmSetting, json.RawMessage("5"), json.RawMessage("1")))
}
