package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/plan"
)

// MaintenanceRulePrefix begins the name of every maintenance rule; the run's operation follows.
const MaintenanceRulePrefix = "tejun-maintenance-"

// MaintenanceRule is the rule that answers 503 to everybody but the operators.
type MaintenanceRule struct {
	WebACLID          string `json:"webAclId"`
	WebACLName        string `json:"webAclName"`
	OperatorSetID     string `json:"operatorSetId"`
	OperatorSetName   string `json:"operatorSetName"`
	Priority          int32  `json:"priority"` // free in the web ACL, and lower than all others, so that it is asked first
	RuleName          string `json:"ruleName"`
	RetryAfterSeconds int    `json:"retryAfterSeconds"` // tells clients when to come back
}

// WAFChange carries a planned rule out, or takes it back.
type WAFChange struct {
	Operation string `json:"operation"`
	MaintenanceRule
	Change ChangeRef `json:"change"`
}

// wafAPI is the calls used.
type wafAPI interface {
	GetWebACL(context.Context, *wafv2.GetWebACLInput, ...func(*wafv2.Options)) (*wafv2.GetWebACLOutput, error)
	GetIPSet(context.Context, *wafv2.GetIPSetInput, ...func(*wafv2.Options)) (*wafv2.GetIPSetOutput, error)
	UpdateWebACL(context.Context, *wafv2.UpdateWebACLInput, ...func(*wafv2.Options)) (*wafv2.UpdateWebACLOutput, error)
}

// WAFV2 changes a web ACL of CloudFront, which lives in us-east-1. UpdateWebACL replaces everything, so every write
// carries the lock token of the reading that it was made from.
type WAFV2 struct {
	client  wafAPI
	changes changer
}

// PlanWAFMaintenanceRule plans the rule. It refuses (InvalidInput) a priority that another rule has, or that is not
// before all others.
func (a *WAFV2) PlanWAFMaintenanceRule(ctx context.Context, in MaintenanceRule) (plan.Change, error) {
	if in.WebACLID == "" || in.WebACLName == "" || in.OperatorSetID == "" || in.OperatorSetName == "" || in.RuleName == "" {
		return plan.Change{}, fail(InvalidInput, "web ACL, IP set and rule must all be named: %+v", in)
	}
	if in.RetryAfterSeconds < 1 {
		return plan.Change{}, fail(InvalidInput, "retryAfterSeconds is %d: it must be at least 1", in.RetryAfterSeconds)
	}
	object, err := a.object(ctx, in)
	if err != nil {
		return plan.Change{}, err
	}
	title := fmt.Sprintf("AWS WAF %s: 運用端末以外からのアクセスに 503 を返すルール %s を追加", in.WebACLName, in.RuleName)
	return object.makePlan(ctx, title, func(parts map[string]types.WebACL) any {
		rules := []map[string]any{}
		for _, r := range parts[in.WebACLName].Rules {
			line := map[string]any{"Name": aws.ToString(r.Name), "Priority": r.Priority}
			if aws.ToString(r.Name) == in.RuleName {
				line["Rule"] = visible(r)
			}
			rules = append(rules, line)
		}
		return map[string]any{"Rules": rules}
	})
}

// ApplyWAFMaintenanceRule carries the plan out.
func (a *WAFV2) ApplyWAFMaintenanceRule(ctx context.Context, in WAFChange) (struct{}, error) {
	object, err := a.object(ctx, in.MaintenanceRule)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, object.apply(ctx, in.Operation, in.Change)
}

// RevertWAFMaintenanceRule puts the saved web ACL back.
func (a *WAFV2) RevertWAFMaintenanceRule(ctx context.Context, in WAFChange) (struct{}, error) {
	object, err := a.object(ctx, in.MaintenanceRule)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, object.revert(ctx, in.Operation, in.Change)
}

