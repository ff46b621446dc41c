package activities

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"tejun/internal/readiness"
	"tejun/internal/system"
)

// CheckReadinessRedirect looks whether the records of both names could be exchanged, lead to the primary, and change fast enough.
func (a *Readiness) CheckReadinessRedirect(ctx context.Context, in ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, err := disasterOf(a.system)
	if err != nil {
		return seen, err
	}
	to := s.Disaster.Redirect
	for _, name := range []string{to.Production, to.Rehearsal} {
		found, err := a.route53.records(ctx, to, name)
		if err == nil {
			err = checkRedirect(to, name, found)
		}
		switch {
		case isType(err, NotFound), isType(err, Drifted):
			seen.find("record-unfit", name, map[string]string{"why": wordsOfError(err)})
			continue
		case err != nil:
			return seen, err
		}
		var ttl time.Duration
		elsewhere := false
		for _, key := range slices.Sorted(maps.Keys(found)) {
			r := found[key]
			ttl = max(ttl, time.Duration(aws.ToInt64(r.TTL))*time.Second)
			elsewhere = elsewhere || aws.ToString(r.SetIdentifier) == to.DR && inForce(to, r)
		}
		if elsewhere && !in.InUse {
			seen.find("record-elsewhere", name, map[string]string{"region": s.AWS.DRRegion})
		}
		if budget := s.Disaster.Budgets.Outside; ttl > budget.D() {
			seen.find("record-ttl", name, map[string]string{"ttl": system.Duration(ttl).Words(), "budget": budget.Words()})
		}
		seen.note("%s: TTL %s", name, ttl)
	}
	return seen, nil
}

// inForce tells whether users are sent where the record leads.
func inForce(to system.DisasterRedirect, r redirectRecord) bool {
	if to.Kind == system.RedirectFailover {
		return r.Failover == types.ResourceRecordSetFailoverPrimary
	}
	return aws.ToInt64(r.Weight) > 0
}
