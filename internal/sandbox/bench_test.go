package sandbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func benchmarkStand(b *testing.B) aws.Config {
	b.Helper()
	s, err := sandbox.Open(b.TempDir())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	require.NoError(b, s.Seed(b.Context(), example()))
	return config(s)
}

// The largest resource: reads.
func BenchmarkGetDistributionConfig(b *testing.B) {
	c := cloudfront.NewFromConfig(benchmarkStand(b))
	for b.Loop() {
		_, err := c.GetDistributionConfig(b.Context(), &cloudfront.GetDistributionConfigInput{Id: distribution})
		require.NoError(b, err)
	}
}

// The largest resource: writes.
func BenchmarkUpdateDistribution(b *testing.B) {
	c := cloudfront.NewFromConfig(benchmarkStand(b))
	got, err := c.GetDistributionConfig(b.Context(), &cloudfront.GetDistributionConfigInput{Id: distribution})
	require.NoError(b, err)
	etag := got.ETag
	for b.Loop() {
		out, err := c.UpdateDistribution(b.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: got.DistributionConfig, IfMatch: etag})
		require.NoError(b, err)
		etag = out.ETag
	}
}

// A small write.
func BenchmarkUpdateService(b *testing.B) {
	c := ecs.NewFromConfig(benchmarkStand(b))
	n := int32(0)
	for b.Loop() {
		n++
		_, err := c.UpdateService(b.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(n)})
		require.NoError(b, err)
	}
}
