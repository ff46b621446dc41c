package sandbox

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// How long CloudFront takes at time scale 1.
const (
	deployTime       = 4 * time.Minute
	invalidationTime = time.Minute
)

const (
	distributionKind = "cloudfront:distribution"
	invalidationKind = "cloudfront:invalidation"
)

// Distribution is a CloudFront distribution.
type Distribution struct {
	ID      string
	ARN     string
	Domain  string
	Config  types.DistributionConfig
	Version DistributionVersion `json:"version"`
}

// DistributionVersion is what moves with every update.
type DistributionVersion struct {
	ETag     string
	Modified time.Time
	Previous *types.DistributionConfig // what edges that the update has not reached still use; nil at first
}

type invalidation struct {
	ID      string
	Created time.Time
	Batch   types.InvalidationBatch
}

func cloudfrontOperations() map[string]operation {
	return byName(
		handle(reads, "Id", func(in *cloudfront.GetDistributionInput) about { return about{distributionKey(in.Id), ""} }, getDistribution),
		handle(reads, "Id", func(in *cloudfront.GetDistributionConfigInput) about { return about{distributionKey(in.Id), ""} }, getDistributionConfig),
		handle(reads, "Marker MaxItems", func(*cloudfront.ListDistributionsInput) about { return about{} }, listDistributions),
		handle(writes, "Id IfMatch DistributionConfig", func(in *cloudfront.UpdateDistributionInput) about {
			return about{distributionKey(in.Id), val(in.IfMatch)}
		}, updateDistribution).showing(hideOriginHeaders),
		handle(writes, "DistributionId InvalidationBatch", func(in *cloudfront.CreateInvalidationInput) about {
			return about{distributionKey(in.DistributionId), val(in.InvalidationBatch.CallerReference)}
		}, createInvalidation),
		handle(reads, "DistributionId Id", func(in *cloudfront.GetInvalidationInput) about { return about{distributionKey(in.DistributionId), ""} }, getInvalidation),
		handle(reads, "DistributionId Marker MaxItems", func(in *cloudfront.ListInvalidationsInput) about {
			return about{distributionKey(in.DistributionId), ""}
		}, listInvalidations),
	)
}

func distributionKey(id *string) string { return distributionKind + "/" + val(id) }

func (c *call) distribution(id *string) (Distribution, error) {
	d, ok, err := get[Distribution](c, distributionKey(id))
	if err == nil && !ok {
		err = fail(http.StatusNotFound, &types.NoSuchDistribution{Message: ptr("The specified distribution does not exist.")})
	}
	return d, err
}

// deployed says whether all edges use the newest configuration.
func (c *call) deployed(d Distribution) (bool, error) {
	if d.Version.Previous == nil {
		return true, nil
	}
	done, err := c.elapsed(d.Version.Modified, deployTime)
	return done == 1, err
}

func getDistribution(c *call, in *cloudfront.GetDistributionInput) (*cloudfront.GetDistributionOutput, error) {
	d, err := c.distribution(in.Id)
	if err != nil {
		return nil, err
	}
	shown, err := c.showDistribution(d)
	return &cloudfront.GetDistributionOutput{Distribution: shown, ETag: ptr(d.Version.ETag)}, err
}

func (c *call) showDistribution(d Distribution) (*types.Distribution, error) {
	deployed, err := c.deployed(d)
	if err != nil {
		return nil, err
	}
	status := "InProgress"
	if deployed {
		status = "Deployed"
	}
	running := int32(0)
	batches, err := c.invalidations(d.ID)
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		if shown, err := c.showInvalidation(b); err != nil {
			return nil, err
		} else if val(shown.Status) == "InProgress" {
			running++
		}
	}
	return &types.Distribution{
		Id: ptr(d.ID), ARN: ptr(d.ARN), DomainName: ptr(d.Domain), Status: ptr(status),
		DistributionConfig: ptr(d.Config), LastModifiedTime: ptr(d.Version.Modified),
		InProgressInvalidationBatches: ptr(running),
		ActiveTrustedSigners:          &types.ActiveTrustedSigners{Enabled: ptr(false), Quantity: ptr(int32(0))},
	}, nil
}

func getDistributionConfig(c *call, in *cloudfront.GetDistributionConfigInput) (*cloudfront.GetDistributionConfigOutput, error) {
	d, err := c.distribution(in.Id)
	if err != nil {
		return nil, err
	}
	return &cloudfront.GetDistributionConfigOutput{DistributionConfig: ptr(d.Config), ETag: ptr(d.Version.ETag)}, nil
}

