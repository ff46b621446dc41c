package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// recordsOf reads the records of a name.
func recordsOf(t *testing.T, c *route53.Client, name string) (found []types.ResourceRecordSet) {
	t.Helper()
	out, err := c.ListResourceRecordSets(t.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("/hostedzone/Z1"), StartRecordName: &name})
	require.NoError(t, err)
	for _, r := range out.ResourceRecordSets {
		if *r.Name == name+"." {
			found = append(found, r)
		}
	}
	return found
}

func submit(t *testing.T, c *route53.Client, changes ...types.Change) (string, error) {
	t.Helper()
	out, err := c.ChangeResourceRecordSets(t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"), ChangeBatch: &types.ChangeBatch{Changes: changes}})
	if err != nil {
		return "", err
	}
	return *out.ChangeInfo.Id, nil
}

func change(action types.ChangeAction, r types.ResourceRecordSet, edits ...func(*types.ResourceRecordSet)) types.Change {
	for _, edit := range edits {
		edit(&r)
	}
	return types.Change{Action: action, ResourceRecordSet: &r}
}

func weight(n int64) func(*types.ResourceRecordSet) {
	return func(r *types.ResourceRecordSet) { r.Weight = aws.Int64(n) }
}

// swap exchanges the weights of a name.
func swap(t *testing.T, c *route53.Client, name string) string {
	t.Helper()
	r := recordsOf(t, c, name)
	require.Len(t, r, 2)
	id, err := submit(t, c, change(types.ChangeActionUpsert, r[0], weight(*r[1].Weight)), change(types.ChangeActionUpsert, r[1], weight(*r[0].Weight)))
	require.NoError(t, err)
	return id
}

func TestBatchIsCarriedOutAsAWholeOrNotAtAll(t *testing.T) {
	s, cfg, _ := withDisaster(t)
	c := route53.NewFromConfig(cfg)
	before := recordsOf(t, c, drill)
	require.Len(t, before, 2)
	assert.Equal(t, "osaka", *before[0].SetIdentifier, "in the order of Route 53")
	ttl := func(r *types.ResourceRecordSet) { r.TTL = aws.Int64(9) }
	good := change(types.ChangeActionUpsert, before[0], ttl)
	for words, bad := range map[string]types.Change{
		"already exists":            change(types.ChangeActionCreate, before[1]),
		"do not match":              change(types.ChangeActionDelete, before[1], ttl),
		"was not found":             change(types.ChangeActionDelete, before[1], func(r *types.ResourceRecordSet) { r.SetIdentifier = aws.String("mars") }),
		"not permitted in zone":     change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.Name = aws.String("www.example.com") }),
		"Invalid weight":            change(types.ChangeActionUpsert, before[1], weight(256)),
		"must have a TTL":           change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.TTL = nil }),
		"a set identifier":          change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.SetIdentifier = nil }),
		"both a weight":             change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.Failover = types.ResourceRecordSetFailoverPrimary }),
		"without a health check":    change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.Weight, r.Failover = nil, types.ResourceRecordSetFailoverPrimary }),
		"cannot stand beside":       change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.Weight, r.SetIdentifier = nil, nil }),
		"conflicts with other":      change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.Type = types.RRTypeA }),
		"is not permitted at apex,": change(types.ChangeActionUpsert, before[1], func(r *types.ResourceRecordSet) { r.Name = aws.String("gzs.example.go.jp") }),
	} {
		_, err := submit(t, c, good, bad)
		var invalid *types.InvalidChangeBatch
		require.ErrorAs(t, err, &invalid, words)
		assert.Contains(t, strings.Join(invalid.Messages, " "), words)
		assert.Equal(t, before, recordsOf(t, c, drill), words)
	}
	_, err := submit(t, c, change(types.ChangeActionUpsert, before[0], func(r *types.ResourceRecordSet) {
		r.AliasTarget = &types.AliasTarget{DNSName: aws.String("x"), HostedZoneId: aws.String("y")}
	}))
	require.ErrorContains(t, err, "SandboxNotModelled")
	_, err = submit(t, c, good, change(types.ChangeActionDelete, before[1]), change(types.ChangeActionCreate, before[1], ttl))
	require.NoError(t, err)
	assert.True(t, lastEntry(t, s).Effect)
	_, err = submit(t, c, change(types.ChangeActionUpsert, recordsOf(t, c, drill)[0]))
	require.NoError(t, err)
	assert.False(t, lastEntry(t, s).Effect, "it was so already")
	_, err = submit(t, c, change(types.ChangeActionDelete, before[0], ttl), change(types.ChangeActionDelete, before[1], ttl))
	require.NoError(t, err)
	assert.Empty(t, recordsOf(t, c, drill))
}

func TestRecordsAreListedInPages(t *testing.T) {
	_, cfg, _ := withDisaster(t)
	c := route53.NewFromConfig(cfg)
	in := &route53.ListResourceRecordSetsInput{HostedZoneId: aws.String("Z1"), MaxItems: aws.Int32(3)}
	var names []string
	for {
		out, err := c.ListResourceRecordSets(t.Context(), in)
		require.NoError(t, err)
		for _, r := range out.ResourceRecordSets {
			names = append(names, *r.Name+*r.SetIdentifier)
		}
		if !out.IsTruncated {
			break
		}
		in.StartRecordName, in.StartRecordType, in.StartRecordIdentifier = out.NextRecordName, out.NextRecordType, out.NextRecordIdentifier
	}
	assert.Equal(t, []string{drill + ".osaka", drill + ".tokyo", www + ".osaka", www + ".tokyo"}, names)
	zone, err := c.GetHostedZone(t.Context(), &route53.GetHostedZoneInput{Id: aws.String("Z1")})
	require.NoError(t, err)
	assert.EqualValues(t, 4, *zone.HostedZone.ResourceRecordSetCount)
	_, err = c.GetHostedZone(t.Context(), &route53.GetHostedZoneInput{Id: aws.String("Z2")})
	var none *types.NoSuchHostedZone
	require.ErrorAs(t, err, &none)
}

