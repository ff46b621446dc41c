package sandbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

func stopWeb(t *testing.T, cfg aws.Config, count int32) {
	t.Helper()
	_, err := ecs.NewFromConfig(cfg).UpdateService(t.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(count)})
	require.NoError(t, err)
}

func TestUnknownOperationIsAnError(t *testing.T) {
	s, cfg := seeded(t)
	before, err := s.Snapshot()
	require.NoError(t, err)
	_, err = cloudfront.NewFromConfig(cfg).DeleteDistribution(t.Context(), &cloudfront.DeleteDistributionInput{Id: distribution})
	require.ErrorContains(t, err, "UnknownOperationException")
	require.ErrorContains(t, err, "the sandbox does not know cloudfront:DeleteDistribution; it knows CreateInvalidation, ")
	after, err := s.Snapshot()
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestUnmodelledParameterIsAnError(t *testing.T) {
	s, cfg := seeded(t)
	_, err := ecs.NewFromConfig(cfg).UpdateService(t.Context(), &ecs.UpdateServiceInput{
		Cluster: aws.String("gzs"), Service: aws.String("gzs-web"), DesiredCount: aws.Int32(0), PlatformVersion: aws.String("1.4.0"),
	})
	require.ErrorContains(t, err, "does not model PlatformVersion of UpdateService")
	assert.Equal(t, "error:SandboxNotModelled", lastEntry(t, s).Outcome)
	assert.EqualValues(t, 3, describe(t, ecs.NewFromConfig(cfg), "gzs-web").DesiredCount)
}

func TestParametersAreValidatedByTheSDKItself(t *testing.T) {
	s, cfg := seeded(t)
	_, err := ecs.NewFromConfig(cfg).UpdateService(t.Context(), &ecs.UpdateServiceInput{})
	require.ErrorContains(t, err, "missing required field")
	entries, err := s.Journal()
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestRequestIDIsInTheResultsMetadata(t *testing.T) {
	s, cfg := seeded(t)
	out, err := cloudfront.NewFromConfig(cfg).GetDistribution(t.Context(), &cloudfront.GetDistributionInput{Id: distribution})
	require.NoError(t, err)
	id, ok := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	assert.True(t, ok)
	assert.NotEmpty(t, id)
	put, err := s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x")})
	require.NoError(t, err)
	id, ok = awsmiddleware.GetRequestIDMetadata(put.ResultMetadata)
	assert.True(t, ok)
	assert.Equal(t, lastEntry(t, s).RequestID, id)
}

func TestSeedFillsOnlyAnEmptySandbox(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.SetTimeScale(0))
	require.NoError(t, s.Seed(t.Context(), example()))
	stopWeb(t, config(s), 0)
	require.NoError(t, s.Close())

	again, err := sandbox.Open(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, again.Close()) }()
	require.NoError(t, again.Seed(t.Context(), example()))
	assert.Zero(t, describe(t, ecs.NewFromConfig(config(again)), "gzs-web").DesiredCount)
	entries, err := again.Journal()
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	_, err = s.Journal()
	require.Error(t, err, "a closed handle says so")
}

func TestNegativeTimeScaleIsRefused(t *testing.T) {
	require.ErrorContains(t, open(t, t.TempDir()).SetTimeScale(-1), "0 or more")
}

func TestSnapshotContentIsTheSameAfterEverythingIsPutBack(t *testing.T) {
	s, cfg := seeded(t)
	now := newClock(s)
	content := func() map[string]string {
		snap, err := s.Snapshot()
		require.NoError(t, err)
		c, err := snap.Content()
		require.NoError(t, err)
		return c
	}
	before := content()
	require.Contains(t, before, "cloudfront:distribution/E2TEST")
	c := cloudfront.NewFromConfig(cfg)
	config, etag := distributionConfig(t, c)
	now.move(time.Minute)
	out, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: withErrorPage(config, "/maintenance/x"), IfMatch: aws.String(etag)})
	require.NoError(t, err)
	stopWeb(t, cfg, 0)
	assert.NotEqual(t, before, content())
	now.move(time.Minute)
	_, err = c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: config, IfMatch: out.ETag})
	require.NoError(t, err)
	stopWeb(t, cfg, 3)
	assert.Equal(t, before, content())
	snap, err := s.Snapshot()
	require.NoError(t, err)
	assert.Len(t, snap.Journal, 4)
	for key := range snap.Resources {
		assert.False(t, strings.HasPrefix(key, "sandbox:") || strings.HasPrefix(key, "sesv2:mail/"), key)
	}
}

func TestTornLastLineIsDroppedAndOverwritten(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.Seed(t.Context(), example()))
	require.NoError(t, s.SetTimeScale(0))
	stopWeb(t, config(s), 2)
	path := filepath.Join(dir, "log.jsonl")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	last := lines[len(lines)-1]
	for cut := 0; cut < len(last); cut += 13 {
		torn := string(whole[:len(whole)-len(last)-1]) + last[:cut]
		other := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(other, "log.jsonl"), []byte(torn), 0o600))
		s, err := sandbox.Open(other)
		require.NoError(t, err)
		entries, err := s.Journal()
		require.NoError(t, err)
		require.Empty(t, entries, "the half-written operation never happened")
		if cut%130 == 0 {
			stopWeb(t, config(s), 1)
			require.EqualValues(t, 1, describe(t, ecs.NewFromConfig(config(s)), "gzs-web").DesiredCount)
		}
		require.NoError(t, s.Close())
	}
}

func TestDamageInTheMiddleIsAnErrorThatSaysWhere(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "log.jsonl"), []byte("{}\nnonsense\n{}\n"), 0o600))
	_, err := sandbox.Open(dir)
	require.ErrorContains(t, err, "damaged at byte 3")
}

func TestMailFileIsWrittenAgainWhenItIsMissing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.Seed(t.Context(), example()))
	sendOne(t, config(s), "件名")
	mails, err := s.Mails()
	require.NoError(t, err)
	require.NoError(t, os.Remove(mails[0].File), "as if the process had been killed before it wrote the file")
	other := open(t, dir)
	again, err := other.Mails()
	require.NoError(t, err)
	assert.FileExists(t, again[0].File)
}

func TestOperationsAreFast(t *testing.T) {
	_, cfg := seeded(t)
	c := cloudfront.NewFromConfig(cfg)
	started := time.Now()
	const rounds = 100
	for range rounds {
		config, etag := distributionConfig(t, c)
		_, err := c.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: distribution, DistributionConfig: config, IfMatch: aws.String(etag)})
		require.NoError(t, err)
	}
	each := time.Since(started) / (2 * rounds)
	t.Logf("%v for each operation, the SDK's own work included", each)
	assert.Less(t, each, 20*time.Millisecond, "generous, as the machine may be busy")
}
