package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// mostChanges is how many changes one batch takes.
const mostChanges = 1000

// changeResourceRecordSets carries out all changes of a batch, in their order, or none.
func changeResourceRecordSets(c *call, in *route53.ChangeResourceRecordSetsInput) (*route53.ChangeResourceRecordSetsOutput, error) {
	z, err := c.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if len(in.ChangeBatch.Changes) == 0 || len(in.ChangeBatch.Changes) > mostChanges {
		return nil, fail(http.StatusBadRequest, &types.InvalidInput{Message: ptr(fmt.Sprintf("A batch takes 1 to %d changes.", mostChanges))})
	}
	before, err := c.zoneRecords(z)
	if err != nil {
		return nil, err
	}
	after := map[string]types.ResourceRecordSet{}
	for _, r := range before {
		after[recordName(r)] = r
	}
	var problems []string
	for _, change := range in.ChangeBatch.Changes {
		why, err := z.carryOut(after, change)
		if err != nil {
			return nil, err
		}
		if why != "" {
			problems = append(problems, why)
		}
	}
	if len(problems) == 0 {
		problems = conflicts(after)
	}
	if len(problems) > 0 {
		return nil, fail(http.StatusBadRequest, &types.InvalidChangeBatch{Message: ptr("[" + strings.Join(problems, ", ") + "]"), Messages: problems})
	}
	if err := c.serveOld(z, before, in.ChangeBatch.Changes); err != nil {
		return nil, err
	}
	for _, r := range before {
		if _, stays := after[recordName(r)]; !stays {
			c.remove(recordKey(z, r))
		}
	}
	for _, r := range after {
		if err := c.put(recordKey(z, r), r); err != nil {
			return nil, err
		}
	}
	change := zoneChange{Zone: z.ID, Submitted: c.at, Comment: val(in.ChangeBatch.Comment)}
	id := hashID("C", fmt.Sprintf("%s\x00%d", z.ID, c.state.lines))
	if err := c.put(zoneChangeKind+"/"+id, change); err != nil {
		return nil, err
	}
	info, err := c.changeInfo(id, change)
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: info}, err
}

// carryOut makes one change, or says why Route 53 would not.
func (z zone) carryOut(all map[string]types.ResourceRecordSet, change types.Change) (why string, err error) {
	r := *change.ResourceRecordSet
	r.Name = ptr(dnsName(val(r.Name)))
	if why, err := z.check(r); why != "" || err != nil {
		return why, err
	}
	key := recordName(r)
	was, there := all[key]
	which := fmt.Sprintf("[name='%s', type='%s', set-identifier='%s']", val(r.Name), r.Type, val(r.SetIdentifier))
	switch change.Action {
	case types.ChangeActionCreate:
		if there {
			return "Tried to create resource record set " + which + " but it already exists", nil
		}
		all[key] = r
	case types.ChangeActionUpsert:
		all[key] = r
	case types.ChangeActionDelete:
		if !there {
			return "Tried to delete resource record set " + which + " but it was not found", nil
		}
		if !sameRecord(was, r) {
			return "Tried to delete resource record set " + which + " but the values provided do not match the current values", nil
		}
		delete(all, key)
	}
	return "", nil
}

