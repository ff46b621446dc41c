package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waf "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/system"
)

// clockSkew is how far the clock of the Temporal server may be ahead of AWS's.
const clockSkew = time.Minute

// Compliance asks AWS Config whether settings are compliant with the rules that they name.
type Compliance struct {
	Settings []system.SettingResolved `json:"settings"`
	Since    time.Time                `json:"since"` // when their change began: what Config recorded before does not count
}

// ComplianceSeen is Config's verdict.
type ComplianceSeen struct {
	Rules      []string `json:"rules"`
	Violations []string `json:"violations"` // in words; none: compliant
}

// configAPI is the calls used.
type configAPI interface {
	GetResourceConfigHistory(context.Context, *configservice.GetResourceConfigHistoryInput, ...func(*configservice.Options)) (*configservice.GetResourceConfigHistoryOutput, error)
	StartConfigRulesEvaluation(context.Context, *configservice.StartConfigRulesEvaluationInput, ...func(*configservice.Options)) (*configservice.StartConfigRulesEvaluationOutput, error)
	DescribeConfigRuleEvaluationStatus(context.Context, *configservice.DescribeConfigRuleEvaluationStatusInput, ...func(*configservice.Options)) (*configservice.DescribeConfigRuleEvaluationStatusOutput, error)
	GetComplianceDetailsByConfigRule(context.Context, *configservice.GetComplianceDetailsByConfigRuleInput, ...func(*configservice.Options)) (*configservice.GetComplianceDetailsByConfigRuleOutput, error)
}

// EvaluateConfigRules waits until AWS Config has recorded the changes, has the rules evaluated, and tells what they say about
// the settings. That a setting is not compliant is an answer, not an error. To ask again is harmless.
func (a *Settings) EvaluateConfigRules(ctx context.Context, in Compliance) (ComplianceSeen, error) {
	seen := ComplianceSeen{Rules: []string{}, Violations: []string{}}
	names := map[string][]string{} // rule → names under which Config may know the settings that it is about
	for _, setting := range in.Settings {
		if len(setting.Rules) == 0 {
			continue
		}
		kind, id, err := a.configName(ctx, setting)
		if err != nil {
			return seen, err
		}
		if err := a.awaitRecorded(ctx, kind, id, in.Since.Add(-clockSkew)); err != nil {
			return seen, err
		}
		for _, rule := range setting.Rules {
			names[rule] = append(names[rule], setting.Resource, id)
			seen.Rules = append(seen.Rules, rule)
		}
	}
	slices.Sort(seen.Rules)
	seen.Rules = slices.Compact(seen.Rules)
	for _, rule := range seen.Rules {
		if err := a.evaluate(ctx, rule); err != nil {
			return seen, err
		}
		var violations []string
		err := poll(ctx, func(ctx context.Context) (_ bool, words string, err error) { // not by another attempt, which would evaluate again
			violations, err = a.violations(ctx, rule, names[rule])
			return true, "what the AWS Config rule " + rule + " says", err
		})
		if err != nil {
			return seen, err
		}
		seen.Violations = append(seen.Violations, violations...)
	}
	return seen, nil
}

// configName is the type and ID under which Config records a setting's resource; no type if it records none of that kind.
func (a *Settings) configName(ctx context.Context, setting system.SettingResolved) (types.ResourceType, string, error) {
	switch setting.Kind {
	case system.ServiceSetting:
		s, err := (&ECS{client: a.ecs}).describe(ctx, ServiceRef{Cluster: setting.Cluster, Service: setting.Resource})
		return types.ResourceTypeECSService, aws.ToString(s.ServiceArn), err
	case system.IPSetSetting:
		out, err := a.waf.GetIPSet(ctx, &wafv2.GetIPSetInput{Id: &setting.ID, Name: &setting.Resource, Scope: waf.ScopeCloudfront})
		if err != nil {
			return "", "", Classify(err, "read the IP set "+setting.Resource)
		}
		return types.ResourceTypeIPSetV2, aws.ToString(out.IPSet.ARN), nil
	case system.AlarmSetting:
		m, err := a.readAlarm(ctx, setting.Resource)
		return types.ResourceTypeAlarm, aws.ToString(m.AlarmArn), err
	}
	return "", setting.Resource, nil
}

