package preflight

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/system"
)

// settings: each setting that may be changed is there and of a kind that can be, and so are the AWS Config rules that it names.
func (c *checker) settings(ctx context.Context) {
	rules := map[string]bool{}
	for _, v := range c.sys.Settings {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		c.setting(call, v)
		cancel()
		for _, rule := range v.Rules {
			if !rules[rule] {
				rules[rule] = true
				c.configRule(ctx, rule)
			}
		}
	}
}

func (c *checker) setting(ctx context.Context, v system.Setting) {
	switch v.Kind {
	case system.ParameterSetting:
		out, err := ssm.NewFromConfig(c.cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &v.Resource})
		c.settled("ssm", v, err, "ssm:GetParameter", err == nil, func() string {
			if out.Parameter.Type == ssmtypes.ParameterTypeSecureString {
				return "it is a SecureString, which this runbook does not change: its value would stand in plans and histories"
			}
			return ""
		})
	case system.ServiceSetting:
		out, err := ecs.NewFromConfig(c.cfg).DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &c.sys.ECS.Cluster, Services: []string{v.Resource}})
		c.settled("ecs", v, err, "ecs:DescribeServices", err == nil && len(out.Services) == 1, func() string {
			if out.Services[0].DeploymentConfiguration == nil {
				return "it is deployed by something else than ECS, so it has no deployment configuration"
			}
			return ""
		})
	case system.IPSetSetting:
		_, err := wafv2.NewFromConfig(c.global()).GetIPSet(ctx, &wafv2.GetIPSetInput{Id: &v.ID, Name: &v.Resource, Scope: waftypes.ScopeCloudfront})
		c.settled("wafv2", v, err, "wafv2:GetIPSet", err == nil, nil)
	case system.LogSetting:
		out, err := cloudwatchlogs.NewFromConfig(c.cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &v.Resource})
		// The exact name comes first among those that begin with it.
		c.settled("logs", v, err, "logs:DescribeLogGroups", err == nil && len(out.LogGroups) > 0 && aws.ToString(out.LogGroups[0].LogGroupName) == v.Resource, nil)
	case system.AlarmSetting:
		out, err := cloudwatch.NewFromConfig(c.cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{v.Resource}, AlarmTypes: []cwtypes.AlarmType{cwtypes.AlarmTypeMetricAlarm}})
		c.settled("cloudwatch", v, err, "cloudwatch:DescribeAlarms", err == nil && len(out.MetricAlarms) == 1, func() string {
			if out.MetricAlarms[0].Threshold == nil {
				return "the alarm has no threshold that is a number"
			}
			return ""
		})
	}
}

// settled reports what was found of a setting. wrong says why it cannot be changed, or "".
func (c *checker) settled(area string, v system.Setting, err error, action string, there bool, wrong func() string) {
	what := v.Name + " (" + v.Resource + ")"
	if err != nil {
		c.failed(err, area, what, action)
		return
	}
	if !there {
		c.bad(Missing, area, what, "AWS does not have it", "create it, or mend its name under settings")
		return
	}
	if wrong != nil {
		if problem := wrong(); problem != "" {
			c.bad(Wrong, area, what, problem, "take it out of settings")
			return
		}
	}
	c.ok(area, what)
}

func (c *checker) configRule(ctx context.Context, rule string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := configservice.NewFromConfig(c.cfg).DescribeConfigRules(ctx, &configservice.DescribeConfigRulesInput{ConfigRuleNames: []string{rule}})
	if err != nil {
		c.failed(err, "config", rule, "config:DescribeConfigRules")
		return
	}
	c.ok("config", rule)
}

// settingGrants are what changes of the declared settings call.
func settingGrants(sys *system.System) []grant {
	arn := func(service, region, rest string) string {
		return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, region, sys.AWS.Account, rest)
	}
	actions := map[string][]string{
		system.ParameterSetting: {"ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"},
		system.ServiceSetting:   {"ecs:DescribeServices", "ecs:UpdateService"},
		system.IPSetSetting:     {"wafv2:GetIPSet", "wafv2:UpdateIPSet"},
		system.LogSetting:       {"logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy"},
		system.AlarmSetting:     {"cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"},
	}
	on := map[string][]string{}
	var rules []string
	for _, v := range sys.Settings {
		resource := ""
		switch v.Kind {
		case system.ParameterSetting:
			name := v.Resource
			if name != "" && name[0] != '/' {
				name = "/" + name
			}
			resource = arn("ssm", sys.AWS.Region, "parameter"+name)
		case system.ServiceSetting:
			resource = arn("ecs", sys.AWS.Region, "service/"+sys.ECS.Cluster+"/"+v.Resource)
		case system.IPSetSetting:
			resource = arn("wafv2", globalRegion, "global/ipset/"+v.Resource+"/"+v.ID)
		case system.LogSetting:
			resource = arn("logs", sys.AWS.Region, "log-group:"+v.Resource)
		case system.AlarmSetting:
			resource = arn("cloudwatch", sys.AWS.Region, "alarm:"+v.Resource)
		}
		on[v.Kind] = append(on[v.Kind], resource)
		rules = append(rules, v.Rules...)
	}
	var grants []grant
	for _, kind := range system.SettingKinds {
		grants = append(grants, grant{actions[kind], on[kind]})
	}
	if len(rules) > 0 { // a rule's ARN holds an ID that system.yaml does not know
		grants = append(grants, grant{[]string{
			"config:StartConfigRulesEvaluation", "config:DescribeConfigRuleEvaluationStatus", "config:GetComplianceDetailsByConfigRule", "config:GetResourceConfigHistory",
		}, []string{"*"}})
	}
	return grants
}
