package activities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"tejun/internal/plan"
)

// MaintenanceRouting says that a distribution shows a page while the site answers 503.
type MaintenanceRouting struct {
	DistributionID string `json:"distributionId"`
	PagePath       string `json:"pagePath"` // such as "/maintenance/3f2a.html"
}

// CloudFrontChange carries a planned routing out, or takes it back.
type CloudFrontChange struct {
	Operation string `json:"operation"`
	MaintenanceRouting
	Change ChangeRef `json:"change"`
}

// DistributionRef names a distribution.
type DistributionRef struct {
	DistributionID string `json:"distributionId"`
}

// cloudFrontAPI is the calls used.
type cloudFrontAPI interface {
	GetDistributionConfig(context.Context, *cloudfront.GetDistributionConfigInput, ...func(*cloudfront.Options)) (*cloudfront.GetDistributionConfigOutput, error)
	UpdateDistribution(context.Context, *cloudfront.UpdateDistributionInput, ...func(*cloudfront.Options)) (*cloudfront.UpdateDistributionOutput, error)
	GetDistribution(context.Context, *cloudfront.GetDistributionInput, ...func(*cloudfront.Options)) (*cloudfront.GetDistributionOutput, error)
	CreateInvalidation(context.Context, *cloudfront.CreateInvalidationInput, ...func(*cloudfront.Options)) (*cloudfront.CreateInvalidationOutput, error)
	GetInvalidation(context.Context, *cloudfront.GetInvalidationInput, ...func(*cloudfront.Options)) (*cloudfront.GetInvalidationOutput, error)
}

// CloudFront changes how a distribution answers errors. UpdateDistribution replaces the whole configuration, so every
// write carries the ETag of the configuration that it was made from.
type CloudFront struct {
	client  cloudFrontAPI
	changes changer
}

// PlanCloudFrontMaintenance plans that the distribution answers 503 with the page. It refuses (InvalidInput) a page that
// no cache behaviour routes, as viewers would see a bare error instead.
func (a *CloudFront) PlanCloudFrontMaintenance(ctx context.Context, in MaintenanceRouting) (plan.Change, error) {
	if in.DistributionID == "" || !strings.HasPrefix(in.PagePath, "/") {
		return plan.Change{}, fail(InvalidInput, "distribution %q, page %q: both are needed, and the page's path begins with /", in.DistributionID, in.PagePath)
	}
	title := fmt.Sprintf("CloudFront ディストリビューション %s: 503 応答時にメンテナンスページ %s を表示", in.DistributionID, in.PagePath)
	return a.object(in).makePlan(ctx, title, func(parts map[string]types.DistributionConfig) any {
		config := parts[in.DistributionID]
		return map[string]any{"CustomErrorResponses": errorResponses(config)}
	})
}

// ApplyCloudFrontMaintenance carries the plan out. It does not wait until the edges have it: see AwaitCloudFrontDeployed.
func (a *CloudFront) ApplyCloudFrontMaintenance(ctx context.Context, in CloudFrontChange) (struct{}, error) {
	return struct{}{}, a.object(in.MaintenanceRouting).apply(ctx, in.Operation, in.Change)
}

// RevertCloudFrontMaintenance puts the saved configuration back.
func (a *CloudFront) RevertCloudFrontMaintenance(ctx context.Context, in CloudFrontChange) (struct{}, error) {
	return struct{}{}, a.object(in.MaintenanceRouting).revert(ctx, in.Operation, in.Change)
}

// AwaitCloudFrontDeployed waits until the edges no longer answer in two ways.
func (a *CloudFront) AwaitCloudFrontDeployed(ctx context.Context, in DistributionRef) (struct{}, error) {
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		out, err := a.client.GetDistribution(ctx, &cloudfront.GetDistributionInput{Id: &in.DistributionID})
		if err != nil {
			return false, "", Classify(err, "read the state of distribution "+in.DistributionID)
		}
		status := aws.ToString(out.Distribution.Status)
		return status == "Deployed", fmt.Sprintf("distribution %s is %s", in.DistributionID, status), nil
	})
}

