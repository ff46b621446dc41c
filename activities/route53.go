package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
)

// Redirect names what users go by: disaster.redirect.production or disaster.redirect.rehearsal.
type Redirect struct {
	Name string `json:"name"`
}

// RedirectChange sends the users of a name to the DR region as planned, or back.
type RedirectChange struct {
	Operation string `json:"operation"`
	Redirect
	Change ChangeRef `json:"change"`
}

// Redirected says which change of the zone it is. ChangeID is "" when nothing had to be changed, and then there is nothing to wait
// for.
type Redirected struct {
	ChangeID    string        `json:"changeId"`
	SubmittedAt time.Time     `json:"submittedAt"`
	TTL         time.Duration `json:"ttl"` // how long resolvers may give the old answer after INSYNC
}

// DNSChange names a change of a zone.
type DNSChange struct {
	ChangeID string `json:"changeId"`
}

// DNSInsync says that all of Route 53 answers with it.
type DNSInsync struct {
	InsyncAt time.Time `json:"insyncAt"` // when it was seen
}

// route53API is the calls used.
type route53API interface {
	ListResourceRecordSets(context.Context, *route53.ListResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error)
	ChangeResourceRecordSets(context.Context, *route53.ChangeResourceRecordSetsInput, ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error)
	GetChange(context.Context, *route53.GetChangeInput, ...func(*route53.Options)) (*route53.GetChangeOutput, error)
}

// Route53 exchanges the two records of a name. Route 53 has no precondition, but it deletes a record only if it is given exactly as
// it is: so each record is deleted as it was read and created anew, all in one atomic batch.
type Route53 struct {
	client  route53API
	changes changer
	system  func() (*system.System, error)
}

// redirectRecord is one of the two records of a name, of one type.
type redirectRecord = types.ResourceRecordSet

// PlanRoute53Redirect plans that the name leads to the DR region. A name that leads there already is a change that does nothing.
func (a *Route53) PlanRoute53Redirect(ctx context.Context, in Redirect) (plan.Change, error) {
	o, err := a.object(in)
	if err != nil {
		return plan.Change{}, err
	}
	return o.makePlan(ctx, fmt.Sprintf("Route 53 %s: 参照先を DR リージョンに切替", in.Name), func(parts map[string]redirectRecord) any {
		shown := map[string]any{}
		for name, r := range parts {
			shown[name] = shownRecord(r)
		}
		return shown
	})
}

// ApplyRoute53Redirect carries the plan out. It does not wait until all of Route 53 answers so: see AwaitRoute53Change.
func (a *Route53) ApplyRoute53Redirect(ctx context.Context, in RedirectChange) (Redirected, error) {
	return a.move(ctx, in, func(o object[redirectRecord]) (bool, error) {
		if err := o.begin(ctx, in.Operation, in.Change, as); err != nil {
			return false, err
		}
		return in.Change.BeforeHash != in.Change.AfterHash, o.apply(ctx, in.Operation, in.Change)
	})
}

// RevertRoute53Redirect puts the saved records back, byte for byte.
func (a *Route53) RevertRoute53Redirect(ctx context.Context, in RedirectChange) (Redirected, error) {
	return a.move(ctx, in, func(o object[redirectRecord]) (bool, error) {
		change, err := o.original(ctx, in.Operation, in.Change)
		if err != nil {
			return false, err
		}
		_, err = o.saved(ctx, in.Operation, change)
		if err != nil && !errors.Is(err, records.ErrNotFound) {
			return false, err
		}
		return err == nil, o.revert(ctx, in.Operation, change)
	})
}

// move changes the records, and finds out which change of the zone did it. When an earlier attempt did, whose answer was lost, the
// same records are submitted once more: that changes nothing, and a change that is INSYNC later covers the one before it.
func (a *Route53) move(ctx context.Context, in RedirectChange, do func(object[redirectRecord]) (moved bool, err error)) (Redirected, error) {
	o, err := a.object(in.Redirect)
	if err != nil {
		return Redirected{}, err
	}
	done := Redirected{}
	o.write = func(ctx context.Context, parts map[string]redirectRecord, was map[string]string) error {
		batch, err := exchange(parts, was)
		if err != nil {
			return err
		}
		info, err := a.submit(ctx, in, batch)
		if errorCode(err) == "InvalidChangeBatch" { // somebody was quicker
			return fail(Conflict, "change the records of %s: %s; they are read again", in.Name, reason(err))
		}
		if err != nil {
			return Classify(err, "change the records of "+in.Name)
		}
		done.ChangeID, done.SubmittedAt = aws.ToString(info.Id), aws.ToTime(info.SubmittedAt).UTC()
		return nil
	}
	moved, err := do(o)
	if err != nil || !moved {
		return done, err
	}
	now, _, err := o.read(ctx)
	if err != nil {
		return done, err
	}
	if done.ChangeID == "" {
		if err := o.fence(ctx, in.Operation); err != nil {
			return done, err
		}
		info, err := a.submit(ctx, in, again(now))
		if err != nil {
			return done, Classify(err, "find the change of "+in.Name)
		}
		done.ChangeID, done.SubmittedAt = aws.ToString(info.Id), aws.ToTime(info.SubmittedAt).UTC()
	}
	for _, r := range now {
		done.TTL = max(done.TTL, time.Duration(aws.ToInt64(r.TTL))*time.Second)
	}
	return done, nil
}

