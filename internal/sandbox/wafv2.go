package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

const (
	webACLKind = "wafv2:webacl"
	ipSetKind  = "wafv2:ipset"

	globalRegion = "us-east-1" // scope CLOUDFRONT lives here
)

// WebACL is a WAFv2 web ACL of scope CLOUDFRONT; the sandbox has no others.
type WebACL struct {
	ACL     types.WebACL
	Version LockVersion `json:"version"`
}

// IPSet is a WAFv2 IP set of scope CLOUDFRONT.
type IPSet struct {
	Set     types.IPSet
	Version LockVersion `json:"version"`
}

// LockVersion is what moves with every update.
type LockVersion struct {
	LockToken string
	Changed   time.Time `json:",omitzero"` // of an IP set
}

func wafv2Operations() map[string]operation {
	return byName(
		handle(reads, "Id Name Scope ARN", func(in *wafv2.GetWebACLInput) about { return about{webACLKey(in.Id, in.ARN), ""} }, getWebACL),
		handle(reads, "Scope Limit NextMarker", func(*wafv2.ListWebACLsInput) about { return about{} }, listWebACLs),
		handle(writes, "Id Name Scope LockToken DefaultAction VisibilityConfig ApplicationConfig AssociationConfig CaptchaConfig ChallengeConfig CustomResponseBodies DataProtectionConfig Description OnSourceDDoSProtectionConfig Rules TokenDomains",
			func(in *wafv2.UpdateWebACLInput) about { return about{webACLKey(in.Id, nil), val(in.LockToken)} }, updateWebACL),
		handle(reads, "Id Name Scope", func(in *wafv2.GetIPSetInput) about { return about{ipSetKey(in.Id), ""} }, getIPSet),
		handle(writes, "Id Name Scope LockToken Addresses Description", func(in *wafv2.UpdateIPSetInput) about { return about{ipSetKey(in.Id), val(in.LockToken)} }, updateIPSet),
		handle(reads, "Scope Limit NextMarker", func(*wafv2.ListIPSetsInput) about { return about{} }, listIPSets),
	)
}

func webACLKey(id, arn *string) string {
	if val(id) == "" {
		return webACLKind + "/" + lastPart(val(arn))
	}
	return webACLKind + "/" + *id
}

func ipSetKey(id *string) string { return ipSetKind + "/" + val(id) }

func lastPart(s string) string { return s[strings.LastIndex(s, "/")+1:] }

func invalidWAF(field types.ParameterExceptionField, parameter, reason string) error {
	return fail(http.StatusBadRequest, &types.WAFInvalidParameterException{
		Message: ptr("Error reason: " + reason + ", field: " + string(field) + ", parameter: " + parameter), Field: field, Parameter: ptr(parameter), Reason: ptr(reason),
	})
}

// inScope refuses calls that AWS refuses because of the region, and scope REGIONAL, of which the sandbox has nothing.
func (c *call) inScope(scope types.Scope) error {
	switch {
	case scope == types.ScopeCloudfront && c.region != globalRegion:
		return invalidWAF(types.ParameterExceptionFieldScopeValue, string(scope), "The scope is not valid., CLOUDFRONT needs the region us-east-1, not "+c.region)
	case scope == types.ScopeRegional || scope == types.ScopeCloudfront:
		return nil
	}
	return invalidWAF(types.ParameterExceptionFieldScopeValue, string(scope), "The scope is not valid.")
}

func nonexistent() error {
	return fail(http.StatusBadRequest, &types.WAFNonexistentItemException{Message: ptr("AWS WAF couldn’t perform the operation because your resource doesn’t exist.")})
}

func (c *call) webACL(scope types.Scope, id, name *string) (WebACL, error) {
	if err := c.inScope(scope); err != nil {
		return WebACL{}, err
	}
	acl, ok, err := get[WebACL](c, webACLKey(id, nil))
	if err == nil && (!ok || val(acl.ACL.Name) != val(name) || scope != types.ScopeCloudfront) {
		err = nonexistent()
	}
	return acl, err
}

func (c *call) webACLByARN(arn string) (WebACL, bool, error) {
	acl, ok, err := get[WebACL](c, webACLKey(nil, &arn))
	return acl, ok && val(acl.ACL.ARN) == arn, err
}

func getWebACL(c *call, in *wafv2.GetWebACLInput) (*wafv2.GetWebACLOutput, error) {
	var acl WebACL
	var err error
	if arn := val(in.ARN); arn != "" {
		if c.region != globalRegion {
			return nil, nonexistent()
		}
		var ok bool
		if acl, ok, err = c.webACLByARN(arn); err == nil && !ok {
			err = nonexistent()
		}
	} else {
		acl, err = c.webACL(in.Scope, in.Id, in.Name)
	}
	if err != nil {
		return nil, err
	}
	return &wafv2.GetWebACLOutput{WebACL: ptr(acl.ACL), LockToken: ptr(acl.Version.LockToken)}, nil
}

