package activities

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func TestCloudFrontPageThatNoBehaviourRoutesIsRefused(t *testing.T) {
	b := newBench(t)
	_, err := try(b, b.set.CloudFront.PlanCloudFrontMaintenance, MaintenanceRouting{DistributionID: b.system.Distribution.ID, PagePath: "/sorry/page.html"})
	requireType(t, err, InvalidInput)
	assert.Contains(t, err.Error(), "no cache behaviour for /sorry/page.html")
	_, err = try(b, b.set.CloudFront.PlanCloudFrontMaintenance, MaintenanceRouting{DistributionID: "E0", PagePath: "/maintenance/page.html"})
	requireType(t, err, NotFound)
}

func TestCloudFrontPathPatterns(t *testing.T) {
	for pattern, cases := range map[string]map[string]bool{
		"/maintenance/*": {"/maintenance/a.html": true, "/Maintenance/a.html": false, "/maintenance": false, "/x/maintenance/a": false},
		"maintenance/*":  {"/maintenance/a.html": true},
		"*.html":         {"/a/b.html": true, "/a/b.htm": false},
		"/page?.html":    {"/page1.html": true, "/page.html": false},
		"*":              {"/": true, "/anything": true},
	} {
		for path, want := range cases {
			all := &types.CacheBehaviors{Items: []types.CacheBehavior{{PathPattern: aws.String(pattern)}}}
			assert.Equal(t, want, routes(all, path), "%s on %s", pattern, path)
		}
	}
	assert.False(t, routes(nil, "/"))
}

func TestCloudFrontSecretOfTheOriginIsInNothingThatPeopleSee(t *testing.T) {
	c, b := cloudFrontChanging(), newBench(t)
	b.intercept = true
	change, err := c.plan(b)
	require.NoError(t, err)
	require.NoError(t, c.meddleSecret(b))
	drift := c.apply(b, Ref(change))
	requireType(t, drift, Drifted)
	assert.Contains(t, drift.Error(), "hidden, sha256")
	shown := asJSON(t, change) + drift.Error() + asJSON(t, evidenceOf(t, b))
	assert.NotContains(t, shown, sandbox.OriginSecret)
	assert.NotContains(t, shown, "another-secret")

	answer := &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadRequest}},
		Err:      &smithy.GenericAPIError{Code: "InvalidArgument", Message: "bad header value: s3cr3t-value", Fault: smithy.FaultClient},
	}
	config := types.DistributionConfig{Origins: &types.Origins{Items: []types.Origin{{CustomHeaders: &types.CustomHeaders{
		Items: []types.OriginCustomHeader{{HeaderName: aws.String("X"), HeaderValue: aws.String("s3cr3t-value")}},
	}}}}}
	quoted := withoutSecrets(answer, config)
	assert.NotContains(t, quoted.Error(), "s3cr3t-value")
	requireType(t, quoted, InvalidInput)
	other := errors.New("connection reset")
	assert.Equal(t, other, withoutSecrets(other, config))
}

// meddleSecret changes nothing but the secret header.
func (c changing) meddleSecret(b *bench) error {
	client := cloudfront.NewFromConfig(b.cfg)
	out, err := client.GetDistributionConfig(b.t.Context(), &cloudfront.GetDistributionConfigInput{Id: &b.system.Distribution.ID})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(out.DistributionConfig.Origins.Items, func(o types.Origin) bool { return len(o.CustomHeaders.Items) > 0 })
	out.DistributionConfig.Origins.Items[i].CustomHeaders.Items[0].HeaderValue = aws.String("another-secret")
	_, err = client.UpdateDistribution(b.t.Context(), &cloudfront.UpdateDistributionInput{
		Id: &b.system.Distribution.ID, IfMatch: out.ETag, DistributionConfig: out.DistributionConfig,
	})
	return err
}

func TestCloudFrontErrorResponseOfTheSameCodeIsReplaced(t *testing.T) {
	config := types.DistributionConfig{CustomErrorResponses: &types.CustomErrorResponses{Quantity: aws.Int32(2), Items: []types.CustomErrorResponse{
		{ErrorCode: aws.Int32(503), ResponsePagePath: aws.String("/old.html"), ResponseCode: aws.String("200")}, {ErrorCode: aws.Int32(404)},
	}}}
	setErrorResponse(&config, types.CustomErrorResponse{ErrorCode: aws.Int32(503), ResponsePagePath: aws.String("/new.html")})
	require.EqualValues(t, 2, *config.CustomErrorResponses.Quantity)
	assert.EqualValues(t, 404, *errorResponses(config)[0].ErrorCode)
	assert.Equal(t, "/new.html", *errorResponses(config)[1].ResponsePagePath)
}

func TestCloudFrontAwaitsDeployment(t *testing.T) {
	c, b := cloudFrontChanging(), newBench(t)
	change, err := c.plan(b)
	require.NoError(t, err)
	require.NoError(t, b.box.SetTimeScale(0.003)) // 0.72 s
	require.NoError(t, c.apply(b, Ref(change)))
	b.fault("cloudfront", "GetDistribution", sandbox.FaultThrottle)
	must(b, b.set.CloudFront.AwaitCloudFrontDeployed, DistributionRef{b.system.Distribution.ID})
	out, err := cloudfront.NewFromConfig(b.cfg).GetDistribution(t.Context(), &cloudfront.GetDistributionInput{Id: &b.system.Distribution.ID})
	require.NoError(t, err)
	assert.Equal(t, "Deployed", *out.Distribution.Status)

	b.fault("cloudfront", "GetDistribution", sandbox.FaultDenied)
	_, err = try(b, b.set.CloudFront.AwaitCloudFrontDeployed, DistributionRef{b.system.Distribution.ID})
	requireType(t, err, Denied)
}

func TestInvalidationHappensOnce(t *testing.T) {
	for kind, want := range map[string]string{
		"": "", sandbox.FaultExecutedThenTimeout: Unavailable, sandbox.FaultLostRequest: Unavailable, sandbox.Fault500: Unavailable, sandbox.FaultThrottle: Throttled,
	} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			in := Invalidation{Operation: b.operation, Step: "route-page", DistributionID: b.system.Distribution.ID, Paths: []string{"/*"}}
			if kind != "" {
				b.fault("cloudfront", "CreateInvalidation", kind)
				_, err := try(b, b.set.CloudFront.InvalidateCloudFrontPaths, in)
				requireType(t, err, want)
			}
			must(b, b.set.CloudFront.InvalidateCloudFrontPaths, in)
			must(b, b.set.CloudFront.InvalidateCloudFrontPaths, in)
			require.Equal(t, []string{"CreateInvalidation"}, b.effects())
			in.Step = "undo-route-page"
			must(b, b.set.CloudFront.InvalidateCloudFrontPaths, in)
			require.Len(t, b.effects(), 2, "another step is another invalidation")
			in.Paths = nil
			_, err := try(b, b.set.CloudFront.InvalidateCloudFrontPaths, in)
			requireType(t, err, InvalidInput)
		})
	}
}
