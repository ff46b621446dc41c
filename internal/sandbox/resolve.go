package sandbox

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// Answer is what a client's resolver has answered for a name.
type Answer struct {
	Name          string
	SetIdentifier string // of the record; "" for a simple one
	Value         string
	Region        string    // that the value leads to
	At            time.Time // when the resolver fetched it
	Until         time.Time // so long it answers without asking anew
}

// mostResolved bounds what is remembered of made-up clients.
const mostResolved = 10_000

// Resolve is what a client gets for a name. Its resolver asks the zone's servers once and then gives the same answer until the TTL
// has run, whatever has changed meanwhile; the servers give the old answer until a change is INSYNC. TTLs are not scaled. Every
// client has a resolver of its own, which lives as long as this process's handle. A name without a record is an error.
func (s *Sandbox) Resolve(name, client string) (answer Answer, err error) {
	name = dnsName(name)
	err = s.view(func(c *call) error {
		key := client + "\x00" + name
		if kept, ok := s.resolved[key]; ok && c.at.Before(kept.Until) {
			answer = kept
			return nil
		}
		records, err := c.authoritative(name)
		if err != nil {
			return err
		}
		record, ok, err := c.choose(records, key)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("sandbox: no hosted zone has a record of %s", name)
		}
		value := val(record.ResourceRecords[0].Value)
		region, err := c.regionOf(value)
		if err != nil {
			return err
		}
		answer = Answer{
			Name: name, SetIdentifier: val(record.SetIdentifier), Value: value, Region: region,
			At: c.at, Until: c.at.Add(time.Duration(val(record.TTL)) * time.Second),
		}
		if s.resolved == nil || len(s.resolved) >= mostResolved {
			s.resolved = map[string]Answer{}
		}
		s.resolved[key] = answer
		return nil
	})
	return answer, err
}

// authoritative is what the servers of the name's zone answer with: the records of one type.
func (c *call) authoritative(name string) ([]types.ResourceRecordSet, error) {
	zones, err := list[zone](c, zoneKind)
	if err != nil {
		return nil, err
	}
	for _, z := range zones {
		if name != z.Name && !strings.HasSuffix(name, "."+z.Name) {
			continue
		}
		all, err := c.zoneRecords(z)
		if err != nil {
			return nil, err
		}
		found, err := c.servedRecords(z, name, all)
		if err != nil {
			return nil, err
		}
		for _, kind := range []types.RRType{types.RRTypeCname, types.RRTypeA, types.RRTypeAaaa} {
			if of := slices.DeleteFunc(slices.Clone(found), func(r types.ResourceRecordSet) bool { return r.Type != kind }); len(of) > 0 {
				return of, nil
			}
		}
	}
	return nil, nil
}

// choose picks one of the records as Route 53 does: the healthy primary else the secondary, or by weight.
func (c *call) choose(records []types.ResourceRecordSet, key string) (types.ResourceRecordSet, bool, error) {
	if len(records) == 0 {
		return types.ResourceRecordSet{}, false, nil
	}
	if records[0].Failover != "" {
		return c.healthiest(records)
	}
	total := int64(0)
	for _, r := range records {
		total += val(r.Weight)
	}
	if total == 0 { // then all count alike
		return records[c.dice(key, int64(len(records)))], true, nil
	}
	at := c.dice(key, total)
	for _, r := range records {
		if at -= val(r.Weight); at < 0 {
			return r, true, nil
		}
	}
	return records[len(records)-1], true, nil
}

// healthiest is the primary record, or the secondary one when the health check of the primary fails: its region cannot be reached.
func (c *call) healthiest(records []types.ResourceRecordSet) (types.ResourceRecordSet, bool, error) {
	best := records[0]
	for _, r := range records {
		if r.Failover == types.ResourceRecordSetFailoverPrimary {
			best = r
		}
	}
	region, err := c.regionOf(val(best.ResourceRecords[0].Value))
	if err != nil {
		return best, false, err
	}
	if best.HealthCheckId != nil && c.lost(region) {
		for _, r := range records {
			if r.Failover == types.ResourceRecordSetFailoverSecondary {
				best = r
			}
		}
	}
	return best, true, nil
}

// dice is a number below sides: the same for a client at one moment.
func (c *call) dice(key string, sides int64) int64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s\x00%d", key, c.at.UnixNano()) // a hash takes everything
	return int64(h.Sum64() % uint64(sides))                 //nolint:gosec // below sides, which is positive
}

// regionOf is the region that a host lies in: that in its name, else the home region.
func (c *call) regionOf(host string) (string, error) {
	for _, label := range strings.Split(host, ".") {
		if regionForm.MatchString(label) {
			return label, nil
		}
	}
	set, err := c.settings()
	return set.Region, err
}