// updateWebACL replaces the whole web ACL: what the input leaves out is gone.
func updateWebACL(c *call, in *wafv2.UpdateWebACLInput) (*wafv2.UpdateWebACLOutput, error) {
	acl, err := c.webACL(in.Scope, in.Id, in.Name)
	if err != nil {
		return nil, err
	}
	if val(in.LockToken) != acl.Version.LockToken {
		return nil, optimisticLock()
	}
	if err := c.checkRules(in.Rules, in.CustomResponseBodies); err != nil {
		return nil, err
	}
	old := acl.ACL
	acl.ACL = types.WebACL{
		ARN: old.ARN, Id: old.Id, Name: old.Name, LabelNamespace: old.LabelNamespace, Capacity: capacity(in.Rules),
		DefaultAction: in.DefaultAction, VisibilityConfig: in.VisibilityConfig, Rules: in.Rules, Description: in.Description,
		ApplicationConfig: in.ApplicationConfig, AssociationConfig: in.AssociationConfig, CaptchaConfig: in.CaptchaConfig,
		ChallengeConfig: in.ChallengeConfig, CustomResponseBodies: in.CustomResponseBodies, DataProtectionConfig: in.DataProtectionConfig,
		OnSourceDDoSProtectionConfig: in.OnSourceDDoSProtectionConfig, TokenDomains: in.TokenDomains,
	}
	acl.Version.LockToken = c.newLockToken(val(in.Id))
	if err := c.put(webACLKey(in.Id, nil), acl); err != nil {
		return nil, err
	}
	return &wafv2.UpdateWebACLOutput{NextLockToken: ptr(acl.Version.LockToken)}, nil
}

func optimisticLock() error {
	return fail(http.StatusBadRequest, &types.WAFOptimisticLockException{Message: ptr("AWS WAF couldn’t save your changes because someone changed the resource after you started to edit it. Reapply your changes.")})
}

// newLockToken looks like a UUID and follows from the place in the log.
func (c *call) newLockToken(of string) string {
	h := strings.ToLower(hashID("", of+"\x00lock") + hashID("", fmt.Sprint(of, c.state.lines)) + hashID("", fmt.Sprint(c.state.lines, of)))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

func (c *call) checkRules(rules []types.Rule, bodies map[string]types.CustomResponseBody) error {
	names, priorities := map[string]bool{}, map[int32]bool{}
	for _, r := range rules {
		switch {
		case names[val(r.Name)]:
			return fail(http.StatusBadRequest, &types.WAFDuplicateItemException{Message: ptr("AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one: rule " + val(r.Name))})
		case priorities[r.Priority]:
			return invalidWAF(types.ParameterExceptionFieldRule, fmt.Sprint(r.Priority), "You have used the same priority for more than one rule")
		case (r.Action == nil) == (r.OverrideAction == nil):
			return invalidWAF(types.ParameterExceptionFieldRuleAction, val(r.Name), "A rule needs exactly one of Action and OverrideAction")
		}
		names[val(r.Name)], priorities[r.Priority] = true, true
		if err := checkBlock(r, bodies); err != nil {
			return err
		}
		if err := c.checkStatement(r.Statement); err != nil {
			return err
		}
	}
	return nil
}

func checkBlock(r types.Rule, bodies map[string]types.CustomResponseBody) error {
	if r.Action == nil || r.Action.Block == nil || r.Action.Block.CustomResponse == nil {
		return nil
	}
	custom := r.Action.Block.CustomResponse
	if code := val(custom.ResponseCode); code < 200 || code > 599 {
		return invalidWAF(types.ParameterExceptionFieldRuleAction, fmt.Sprint(code), "The custom response code must be 200 to 599")
	}
	if key := val(custom.CustomResponseBodyKey); key != "" {
		if _, ok := bodies[key]; !ok {
			return invalidWAF(types.ParameterExceptionFieldCustomResponseBody, key, "The custom response body key is not valid")
		}
	}
	return nil
}

// checkStatement makes sure that a statement says something, and that IP sets that it refers to exist.
func (c *call) checkStatement(s *types.Statement) error {
	if s == nil {
		return invalidWAF(types.ParameterExceptionFieldStatement, "", "The statement is missing")
	}
	var nested []types.Statement
	switch {
	case s.IPSetReferenceStatement != nil:
		arn := val(s.IPSetReferenceStatement.ARN)
		set, ok, err := get[IPSet](c, ipSetKind+"/"+lastPart(arn))
		if err == nil && (!ok || val(set.Set.ARN) != arn) {
			err = nonexistent()
		}
		return err
	case s.NotStatement != nil:
		return c.checkStatement(s.NotStatement.Statement)
	case s.AndStatement != nil:
		nested = s.AndStatement.Statements
	case s.OrStatement != nil:
		nested = s.OrStatement.Statements
	default:
		return nil
	}
	if len(nested) < 2 {
		return invalidWAF(types.ParameterExceptionFieldStatement, "", "And and Or need two statements or more")
	}
	for i := range nested {
		if err := c.checkStatement(&nested[i]); err != nil {
			return err
		}
	}
	return nil
}

// capacity is a rough count of web ACL capacity units: a managed group weighs 700, anything else 2.
func capacity(rules []types.Rule) int64 {
	units := int64(0)
	for _, r := range rules {
		if r.Statement != nil && r.Statement.ManagedRuleGroupStatement != nil {
			units += 700
		} else {
			units += 2
		}
	}
	return units
}
