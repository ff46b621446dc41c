package preflight

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
)

// distribution: there, enabled, behind the web ACL, and with a way to the maintenance page.
func (c *checker) distribution(ctx context.Context) {
	const area = "cloudfront"
	id := c.sys.Distribution.ID
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := cloudfront.NewFromConfig(c.global()).GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: &id})
	if err != nil {
		c.failed(err, area, id, "cloudfront:GetDistribution")
		return
	}
	config := out.Distribution.DistributionConfig
	switch {
	case !aws.ToBool(config.Enabled):
		c.bad(Wrong, area, id, "the distribution is disabled", "enable it, or name the one that serves the site")
	default:
		c.ok(area, id)
	}
	c.domain(out.Distribution)
	if !strings.Contains(aws.ToString(config.WebACLId), c.sys.WAF.WebACLID) {
		c.bad(Wrong, area, id+" web ACL", fmt.Sprintf("the distribution is behind web ACL %q, system.yaml names %s: the maintenance rule would close nothing", aws.ToString(config.WebACLId), c.sys.WAF.WebACLID),
			"associate the web ACL with the distribution, or mend waf.webACLId")
	}
	c.pageRoute(config)
}

func (c *checker) domain(d *cftypes.Distribution) {
	domain := c.sys.Distribution.Domain
	names := []string{aws.ToString(d.DomainName)}
	if d.DistributionConfig.Aliases != nil {
		names = append(names, d.DistributionConfig.Aliases.Items...)
	}
	if domain != "" && !slices.Contains(names, domain) {
		c.bad(Wrong, "cloudfront", domain, "the distribution serves "+strings.Join(names, ", ")+", not this domain", "mend distribution.domain, or add the alias")
	}
}

// pageRoute: a cache behaviour leads the maintenance page's path to the bucket.
func (c *checker) pageRoute(config *cftypes.DistributionConfig) {
	prefix, what := c.sys.Maintenance.PathPrefix, "route to "+c.sys.Maintenance.PathPrefix
	if config.CacheBehaviors != nil {
		for _, behaviour := range config.CacheBehaviors.Items {
			if pattern := strings.TrimPrefix(aws.ToString(behaviour.PathPattern), "/"); pattern != strings.Trim(prefix, "/")+"/*" {
				continue
			}
			if origin := originOf(config, aws.ToString(behaviour.TargetOriginId)); !strings.HasPrefix(origin, c.sys.Maintenance.Bucket+".") {
				c.bad(Wrong, "cloudfront", what, fmt.Sprintf("it leads to %q, not to bucket %s", origin, c.sys.Maintenance.Bucket), "point the cache behaviour at the bucket, or mend maintenance.bucket")
				return
			}
			c.ok("cloudfront", what)
			return
		}
	}
	c.bad(Missing, "cloudfront", what, "no cache behaviour routes this path", "add one for "+strings.TrimSuffix(prefix, "/")+"/* with the bucket as its origin")
}

func originOf(config *cftypes.DistributionConfig, id string) string {
	if config.Origins == nil {
		return ""
	}
	for _, origin := range config.Origins.Items {
		if aws.ToString(origin.Id) == id {
			return aws.ToString(origin.DomainName)
		}
	}
	return ""
}

func (c *checker) bucket(ctx context.Context) {
	c.head(ctx, c.sys.Maintenance.Bucket)
}

// webACL: there, and the maintenance rule's priority is free and before all others.
func (c *checker) webACL(ctx context.Context) {
	const area = "wafv2"
	waf := c.sys.WAF
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := wafv2.NewFromConfig(c.global()).GetWebACL(ctx, &wafv2.GetWebACLInput{Id: &waf.WebACLID, Name: &waf.WebACLName, Scope: waftypes.ScopeCloudfront})
	if err != nil {
		c.failed(err, area, waf.WebACLName, "wafv2:GetWebACL")
		return
	}
	for _, rule := range out.WebACL.Rules {
		name := aws.ToString(rule.Name)
		if strings.HasPrefix(name, "tejun-") { // an outage is going on
			continue
		}
		if rule.Priority <= waf.RulePriority {
			c.bad(Wrong, area, waf.WebACLName, fmt.Sprintf("rule %s has priority %d, and the maintenance rule must come before it with %d", name, rule.Priority, waf.RulePriority),
				"give the rules higher numbers, or choose a lower waf.rulePriority")
			return
		}
	}
	c.ok(area, waf.WebACLName)
}

// operatorSet: there, and holds the addresses of system.yaml. With others the operators would be shut out.
func (c *checker) operatorSet(ctx context.Context) {
	const area = "wafv2"
	waf := c.sys.WAF
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := wafv2.NewFromConfig(c.global()).GetIPSet(ctx, &wafv2.GetIPSetInput{Id: &waf.OperatorSetID, Name: &waf.OperatorSet, Scope: waftypes.ScopeCloudfront})
	if err != nil {
		c.failed(err, area, waf.OperatorSet, "wafv2:GetIPSet")
		return
	}
	var has, want []string
	for _, address := range out.IPSet.Addresses {
		if prefix, err := netip.ParsePrefix(address); err == nil {
			address = prefix.Masked().String()
		}
		has = append(has, address)
	}
	for _, prefix := range waf.OperatorIPs {
		want = append(want, prefix.Masked().String())
	}
	slices.Sort(has)
	slices.Sort(want)
	if !slices.Equal(has, want) {
		c.bad(Wrong, area, waf.OperatorSet, fmt.Sprintf("the IP set holds %v, system.yaml says %v", has, want), "mend the IP set or waf.operatorIPs")
		return
	}
	c.ok(area, waf.OperatorSet)
}