// awaitRecorded waits until Config has recorded a resource after a moment: a rule that Config asks on changes judges by what
// was recorded. A resource that Config does not record at all is not waited for.
func (a *Settings) awaitRecorded(ctx context.Context, kind types.ResourceType, id string, after time.Time) error {
	if kind == "" {
		return nil
	}
	return poll(ctx, func(ctx context.Context) (bool, string, error) {
		out, err := a.config.GetResourceConfigHistory(ctx, &configservice.GetResourceConfigHistoryInput{ResourceType: kind, ResourceId: &id, Limit: 1})
		if errorCode(err) == "ResourceNotDiscoveredException" {
			return true, "", nil
		}
		if err != nil {
			return false, "", Classify(err, "read what AWS Config has recorded of "+id)
		}
		words := "AWS Config has not recorded the change of " + id + " yet"
		return len(out.ConfigurationItems) > 0 && !aws.ToTime(out.ConfigurationItems[0].ConfigurationItemCaptureTime).Before(after), words, nil
	})
}

// evaluation is the newest evaluation of a rule.
type evaluation struct {
	began time.Time // zero for never
	ended time.Time // before began while it goes on
}

// evaluate has a rule evaluated and waits for its end. An evaluation that is going on may have looked before the change: it is waited for
// first. One that began meanwhile has not, whoever asked for it: so an answer that never came is no reason for a second one.
func (a *Settings) evaluate(ctx context.Context, rule string) error {
	before, err := a.evaluated(ctx, rule)
	if err != nil {
		return err
	}
	asked, begun := false, false
	words := "the AWS Config rule " + rule + " is being evaluated"
	return poll(ctx, func(ctx context.Context) (bool, string, error) {
		if asked {
			now, err := a.evaluated(ctx, rule)
			if err != nil || begun || now.began.After(before.began) {
				return err == nil && now.began.After(before.began) && !now.ended.Before(now.began), words, err
			}
		}
		asked = true
		_, err := a.config.StartConfigRulesEvaluation(ctx, &configservice.StartConfigRulesEvaluationInput{ConfigRuleNames: []string{rule}})
		if errorCode(err) == "LimitExceededException" {
			return false, "the rule " + rule + " is being evaluated already, or was a moment ago", nil
		}
		begun = err == nil
		return false, words, Classify(err, "evaluate the AWS Config rule "+rule)
	})
}

// evaluated is the newest evaluation of a rule.
func (a *Settings) evaluated(ctx context.Context, rule string) (evaluation, error) {
	out, err := a.config.DescribeConfigRuleEvaluationStatus(ctx, &configservice.DescribeConfigRuleEvaluationStatusInput{ConfigRuleNames: []string{rule}})
	if err != nil {
		return evaluation{}, Classify(err, "ask how far the AWS Config rule "+rule+" is")
	}
	if len(out.ConfigRulesEvaluationStatus) != 1 {
		return evaluation{}, fail(NotFound, "there is no AWS Config rule %s; %s", rule, classes[NotFound].advice)
	}
	status := out.ConfigRulesEvaluationStatus[0]
	found := evaluation{began: aws.ToTime(status.LastSuccessfulInvocationTime), ended: aws.ToTime(status.LastSuccessfulEvaluationTime)}
	if aws.ToTime(status.LastFailedEvaluationTime).After(found.ended) {
		return found, fail(NotYet, "the last evaluation of the AWS Config rule %s failed: %s %s", rule, aws.ToString(status.LastErrorCode), aws.ToString(status.LastErrorMessage))
	}
	return found, nil
}

// violations tells in words which of the resources are not compliant with a rule.
func (a *Settings) violations(ctx context.Context, rule string, names []string) ([]string, error) {
	var found []string
	pages := configservice.NewGetComplianceDetailsByConfigRulePaginator(a.config, &configservice.GetComplianceDetailsByConfigRuleInput{
		ConfigRuleName: &rule, ComplianceTypes: []types.ComplianceType{types.ComplianceTypeNonCompliant},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err, "read what the AWS Config rule "+rule+" says")
		}
		for _, result := range page.EvaluationResults {
			if result.EvaluationResultIdentifier == nil || result.EvaluationResultIdentifier.EvaluationResultQualifier == nil {
				continue
			}
			id := aws.ToString(result.EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId)
			if slices.Contains(names, id) {
				found = append(found, strings.TrimSpace(fmt.Sprintf("%s is not compliant with the AWS Config rule %s: %s", id, rule, aws.ToString(result.Annotation))))
			}
		}
	}
	return found, nil
}
