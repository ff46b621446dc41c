package activities

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// eachSetting is a change of each kind, with the operations that make it and take it back.
var eachSetting = []struct {
	name, from, to string
	service, write string
	undo           string
}{
	{"web-mode", `"normal"`, `"read-only"`, "ssm", "PutParameter", "PutParameter"},
	{"web-tasks", `{"desiredCount":3,"minimumHealthyPercent":100,"maximumPercent":200}`, `{"desiredCount":5,"minimumHealthyPercent":50,"maximumPercent":150}`, "ecs", "UpdateService", "UpdateService"},
	{"blocked-networks", `["203.0.113.128/25"]`, `["198.51.100.0/25","203.0.113.128/25"]`, "wafv2", "UpdateIPSet", "UpdateIPSet"},
	{"web-log-days", `365`, `400`, "cloudwatch logs", "PutRetentionPolicy", "PutRetentionPolicy"},
	{"web-log-days", `365`, `0`, "cloudwatch logs", "DeleteRetentionPolicy", "PutRetentionPolicy"},
	{"api-error-alarm", `1`, `5`, "cloudwatch", "PutMetricAlarm", "PutMetricAlarm"},
}

func (b *bench) resolved(name, from, to string) system.SettingResolved {
	b.t.Helper()
	v, ok := b.system.Setting(name)
	require.True(b.t, ok, name)
	r := system.SettingResolved{Name: v.Name, Kind: v.Kind, Resource: v.Resource, ID: v.ID, Old: json.RawMessage(from), New: json.RawMessage(to), Rules: v.Rules}
	if v.Kind == system.ServiceSetting {
		r.Cluster = b.system.ECS.Cluster
	}
	return r
}

func (b *bench) settingChange(v system.SettingResolved) SettingChange {
	b.t.Helper()
	planned := must(b, b.set.Settings.PlanSetting, b.planOf(v))
	assert.Equal(b.t, v.Target(), planned.Resource, "what is planned is what is reserved")
	return SettingChange{Operation: b.operation, Setting: v, Change: Ref(planned)}
}

func (b *bench) planOf(v system.SettingResolved) SettingPlan {
	return SettingPlan{Operation: b.operation, Setting: v}
}

func (b *bench) content() map[string]string {
	b.t.Helper()
	snap, err := b.box.Snapshot()
	require.NoError(b.t, err)
	content, err := snap.Content()
	require.NoError(b.t, err)
	return content
}

func TestEachKindOfSettingIsChangedOnceAndPutBackAsItWas(t *testing.T) {
	for _, c := range eachSetting {
		t.Run(c.name+" to "+c.to, func(t *testing.T) {
			b := newBench(t)
			before := b.content()
			change := b.settingChange(b.resolved(c.name, c.from, c.to))
			b.since()
			for range 2 { // every activity runs twice
				must(b, b.set.Settings.ApplySetting, change)
			}
			assert.Equal(t, []string{c.write}, b.effects())
			assert.NotEqual(t, before, b.content())
			assert.Equal(t, change, b.settingChange(change.Setting), "after a Reset the plan is the one that was carried out")
			other := b.planOf(change.Setting)
			other.Operation = "another-operation"
			_, err := try(b, b.set.Settings.PlanSetting, other)
			requireType(t, err, Refused)
			for range 2 {
				must(b, b.set.Settings.RevertSetting, change)
			}
			assert.Equal(t, []string{c.write, c.undo}, b.effects())
			assert.Equal(t, before, b.content(), "byte for byte")
		})
	}
}

func TestNoFaultChangesASettingTwice(t *testing.T) {
	for _, c := range eachSetting {
		for _, kind := range []string{sandbox.FaultThrottle, sandbox.Fault500, sandbox.FaultLostRequest, sandbox.FaultExecutedThenTimeout} {
			t.Run(c.write+"/"+kind, func(t *testing.T) {
				b := newBench(t)
				change := b.settingChange(b.resolved(c.name, c.from, c.to))
				b.since()
				b.fault(c.service, c.write, kind)
				_, err := try(b, b.set.Settings.ApplySetting, change)
				require.Error(t, err)
				assert.True(t, transient(err), "%v", err)
				must(b, b.set.Settings.ApplySetting, change)
				assert.Equal(t, []string{c.write}, b.effects())
				b.fault(c.service, c.undo, kind)
				_, err = try(b, b.set.Settings.RevertSetting, change)
				require.Error(t, err)
				must(b, b.set.Settings.RevertSetting, change)
				assert.Equal(t, []string{c.write, c.undo}, b.effects())
			})
		}
	}
}

