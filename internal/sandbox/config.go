package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
)

const (
	configRuleKind = "config:rule"
	configItemKind = "config:item"

	evaluationTime = 30 * time.Second // at time scale 1
)

// The managed rules that the sandbox evaluates.
const (
	retentionRule   = "CW_LOGGROUP_RETENTION_PERIOD_CHECK" // InputParameters: MinRetentionTime in days
	alarmActionRule = "CLOUDWATCH_ALARM_ACTION_ENABLED_CHECK"
)

// ConfigRule is a rule of AWS Config with its last two evaluations: the newest may still be going on.
type ConfigRule struct {
	Name       string
	Region     string
	Identifier string            // of the managed rule
	Parameters map[string]string // InputParameters
	Created    time.Time
	Version    Evaluations `json:"version"`
}

// Evaluations are what moves with every evaluation of a rule.
type Evaluations struct {
	Started  time.Time // of the newest one
	Newest   []types.EvaluationResult
	Before   []types.EvaluationResult
	BeforeAt time.Time // when the one before was finished
}

func configOperations() map[string]operation {
	rule := func(names []string) about {
		if len(names) != 1 {
			return about{}
		}
		return about{configRuleKind + "/" + names[0], ""}
	}
	return byName(
		handle(reads, "ConfigRuleNames NextToken", func(in *configservice.DescribeConfigRulesInput) about { return rule(in.ConfigRuleNames) }, describeConfigRules),
		handle(reads, "ConfigRuleNames NextToken Limit", func(in *configservice.DescribeConfigRuleEvaluationStatusInput) about { return rule(in.ConfigRuleNames) }, describeEvaluationStatus),
		handle(writes, "ConfigRuleNames", func(in *configservice.StartConfigRulesEvaluationInput) about { return rule(in.ConfigRuleNames) }, startEvaluation),
		handle(reads, "ConfigRuleName ComplianceTypes Limit NextToken", func(in *configservice.GetComplianceDetailsByConfigRuleInput) about {
			return rule([]string{val(in.ConfigRuleName)})
		}, getComplianceDetails),
		handle(reads, "ResourceType ResourceId Limit", func(in *configservice.GetResourceConfigHistoryInput) about {
			return about{configItemKey(in.ResourceType, val(in.ResourceId)), ""}
		}, getResourceConfigHistory),
	)
}