func (a *Route53) submit(ctx context.Context, in RedirectChange, changes []types.Change) (types.ChangeInfo, error) {
	s, err := disasterOf(a.system)
	if err != nil {
		return types.ChangeInfo{}, err
	}
	out, err := a.client.ChangeResourceRecordSets(ctx, &route53.ChangeResourceRecordSetsInput{
		HostedZoneId: &s.Disaster.Redirect.Zone, ChangeBatch: &types.ChangeBatch{Changes: changes, Comment: aws.String("tejun " + in.Operation)},
	})
	if err != nil {
		return types.ChangeInfo{}, err
	}
	return *out.ChangeInfo, nil
}

// exchange deletes the records as they were read and creates them anew. was holds what was read.
func exchange(parts map[string]redirectRecord, was map[string]string) ([]types.Change, error) {
	var gone, made []types.Change
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		var old, fresh redirectRecord
		if err := json.Unmarshal([]byte(was[name]), &old); err != nil {
			return nil, fail(InvalidInput, "the record %s as it was read: %v", name, err)
		}
		fresh = parts[name]
		gone = append(gone, types.Change{Action: types.ChangeActionDelete, ResourceRecordSet: &old})
		made = append(made, types.Change{Action: types.ChangeActionCreate, ResourceRecordSet: &fresh})
	}
	return append(gone, made...), nil
}

// again submits records as they are.
func again(parts map[string]redirectRecord) (changes []types.Change) {
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		r := parts[name]
		changes = append(changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &r})
	}
	return changes
}

// AwaitRoute53Change waits until all of Route 53 answers with the change.
func (a *Route53) AwaitRoute53Change(ctx context.Context, in DNSChange) (DNSInsync, error) {
	if in.ChangeID == "" {
		return DNSInsync{time.Now().UTC()}, nil
	}
	err := poll(ctx, func(ctx context.Context) (bool, string, error) {
		out, err := a.client.GetChange(ctx, &route53.GetChangeInput{Id: &in.ChangeID})
		if err != nil {
			return false, "", Classify(err, "read the change "+in.ChangeID+" of Route 53")
		}
		return out.ChangeInfo.Status == types.ChangeStatusInsync, fmt.Sprintf("change %s is %s", in.ChangeID, out.ChangeInfo.Status), nil
	})
	return DNSInsync{time.Now().UTC()}, err
}

func (a *Route53) object(in Redirect) (object[redirectRecord], error) {
	s, err := disasterOf(a.system)
	if err != nil {
		return object[redirectRecord]{}, err
	}
	to := s.Disaster.Redirect
	if in.Name == "" || in.Name != to.Production && in.Name != to.Rehearsal {
		return object[redirectRecord]{}, fail(InvalidInput, "redirect %q: want %s or %s, as disaster.redirect of system.yaml has them", in.Name, to.Production, to.Rehearsal)
	}
	return object[redirectRecord]{
		changer:  a.changes,
		resource: "route53:zone/" + to.Zone + "/" + in.Name,
		batch:    100, // all of a name's records move together
		read: func(ctx context.Context) (map[string]redirectRecord, map[string]string, error) {
			found, err := a.records(ctx, to, in.Name)
			if err != nil {
				return nil, nil, err
			}
			was := map[string]string{}
			for name, r := range found {
				text, err := json.Marshal(r)
				if err != nil {
					return nil, nil, fail(InvalidInput, "keep the record %s: %v", name, err)
				}
				was[name] = string(text)
			}
			return found, was, checkRedirect(to, in.Name, found)
		},
		change: func(r redirectRecord) (redirectRecord, error) { return towardsDR(to, r), nil },
		write: func(context.Context, map[string]redirectRecord, map[string]string) error {
			return fail(InvalidInput, "the records of %s are only planned here", in.Name)
		},
	}, nil
}

