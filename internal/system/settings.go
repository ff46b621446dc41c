package system

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"tejun/internal/strictyaml"
)

// The kinds of settings that the runbook SettingChange can change.
const (
	ParameterSetting = "ssm-parameter"   // value: a text; a SecureString is refused
	ServiceSetting   = "ecs-service"     // value: desiredCount, minimumHealthyPercent, maximumPercent
	IPSetSetting     = "waf-ip-set"      // value: a list of networks; scope CLOUDFRONT
	LogSetting       = "log-retention"   // value: days, as CloudWatch Logs takes them; 0 for ever
	AlarmSetting     = "alarm-threshold" // value: a number
)

// SettingKinds lists the kinds.
var SettingKinds = []string{ParameterSetting, ServiceSetting, IPSetSetting, LogSetting, AlarmSetting}

// Setting is one value that may be changed. What is not declared cannot be.
type Setting struct {
	Name     string   `yaml:"name"` // used in inputs
	Kind     string   `yaml:"kind"`
	Resource string   `yaml:"resource"` // name in AWS: of the parameter, service (in ecs.cluster), IP set, log group or alarm
	ID       string   `yaml:"id"`       // of an IP set
	Value    any      `yaml:"value"`    // the usual one; the sandbox is seeded with it
	Rules    []string `yaml:"rules"`    // AWS Config rules that it must be compliant with after a change; may be none
}

// Changes says which changes of settings need nobody's approval, and how long one may take.
type Changes struct {
	Standard []StandardChange `yaml:"standard"`
	Longest  Duration         `yaml:"longest"` // a change that begins at once is made within this; also the longest window
}

// StandardChange is a change that was approved beforehand, once and for all.
type StandardChange struct {
	Name    string `yaml:"name"`
	Setting string `yaml:"setting"` // name of a setting
	To      []any  `yaml:"to"`      // the exact values that it may be set to
}

// serviceValue is the value of a ServiceSetting.
type serviceValue struct {
	DesiredCount          int32 `json:"desiredCount"`
	MinimumHealthyPercent int32 `json:"minimumHealthyPercent"`
	MaximumPercent        int32 `json:"maximumPercent"`
}

// Setting finds a setting by its name.
func (s *System) Setting(name string) (Setting, bool) {
	return find(s.Settings, func(v Setting) bool { return v.Name == name })
}

// preApproved finds the standard change that allows a setting to get a value, as ParseSettingValue writes it.
func (s *System) preApproved(setting Setting, value json.RawMessage) (StandardChange, bool) {
	return find(s.Changes.Standard, func(v StandardChange) bool {
		return v.Setting == setting.Name && slices.ContainsFunc(v.To, func(to any) bool {
			allowed, err := settingValueOf(setting.Kind, to)
			return err == nil && bytes.Equal(allowed, value)
		})
	})
}

// CheckStandard names the standard changes that allow the changes now, one for each, or says which of them are not approved once and
// for all any more: changes.standard may have been edited since they were asked for.
func (s *System) CheckStandard(settings []SettingResolved) ([]string, error) {
	names := []string{}
	var problems []error
	for _, v := range settings {
		setting, known := s.Setting(v.Name)
		if !known || setting.Resource != v.Resource || setting.Kind != v.Kind {
			problems = append(problems, fmt.Errorf("system.yaml does not declare the setting %s as %s of %s any more", v.Name, v.Kind, v.Resource))
			continue
		}
		standard, ok := s.preApproved(setting, v.New)
		if !ok {
			problems = append(problems, fmt.Errorf("changes.standard does not approve %s to %s any more: ask for the change anew, then the operations manager decides", v.Name, v.New))
			continue
		}
		names = append(names, standard.Name)
	}
	return names, errors.Join(problems...)
}

var (
	parameterForm = regexp.MustCompile(`^[A-Za-z0-9_.-]+$|^(/[A-Za-z0-9_.-]+)+$`)
	logGroupForm  = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]{1,512}$`)
	ruleForm      = regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,128}$`)
)

// resourceForms say what the name in AWS of each kind is like.
var resourceForms = map[string]struct {
	form *regexp.Regexp
	want string
}{
	ParameterSetting: {parameterForm, "the name of an SSM parameter, such as /gzs/web/mode"},
	ServiceSetting:   {ecsForm, "the name of an ECS service"},
	IPSetSetting:     {wafForm, "the name of an IP set: letters, digits, - and _"},
	LogSetting:       {logGroupForm, "the name of a log group, such as /gzs/web"},
	AlarmSetting:     {alarmForm, "the name of a CloudWatch alarm"},
}

func (r *report) validateSettings(s *System) {
	for i, v := range s.Settings {
		at := strictyaml.Index("settings", i)
		r.Form(at+".name", v.Name, idForm, "a name of small letters, digits and hyphens, as used in inputs")
		if !r.OneOf(at+".kind", v.Kind, SettingKinds...) {
			continue
		}
		r.Form(at+".resource", v.Resource, resourceForms[v.Kind].form, resourceForms[v.Kind].want)
		switch {
		case v.Kind == IPSetSetting:
			r.Form(at+".id", v.ID, wafForm, "the ID of the IP set")
			if v.ID != "" && v.ID == s.WAF.OperatorSetID {
				r.Add(at+".id", "is that of waf.operatorSetId, which follows waf.operatorIPs: change it there")
			}
		case v.ID != "":
			r.Add(at+".id", "only an IP set has an ID: remove it")
		}
		if !r.Has(at + ".value") {
			r.Add(at+".value", "is missing: give the usual value")
		} else if _, err := settingValueOf(v.Kind, v.Value); err != nil {
			r.Add(at+".value", "%v", err)
		}
		for j, rule := range v.Rules {
			r.Form(strictyaml.Index(at+".rules", j), rule, ruleForm, "the name of an AWS Config rule")
		}
		strictyaml.Unique(r.Report, at+".rules", v.Rules, "rule", func(n string) (string, string) { return n, "" })
	}
	strictyaml.Unique(r.Report, "settings", s.Settings, "name", func(v Setting) (string, string) { return v.Name, "name" })
	strictyaml.Unique(r.Report, "settings", s.Settings, "resource", func(v Setting) (string, string) {
		return v.Kind + " " + cmp.Or(v.ID, v.Resource), "resource"
	})
	if r.Has("settings") || r.Has("changes") {
		r.span("changes.longest", s.Changes.Longest, time.Minute, 24*time.Hour)
	}
	names := strictyaml.NamesOf(s.Settings, func(v Setting) string { return v.Name })
	for i, v := range s.Changes.Standard {
		at := strictyaml.Index("changes.standard", i)
		r.Form(at+".name", v.Name, idForm, "a name of small letters, digits and hyphens")
		r.Some(at+".to", len(v.To), "name the exact values that need no further approval")
		if !r.Refers(at+".setting", v.Setting, "setting", names) {
			continue
		}
		setting, _ := s.Setting(v.Setting)
		for j, to := range v.To {
			if _, err := settingValueOf(setting.Kind, to); err != nil {
				r.Add(strictyaml.Index(at+".to", j), "%v", err)
			}
		}
	}
	strictyaml.Unique(r.Report, "changes.standard", s.Changes.Standard, "name", func(v StandardChange) (string, string) { return v.Name, "name" })
}