func (c *call) configRules(names []string) ([]ConfigRule, error) {
	if len(names) == 0 {
		return list[ConfigRule](c, configRuleKind)
	}
	var rules []ConfigRule
	for _, name := range names {
		r, ok, err := get[ConfigRule](c, configRuleKind+"/"+name)
		if err != nil {
			return nil, err
		}
		if !ok || r.Region != c.region {
			return nil, fail(http.StatusBadRequest, &types.NoSuchConfigRuleException{Message: ptr("The ConfigRule '" + name + "' provided in the request is invalid. Please check the configRule name")})
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// finished tells whether the newest evaluation has come to its end.
func (c *call) finished(r ConfigRule) (bool, error) {
	done, err := c.elapsed(r.Version.Started, evaluationTime)
	return done >= 1, err
}

func describeConfigRules(c *call, in *configservice.DescribeConfigRulesInput) (*configservice.DescribeConfigRulesOutput, error) {
	rules, err := c.configRules(in.ConfigRuleNames)
	if err != nil {
		return nil, err
	}
	out := &configservice.DescribeConfigRulesOutput{}
	for _, r := range rules {
		parameters, err := json.Marshal(r.Parameters)
		if err != nil {
			return nil, err
		}
		out.ConfigRules = append(out.ConfigRules, types.ConfigRule{
			ConfigRuleName: ptr(r.Name), ConfigRuleState: types.ConfigRuleStateActive, InputParameters: ptr(string(parameters)),
			Source: &types.Source{Owner: types.OwnerAws, SourceIdentifier: ptr(r.Identifier)},
		})
	}
	return out, nil
}

func describeEvaluationStatus(c *call, in *configservice.DescribeConfigRuleEvaluationStatusInput) (*configservice.DescribeConfigRuleEvaluationStatusOutput, error) {
	rules, err := c.configRules(in.ConfigRuleNames)
	if err != nil {
		return nil, err
	}
	out := &configservice.DescribeConfigRuleEvaluationStatusOutput{}
	for _, r := range rules {
		done, err := c.finished(r)
		if err != nil {
			return nil, err
		}
		shown := types.ConfigRuleEvaluationStatus{ConfigRuleName: ptr(r.Name), FirstActivatedTime: ptr(r.Created), FirstEvaluationStarted: !r.Version.Started.IsZero()}
		switch {
		case !r.Version.Started.IsZero() && done:
			shown.LastSuccessfulEvaluationTime = ptr(r.Version.Started.Add(time.Millisecond))
		case !r.Version.BeforeAt.IsZero():
			shown.LastSuccessfulEvaluationTime = ptr(r.Version.BeforeAt)
		}
		if !r.Version.Started.IsZero() {
			shown.LastSuccessfulInvocationTime = ptr(r.Version.Started)
		}
		out.ConfigRulesEvaluationStatus = append(out.ConfigRulesEvaluationStatus, shown)
	}
	return out, nil
}

// startEvaluation looks at the resources as they are now; the results show when the evaluation has ended.
func startEvaluation(c *call, in *configservice.StartConfigRulesEvaluationInput) (*configservice.StartConfigRulesEvaluationOutput, error) {
	if n := len(in.ConfigRuleNames); n == 0 || n > 25 {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterValueException{Message: ptr("ConfigRuleNames must have 1 to 25 entries.")})
	}
	rules, err := c.configRules(in.ConfigRuleNames)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		done, err := c.finished(r)
		if err != nil {
			return nil, err
		}
		if !r.Version.Started.IsZero() && !done {
			return nil, fail(http.StatusBadRequest, &types.LimitExceededException{Message: ptr("The rule " + r.Name + " is being evaluated. Wait until it has been, then try again.")})
		}
		if !r.Version.Started.IsZero() {
			r.Version.Before, r.Version.BeforeAt = r.Version.Newest, r.Version.Started.Add(time.Millisecond)
		}
		r.Version.Started = c.at
		if r.Version.Newest, err = c.evaluate(r); err != nil {
			return nil, err
		}
		if err := c.put(configRuleKind+"/"+r.Name, r); err != nil {
			return nil, err
		}
	}
	return &configservice.StartConfigRulesEvaluationOutput{}, nil
}

func (c *call) evaluate(r ConfigRule) ([]types.EvaluationResult, error) {
	results := []types.EvaluationResult{}
	found := func(kind, id string, compliant bool, words string) {
		state := types.ComplianceTypeNonCompliant
		if compliant {
			state, words = types.ComplianceTypeCompliant, ""
		}
		results = append(results, types.EvaluationResult{
			ComplianceType: state, Annotation: ptrUnlessEmpty(words), ResultRecordedTime: ptr(c.at), ConfigRuleInvokedTime: ptr(c.at),
			EvaluationResultIdentifier: &types.EvaluationResultIdentifier{
				OrderingTimestamp:         ptr(c.at),
				EvaluationResultQualifier: &types.EvaluationResultQualifier{ConfigRuleName: ptr(r.Name), ResourceType: ptr(kind), ResourceId: ptr(id)},
			},
		})
	}
	switch r.Identifier {
	case retentionRule:
		least, err := strconv.Atoi(r.Parameters["MinRetentionTime"])
		if err != nil {
			return nil, fmt.Errorf("sandbox: rule %s: MinRetentionTime: %w", r.Name, err)
		}
		groups, err := list[LogGroup](c, logGroupKind)
		for _, g := range groups {
			found("AWS::Logs::LogGroup", g.Name, g.Retention == 0 || int(g.Retention) >= least, fmt.Sprintf("The retention period is less than %d days.", least))
		}
		return results, err
	case alarmActionRule:
		alarms, err := list[Alarm](c, alarmKind)
		for _, a := range alarms {
			found(string(types.ResourceTypeAlarm), val(a.Metric.AlarmArn), val(a.Metric.ActionsEnabled), "Actions of the alarm are not enabled.")
		}
		return results, err
	}
	return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox does not evaluate the managed rule "+r.Identifier))
}

func getComplianceDetails(c *call, in *configservice.GetComplianceDetailsByConfigRuleInput) (*configservice.GetComplianceDetailsByConfigRuleOutput, error) {
	rules, err := c.configRules([]string{val(in.ConfigRuleName)})
	if err != nil {
		return nil, err
	}
	done, err := c.finished(rules[0])
	if err != nil {
		return nil, err
	}
	results := rules[0].Version.Newest
	if !done {
		results = rules[0].Version.Before
	}
	results = slices.DeleteFunc(slices.Clone(results), func(e types.EvaluationResult) bool {
		return len(in.ComplianceTypes) > 0 && !slices.Contains(in.ComplianceTypes, e.ComplianceType)
	})
	items, next, err := page(results, val(in.NextToken), int(in.Limit), 100, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidNextTokenException{Message: ptr(words)})
	})
	return &configservice.GetComplianceDetailsByConfigRuleOutput{EvaluationResults: items, NextToken: ptrUnlessEmpty(next)}, err
}

