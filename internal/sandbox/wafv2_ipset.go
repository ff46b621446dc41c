package sandbox

import (
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

// updateIPSet replaces the addresses and the description of an IP set.
func updateIPSet(c *call, in *wafv2.UpdateIPSetInput) (*wafv2.UpdateIPSetOutput, error) {
	got, err := getIPSet(c, &wafv2.GetIPSetInput{Id: in.Id, Name: in.Name, Scope: in.Scope})
	if err != nil {
		return nil, err
	}
	if val(in.LockToken) != val(got.LockToken) {
		return nil, optimisticLock()
	}
	for _, address := range in.Addresses {
		p, err := netip.ParsePrefix(address)
		if err != nil || p.Bits() == 0 {
			return nil, invalidWAF(types.ParameterExceptionFieldIpAddress, address, "Your request contains an invalid IP address")
		}
		if p.Addr().Is4() != (got.IPSet.IPAddressVersion == types.IPAddressVersionIpv4) {
			return nil, invalidWAF(types.ParameterExceptionFieldIpAddressVersion, address, "The IP address version does not match that of the set")
		}
	}
	set := IPSet{Set: *got.IPSet, Version: LockVersion{LockToken: c.newLockToken(val(in.Id)), Changed: c.at}}
	set.Set.Addresses, set.Set.Description = in.Addresses, in.Description
	if err := c.put(ipSetKey(in.Id), set); err != nil {
		return nil, err
	}
	return &wafv2.UpdateIPSetOutput{NextLockToken: ptr(set.Version.LockToken)}, nil
}
