package sandbox

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	waf "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/system"
)

// Origins of the seeded distribution.
const (
	OriginSite        = "site"        // the load balancer in front of the ECS services
	OriginMaintenance = "maintenance" // the bucket of the maintenance page
)

// AWS's own cache and origin request policies.
const (
	cachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	cachingDisabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	allViewer        = "216adef6-5c7f-47e4-b989-5492eafa07d3"
)

func seedEdge(c *call, sys *system.System) error {
	id := sys.Distribution.ID
	d := Distribution{
		ID: id, ARN: "arn:aws:cloudfront::" + sys.AWS.Account + ":distribution/" + id,
		Domain:  strings.ToLower(hashID("d", id)) + ".cloudfront.net",
		Version: DistributionVersion{ETag: c.newID("E", id), Modified: c.at},
		Config: types.DistributionConfig{
			CallerReference: ptr(sys.ID + "-site"), Comment: ptr(sys.Name.En), Enabled: ptr(true),
			Aliases:     &types.Aliases{Quantity: ptr(int32(1)), Items: []string{sys.Distribution.Domain}},
			HttpVersion: types.HttpVersionHttp2and3, IsIPV6Enabled: ptr(true), PriceClass: types.PriceClassPriceClass200, DefaultRootObject: ptr(""),
			WebACLId: ptr(webACLARN(sys)),
			Origins: &types.Origins{Quantity: ptr(int32(2)), Items: []types.Origin{
				siteOrigin(sys), maintenanceOrigin(sys),
			}},
			DefaultCacheBehavior: &types.DefaultCacheBehavior{
				TargetOriginId: ptr(OriginSite), ViewerProtocolPolicy: types.ViewerProtocolPolicyRedirectToHttps, Compress: ptr(true),
				AllowedMethods: methods(types.MethodGet, types.MethodHead, types.MethodOptions, types.MethodPut, types.MethodPost, types.MethodPatch, types.MethodDelete),
				CachePolicyId:  ptr(cachingDisabled), OriginRequestPolicyId: ptr(allViewer),
			},
			CacheBehaviors: &types.CacheBehaviors{Quantity: ptr(int32(1)), Items: []types.CacheBehavior{{
				PathPattern: ptr(sys.Maintenance.PathPrefix + "*"), TargetOriginId: ptr(OriginMaintenance),
				ViewerProtocolPolicy: types.ViewerProtocolPolicyRedirectToHttps, Compress: ptr(true),
				AllowedMethods: methods(types.MethodGet, types.MethodHead), CachePolicyId: ptr(cachingOptimized),
			}}},
			CustomErrorResponses: &types.CustomErrorResponses{Quantity: ptr(int32(0))},
			Logging: &types.LoggingConfig{
				Enabled: ptr(true), IncludeCookies: ptr(false), Bucket: ptr(sys.ID + "-access-logs.s3.amazonaws.com"), Prefix: ptr("cloudfront/"),
			},
			Restrictions: &types.Restrictions{GeoRestriction: &types.GeoRestriction{RestrictionType: types.GeoRestrictionTypeNone, Quantity: ptr(int32(0))}},
			ViewerCertificate: &types.ViewerCertificate{
				ACMCertificateArn: ptr(arn("acm", globalRegion, sys.AWS.Account, "certificate/00000000-5a9d-4b0c-8d00-000000000002")),
				SSLSupportMethod:  types.SSLSupportMethodSniOnly, MinimumProtocolVersion: types.MinimumProtocolVersionTLSv122021,
			},
		},
	}
	return c.put(distributionKey(&id), d)
}

func methods(allowed ...types.Method) *types.AllowedMethods {
	return &types.AllowedMethods{
		Quantity: count(allowed), Items: allowed,
		CachedMethods: &types.CachedMethods{Quantity: ptr(int32(2)), Items: []types.Method{types.MethodGet, types.MethodHead}},
	}
}

func siteOrigin(sys *system.System) types.Origin {
	return types.Origin{
		Id: ptr(OriginSite), DomainName: ptr("origin." + sys.Distribution.Domain), OriginPath: ptr(""),
		ConnectionAttempts: ptr(int32(3)), ConnectionTimeout: ptr(int32(10)),
		CustomHeaders: &types.CustomHeaders{Quantity: ptr(int32(1)), Items: []types.OriginCustomHeader{
			{HeaderName: ptr("X-Origin-Verify"), HeaderValue: ptr(OriginSecret)},
		}},
		CustomOriginConfig: &types.CustomOriginConfig{
			HTTPPort: ptr(int32(80)), HTTPSPort: ptr(int32(443)), OriginProtocolPolicy: types.OriginProtocolPolicyHttpsOnly,
			OriginReadTimeout: ptr(int32(30)), OriginKeepaliveTimeout: ptr(int32(5)),
			OriginSslProtocols: &types.OriginSslProtocols{Quantity: ptr(int32(1)), Items: []types.SslProtocol{types.SslProtocolTLSv12}},
		},
	}
}

