package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

var distribution = aws.String("E2TEST")

func distributionConfig(t *testing.T, c *cloudfront.Client) (*types.DistributionConfig, string) {
	t.Helper()
	out, err := c.GetDistributionConfig(t.Context(), &cloudfront.GetDistributionConfigInput{Id: distribution})
	require.NoError(t, err)
	return out.DistributionConfig, *out.ETag
}

func withErrorPage(config *types.DistributionConfig, path string) *types.DistributionConfig {
	next := *config
	next.CustomErrorResponses = &types.CustomErrorResponses{Quantity: aws.Int32(1), Items: []types.CustomErrorResponse{{
		ErrorCode: aws.Int32(503), ResponseCode: aws.String("503"), ResponsePagePath: aws.String(path), ErrorCachingMinTTL: aws.Int64(0),
	}}}
	return &next
}

func TestUpdateDistributionNeedsTheNewestETag(t *testing.T) {
	s, cfg := seeded(t)
	c := cloudfront.NewFromConfig(cfg)
	before, etag := distributionConfig(t, c)
	after := withErrorPage(before, "/maintenance/x.html")

	_, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: after})
	var missing *types.InvalidIfMatchVersion
	require.ErrorAs(t, err, &missing)

	_, err = c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: after, IfMatch: aws.String("E0LD")})
	var stale *types.PreconditionFailed
	require.ErrorAs(t, err, &stale)
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, 412, response.HTTPStatusCode())
	assert.Equal(t, "error:PreconditionFailed", lastEntry(t, s).Outcome)
	assert.Equal(t, lastEntry(t, s).RequestID, response.ServiceRequestID())
	assert.False(t, lastEntry(t, s).Effect)

	out, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: after, IfMatch: aws.String(etag)})
	require.NoError(t, err)
	assert.NotEqual(t, etag, *out.ETag)
	got, newTag := distributionConfig(t, c)
	assert.Equal(t, after, got)
	assert.Equal(t, *out.ETag, newTag)
	entry := lastEntry(t, s)
	assert.Equal(t, "cloudfront:distribution/E2TEST", entry.Resource)
	assert.Equal(t, etag, entry.Token)
	assert.Equal(t, sandbox.OutcomeOK, entry.Outcome)
	assert.True(t, entry.Effect)
}

func TestUpdateDistributionRefusesWhatCloudFrontRefuses(t *testing.T) {
	_, cfg := seeded(t)
	c := cloudfront.NewFromConfig(cfg)
	before, etag := distributionConfig(t, c)
	for name, tc := range map[string]struct {
		change func(*types.DistributionConfig)
		want   any
	}{
		"another caller reference": {func(d *types.DistributionConfig) { d.CallerReference = aws.String("x") }, new(*types.IllegalUpdate)},
		"quantity that lies": {func(d *types.DistributionConfig) {
			d.CustomErrorResponses = &types.CustomErrorResponses{Quantity: aws.Int32(2)}
		}, new(*types.InconsistentQuantities)},
		"behaviour without origin": {func(d *types.DistributionConfig) {
			b := *d.DefaultCacheBehavior
			b.TargetOriginId = aws.String("nowhere")
			d.DefaultCacheBehavior = &b
		}, new(*types.NoSuchOrigin)},
		"web ACL that is not there": {func(d *types.DistributionConfig) { d.WebACLId = aws.String("arn:aws:wafv2:x/y") }, new(*types.InvalidWebACLId)},
		"error code 502 twice": {func(d *types.DistributionConfig) {
			r := types.CustomErrorResponse{ErrorCode: aws.Int32(502)}
			d.CustomErrorResponses = &types.CustomErrorResponses{Quantity: aws.Int32(2), Items: []types.CustomErrorResponse{r, r}}
		}, new(*types.InvalidErrorCode)},
		"page without code": {func(d *types.DistributionConfig) {
			d.CustomErrorResponses = &types.CustomErrorResponses{Quantity: aws.Int32(1), Items: []types.CustomErrorResponse{{ErrorCode: aws.Int32(503), ResponsePagePath: aws.String("/x")}}}
		}, new(*types.InvalidResponseCode)},
	} {
		t.Run(name, func(t *testing.T) {
			next := *before
			tc.change(&next)
			_, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: &next, IfMatch: aws.String(etag)})
			require.ErrorAs(t, err, tc.want)
		})
	}
	_, err := c.GetDistribution(t.Context(), &cloudfront.GetDistributionInput{Id: aws.String("EOTHER")})
	var none *types.NoSuchDistribution
	require.ErrorAs(t, err, &none)
}

