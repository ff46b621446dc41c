package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
)

// SettingPlan asks for the plan of the change of a setting.
type SettingPlan struct {
	Operation string                 `json:"operation"`
	Setting   system.SettingResolved `json:"setting"`
}

// SettingChange carries the planned change of a setting out, or takes it back.
type SettingChange struct {
	Operation string                 `json:"operation"`
	Setting   system.SettingResolved `json:"setting"`
	Change    ChangeRef              `json:"change"`
}

// settingsAPI is the calls used, by service.
type settingsAPI struct {
	ssm interface {
		GetParameter(context.Context, *ssm.GetParameterInput, ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
		GetParameterHistory(context.Context, *ssm.GetParameterHistoryInput, ...func(*ssm.Options)) (*ssm.GetParameterHistoryOutput, error)
		PutParameter(context.Context, *ssm.PutParameterInput, ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	}
	logs interface {
		DescribeLogGroups(context.Context, *cloudwatchlogs.DescribeLogGroupsInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DescribeLogGroupsOutput, error)
		PutRetentionPolicy(context.Context, *cloudwatchlogs.PutRetentionPolicyInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.PutRetentionPolicyOutput, error)
		DeleteRetentionPolicy(context.Context, *cloudwatchlogs.DeleteRetentionPolicyInput, ...func(*cloudwatchlogs.Options)) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error)
	}
	ecs interface {
		DescribeServices(context.Context, *ecs.DescribeServicesInput, ...func(*ecs.Options)) (*ecs.DescribeServicesOutput, error)
		UpdateService(context.Context, *ecs.UpdateServiceInput, ...func(*ecs.Options)) (*ecs.UpdateServiceOutput, error)
	}
	waf interface {
		GetIPSet(context.Context, *wafv2.GetIPSetInput, ...func(*wafv2.Options)) (*wafv2.GetIPSetOutput, error)
		UpdateIPSet(context.Context, *wafv2.UpdateIPSetInput, ...func(*wafv2.Options)) (*wafv2.UpdateIPSetOutput, error)
	}
	cloudwatch interface {
		DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput, ...func(*cloudwatch.Options)) (*cloudwatch.DescribeAlarmsOutput, error)
		PutMetricAlarm(context.Context, *cloudwatch.PutMetricAlarmInput, ...func(*cloudwatch.Options)) (*cloudwatch.PutMetricAlarmOutput, error)
	}
	config configAPI
}

// Settings changes the settings that system.yaml declares, of whatever kind, and asks AWS Config about them.
type Settings struct {
	settingsAPI
	changes changer
}

// PlanSetting plans the change of one setting. A setting that has not the value that the request expects is refused (Refused),
// with the difference. If the operation itself has made the change, before a Reset, the plan is the one that it was made by: so
// its undo and its approval are not lost.
func (a *Settings) PlanSetting(ctx context.Context, in SettingPlan) (plan.Change, error) {
	if err := checkOperation(in.Operation); err != nil {
		return plan.Change{}, err
	}
	setting, err := a.setting(in.Setting)
	if err != nil {
		return plan.Change{}, err
	}
	return setting.plan(ctx, in.Operation)
}

// ApplySetting carries the plan out and reads it back.
func (a *Settings) ApplySetting(ctx context.Context, in SettingChange) (struct{}, error) {
	setting, err := a.setting(in.Setting)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, setting.apply(ctx, in.Operation, in.Change)
}

// RevertSetting puts the saved state back.
func (a *Settings) RevertSetting(ctx context.Context, in SettingChange) (struct{}, error) {
	setting, err := a.setting(in.Setting)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, setting.revert(ctx, in.Operation, in.Change)
}

// changeable is a setting of any kind.
type changeable interface {
	plan(ctx context.Context, operation string) (plan.Change, error)
	apply(ctx context.Context, operation string, ref ChangeRef) error
	revert(ctx context.Context, operation string, ref ChangeRef) error
}

func (a *Settings) setting(in system.SettingResolved) (changeable, error) {
	if in.Resource == "" || len(in.Old) == 0 || len(in.New) == 0 {
		return nil, fail(InvalidInput, "the setting %q has no resource, or no old or new value", in.Name)
	}
	switch in.Kind {
	case system.ParameterSetting:
		return a.parameter(in), nil
	case system.ServiceSetting:
		return a.service(in), nil
	case system.IPSetSetting:
		return a.ipSet(in), nil
	case system.LogSetting:
		return a.retention(in), nil
	case system.AlarmSetting:
		return a.alarm(in), nil
	}
	return nil, fail(InvalidInput, "there is no kind of setting %q", in.Kind)
}