func sameRecord(a, b types.ResourceRecordSet) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// check says what is wrong with a record by itself.
func (z zone) check(r types.ResourceRecordSet) (why string, err error) {
	switch {
	case r.AliasTarget != nil, r.GeoLocation != nil, r.GeoProximityLocation != nil, r.CidrRoutingConfig != nil, r.MultiValueAnswer != nil, r.Region != "", r.TrafficPolicyInstanceId != nil:
		return "", fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox models simple, weighted and failover records with values of their own only"))
	case val(r.Name) != z.Name && !strings.HasSuffix(val(r.Name), "."+z.Name):
		return fmt.Sprintf("RRSet with DNS name %s is not permitted in zone %s", val(r.Name), z.Name), nil
	case r.TTL == nil || len(r.ResourceRecords) == 0:
		return fmt.Sprintf("RRSet with DNS name %s, type %s must have a TTL and at least one value", val(r.Name), r.Type), nil
	case *r.TTL < 0 || *r.TTL > 1<<31-1:
		return fmt.Sprintf("Invalid TTL %d", *r.TTL), nil
	case r.Weight != nil && (*r.Weight < 0 || *r.Weight > 255):
		return fmt.Sprintf("Invalid weight %d: it must be from 0 to 255", *r.Weight), nil
	case r.Weight != nil && r.Failover != "":
		return fmt.Sprintf("RRSet with DNS name %s, type %s has both a weight and a failover role", val(r.Name), r.Type), nil
	case (r.Weight != nil || r.Failover != "") != (r.SetIdentifier != nil):
		return fmt.Sprintf("RRSet with DNS name %s, type %s: a set identifier goes with a routing policy, and only with one", val(r.Name), r.Type), nil
	case r.Failover == types.ResourceRecordSetFailoverPrimary && r.HealthCheckId == nil:
		return fmt.Sprintf("RRSet with DNS name %s, type %s is a primary failover record without a health check", val(r.Name), r.Type), nil
	case r.Type == types.RRTypeCname && (len(r.ResourceRecords) > 1 || val(r.Name) == z.Name):
		return fmt.Sprintf("RRSet of type CNAME with DNS name %s is not permitted at apex, and has one value", val(r.Name)), nil
	}
	return "", nil
}

// conflicts says which records cannot stand beside each other.
func conflicts(all map[string]types.ResourceRecordSet) (problems []string) {
	type group struct{ simple, weighted, primary, secondary, cname, other int }
	names, sets := map[string]*group{}, map[string]*group{}
	at := func(groups map[string]*group, key string) *group {
		if groups[key] == nil {
			groups[key] = &group{}
		}
		return groups[key]
	}
	for _, r := range all {
		g := at(sets, val(r.Name)+" "+string(r.Type))
		switch {
		case r.Weight != nil:
			g.weighted++
		case r.Failover == types.ResourceRecordSetFailoverPrimary:
			g.primary++
		case r.Failover == types.ResourceRecordSetFailoverSecondary:
			g.secondary++
		default:
			g.simple++
		}
		if n := at(names, val(r.Name)); r.Type == types.RRTypeCname {
			n.cname++
		} else {
			n.other++
		}
	}
	for key, g := range sets {
		kinds := 0
		for _, n := range []int{g.simple, g.weighted, g.primary + g.secondary} {
			kinds += min(n, 1)
		}
		if kinds > 1 || g.primary > 1 || g.secondary > 1 {
			problems = append(problems, "RRSet "+key+" has records that cannot stand beside each other")
		}
	}
	for name, n := range names {
		if n.cname > 0 && n.other > 0 {
			problems = append(problems, "RRSet of type CNAME with DNS name "+name+" conflicts with other records of that name")
		}
	}
	slices.Sort(problems)
	return problems
}

// serveOld keeps what the servers answer now for the names that a batch changes, as they go on answering it for a while.
func (c *call) serveOld(z zone, before []types.ResourceRecordSet, changes []types.Change) error {
	for _, change := range changes {
		name := dnsName(val(change.ResourceRecordSet.Name))
		old, err := c.servedRecords(z, name, before)
		if err != nil {
			return err
		}
		if err := c.put(servedKind+"/"+z.ID+"/"+name, served{c.at, old}); err != nil {
			return err
		}
	}
	return nil
}

// servedRecords are the records of a name that the servers answer with at this moment.
func (c *call) servedRecords(z zone, name string, all []types.ResourceRecordSet) ([]types.ResourceRecordSet, error) {
	before, changed, err := get[served](c, servedKind+"/"+z.ID+"/"+name)
	if err != nil {
		return nil, err
	}
	if changed {
		done, err := c.elapsed(before.Changed, propagationTime)
		if err != nil || done < 1 {
			return before.Records, err
		}
	}
	var now []types.ResourceRecordSet
	for _, r := range all {
		if val(r.Name) == name {
			now = append(now, r)
		}
	}
	return now, nil
}