func TestDistributionIsInProgressUntilDeployed(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	require.NoError(t, s.SetTimeScale(1))
	c := cloudfront.NewFromConfig(cfg)
	status := func() string {
		out, err := c.GetDistribution(t.Context(), &cloudfront.GetDistributionInput{Id: distribution})
		require.NoError(t, err)
		return *out.Distribution.Status
	}
	assert.Equal(t, "Deployed", status())
	before, etag := distributionConfig(t, c)
	_, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: withErrorPage(before, "/maintenance/x.html"), IfMatch: aws.String(etag)})
	require.NoError(t, err)
	assert.Equal(t, "InProgress", status())
	now.move(3 * time.Minute)
	assert.Equal(t, "InProgress", status())
	now.move(time.Minute)
	assert.Equal(t, "Deployed", status())
}

func TestSecretOfTheOriginStaysOutOfTheJournal(t *testing.T) {
	s, cfg := seeded(t)
	c := cloudfront.NewFromConfig(cfg)
	before, etag := distributionConfig(t, c)
	require.Equal(t, sandbox.OriginSecret, *before.Origins.Items[0].CustomHeaders.Items[0].HeaderValue)
	_, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: before, IfMatch: aws.String(etag)})
	require.NoError(t, err)
	params := string(lastEntry(t, s).Params)
	assert.NotContains(t, params, sandbox.OriginSecret)
	assert.Contains(t, params, "HIDDEN_DUE_TO_SECURITY_REASONS")
	after, _ := distributionConfig(t, c)
	assert.Equal(t, before, after, "only the journal hides it")
}

func TestInvalidationIsIdempotentByCallerReference(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	require.NoError(t, s.SetTimeScale(1))
	c := cloudfront.NewFromConfig(cfg)
	create := func(reference string, paths ...string) (*cloudfront.CreateInvalidationOutput, error) {
		return c.CreateInvalidation(t.Context(), &cloudfront.CreateInvalidationInput{DistributionId: distribution, InvalidationBatch: &types.InvalidationBatch{
			CallerReference: aws.String(reference), Paths: &types.Paths{Quantity: aws.Int32(int32(len(paths))), Items: paths},
		}})
	}
	first, err := create("run-1", "/*")
	require.NoError(t, err)
	assert.Equal(t, "InProgress", *first.Invalidation.Status)
	assert.True(t, lastEntry(t, s).Effect)
	again, err := create("run-1", "/*")
	require.NoError(t, err)
	assert.Equal(t, *first.Invalidation.Id, *again.Invalidation.Id)
	assert.Equal(t, sandbox.OutcomeOK, lastEntry(t, s).Outcome)
	assert.False(t, lastEntry(t, s).Effect, "the replay changes nothing")
	_, err = create("run-1", "/other")
	require.ErrorContains(t, err, "InvalidationBatchAlreadyExists")
	_, err = create("run-2", "no-slash")
	require.ErrorContains(t, err, "InvalidArgument")

	now.move(time.Minute)
	got, err := c.GetInvalidation(t.Context(), &cloudfront.GetInvalidationInput{DistributionId: distribution, Id: first.Invalidation.Id})
	require.NoError(t, err)
	assert.Equal(t, "Completed", *got.Invalidation.Status)
	_, err = c.GetInvalidation(t.Context(), &cloudfront.GetInvalidationInput{DistributionId: distribution, Id: aws.String("INONE")})
	var none *types.NoSuchInvalidation
	require.ErrorAs(t, err, &none)
}

func TestListInvalidationsComesInPagesNewestFirst(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	c := cloudfront.NewFromConfig(cfg)
	var want []string
	for _, reference := range []string{"a", "b", "c", "d", "e"} {
		now.move(time.Second)
		out, err := c.CreateInvalidation(t.Context(), &cloudfront.CreateInvalidationInput{DistributionId: distribution, InvalidationBatch: &types.InvalidationBatch{
			CallerReference: aws.String(reference), Paths: &types.Paths{Quantity: aws.Int32(1), Items: []string{"/*"}},
		}})
		require.NoError(t, err)
		want = append([]string{*out.Invalidation.Id}, want...)
	}
	var got []string
	pages := cloudfront.NewListInvalidationsPaginator(c, &cloudfront.ListInvalidationsInput{DistributionId: distribution, MaxItems: aws.Int32(2)})
	count := 0
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		count++
		for _, i := range out.InvalidationList.Items {
			got = append(got, *i.Id)
		}
	}
	assert.Equal(t, want, got)
	assert.Equal(t, 3, count)
}