// settingOf is a setting that is part of an object in AWS, whose other parts stay as they are.
type settingOf[T any] struct {
	object[T]
	title  string
	before func(T) (state T, made bool, err error) // what the object was, if it is as the change would leave it
}

func (s settingOf[T]) plan(ctx context.Context, operation string) (plan.Change, error) {
	now, _, err := s.read(ctx)
	if err != nil {
		return plan.Change{}, err
	}
	from, err := s.madeFrom(ctx, operation, now)
	if err != nil {
		return plan.Change{}, err
	}
	return s.planFrom(ctx, from, s.title, func(parts map[string]T) any { return s.shows(parts, slices.Sorted(maps.Keys(parts))) })
}

// madeFrom is the state from which the operation has made the change already; the present one if it has not.
func (s settingOf[T]) madeFrom(ctx context.Context, operation string, now map[string]T) (map[string]T, error) {
	was := map[string]T{}
	for name, part := range now {
		state, made, err := s.before(part)
		if err != nil || !made {
			return now, err
		}
		was[name] = state
	}
	hash, err := s.hash(was)
	if err != nil {
		return nil, err
	}
	saved, err := s.saved(ctx, operation, ChangeRef{Resource: s.resource, BeforeHash: hash})
	if errors.Is(err, records.ErrNotFound) {
		return now, nil
	}
	return saved, err
}

// newSetting makes a setting out of how it is read and written. value picks it out of the object, and set puts the new one in.
func newSetting[T any](a *Settings, in system.SettingResolved, title string, value func(T) any, set func(*T, json.RawMessage) error,
	read func(context.Context) (T, string, error), write func(context.Context, T, string) error, whole func(T) any,
) settingOf[T] {
	return settingOf[T]{title: fmt.Sprintf("%s（%s → %s）", title, clipped(in.Old), clipped(in.New)),
		before: func(state T) (T, bool, error) {
			copied, err := apart(state)
			if err != nil {
				return state, false, err
			}
			if found, err := settingValue(in.Kind, value(copied)); err != nil || !bytes.Equal(found, in.New) {
				return state, false, nil //nolint:nilerr // another value, or none that can be compared, is what the change reports
			}
			if err := set(&copied, in.Old); err != nil {
				return state, false, fail(InvalidInput, "setting %s: %v", in.Name, err)
			}
			return copied, true, nil
		},
		object: object[T]{
			changer:  a.changes,
			resource: in.Target(),
			read: func(ctx context.Context) (map[string]T, map[string]string, error) {
				state, token, err := read(ctx)
				if err != nil {
					return nil, nil, err
				}
				return single(in.Resource, state, token)
			},
			// The change is from exactly the old value to the new one, so no plan can be made from another.
			change: func(state T) (T, error) {
				found, err := settingValue(in.Kind, value(state))
				if err != nil {
					return state, fail(Refused, "setting %s: %v", in.Name, err)
				}
				if !bytes.Equal(found, in.Old) {
					return state, fail(Refused, "the setting %s has another value than the request expects. Nothing was changed. What differs (- expected, + found):\n%s\nFind out who changed it and why, then ask again with the value that it has",
						in.Name, diffText(in.Target(), map[string]any{in.Resource: in.Old}, map[string]any{in.Resource: found}))
				}
				if err := set(&state, in.New); err != nil {
					return state, fail(InvalidInput, "setting %s: %v", in.Name, err)
				}
				return state, nil
			},
			write: func(ctx context.Context, parts map[string]T, tokens map[string]string) error {
				return write(ctx, parts[in.Resource], tokens[in.Resource])
			},
			whole: whole,
		}}
}

// apart is a state that shares nothing with another.
func apart[T any](state T) (T, error) {
	var copied T
	raw, err := json.Marshal(state)
	if err == nil {
		err = json.Unmarshal(raw, &copied)
	}
	if err != nil {
		return copied, fail(InvalidInput, "copy a setting: %v", err)
	}
	return copied, nil
}

// settingValue is a value that was found, in the one form of all values.
func settingValue(kind string, value any) (json.RawMessage, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("its value cannot be compared: %w", err)
	}
	found, err := system.ParseSettingValue(kind, raw)
	if err != nil {
		return nil, fmt.Errorf("what was found cannot be compared: %w", err)
	}
	return found, nil
}

// clipped is a value as a title and a mail show it; the plan has it whole.
func clipped(value json.RawMessage) string {
	const most = 80
	if r := []rune(string(value)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return string(value)
}
