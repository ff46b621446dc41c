package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/system"
)

// ipSetState is an IP set as UpdateIPSet takes it, which replaces addresses and description alike.
type ipSetState struct {
	Addresses   []string               `json:"addresses"`
	Description *string                `json:"description"`
	Version     types.IPAddressVersion `json:"version"` // IPV4 or IPV6; an IP set keeps it
}

func (a *Settings) ipSet(in system.SettingResolved) changeable {
	return newSetting(a, in, fmt.Sprintf("AWS WAF IP セット %s: 対象のネットワークを変更", in.Resource),
		func(s ipSetState) any { return s.Addresses },
		func(s *ipSetState, to json.RawMessage) error {
			s.Addresses = nil
			if err := json.Unmarshal(to, &s.Addresses); err != nil {
				return err
			}
			for _, address := range s.Addresses {
				if p, err := netip.ParsePrefix(address); err != nil || p.Addr().Is4() != (s.Version == types.IPAddressVersionIpv4) {
					return fmt.Errorf("%s does not fit into an IP set of %s", address, s.Version)
				}
			}
			return nil
		},
		func(ctx context.Context) (ipSetState, string, error) {
			out, err := a.waf.GetIPSet(ctx, &wafv2.GetIPSetInput{Id: &in.ID, Name: &in.Resource, Scope: types.ScopeCloudfront})
			if err != nil {
				return ipSetState{}, "", Classify(err, "read the IP set "+in.Resource)
			}
			return ipSetState{append([]string{}, out.IPSet.Addresses...), out.IPSet.Description, out.IPSet.IPAddressVersion}, aws.ToString(out.LockToken), nil
		},
		func(ctx context.Context, s ipSetState, token string) error {
			_, err := a.waf.UpdateIPSet(ctx, &wafv2.UpdateIPSetInput{
				Id: &in.ID, Name: &in.Resource, Scope: types.ScopeCloudfront, LockToken: &token, Addresses: s.Addresses, Description: s.Description,
			})
			return Classify(err, "change the IP set "+in.Resource)
		},
		func(s ipSetState) any { // AWS promises no order
			s.Addresses = slices.Sorted(slices.Values(s.Addresses))
			return s
		})
}
