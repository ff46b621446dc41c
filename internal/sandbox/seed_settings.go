package sandbox

import (
	"encoding/json"
	"fmt"
	"net/netip"

	waf "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/system"
)

// leastRetention is what the seeded rule about log groups asks for.
const leastRetention = "30"

// seedSettings gives every declared setting its usual value, and makes the AWS Config rules that they name.
func seedSettings(c *call, sys *system.System) error {
	for _, v := range sys.Settings {
		raw, err := json.Marshal(v.Value)
		if err == nil {
			raw, err = system.ParseSettingValue(v.Kind, raw)
		}
		if err == nil {
			err = seedSetting(c, sys, v, raw)
		}
		for _, rule := range v.Rules {
			if err == nil {
				err = seedConfigRule(c, sys, v.Kind, rule)
			}
		}
		if err != nil {
			return fmt.Errorf("setting %s: %w", v.Name, err)
		}
	}
	return nil
}

func seedSetting(c *call, sys *system.System, v system.Setting, value json.RawMessage) error {
	switch v.Kind {
	case system.ParameterSetting:
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		return seedParameter(c, sys.AWS.Account, sys.AWS.Region, v.Resource, text)
	case system.LogSetting:
		var days int32
		if err := json.Unmarshal(value, &days); err != nil {
			return err
		}
		return seedLogGroup(c, sys.AWS.Account, sys.AWS.Region, v.Resource, days)
	case system.IPSetSetting:
		return seedIPSet(c, sys, v, value)
	case system.ServiceSetting:
		return seedServiceSetting(c, sys, v, value)
	}
	return seedThreshold(c, v, value)
}

func seedIPSet(c *call, sys *system.System, v system.Setting, value json.RawMessage) error {
	var prefixes []netip.Prefix
	if err := json.Unmarshal(value, &prefixes); err != nil {
		return err
	}
	version, addresses, err := addressesOf(prefixes)
	if err != nil {
		return err
	}
	return c.put(ipSetKey(&v.ID), IPSet{Set: waf.IPSet{
		Id: ptr(v.ID), Name: ptr(v.Resource), Description: ptr("Seeded from system.yaml"), IPAddressVersion: version, Addresses: addresses,
		ARN: ptr(arn("wafv2", globalRegion, sys.AWS.Account, "global/ipset/"+v.Resource+"/"+v.ID)),
	}, Version: LockVersion{LockToken: c.newLockToken(v.ID), Changed: c.at}})
}

func seedServiceSetting(c *call, sys *system.System, v system.Setting, value json.RawMessage) error {
	key := serviceKey(&sys.ECS.Cluster, &v.Resource)
	s, ok, err := get[Service](c, key)
	if err != nil || !ok {
		return orMissing(err, "ecs.services has no service "+v.Resource)
	}
	var to struct{ DesiredCount, MinimumHealthyPercent, MaximumPercent int32 }
	if err := json.Unmarshal(value, &to); err != nil {
		return err
	}
	s.Desired, s.Version.From, s.MinHealthy, s.MaxPercent = to.DesiredCount, to.DesiredCount, &to.MinimumHealthyPercent, &to.MaximumPercent
	return c.put(key, s)
}

func seedThreshold(c *call, v system.Setting, value json.RawMessage) error {
	a, ok, err := get[Alarm](c, alarmKey(v.Resource))
	if err != nil || !ok {
		return orMissing(err, "alarms has no alarm "+v.Resource)
	}
	var to float64
	if err := json.Unmarshal(value, &to); err != nil {
		return err
	}
	a.Metric.Threshold = &to
	return c.put(alarmKey(v.Resource), a)
}

func orMissing(err error, words string) error {
	if err == nil {
		err = fmt.Errorf("the sandbox is seeded from the same file, and %s", words)
	}
	return err
}

func seedConfigRule(c *call, sys *system.System, kind, name string) error {
	r := ConfigRule{Name: name, Region: sys.AWS.Region, Created: c.at}
	switch kind {
	case system.LogSetting:
		r.Identifier, r.Parameters = retentionRule, map[string]string{"MinRetentionTime": leastRetention}
	case system.AlarmSetting:
		r.Identifier = alarmActionRule
	default:
		return fmt.Errorf("the sandbox models no AWS Config rule for the kind %s: leave rules out there", kind)
	}
	return c.put(configRuleKind+"/"+name, r)
}
