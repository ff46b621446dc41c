package sandbox

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

func badWAFMarker(words string) error {
	return fail(http.StatusBadRequest, &types.WAFInvalidParameterException{Message: ptr(words), Reason: ptr(words)})
}

func getIPSet(c *call, in *wafv2.GetIPSetInput) (*wafv2.GetIPSetOutput, error) {
	if err := c.inScope(in.Scope); err != nil {
		return nil, err
	}
	set, ok, err := get[IPSet](c, ipSetKey(in.Id))
	if err != nil {
		return nil, err
	}
	if !ok || val(set.Set.Name) != val(in.Name) || in.Scope != types.ScopeCloudfront {
		return nil, nonexistent()
	}
	return &wafv2.GetIPSetOutput{IPSet: ptr(set.Set), LockToken: ptr(set.Version.LockToken)}, nil
}

func listWebACLs(c *call, in *wafv2.ListWebACLsInput) (*wafv2.ListWebACLsOutput, error) {
	if err := c.inScope(in.Scope); err != nil {
		return nil, err
	}
	all, err := list[WebACL](c, webACLKind)
	if err != nil || in.Scope != types.ScopeCloudfront {
		return &wafv2.ListWebACLsOutput{}, err
	}
	items, next, err := page(all, val(in.NextMarker), int(val(in.Limit)), 100, badWAFMarker)
	if err != nil {
		return nil, err
	}
	out := &wafv2.ListWebACLsOutput{NextMarker: ptrUnlessEmpty(next)}
	for _, a := range items {
		out.WebACLs = append(out.WebACLs, types.WebACLSummary{
			ARN: a.ACL.ARN, Id: a.ACL.Id, Name: a.ACL.Name, Description: a.ACL.Description, LockToken: ptr(a.Version.LockToken),
		})
	}
	return out, nil
}

func listIPSets(c *call, in *wafv2.ListIPSetsInput) (*wafv2.ListIPSetsOutput, error) {
	if err := c.inScope(in.Scope); err != nil {
		return nil, err
	}
	all, err := list[IPSet](c, ipSetKind)
	if err != nil || in.Scope != types.ScopeCloudfront {
		return &wafv2.ListIPSetsOutput{}, err
	}
	items, next, err := page(all, val(in.NextMarker), int(val(in.Limit)), 100, badWAFMarker)
	if err != nil {
		return nil, err
	}
	out := &wafv2.ListIPSetsOutput{NextMarker: ptrUnlessEmpty(next)}
	for _, s := range items {
		out.IPSets = append(out.IPSets, types.IPSetSummary{
			ARN: s.Set.ARN, Id: s.Set.Id, Name: s.Set.Name, Description: s.Set.Description, LockToken: ptr(s.Version.LockToken),
		})
	}
	return out, nil
}