func maintenanceOrigin(sys *system.System) types.Origin {
	return types.Origin{
		Id: ptr(OriginMaintenance), DomainName: ptr(sys.Maintenance.Bucket + ".s3." + sys.AWS.Region + ".amazonaws.com"), OriginPath: ptr(""),
		ConnectionAttempts: ptr(int32(3)), ConnectionTimeout: ptr(int32(10)), OriginAccessControlId: ptr(hashID("E", sys.Maintenance.Bucket)),
		CustomHeaders:  &types.CustomHeaders{Quantity: ptr(int32(0))},
		S3OriginConfig: &types.S3OriginConfig{OriginAccessIdentity: ptr("")},
	}
}

func webACLARN(sys *system.System) string {
	return arn("wafv2", globalRegion, sys.AWS.Account, "global/webacl/"+sys.WAF.WebACLName+"/"+sys.WAF.WebACLID)
}

func seedWAF(c *call, sys *system.System) error {
	set := IPSet{Set: waf.IPSet{
		Id: ptr(sys.WAF.OperatorSetID), Name: ptr(sys.WAF.OperatorSet), Description: ptr("Networks of the operators"),
		ARN: ptr(arn("wafv2", globalRegion, sys.AWS.Account, "global/ipset/"+sys.WAF.OperatorSet+"/"+sys.WAF.OperatorSetID)),
	}, Version: LockVersion{LockToken: c.newLockToken(sys.WAF.OperatorSetID)}}
	var err error
	if set.Set.IPAddressVersion, set.Set.Addresses, err = addressesOf(sys.WAF.OperatorIPs); err != nil {
		return err
	}
	if err := c.put(ipSetKey(set.Set.Id), set); err != nil {
		return err
	}
	// The ordinary rules come after the maintenance rule's priority, which is free.
	rules := []waf.Rule{
		{
			Name: ptr("managed-common"), Priority: sys.WAF.RulePriority + 10, OverrideAction: &waf.OverrideAction{None: &waf.NoneAction{}},
			VisibilityConfig: visibility("managed-common"),
			Statement:        &waf.Statement{ManagedRuleGroupStatement: &waf.ManagedRuleGroupStatement{VendorName: ptr("AWS"), Name: ptr("AWSManagedRulesCommonRuleSet")}},
		},
		{
			Name: ptr("rate-limit"), Priority: sys.WAF.RulePriority + 20, Action: &waf.RuleAction{Block: &waf.BlockAction{}}, VisibilityConfig: visibility("rate-limit"),
			Statement: &waf.Statement{RateBasedStatement: &waf.RateBasedStatement{Limit: ptr(int64(2000)), EvaluationWindowSec: 300, AggregateKeyType: waf.RateBasedStatementAggregateKeyTypeIp}},
		},
	}
	return c.put(webACLKey(&sys.WAF.WebACLID, nil), WebACL{ACL: waf.WebACL{
		Id: ptr(sys.WAF.WebACLID), Name: ptr(sys.WAF.WebACLName), ARN: ptr(webACLARN(sys)), Description: ptr("In front of the site"),
		DefaultAction: &waf.DefaultAction{Allow: &waf.AllowAction{}}, VisibilityConfig: visibility(sys.WAF.WebACLName), Rules: rules, Capacity: capacity(rules),
		LabelNamespace: ptr("awswaf:" + sys.AWS.Account + ":webacl:" + sys.WAF.WebACLName + ":"),
	}, Version: LockVersion{LockToken: c.newLockToken(sys.WAF.WebACLID)}})
}

func visibility(metric string) *waf.VisibilityConfig {
	return &waf.VisibilityConfig{CloudWatchMetricsEnabled: true, SampledRequestsEnabled: true, MetricName: ptr(metric)}
}

// addressesOf writes the prefixes as an IP set has them: all of one address version.
func addressesOf(prefixes []netip.Prefix) (waf.IPAddressVersion, []string, error) {
	version := waf.IPAddressVersionIpv4
	addresses := []string{}
	for i, p := range prefixes {
		v := waf.IPAddressVersionIpv6
		if p.Addr().Is4() {
			v = waf.IPAddressVersionIpv4
		}
		if i > 0 && v != version {
			return "", nil, errors.New("waf.operatorIPs: an IP set holds either IPv4 or IPv6 addresses, not both")
		}
		version = v
		addresses = append(addresses, p.Masked().String())
	}
	return version, addresses, nil
}
