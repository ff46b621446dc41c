package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
)

// Invalidation drops paths from the edges' caches.
type Invalidation struct {
	Operation      string   `json:"operation"`
	Step           string   `json:"step"` // tells apart the invalidations of one run
	DistributionID string   `json:"distributionId"`
	Paths          []string `json:"paths"` // such as "/*"
}

// InvalidateCloudFrontPaths drops the paths and waits until all edges have done so. The caller reference is the same in
// every attempt, so that CloudFront itself answers a repetition with the invalidation that is there.
func (a *CloudFront) InvalidateCloudFrontPaths(ctx context.Context, in Invalidation) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	if in.Step == "" || len(in.Paths) == 0 {
		return struct{}{}, fail(InvalidInput, "invalidation of distribution %s: step and at least one path are needed", in.DistributionID)
	}
	doing := "the invalidation of distribution " + in.DistributionID
	out, err := a.client.CreateInvalidation(ctx, &cloudfront.CreateInvalidationInput{
		DistributionId: &in.DistributionID,
		InvalidationBatch: &types.InvalidationBatch{
			CallerReference: aws.String(in.Operation + "-" + in.Step),
			Paths:           &types.Paths{Items: in.Paths, Quantity: quantity(in.Paths)},
		},
	})
	if err != nil {
		return struct{}{}, Classify(err, "ask for "+doing)
	}
	id := out.Invalidation.Id
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		out, err := a.client.GetInvalidation(ctx, &cloudfront.GetInvalidationInput{DistributionId: &in.DistributionID, Id: id})
		if err != nil {
			err = Classify(err, "read the state of "+doing)
			if isType(err, NotFound) { // it was just accepted; reads lag behind
				err = fail(NotYet, "%v", err)
			}
			return false, "", err
		}
		status := aws.ToString(out.Invalidation.Status)
		return status == "Completed", fmt.Sprintf("invalidation %s is %s", aws.ToString(id), status), nil
	})
}