func (a *CloudFront) object(in MaintenanceRouting) object[types.DistributionConfig] {
	doing := "distribution " + in.DistributionID
	return object[types.DistributionConfig]{
		changer:  a.changes,
		resource: "cloudfront:distribution/" + in.DistributionID,
		read: func(ctx context.Context) (map[string]types.DistributionConfig, map[string]string, error) {
			out, err := a.client.GetDistributionConfig(ctx, &cloudfront.GetDistributionConfigInput{Id: &in.DistributionID})
			if err != nil {
				return nil, nil, Classify(err, "read the configuration of "+doing)
			}
			return single(in.DistributionID, *out.DistributionConfig, aws.ToString(out.ETag))
		},
		change: func(c types.DistributionConfig) (types.DistributionConfig, error) {
			if !routes(c.CacheBehaviors, in.PagePath) {
				return c, fail(InvalidInput, "%s has no cache behaviour for %s, so its viewers would never see the maintenance page: add one whose origin is the maintenance bucket, or mend maintenance.pathPrefix in system.yaml", doing, in.PagePath)
			}
			setErrorResponse(&c, types.CustomErrorResponse{
				ErrorCode:          aws.Int32(503),
				ErrorCachingMinTTL: aws.Int64(0), // or the page would outlive the outage
				ResponseCode:       aws.String("503"),
				ResponsePagePath:   aws.String(in.PagePath),
			})
			return c, nil
		},
		write: func(ctx context.Context, parts map[string]types.DistributionConfig, etags map[string]string) error {
			config := parts[in.DistributionID]
			_, err := a.client.UpdateDistribution(ctx, &cloudfront.UpdateDistributionInput{
				Id: &in.DistributionID, DistributionConfig: &config, IfMatch: aws.String(etags[in.DistributionID]),
			})
			if err != nil {
				return Classify(withoutSecrets(err, config), "change the configuration of "+doing)
			}
			return nil
		},
		whole: func(c types.DistributionConfig) any { return ordered(c) },
		show:  func(c types.DistributionConfig) any { return withHiddenHeaders(ordered(c)) },
	}
}

// setErrorResponse puts the response in place of the one for the same code, or adds it.
func setErrorResponse(c *types.DistributionConfig, r types.CustomErrorResponse) {
	items := slices.DeleteFunc(slices.Clone(errorResponses(*c)), func(other types.CustomErrorResponse) bool {
		return aws.ToInt32(other.ErrorCode) == aws.ToInt32(r.ErrorCode)
	})
	items = append(items, r)
	c.CustomErrorResponses = &types.CustomErrorResponses{Items: items, Quantity: quantity(items)}
}

func errorResponses(c types.DistributionConfig) []types.CustomErrorResponse {
	if c.CustomErrorResponses == nil {
		return nil
	}
	items := slices.Clone(c.CustomErrorResponses.Items)
	slices.SortStableFunc(items, func(a, b types.CustomErrorResponse) int {
		return cmp.Compare(aws.ToInt32(a.ErrorCode), aws.ToInt32(b.ErrorCode))
	})
	return items
}

// quantity is the number of items, which CloudFront wants beside every list.
func quantity[T any](items []T) *int32 {
	return aws.Int32(int32(len(items))) //nolint:gosec // CloudFront's lists have some thousand items at most
}

// ordered is the configuration with its error responses in the order of their codes: AWS may hand them back in another
// order than they came, which is no difference.
func ordered(c types.DistributionConfig) types.DistributionConfig {
	if c.CustomErrorResponses != nil {
		responses := *c.CustomErrorResponses
		responses.Items = errorResponses(c)
		c.CustomErrorResponses = &responses
	}
	return c
}

// withHiddenHeaders is the configuration as people may see it. The value of an origin's custom header is a secret: it
// is how the origin tells the distribution from everybody else.
func withHiddenHeaders(c types.DistributionConfig) types.DistributionConfig {
	if c.Origins == nil {
		return c
	}
	origins := *c.Origins
	origins.Items = slices.Clone(origins.Items)
	for i, origin := range origins.Items {
		if origin.CustomHeaders == nil {
			continue
		}
		headers := *origin.CustomHeaders
		headers.Items = slices.Clone(headers.Items)
		for j, header := range headers.Items {
			headers.Items[j].HeaderValue = aws.String(hidden(aws.ToString(header.HeaderValue)))
		}
		origins.Items[i].CustomHeaders = &headers
	}
	c.Origins = &origins
	return c
}

// withoutSecrets keeps an answer that quotes the request from spreading a header's value. Only a text that quotes one
// is replaced, as the error's type is needed for everything else.
func withoutSecrets(err error, c types.DistributionConfig) error {
	if c.Origins == nil {
		return err
	}
	text := reason(err)
	for _, origin := range c.Origins.Items {
		if origin.CustomHeaders == nil {
			continue
		}
		for _, header := range origin.CustomHeaders.Items {
			value := aws.ToString(header.HeaderValue)
			if value == "" {
				continue
			}
			text = strings.ReplaceAll(text, value, hidden(value))
		}
	}
	if text == reason(err) {
		return err
	}
	return fail(typeOf(err), "change the configuration of a distribution: %s", text)
}

// routes tells whether one of the cache behaviours takes the path. The default behaviour does not count: it leads to the
// origin that is down.
func routes(all *types.CacheBehaviors, path string) bool {
	if all == nil {
		return false
	}
	for _, b := range all.Items {
		if matches(strings.TrimPrefix(aws.ToString(b.PathPattern), "/"), strings.TrimPrefix(path, "/")) {
			return true
		}
	}
	return false
}

// matches is CloudFront's path pattern: * is any number of characters, ? is one, letters count as they are.
func matches(pattern, path string) bool {
	switch {
	case pattern == "":
		return path == ""
	case pattern[0] == '*':
		return matches(pattern[1:], path) || path != "" && matches(pattern, path[1:])
	case path == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == path[0]) && matches(pattern[1:], path[1:])
}