func TestAnotherOldValueStopsBeforeAnyEffectWithTheDifference(t *testing.T) {
	for _, c := range eachSetting {
		b := newBench(t)
		b.since()
		v := b.resolved(c.name, c.to, c.from) // the other way round: the old value is not what is there
		_, err := try(b, b.set.Settings.PlanSetting, b.planOf(v))
		requireType(t, err, Refused)
		assert.ErrorContains(t, err, "has another value than the request expects. Nothing was changed")
		assert.Regexp(t, `(?m)^[-+] `, err.Error())
		assert.Empty(t, b.writes())
	}
}

func TestASettingThatWasChangedSinceThePlanIsLeftAlone(t *testing.T) {
	for _, c := range eachSetting[:1] {
		b := newBench(t)
		change := b.settingChange(b.resolved(c.name, c.from, c.to))
		_, err := ssm.NewFromConfig(b.cfg).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/gzs/web/mode"), Value: aws.String("somebody"), Overwrite: aws.Bool(true)})
		require.NoError(t, err)
		b.since()
		_, err = try(b, b.set.Settings.ApplySetting, change)
		requireType(t, err, Drifted)
		assert.ErrorContains(t, err, "somebody")
		assert.Empty(t, b.writes())
	}
}

func TestASecretIsRefusedAndSaidNowhere(t *testing.T) {
	b := newBench(t)
	_, err := ssm.NewFromConfig(b.cfg).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/gzs/secret"), Value: aws.String("hunter2"), Type: ssmtypes.ParameterTypeSecureString})
	require.NoError(t, err)
	v := b.resolved("web-mode", `"hunter2"`, `"hunter3"`)
	v.Resource = "/gzs/secret"
	_, err = try(b, b.set.Settings.PlanSetting, b.planOf(v))
	requireType(t, err, Refused)
	assert.ErrorContains(t, err, "is a SecureString")
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestASettingThatIsNotThereIsNamed(t *testing.T) {
	for _, c := range eachSetting {
		b := newBench(t)
		v := b.resolved(c.name, c.from, c.to)
		v.Resource = "/none"
		if v.Kind == system.ServiceSetting || v.Kind == system.AlarmSetting {
			v.Resource = "none"
		}
		_, err := try(b, b.set.Settings.PlanSetting, b.planOf(v))
		requireType(t, err, NotFound)
	}
}

// PutMetricAlarm erases what is left out, so every member that both have must be carried over.
func TestNothingOfAnAlarmIsLeftOut(t *testing.T) {
	members := func(v any) []string {
		var names []string
		for i := range reflect.TypeOf(v).NumField() {
			if f := reflect.TypeOf(v).Field(i); f.IsExported() {
				names = append(names, f.Name)
			}
		}
		return names
	}
	unions := map[string]any{"EvaluationCriteria": &cwtypes.EvaluationCriteriaMemberPromQLCriteria{}, "EvaluationWindow": &cwtypes.EvaluationWindowMemberSlidingWindow{}}
	var m cwtypes.MetricAlarm
	for _, name := range members(m) { // one of each, so that what is not copied shows
		f := reflect.ValueOf(&m).Elem().FieldByName(name)
		switch f.Kind() {
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case reflect.String:
			f.SetString("x")
		case reflect.Interface:
			f.Set(reflect.ValueOf(unions[name]))
		}
	}
	put := reflect.ValueOf(*wholeAlarm(m))
	for _, name := range members(*wholeAlarm(m)) {
		if name == "Tags" { // of an alarm that is there they stay
			continue
		}
		assert.False(t, put.FieldByName(name).IsZero(), "%s would be erased", name)
	}
	computed := []string{"AlarmArn", "AlarmConfigurationUpdatedTimestamp", "EvaluationState", "StateReason", "StateReasonData", "StateTransitionedTimestamp", "StateUpdatedTimestamp", "StateValue"}
	kept := reflect.ValueOf(configured(m))
	for _, name := range members(m) {
		assert.Equal(t, slices.Contains(computed, name), kept.FieldByName(name).IsZero(), name)
		if !slices.Contains(computed, name) {
			assert.True(t, put.FieldByName(name).IsValid(), "PutMetricAlarm takes no %s", name)
		}
	}
}

func TestConfigSaysWhetherASettingIsCompliant(t *testing.T) {
	b := newBench(t)
	days, alarm := b.resolved("web-log-days", `365`, `7`), b.resolved("api-error-alarm", `1`, `5`)
	in := Compliance{Settings: []system.SettingResolved{days, alarm, b.resolved("web-mode", `"a"`, `"b"`)}, Since: time.Now()}
	must(b, b.set.Settings.ApplySetting, b.settingChange(alarm))
	seen := must(b, b.set.Settings.EvaluateConfigRules, in)
	assert.Equal(t, []string{"gzs-alarm-actions", "gzs-log-retention"}, seen.Rules)
	assert.Empty(t, seen.Violations)

	must(b, b.set.Settings.ApplySetting, b.settingChange(days))
	seen = must(b, b.set.Settings.EvaluateConfigRules, in)
	assert.Equal(t, []string{"/gzs/web is not compliant with the AWS Config rule gzs-log-retention: The retention period is less than 30 days."}, seen.Violations)

	// What others do wrong is not this change's fault.
	must(b, b.set.Settings.RevertSetting, SettingChange{Operation: b.operation, Setting: days, Change: b.refOf(days)})
	_, err := cloudwatch.NewFromConfig(b.cfg).DisableAlarmActions(t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{"gzs-web-unhealthy-hosts"}})
	require.NoError(t, err)
	assert.Empty(t, must(b, b.set.Settings.EvaluateConfigRules, in).Violations)
	in.Settings[0].Rules = []string{"no-such-rule"}
	_, err = try(b, b.set.Settings.EvaluateConfigRules, in)
	requireType(t, err, NotFound)
}

