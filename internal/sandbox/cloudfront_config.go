package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// hiddenValue is how CloudTrail shows the value of an origin header.
const hiddenValue = "HIDDEN_DUE_TO_SECURITY_REASONS"

// Status codes that CloudFront can show a page of its own for, and that such a page may be sent with.
var (
	errorCodes    = []int32{400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
	responseCodes = []string{"200", "400", "403", "404", "405", "414", "416", "500", "501", "502", "503", "504"}
)

// checkDistributionConfig refuses what CloudFront refuses of those parts that runbooks change.
func (c *call) checkDistributionConfig(old, next types.DistributionConfig) error {
	if val(next.CallerReference) != val(old.CallerReference) {
		return fail(http.StatusBadRequest, &types.IllegalUpdate{Message: ptr("The update contains modifications that are not allowed: CallerReference.")})
	}
	if err := checkQuantities(next); err != nil {
		return err
	}
	origins := map[string]bool{}
	for _, o := range next.Origins.Items {
		origins[val(o.Id)] = true
	}
	if next.OriginGroups != nil {
		for _, g := range next.OriginGroups.Items {
			origins[val(g.Id)] = true
		}
	}
	targets := []string{val(next.DefaultCacheBehavior.TargetOriginId)}
	if next.CacheBehaviors != nil {
		for _, b := range next.CacheBehaviors.Items {
			targets = append(targets, val(b.TargetOriginId))
		}
	}
	for _, target := range targets {
		if !origins[target] {
			return fail(http.StatusNotFound, &types.NoSuchOrigin{Message: ptr(fmt.Sprintf("One or more of your origins or origin groups do not exist: %s.", target))})
		}
	}
	if id := val(next.WebACLId); id != "" {
		if _, ok, err := c.webACLByARN(id); err != nil {
			return err
		} else if !ok {
			return fail(http.StatusBadRequest, &types.InvalidWebACLId{Message: ptr("The web ACL does not exist: " + id)})
		}
	}
	return checkErrorResponses(next.CustomErrorResponses)
}

func checkQuantities(config types.DistributionConfig) error {
	type counted struct {
		name     string
		quantity *int32
		items    int
	}
	lists := []counted{{"Origins", config.Origins.Quantity, len(config.Origins.Items)}}
	for _, o := range config.Origins.Items {
		if o.CustomHeaders != nil {
			lists = append(lists, counted{"CustomHeaders", o.CustomHeaders.Quantity, len(o.CustomHeaders.Items)})
		}
	}
	if l := config.Aliases; l != nil {
		lists = append(lists, counted{"Aliases", l.Quantity, len(l.Items)})
	}
	if l := config.CacheBehaviors; l != nil {
		lists = append(lists, counted{"CacheBehaviors", l.Quantity, len(l.Items)})
	}
	if l := config.CustomErrorResponses; l != nil {
		lists = append(lists, counted{"CustomErrorResponses", l.Quantity, len(l.Items)})
	}
	for _, l := range lists {
		if int(val(l.quantity)) != l.items {
			return fail(http.StatusBadRequest, &types.InconsistentQuantities{Message: ptr("The value of Quantity and the size of Items don't match: " + l.name + ".")})
		}
	}
	return nil
}

func checkErrorResponses(responses *types.CustomErrorResponses) error {
	if responses == nil {
		return nil
	}
	seen := map[int32]bool{}
	for _, r := range responses.Items {
		code := val(r.ErrorCode)
		page, answer := val(r.ResponsePagePath), val(r.ResponseCode)
		switch {
		case !slices.Contains(errorCodes, code) || seen[code]:
			return fail(http.StatusBadRequest, &types.InvalidErrorCode{Message: ptr(fmt.Sprintf("An invalid or repeated error code was specified: %d.", code))})
		case (page == "") != (answer == ""):
			return fail(http.StatusBadRequest, &types.InvalidResponseCode{Message: ptr("ResponsePagePath and ResponseCode must be given together.")})
		case page != "" && !strings.HasPrefix(page, "/"):
			return invalidCloudFrontArgument("ResponsePagePath must start with /: " + page)
		case answer != "" && !slices.Contains(responseCodes, answer):
			return fail(http.StatusBadRequest, &types.InvalidResponseCode{Message: ptr("A response code is not valid: " + answer + ".")})
		case val(r.ErrorCachingMinTTL) < 0:
			return invalidCloudFrontArgument("ErrorCachingMinTTL must be 0 or more.")
		}
		seen[code] = true
	}
	return nil
}

// hideOriginHeaders is the input as the journal shows it: origin headers hold secrets.
func hideOriginHeaders(in any) any {
	shown := *in.(*cloudfront.UpdateDistributionInput)
	config := *shown.DistributionConfig
	shown.DistributionConfig = &config
	if config.Origins == nil {
		return &shown
	}
	origins := *config.Origins
	origins.Items = slices.Clone(origins.Items)
	for i, o := range origins.Items {
		if o.CustomHeaders == nil {
			continue
		}
		headers := *o.CustomHeaders
		headers.Items = slices.Clone(headers.Items)
		for j := range headers.Items {
			headers.Items[j].HeaderValue = ptr(hiddenValue)
		}
		origins.Items[i].CustomHeaders = &headers
	}
	config.Origins = &origins
	return &shown
}
