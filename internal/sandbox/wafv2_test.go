package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func webACL(t *testing.T, c *wafv2.Client) *wafv2.GetWebACLOutput {
	t.Helper()
	out, err := c.GetWebACL(t.Context(), &wafv2.GetWebACLInput{Id: aws.String("acl-1"), Name: aws.String("gzs-site"), Scope: types.ScopeCloudfront})
	require.NoError(t, err)
	return out
}

func update(got *wafv2.GetWebACLOutput, rules ...types.Rule) *wafv2.UpdateWebACLInput {
	return &wafv2.UpdateWebACLInput{
		Id: got.WebACL.Id, Name: got.WebACL.Name, Scope: types.ScopeCloudfront, LockToken: got.LockToken,
		DefaultAction: got.WebACL.DefaultAction, VisibilityConfig: got.WebACL.VisibilityConfig, Rules: rules,
	}
}

func blockRule(name string, priority int32, ipset string) types.Rule {
	return types.Rule{
		Name: aws.String(name), Priority: priority, VisibilityConfig: &types.VisibilityConfig{MetricName: aws.String(name)},
		Action: &types.RuleAction{Block: &types.BlockAction{CustomResponse: &types.CustomResponse{ResponseCode: aws.Int32(503)}}},
		Statement: &types.Statement{NotStatement: &types.NotStatement{Statement: &types.Statement{
			IPSetReferenceStatement: &types.IPSetReferenceStatement{ARN: aws.String("arn:aws:wafv2:us-east-1:123456789012:global/ipset/" + ipset)},
		}}},
	}
}

func TestUpdateWebACLNeedsTheNewestLockTokenAndReplacesEverything(t *testing.T) {
	s, cfg := seeded(t)
	c := wafv2.NewFromConfig(in(cfg, "us-east-1"))
	before := webACL(t, c)
	require.Len(t, before.WebACL.Rules, 2)

	out, err := c.UpdateWebACL(t.Context(), update(before, blockRule("outage", 0, "gzs-operators/set-1")))
	require.NoError(t, err)
	after := webACL(t, c)
	assert.Equal(t, *out.NextLockToken, *after.LockToken)
	assert.NotEqual(t, *before.LockToken, *after.LockToken)
	require.Len(t, after.WebACL.Rules, 1, "what is left out is gone")
	assert.Nil(t, after.WebACL.Description)
	assert.Equal(t, *before.LockToken, lastEntry(t, s).Token)

	_, err = c.UpdateWebACL(t.Context(), update(before))
	var locked *types.WAFOptimisticLockException
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, "error:WAFOptimisticLockException", lastEntry(t, s).Outcome)
	assert.Len(t, webACL(t, c).WebACL.Rules, 1)
}

func TestScopeCloudFrontLivesInUSEast1Only(t *testing.T) {
	_, cfg := seeded(t)
	c := wafv2.NewFromConfig(cfg)
	_, err := c.GetWebACL(t.Context(), &wafv2.GetWebACLInput{Id: aws.String("acl-1"), Name: aws.String("gzs-site"), Scope: types.ScopeCloudfront})
	var invalid *types.WAFInvalidParameterException
	require.ErrorAs(t, err, &invalid)
	_, err = c.ListIPSets(t.Context(), &wafv2.ListIPSetsInput{Scope: types.ScopeCloudfront})
	require.ErrorAs(t, err, &invalid)
	regional, err := c.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: types.ScopeRegional})
	require.NoError(t, err)
	assert.Empty(t, regional.WebACLs)
}

func TestUpdateWebACLRefusesWhatWAFRefuses(t *testing.T) {
	_, cfg := seeded(t)
	c := wafv2.NewFromConfig(in(cfg, "us-east-1"))
	before := webACL(t, c)
	good := blockRule("a", 0, "gzs-operators/set-1")
	noAction := good
	noAction.Action = nil
	for name, tc := range map[string]struct {
		rules []types.Rule
		want  any
	}{
		"priority twice":         {[]types.Rule{good, blockRule("b", 0, "gzs-operators/set-1")}, new(*types.WAFInvalidParameterException)},
		"name twice":             {[]types.Rule{good, blockRule("a", 1, "gzs-operators/set-1")}, new(*types.WAFDuplicateItemException)},
		"IP set is not there":    {[]types.Rule{blockRule("a", 0, "gzs-operators/other")}, new(*types.WAFNonexistentItemException)},
		"neither of the actions": {[]types.Rule{noAction}, new(*types.WAFInvalidParameterException)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.UpdateWebACL(t.Context(), update(before, tc.rules...))
			require.ErrorAs(t, err, tc.want)
		})
	}
}

func TestWebACLAndIPSetAreFoundByIDNameAndARN(t *testing.T) {
	_, cfg := seeded(t)
	c := wafv2.NewFromConfig(in(cfg, "us-east-1"))
	byARN, err := c.GetWebACL(t.Context(), &wafv2.GetWebACLInput{ARN: webACL(t, c).WebACL.ARN})
	require.NoError(t, err)
	assert.Equal(t, "gzs-site", *byARN.WebACL.Name)
	_, err = c.GetWebACL(t.Context(), &wafv2.GetWebACLInput{Id: aws.String("acl-1"), Name: aws.String("other"), Scope: types.ScopeCloudfront})
	var none *types.WAFNonexistentItemException
	require.ErrorAs(t, err, &none)
	set, err := c.GetIPSet(t.Context(), &wafv2.GetIPSetInput{Id: aws.String("set-1"), Name: aws.String("gzs-operators"), Scope: types.ScopeCloudfront})
	require.NoError(t, err)
	assert.Equal(t, []string{"198.51.100.0/24"}, set.IPSet.Addresses)
	acls, err := c.ListWebACLs(t.Context(), &wafv2.ListWebACLsInput{Scope: types.ScopeCloudfront})
	require.NoError(t, err)
	assert.Len(t, acls.WebACLs, 1)
	sets, err := c.ListIPSets(t.Context(), &wafv2.ListIPSetsInput{Scope: types.ScopeCloudfront})
	require.NoError(t, err)
	assert.Len(t, sets.IPSets, 2)
}