// records reads the records of a name that the description names, by type and set identifier.
func (a *Route53) records(ctx context.Context, to system.DisasterRedirect, name string) (map[string]redirectRecord, error) {
	found := map[string]redirectRecord{}
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: &to.Zone, StartRecordName: &name}
	for {
		out, err := a.client.ListResourceRecordSets(ctx, in)
		if err != nil {
			return nil, Classify(err, "read the records of "+name+" in zone "+to.Zone)
		}
		for _, r := range out.ResourceRecordSets {
			if !sameName(aws.ToString(r.Name), name) {
				return found, nil // they are listed in the order of their names
			}
			if id := aws.ToString(r.SetIdentifier); id == to.Primary || id == to.DR {
				found[string(r.Type)+"/"+id] = r
			}
		}
		if !out.IsTruncated {
			return found, nil
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
}

// sameName compares names of hosts: Route 53 writes them with a dot at the end.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// checkRedirect makes sure that the records are as the description says: of each type one to each region, and exactly one of the two
// in force.
func checkRedirect(to system.DisasterRedirect, name string, found map[string]redirectRecord) error {
	if len(found) == 0 {
		return fail(NotFound, "zone %s has no records of %s with the set identifiers %s and %s: add them, or mend disaster.redirect in system.yaml", to.Zone, name, to.Primary, to.DR)
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		kind, _, _ := strings.Cut(key, "/")
		primary, has := found[kind+"/"+to.Primary]
		dr, also := found[kind+"/"+to.DR]
		if !has || !also {
			return fail(NotFound, "%s has no %s record for both %s and %s: add the missing one", name, kind, to.Primary, to.DR)
		}
		if why := unlikeRedirect(to, primary, dr); why != "" {
			return fail(Drifted, "the %s records of %s are not as disaster.redirect says: %s. Nothing was changed: put them right, then answer retry", kind, name, why)
		}
	}
	return nil
}

// unlikeRedirect says what is wrong with a pair of records, or "".
func unlikeRedirect(to system.DisasterRedirect, primary, dr redirectRecord) string {
	if to.Kind == system.RedirectFailover {
		roles := []types.ResourceRecordSetFailover{primary.Failover, dr.Failover}
		slices.Sort(roles)
		if !slices.Equal(roles, []types.ResourceRecordSetFailover{types.ResourceRecordSetFailoverPrimary, types.ResourceRecordSetFailoverSecondary}) {
			return fmt.Sprintf("failover is %q and %q, want PRIMARY and SECONDARY", primary.Failover, dr.Failover)
		}
		for _, r := range []redirectRecord{primary, dr} {
			if r.AliasTarget == nil && r.HealthCheckId == nil {
				return fmt.Sprintf("%s has no health check, which a record needs to become PRIMARY", aws.ToString(r.SetIdentifier))
			}
		}
		return ""
	}
	if primary.Weight == nil || dr.Weight == nil {
		return "they have no weights"
	}
	if (*primary.Weight == 0) == (*dr.Weight == 0) {
		return fmt.Sprintf("the weights are %d and %d, want one of them 0", *primary.Weight, *dr.Weight)
	}
	return ""
}

// fullWeight is that of the record in force.
const fullWeight = 100

// towardsDR is the record when users are sent to the DR region.
func towardsDR(to system.DisasterRedirect, r redirectRecord) redirectRecord {
	isDR := aws.ToString(r.SetIdentifier) == to.DR
	switch {
	case to.Kind == system.RedirectFailover && isDR:
		r.Failover = types.ResourceRecordSetFailoverPrimary
	case to.Kind == system.RedirectFailover:
		r.Failover = types.ResourceRecordSetFailoverSecondary
	case isDR && aws.ToInt64(r.Weight) == 0:
		r.Weight = aws.Int64(fullWeight)
	case !isDR:
		r.Weight = aws.Int64(0)
	}
	return r
}

// shownRecord is a record in the terms of a plan.
func shownRecord(r redirectRecord) map[string]any {
	shown := map[string]any{"TTL": aws.ToInt64(r.TTL)}
	if r.Weight != nil {
		shown["Weight"] = *r.Weight
	}
	if r.Failover != "" {
		shown["Failover"] = r.Failover
	}
	if r.AliasTarget != nil {
		shown["AliasTarget"] = aws.ToString(r.AliasTarget.DNSName)
	}
	var values []string
	for _, v := range r.ResourceRecords {
		values = append(values, aws.ToString(v.Value))
	}
	if len(values) > 0 {
		shown["Values"] = values
	}
	return shown
}