func (a *WAFV2) object(ctx context.Context, in MaintenanceRule) (object[types.WebACL], error) {
	set, err := a.client.GetIPSet(ctx, &wafv2.GetIPSetInput{Id: &in.OperatorSetID, Name: &in.OperatorSetName, Scope: types.ScopeCloudfront})
	if err != nil {
		return object[types.WebACL]{}, Classify(err, "read the operators' IP set "+in.OperatorSetName)
	}
	rule := maintenanceRule(in, set.IPSet.ARN)
	doing := "web ACL " + in.WebACLName
	return object[types.WebACL]{
		changer:  a.changes,
		resource: "wafv2:webacl/" + in.WebACLID,
		read: func(ctx context.Context) (map[string]types.WebACL, map[string]string, error) {
			out, err := a.client.GetWebACL(ctx, &wafv2.GetWebACLInput{Id: &in.WebACLID, Name: &in.WebACLName, Scope: types.ScopeCloudfront})
			if err != nil {
				return nil, nil, Classify(err, "read "+doing)
			}
			return single(in.WebACLName, *out.WebACL, aws.ToString(out.LockToken))
		},
		change: func(acl types.WebACL) (types.WebACL, error) {
			acl.Rules = slices.DeleteFunc(slices.Clone(acl.Rules), func(r types.Rule) bool { return aws.ToString(r.Name) == in.RuleName })
			for _, other := range acl.Rules {
				if strings.HasPrefix(aws.ToString(other.Name), MaintenanceRulePrefix) {
					return acl, fail(Refused, "%s: another outage is under way (rule %s), so nobody can tell what the site will be like: plan this one when that one has ended", doing, aws.ToString(other.Name))
				}
				if other.Priority <= in.Priority {
					return acl, fail(InvalidInput, "%s: rule %s has priority %d, and the maintenance rule with %d must come before all others: mend waf.rulePriority in system.yaml or the web ACL", doing, aws.ToString(other.Name), other.Priority, in.Priority)
				}
			}
			acl.Rules = slices.Insert(acl.Rules, 0, rule)
			return acl, nil
		},
		write: func(ctx context.Context, parts map[string]types.WebACL, tokens map[string]string) error {
			acl := parts[in.WebACLName]
			_, err := a.client.UpdateWebACL(ctx, &wafv2.UpdateWebACLInput{
				Id: &in.WebACLID, Name: &in.WebACLName, Scope: types.ScopeCloudfront, LockToken: aws.String(tokens[in.WebACLName]),
				DefaultAction: acl.DefaultAction, VisibilityConfig: acl.VisibilityConfig, Rules: acl.Rules,
				Description: acl.Description, AssociationConfig: acl.AssociationConfig, CaptchaConfig: acl.CaptchaConfig,
				ChallengeConfig: acl.ChallengeConfig, CustomResponseBodies: acl.CustomResponseBodies,
				DataProtectionConfig: acl.DataProtectionConfig, OnSourceDDoSProtectionConfig: acl.OnSourceDDoSProtectionConfig,
				TokenDomains: acl.TokenDomains, ApplicationConfig: acl.ApplicationConfig,
			})
			return Classify(err, "change "+doing)
		},
		whole: wholeWebACL,
		show:  func(acl types.WebACL) any { return hideSearched(wholeWebACL(acl)) },
	}, nil
}

// wholeWebACL is a web ACL without what AWS computes from the rest, and with the rules in the order in which they are asked.
func wholeWebACL(acl types.WebACL) any {
	acl.Capacity, acl.LabelNamespace = 0, nil
	acl.Rules = slices.Clone(acl.Rules)
	slices.SortStableFunc(acl.Rules, func(a, b types.Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return visible(acl)
}

func maintenanceRule(in MaintenanceRule, operators *string) types.Rule {
	return types.Rule{
		Name:     aws.String(in.RuleName),
		Priority: in.Priority,
		Statement: &types.Statement{NotStatement: &types.NotStatement{
			Statement: &types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{ARN: operators}},
		}},
		Action: &types.RuleAction{Block: &types.BlockAction{CustomResponse: &types.CustomResponse{
			ResponseCode: aws.Int32(503),
			ResponseHeaders: []types.CustomHTTPHeader{
				{Name: aws.String("Retry-After"), Value: aws.String(strconv.Itoa(in.RetryAfterSeconds))},
			},
		}}},
		VisibilityConfig: &types.VisibilityConfig{
			CloudWatchMetricsEnabled: true, SampledRequestsEnabled: true, MetricName: aws.String(in.RuleName),
		},
	}
}

// visible is v as JSON in which an empty object is not nothing. In a web ACL the choice between allow, block and count
// is which of some empty objects is there, and the canonical form of a plan drops empty objects.
func visible(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return v
	}
	return markEmpty(tree)
}

func markEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		empty := true
		for name, child := range v {
			if child = markEmpty(child); child == nil {
				delete(v, name)
				continue
			}
			v[name], empty = child, false
		}
		if empty {
			return "(as it is)"
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			v[i] = markEmpty(v[i])
		}
	}
	return v
}

// hideSearched hides what rules compare requests with: it may be the secret by which a client is known.
func hideSearched(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			if text, ok := child.(string); ok && name == "SearchString" {
				v[name] = hidden(text)
			} else {
				v[name] = hideSearched(child)
			}
		}
	case []any:
		for i := range v {
			v[i] = hideSearched(v[i])
		}
	}
	return v
}
