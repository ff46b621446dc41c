package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
)

// propagationTime is how long Route 53 takes at time scale 1 until all of its servers answer with a change.
const propagationTime = 60 * time.Second

const (
	zoneKind   = "route53:zone"
	recordKind = "route53:record"

	zoneChangeKind = "sandbox:route53-change"
	servedKind     = "sandbox:route53-served" // what the servers still answer while a change is on its way
)

// zone is a public hosted zone.
type zone struct {
	ID   string
	Name string // with the dot at its end
}

// zoneChange is a change batch that was accepted.
type zoneChange struct {
	Zone      string
	Submitted time.Time
	Comment   string
}

// served is what the servers answered for a name before its newest change.
type served struct {
	Changed time.Time
	Records []types.ResourceRecordSet
}

func route53Operations() map[string]operation {
	of := func(id *string) about { return about{zoneKind + "/" + zoneID(id), ""} }
	return byName(
		handle(reads, "Marker MaxItems", func(*route53.ListHostedZonesInput) about { return about{} }, listHostedZones),
		handle(reads, "Id", func(in *route53.GetHostedZoneInput) about { return of(in.Id) }, getHostedZone),
		handle(reads, "HostedZoneId StartRecordName StartRecordType StartRecordIdentifier MaxItems", func(in *route53.ListResourceRecordSetsInput) about {
			return of(in.HostedZoneId)
		}, listResourceRecordSets),
		handle(writes, "HostedZoneId ChangeBatch", func(in *route53.ChangeResourceRecordSetsInput) about { return of(in.HostedZoneId) }, changeResourceRecordSets),
		handle(reads, "Id", func(in *route53.GetChangeInput) about { return about{zoneChangeKind + "/" + lastPart(val(in.Id)), ""} }, getChange),
	)
}

// zoneID is the ID of a hosted zone, which may be written as a path.
func zoneID(id *string) string { return strings.TrimPrefix(val(id), "/hostedzone/") }

// dnsName is a name as Route 53 writes it: in lower case, with a dot at its end.
func dnsName(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") + "." }

// reversed is a name by which names sort as Route 53 sorts them: by their labels from the end.
func reversed(name string) string {
	labels := strings.Split(strings.TrimSuffix(dnsName(name), "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".") + "."
}

func (c *call) zone(id *string) (zone, error) {
	z, ok, err := get[zone](c, zoneKind+"/"+zoneID(id))
	if err == nil && !ok {
		err = fail(http.StatusNotFound, &types.NoSuchHostedZone{Message: ptr("No hosted zone found with ID: " + zoneID(id))})
	}
	return z, err
}

func getHostedZone(c *call, in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput, error) {
	z, err := c.zone(in.Id)
	if err != nil {
		return nil, err
	}
	shown, err := c.showZone(z)
	return &route53.GetHostedZoneOutput{HostedZone: &shown}, err
}

func (c *call) showZone(z zone) (types.HostedZone, error) {
	all, err := c.zoneRecords(z)
	return types.HostedZone{
		Id: ptr("/hostedzone/" + z.ID), Name: ptr(z.Name), CallerReference: ptr(z.ID), ResourceRecordSetCount: ptr(int64(len(all))), Config: &types.HostedZoneConfig{},
	}, err
}

func listHostedZones(c *call, in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	all, err := list[zone](c, zoneKind)
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, val(in.Marker), int(val(in.MaxItems)), 100, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidInput{Message: ptr(words)})
	})
	out := &route53.ListHostedZonesOutput{IsTruncated: next != "", NextMarker: ptrUnlessEmpty(next), MaxItems: ptr(int32(100))}
	for _, z := range items {
		shown, err := c.showZone(z)
		if err != nil {
			return nil, err
		}
		out.HostedZones = append(out.HostedZones, shown)
	}
	return out, err
}

func recordName(r types.ResourceRecordSet) string {
	return dnsName(val(r.Name)) + "/" + string(r.Type) + "/" + val(r.SetIdentifier)
}

func recordKey(z zone, r types.ResourceRecordSet) string {
	return recordKind + "/" + z.ID + "/" + recordName(r)
}

// zoneRecords are all records of a zone in Route 53's order.
func (c *call) zoneRecords(z zone) ([]types.ResourceRecordSet, error) {
	all, err := listUnder[types.ResourceRecordSet](c, recordKind, z.ID+"/")
	slices.SortStableFunc(all, compareRecords)
	return all, err
}

func compareRecords(a, b types.ResourceRecordSet) int {
	return cmp.Or(strings.Compare(reversed(val(a.Name)), reversed(val(b.Name))), strings.Compare(string(a.Type), string(b.Type)), strings.Compare(val(a.SetIdentifier), val(b.SetIdentifier)))
}

func listResourceRecordSets(c *call, in *route53.ListResourceRecordSetsInput) (*route53.ListResourceRecordSetsOutput, error) {
	z, err := c.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	all, err := c.zoneRecords(z)
	if err != nil {
		return nil, err
	}
	switch {
	case in.StartRecordType != "" && in.StartRecordName == nil, in.StartRecordIdentifier != nil && in.StartRecordType == "":
		return nil, fail(http.StatusBadRequest, &types.InvalidInput{Message: ptr("A record type needs a name, and an identifier needs a type.")})
	case in.StartRecordName != nil:
		start := types.ResourceRecordSet{Name: in.StartRecordName, Type: in.StartRecordType, SetIdentifier: in.StartRecordIdentifier}
		all = slices.DeleteFunc(all, func(r types.ResourceRecordSet) bool { return compareRecords(r, start) < 0 })
	}
	limit := int(val(in.MaxItems))
	if limit <= 0 || limit > 300 {
		limit = 300
	}
	out := &route53.ListResourceRecordSetsOutput{ResourceRecordSets: all, MaxItems: ptr(int32(limit))} //nolint:gosec // at most 300
	if len(all) > limit {
		next := all[limit]
		out.ResourceRecordSets, out.IsTruncated = all[:limit], true
		out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier = next.Name, next.Type, next.SetIdentifier
	}
	return out, nil
}

func getChange(c *call, in *route53.GetChangeInput) (*route53.GetChangeOutput, error) {
	id := lastPart(val(in.Id))
	change, ok, err := get[zoneChange](c, zoneChangeKind+"/"+id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusNotFound, &types.NoSuchChange{Message: ptr("Could not find resource with ID: " + id)})
	}
	info, err := c.changeInfo(id, change)
	return &route53.GetChangeOutput{ChangeInfo: info}, err
}

func (c *call) changeInfo(id string, change zoneChange) (*types.ChangeInfo, error) {
	done, err := c.elapsed(change.Submitted, propagationTime)
	status := types.ChangeStatusPending
	if done == 1 {
		status = types.ChangeStatusInsync
	}
	return &types.ChangeInfo{Id: ptr("/change/" + id), Status: status, SubmittedAt: ptr(change.Submitted), Comment: ptrUnlessEmpty(change.Comment)}, err
}