func listDistributions(c *call, in *cloudfront.ListDistributionsInput) (*cloudfront.ListDistributionsOutput, error) {
	all, err := list[Distribution](c, distributionKind)
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, val(in.Marker), int(val(in.MaxItems)), 100, invalidCloudFrontArgument)
	if err != nil {
		return nil, err
	}
	out := &types.DistributionList{
		IsTruncated: ptr(next != ""), Marker: ptr(val(in.Marker)), MaxItems: ptr(int32(100)),
		NextMarker: ptrUnlessEmpty(next), Quantity: count(items),
	}
	for _, d := range items {
		shown, err := c.showDistribution(d)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, types.DistributionSummary{
			Id: shown.Id, ARN: shown.ARN, DomainName: shown.DomainName, Status: shown.Status, LastModifiedTime: shown.LastModifiedTime,
			Aliases: d.Config.Aliases, Comment: d.Config.Comment, Enabled: d.Config.Enabled, WebACLId: d.Config.WebACLId,
			PriceClass: d.Config.PriceClass, HttpVersion: d.Config.HttpVersion, IsIPV6Enabled: d.Config.IsIPV6Enabled,
			DefaultCacheBehavior: d.Config.DefaultCacheBehavior, Restrictions: d.Config.Restrictions,
			CacheBehaviors: d.Config.CacheBehaviors, CustomErrorResponses: d.Config.CustomErrorResponses,
			Origins: d.Config.Origins, ViewerCertificate: d.Config.ViewerCertificate, Staging: d.Config.Staging,
		})
	}
	return &cloudfront.ListDistributionsOutput{DistributionList: out}, nil
}

func invalidCloudFrontArgument(words string) error {
	return fail(http.StatusBadRequest, &types.InvalidArgument{Message: ptr(words)})
}

func updateDistribution(c *call, in *cloudfront.UpdateDistributionInput) (*cloudfront.UpdateDistributionOutput, error) {
	d, err := c.distribution(in.Id)
	if err != nil {
		return nil, err
	}
	switch val(in.IfMatch) {
	case d.Version.ETag:
	case "":
		return nil, fail(http.StatusBadRequest, &types.InvalidIfMatchVersion{Message: ptr("The If-Match version is missing or not valid for the resource.")})
	default:
		return nil, fail(http.StatusPreconditionFailed, &types.PreconditionFailed{Message: ptr("The request failed because it didn't meet the preconditions in one or more request-header fields.")})
	}
	next := *in.DistributionConfig
	if err := c.checkDistributionConfig(d.Config, next); err != nil {
		return nil, err
	}
	fillErrorCaching(&next)
	deployed, err := c.deployed(d)
	if err != nil {
		return nil, err
	}
	old := d.Config
	previous := d.Version.Previous // the edges are still mixed with what was before
	if deployed {
		previous = &old
	}
	d.Version = DistributionVersion{ETag: c.newID("E", d.ID), Modified: c.at, Previous: previous}
	d.Config = next
	if err := c.put(distributionKey(in.Id), d); err != nil {
		return nil, err
	}
	shown, err := c.showDistribution(d)
	return &cloudfront.UpdateDistributionOutput{Distribution: shown, ETag: ptr(d.Version.ETag)}, err
}

// fillErrorCaching sets the default that CloudFront gives back when the time is left out.
func fillErrorCaching(config *types.DistributionConfig) {
	if config.CustomErrorResponses == nil {
		return
	}
	responses := *config.CustomErrorResponses
	responses.Items = slices.Clone(responses.Items)
	for i := range responses.Items {
		if responses.Items[i].ErrorCachingMinTTL == nil {
			responses.Items[i].ErrorCachingMinTTL = ptr(int64(10))
		}
	}
	config.CustomErrorResponses = &responses
}

// newID makes an identifier that looks like those of CloudFront, from what it is for and the place in the log.
func (c *call) newID(prefix, of string) string {
	return hashID(prefix, fmt.Sprintf("%s\x00%d", of, c.state.lines))
}

func hashID(prefix, of string) string {
	sum := sha256.Sum256([]byte(of))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:13]
}

