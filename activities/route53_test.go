package activities

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/plan"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func redirectOf(b *bench) Redirect { return Redirect{b.system.Disaster.Redirect.Rehearsal} }

func (b *bench) redirect(change plan.Change) RedirectChange {
	return RedirectChange{Operation: b.operation, Redirect: redirectOf(b), Change: Ref(change)}
}

func withFailover(s *system.System) { s.Disaster.Redirect.Kind = system.RedirectFailover }

func contentOf(b *bench) map[string]string {
	b.t.Helper()
	snapshot, err := b.box.Snapshot()
	require.NoError(b.t, err)
	all, err := snapshot.Content()
	require.NoError(b.t, err)
	return all
}

func TestNameIsRedirectedAndBroughtBackByteForByte(t *testing.T) {
	for kind, change := range map[string]func(*system.System){system.RedirectWeighted: func(*system.System) {}, system.RedirectFailover: withFailover} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, change)
			before := contentOf(b)
			planned := must(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
			require.NotEqual(t, planned.BeforeHash, planned.AfterHash)

			done := must(b, b.set.Route53.ApplyRoute53Redirect, b.redirect(planned))
			assert.NotEmpty(t, done.ChangeID)
			assert.Equal(t, 5*time.Second, done.TTL)
			assert.WithinDuration(t, time.Now(), done.SubmittedAt, time.Minute)
			assert.NotZero(t, must(b, b.set.Route53.AwaitRoute53Change, DNSChange{done.ChangeID}).InsyncAt)
			to, err := b.box.Resolve(b.system.Disaster.Redirect.Rehearsal, "somebody")
			require.NoError(t, err)
			assert.Equal(t, b.system.AWS.DRRegion, to.Region)
			to, err = b.box.Resolve(b.system.Disaster.Redirect.Production, "somebody")
			require.NoError(t, err)
			assert.Equal(t, b.system.AWS.Region, to.Region, "the public name stays")

			back := must(b, b.set.Route53.RevertRoute53Redirect, b.redirect(planned))
			assert.NotEmpty(t, back.ChangeID)
			assert.Equal(t, before, contentOf(b))
		})
	}
}

func TestRedirectHappensOnceWhateverGoesWrong(t *testing.T) {
	for kind, want := range map[string]string{
		sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.Fault500: Unavailable, sandbox.FaultThrottle: Throttled, sandbox.FaultDenied: Denied,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			planned := must(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
			b.fault("route 53", "ChangeResourceRecordSets", kind)
			_, err := try(b, b.set.Route53.ApplyRoute53Redirect, b.redirect(planned))
			requireType(t, err, want)
			done := must(b, b.set.Route53.ApplyRoute53Redirect, b.redirect(planned))
			require.NotEmpty(t, done.ChangeID, "also when the answer of the one that did it was lost")
			must(b, b.set.Route53.AwaitRoute53Change, DNSChange{done.ChangeID})
			assert.Equal(t, []string{"ChangeResourceRecordSets"}, b.effects())

			b.since()
			b.fault("route 53", "ChangeResourceRecordSets", kind)
			_, err = try(b, b.set.Route53.RevertRoute53Redirect, b.redirect(planned))
			requireType(t, err, want)
			done = must(b, b.set.Route53.RevertRoute53Redirect, b.redirect(planned))
			require.NotEmpty(t, done.ChangeID)
			assert.Equal(t, []string{"ChangeResourceRecordSets"}, b.effects())
		})
	}
}

func TestRedirectThatNeverHappenedIsHarmlessToTakeBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	planned := must(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
	done := must(b, b.set.Route53.RevertRoute53Redirect, b.redirect(planned))
	assert.Empty(t, done.ChangeID, "there is nothing to wait for")
	must(b, b.set.Route53.AwaitRoute53Change, DNSChange{done.ChangeID})
	assert.Empty(t, b.writes())
}

// rewrite changes the records of the rehearsal's name by another hand.
func (b *bench) rewrite(change func(*types.ResourceRecordSet)) {
	b.t.Helper()
	b.rewriteOf(b.system.Disaster.Redirect.Rehearsal, change)
}

func (b *bench) rewriteOf(name string, change func(*types.ResourceRecordSet)) {
	b.t.Helper()
	client := route53.NewFromConfig(b.cfg)
	to := b.system.Disaster.Redirect
	out, err := client.ListResourceRecordSets(b.t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: &to.Zone, StartRecordName: &name})
	require.NoError(b.t, err)
	in := &route53.ChangeResourceRecordSetsInput{HostedZoneId: &to.Zone, ChangeBatch: &types.ChangeBatch{}}
	for _, r := range out.ResourceRecordSets {
		if strings.HasPrefix(*r.Name, name) {
			change(&r)
			in.ChangeBatch.Changes = append(in.ChangeBatch.Changes, types.Change{Action: types.ChangeActionUpsert, ResourceRecordSet: &r})
		}
	}
	_, err = client.ChangeResourceRecordSets(b.t.Context(), in)
	require.NoError(b.t, err)
}

func TestRedirectOverwritesNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	planned := must(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
	b.rewrite(func(r *types.ResourceRecordSet) { r.TTL = aws.Int64(77) })
	b.since()
	_, err := try(b, b.set.Route53.ApplyRoute53Redirect, b.redirect(planned))
	requireType(t, err, Drifted)
	assert.Contains(t, err.Error(), "77")
	assert.Empty(t, b.writes())

	planned = must(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
	b.rewrite(func(r *types.ResourceRecordSet) { r.TTL = aws.Int64(78) })
	b.since()
	for range settleReads { // every look sees what was there before
		b.fault("route 53", "ListResourceRecordSets", sandbox.FaultStaleRead)
	}
	_, err = try(b, b.set.Route53.ApplyRoute53Redirect, b.redirect(planned))
	requireType(t, err, Conflict)
	assert.Empty(t, b.effects(), "Route 53 itself refuses to delete what is not as it was read")
}

func TestRecordsThatAreNotAsDescribedAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := try(b, b.set.Route53.PlanRoute53Redirect, Redirect{"elsewhere.example.go.jp"})
	requireType(t, err, InvalidInput)
	b.rewrite(func(r *types.ResourceRecordSet) { r.Weight = aws.Int64(50) })
	_, err = try(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
	requireType(t, err, Drifted)
	assert.Contains(t, err.Error(), "50 and 50")
	b.system.Disaster.Redirect.DR = "mars"
	_, err = try(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
	requireType(t, err, NotFound)
	b.system.Disaster = system.Disaster{}
	_, err = try(b, b.set.Route53.PlanRoute53Redirect, Redirect{"drill.gzs.example.go.jp"})
	requireType(t, err, Refused)
}