// refOf is the plan of a change that was carried out: from what the setting was, to what it is.
func (b *bench) refOf(v system.SettingResolved) ChangeRef {
	b.t.Helper()
	_, err := cloudwatchlogs.NewFromConfig(b.cfg).PutRetentionPolicy(b.t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &v.Resource, RetentionInDays: aws.Int32(365)})
	require.NoError(b.t, err)
	return Ref(must(b, b.set.Settings.PlanSetting, b.planOf(v)))
}

func TestAnEvaluationIsWaitedForWhateverHappensToTheCalls(t *testing.T) {
	for _, operation := range []string{"StartConfigRulesEvaluation", "DescribeConfigRuleEvaluationStatus", "GetComplianceDetailsByConfigRule"} {
		for _, kind := range []string{sandbox.FaultThrottle, sandbox.Fault500, sandbox.FaultLostRequest, sandbox.FaultExecutedThenTimeout} {
			t.Run(operation+"/"+kind, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				require.NoError(t, b.box.SetTimeScale(0.2)) // an evaluation takes seconds, in which AWS begins no second one
				b.since()
				b.fault("config service", operation, kind)
				in := Compliance{Settings: []system.SettingResolved{b.resolved("web-log-days", `365`, `400`)}, Since: time.Now()}
				if _, err := try(b, b.set.Settings.EvaluateConfigRules, in); err != nil {
					require.True(t, transient(err), "%v", err)
					must(b, b.set.Settings.EvaluateConfigRules, in)
				}
				left, err := b.box.Faults()
				require.NoError(t, err)
				require.Empty(t, left, "the fault struck")
				require.Equal(t, []string{"StartConfigRulesEvaluation"}, b.effects(), "it is evaluated once")
			})
		}
	}
}