func TestChangeIsPendingUntilAllServersHaveIt(t *testing.T) {
	s, cfg, now := withDisaster(t)
	c := route53.NewFromConfig(cfg)
	id := swap(t, c, drill)
	status := func() types.ChangeStatus {
		out, err := c.GetChange(t.Context(), &route53.GetChangeInput{Id: &id})
		require.NoError(t, err)
		return out.ChangeInfo.Status
	}
	region := func(client string) string {
		a, err := s.Resolve(drill, client)
		require.NoError(t, err)
		return a.Region
	}
	assert.Equal(t, types.ChangeStatusPending, status())
	assert.Equal(t, tokyo, region("first"), "the servers still answer as before")
	now.move(59 * time.Second)
	assert.Equal(t, tokyo, region("late"))
	now.move(time.Second)
	assert.Equal(t, types.ChangeStatusInsync, status())
	assert.Equal(t, tokyo, region("late"), "its resolver has asked a second ago")
	assert.Equal(t, osaka, region("first"), "its resolver's five seconds are over")
	assert.Equal(t, osaka, region("new"))
	now.move(4 * time.Second)
	assert.Equal(t, osaka, region("late"))
	_, err := c.GetChange(t.Context(), &route53.GetChangeInput{Id: aws.String("C0")})
	var none *types.NoSuchChange
	require.ErrorAs(t, err, &none)
}

func TestResolverKeepsItsAnswerForTheTTLItWasGiven(t *testing.T) {
	s, cfg, now := withDisaster(t)
	require.NoError(t, s.SetTimeScale(0)) // the TTL is not scaled
	c := route53.NewFromConfig(cfg)
	first, err := s.Resolve(strings.ToUpper(www), "client")
	require.NoError(t, err)
	assert.Equal(t, sandbox.Answer{Name: www + ".", SetIdentifier: "tokyo", Value: first.Value, Region: tokyo, At: now.now, Until: now.now.Add(time.Minute)}, first)
	swap(t, c, www)
	now.move(59 * time.Second)
	kept, err := s.Resolve(www, "client")
	require.NoError(t, err)
	assert.Equal(t, first, kept)
	now.move(time.Second)
	fresh, err := s.Resolve(www, "client")
	require.NoError(t, err)
	assert.Equal(t, osaka, fresh.Region)
	_, err = s.Resolve("nobody.gzs.example.go.jp", "client")
	require.Error(t, err)
}

func TestWeightsShareClientsAmongRecords(t *testing.T) {
	s, cfg, now := withDisaster(t)
	require.NoError(t, s.SetTimeScale(0))
	c := route53.NewFromConfig(cfg)
	r := recordsOf(t, c, drill)
	share := func() float64 {
		there := 0
		for range 400 {
			now.move(time.Minute)
			a, err := s.Resolve(drill, "client")
			require.NoError(t, err)
			if a.Region == osaka {
				there++
			}
		}
		return float64(there) / 400
	}
	_, err := submit(t, c, change(types.ChangeActionUpsert, r[0], weight(25)), change(types.ChangeActionUpsert, r[1], weight(75)))
	require.NoError(t, err)
	assert.InDelta(t, 0.25, share(), 0.1)
	_, err = submit(t, c, change(types.ChangeActionUpsert, r[0], weight(0)), change(types.ChangeActionUpsert, r[1], weight(0)))
	require.NoError(t, err)
	assert.InDelta(t, 0.5, share(), 0.1, "all zero: all alike")
}

func TestFailoverRecordFollowsTheHealthOfThePrimary(t *testing.T) {
	s, cfg, now := withDisaster(t, func(v *system.Disaster) { v.Redirect.Kind = system.RedirectFailover })
	require.NoError(t, s.SetTimeScale(0))
	c := route53.NewFromConfig(cfg)
	region := func() string {
		now.move(time.Minute)
		a, err := s.Resolve(www, "client")
		require.NoError(t, err)
		return a.Region
	}
	assert.Equal(t, tokyo, region())
	require.NoError(t, s.LoseRegion(tokyo))
	assert.Equal(t, osaka, region())
	require.NoError(t, s.RestoreRegion(tokyo))
	assert.Equal(t, tokyo, region())
	r := recordsOf(t, c, www)
	primary := func(r *types.ResourceRecordSet) { r.Failover = types.ResourceRecordSetFailoverPrimary }
	secondary := func(r *types.ResourceRecordSet) { r.Failover = types.ResourceRecordSetFailoverSecondary }
	_, err := submit(t, c, change(types.ChangeActionUpsert, r[0], primary))
	var invalid *types.InvalidChangeBatch
	require.ErrorAs(t, err, &invalid, "two primaries")
	_, err = submit(t, c, change(types.ChangeActionUpsert, r[0], primary), change(types.ChangeActionUpsert, r[1], secondary))
	require.NoError(t, err)
	assert.Equal(t, osaka, region())
}