// An invalidation's ID follows from the distribution and the caller reference, so that a repeated request finds it.
func invalidationID(distribution, reference string) string {
	return hashID("I", distribution+"\x00"+reference)
}

func invalidationKey(distribution, id string) string {
	return invalidationKind + "/" + distribution + "/" + id
}

func createInvalidation(c *call, in *cloudfront.CreateInvalidationInput) (*cloudfront.CreateInvalidationOutput, error) {
	d, err := c.distribution(in.DistributionId)
	if err != nil {
		return nil, err
	}
	batch := *in.InvalidationBatch
	if err := checkPaths(batch.Paths); err != nil {
		return nil, err
	}
	key := invalidationKey(d.ID, invalidationID(d.ID, val(batch.CallerReference)))
	made, ok, err := get[invalidation](c, key)
	switch {
	case err != nil:
		return nil, err
	case ok && !slices.Equal(made.Batch.Paths.Items, batch.Paths.Items):
		return nil, fail(http.StatusConflict, generic("InvalidationBatchAlreadyExists", "The caller reference was used for other paths."))
	case !ok:
		made = invalidation{ID: invalidationID(d.ID, val(batch.CallerReference)), Created: c.at, Batch: batch}
		if err := c.put(key, made); err != nil {
			return nil, err
		}
	}
	shown, err := c.showInvalidation(made)
	return &cloudfront.CreateInvalidationOutput{
		Invalidation: shown,
		Location:     ptr("https://cloudfront.amazonaws.com/2020-05-31/distribution/" + d.ID + "/invalidation/" + made.ID),
	}, err
}

func (c *call) showInvalidation(i invalidation) (*types.Invalidation, error) {
	done, err := c.elapsed(i.Created, invalidationTime)
	status := "InProgress"
	if done == 1 {
		status = "Completed"
	}
	return &types.Invalidation{Id: ptr(i.ID), CreateTime: ptr(i.Created), InvalidationBatch: ptr(i.Batch), Status: ptr(status)}, err
}

// invalidations of a distribution, newest first.
func (c *call) invalidations(distribution string) ([]invalidation, error) {
	all, err := listUnder[invalidation](c, invalidationKind, distribution+"/")
	sort.SliceStable(all, func(i, j int) bool { return all[i].Created.After(all[j].Created) })
	return all, err
}

func getInvalidation(c *call, in *cloudfront.GetInvalidationInput) (*cloudfront.GetInvalidationOutput, error) {
	d, err := c.distribution(in.DistributionId)
	if err != nil {
		return nil, err
	}
	made, ok, err := get[invalidation](c, invalidationKey(d.ID, val(in.Id)))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusNotFound, &types.NoSuchInvalidation{Message: ptr("The specified invalidation does not exist.")})
	}
	shown, err := c.showInvalidation(made)
	return &cloudfront.GetInvalidationOutput{Invalidation: shown}, err
}

func listInvalidations(c *call, in *cloudfront.ListInvalidationsInput) (*cloudfront.ListInvalidationsOutput, error) {
	d, err := c.distribution(in.DistributionId)
	if err != nil {
		return nil, err
	}
	all, err := c.invalidations(d.ID)
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, val(in.Marker), int(val(in.MaxItems)), 100, invalidCloudFrontArgument)
	if err != nil {
		return nil, err
	}
	out := &types.InvalidationList{
		IsTruncated: ptr(next != ""), Marker: ptr(val(in.Marker)), MaxItems: ptr(int32(100)),
		NextMarker: ptrUnlessEmpty(next), Quantity: count(items),
	}
	for _, made := range items {
		shown, err := c.showInvalidation(made)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, types.InvalidationSummary{Id: shown.Id, CreateTime: shown.CreateTime, Status: shown.Status})
	}
	return &cloudfront.ListInvalidationsOutput{InvalidationList: out}, nil
}

func checkPaths(paths *types.Paths) error {
	if int(val(paths.Quantity)) != len(paths.Items) {
		return fail(http.StatusBadRequest, &types.InconsistentQuantities{Message: ptr("The value of Quantity and the size of Items don't match.")})
	}
	if len(paths.Items) == 0 {
		return invalidCloudFrontArgument("Your request must list at least one path.")
	}
	for _, p := range paths.Items {
		if !strings.HasPrefix(p, "/") {
			return invalidCloudFrontArgument(fmt.Sprintf("Your request contains an invalid invalidation path: %q must start with /.", p))
		}
	}
	return nil
}
