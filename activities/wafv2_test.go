package activities

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/plan"
)

func TestWAFRuleThatWouldNotComeFirstIsRefused(t *testing.T) {
	b := newBench(t)
	rule := MaintenanceRule{
		WebACLID: b.system.WAF.WebACLID, WebACLName: b.system.WAF.WebACLName, OperatorSetID: b.system.WAF.OperatorSetID,
		OperatorSetName: b.system.WAF.OperatorSet, Priority: 9999, RuleName: "tejun-maintenance", RetryAfterSeconds: 60,
	}
	_, err := try(b, b.set.WAFV2.PlanWAFMaintenanceRule, rule)
	requireType(t, err, InvalidInput)
	assert.Contains(t, err.Error(), "must come before all others")
	rule.RetryAfterSeconds = 0
	_, err = try(b, b.set.WAFV2.PlanWAFMaintenanceRule, rule)
	requireType(t, err, InvalidInput)
	rule.RetryAfterSeconds, rule.OperatorSetID = 60, "nowhere"
	_, err = try(b, b.set.WAFV2.PlanWAFMaintenanceRule, rule)
	requireType(t, err, NotFound)
}

func TestWAFRuleBlocksEverybodyButOperatorsWithRetryAfter(t *testing.T) {
	rule := maintenanceRule(MaintenanceRule{Priority: 1, RuleName: "r", RetryAfterSeconds: 7200}, aws.String("arn:operators"))
	assert.Equal(t, "arn:operators", *rule.Statement.NotStatement.Statement.IPSetReferenceStatement.ARN)
	response := rule.Action.Block.CustomResponse
	assert.EqualValues(t, 503, *response.ResponseCode)
	assert.Equal(t, "Retry-After", *response.ResponseHeaders[0].Name)
	assert.Equal(t, "7200", *response.ResponseHeaders[0].Value)
}

func TestWAFAllowAndBlockAndCountDiffer(t *testing.T) {
	hashes := map[string]bool{}
	for _, acl := range []types.WebACL{
		{DefaultAction: &types.DefaultAction{Allow: &types.AllowAction{}}},
		{DefaultAction: &types.DefaultAction{Block: &types.BlockAction{}}},
		{Rules: []types.Rule{{OverrideAction: &types.OverrideAction{None: &types.NoneAction{}}}}},
		{Rules: []types.Rule{{OverrideAction: &types.OverrideAction{Count: &types.CountAction{}}}}},
	} {
		hash, err := plan.Hash(wholeWebACL(acl))
		require.NoError(t, err)
		hashes[hash] = true
	}
	assert.Len(t, hashes, 4)
}

func TestWAFHidesWhatRulesCompareWith(t *testing.T) {
	acl := types.WebACL{Rules: []types.Rule{{Statement: &types.Statement{ByteMatchStatement: &types.ByteMatchStatement{SearchString: []byte("a secret")}}}}}
	shown := asJSON(t, hideSearched(wholeWebACL(acl)))
	assert.NotContains(t, shown, "YSBzZWNyZXQ") // base64
	assert.Contains(t, shown, "hidden, sha256")
}

func TestWAFPlanDuringAnotherOutageIsRefused(t *testing.T) {
	b := newBench(t)
	rule := MaintenanceRule{
		WebACLID: b.system.WAF.WebACLID, WebACLName: b.system.WAF.WebACLName, OperatorSetID: b.system.WAF.OperatorSetID,
		OperatorSetName: b.system.WAF.OperatorSet, Priority: b.system.WAF.RulePriority, RuleName: MaintenanceRulePrefix + b.operation, RetryAfterSeconds: 60,
	}
	planned := must(b, b.set.WAFV2.PlanWAFMaintenanceRule, rule)
	must(b, b.set.WAFV2.ApplyWAFMaintenanceRule, WAFChange{Operation: b.operation, MaintenanceRule: rule, Change: Ref(planned)})
	next := rule
	next.RuleName = MaintenanceRulePrefix + "another"
	_, err := try(b, b.set.WAFV2.PlanWAFMaintenanceRule, next)
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), "another outage is under way (rule "+rule.RuleName+")")
	must(b, b.set.WAFV2.RevertWAFMaintenanceRule, WAFChange{Operation: b.operation, MaintenanceRule: rule, Change: Ref(planned)})
	must(b, b.set.WAFV2.PlanWAFMaintenanceRule, next)
}