func configItemKey(kind types.ResourceType, id string) string {
	return configItemKind + "/" + string(kind) + "|" + id
}

// getResourceConfigHistory answers the newest item only: a resource as it is, recorded when it was changed last.
func getResourceConfigHistory(c *call, in *configservice.GetResourceConfigHistoryInput) (*configservice.GetResourceConfigHistoryOutput, error) {
	item, err := c.configItem(in.ResourceType, val(in.ResourceId))
	if err != nil {
		return nil, err
	}
	return &configservice.GetResourceConfigHistoryOutput{ConfigurationItems: []types.ConfigurationItem{item}}, nil
}

// configItem finds a resource of one of the types that the sandbox has and AWS Config records.
func (c *call) configItem(kind types.ResourceType, id string) (types.ConfigurationItem, error) {
	recorded := func(name string, at time.Time, resource any) (types.ConfigurationItem, error) {
		content, err := json.Marshal(resource)
		return types.ConfigurationItem{
			ResourceType: kind, ResourceId: ptr(id), ResourceName: ptr(name), AwsRegion: ptr(c.region), Configuration: ptr(string(content)),
			ConfigurationItemCaptureTime: ptr(at), ConfigurationItemStatus: types.ConfigurationItemStatusOk,
		}, err
	}
	switch kind {
	case types.ResourceTypeECSService:
		all, err := list[Service](c, serviceKind)
		if i := slices.IndexFunc(all, func(s Service) bool { return s.ARN == id }); err == nil && i >= 0 {
			at := all[i].Version.Changed
			if limited := all[i].Version.Limited; limited != nil && limited.After(at) {
				at = *limited
			}
			return recorded(all[i].Name, at, all[i])
		} else if err != nil {
			return types.ConfigurationItem{}, err
		}
	case types.ResourceTypeAlarm:
		all, err := list[Alarm](c, alarmKind)
		if i := slices.IndexFunc(all, func(a Alarm) bool { return val(a.Metric.AlarmArn) == id }); err == nil && i >= 0 {
			return recorded(val(all[i].Metric.AlarmName), all[i].Version.Updated, all[i].Metric)
		} else if err != nil {
			return types.ConfigurationItem{}, err
		}
	case types.ResourceTypeIPSetV2:
		all, err := list[IPSet](c, ipSetKind)
		if i := slices.IndexFunc(all, func(s IPSet) bool { return val(s.Set.ARN) == id }); err == nil && i >= 0 {
			return recorded(val(all[i].Set.Name), all[i].Version.Changed, all[i].Set)
		} else if err != nil {
			return types.ConfigurationItem{}, err
		}
	}
	return types.ConfigurationItem{}, fail(http.StatusBadRequest, &types.ResourceNotDiscoveredException{
		Message: ptr("Resource " + id + " of resourceType " + string(kind) + " is unknown or has not been discovered"),
	})
}
