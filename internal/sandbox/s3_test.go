package sandbox_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

var bucket = aws.String("gzs-test-maintenance")

func TestObjectComesBackAsItWasPut(t *testing.T) {
	s, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	key, body := aws.String("maintenance/計画停止.html"), "<!doctype html>計画停止\x00\xff"
	put, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: bucket, Key: key, Body: strings.NewReader(body), ContentType: aws.String("text/html; charset=utf-8"),
		CacheControl: aws.String("no-store"), Metadata: map[string]string{"Tejun-Operation": "op-1"},
	})
	require.NoError(t, err)
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	require.NoError(t, err)
	data, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	assert.Equal(t, body, string(data))
	assert.Equal(t, "text/html; charset=utf-8", *got.ContentType)
	assert.Equal(t, "no-store", *got.CacheControl)
	assert.Equal(t, map[string]string{"tejun-operation": "op-1"}, got.Metadata)
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: key, IfMatch: put.ETag})
	require.NoError(t, err)
	assert.Equal(t, *put.ETag, *head.ETag)
	assert.EqualValues(t, len(body), *head.ContentLength)
	params := string(lastEntry(t, s).Params)
	assert.Contains(t, params, `"BodySHA256"`)
	assert.NotContains(t, params, "doctype")
}

func TestBrokenDownloadGoesOnWhereItEnded(t *testing.T) {
	_, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	key := aws.String("maintenance/a")
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("0123456789")})
	require.NoError(t, err)
	from := func(header string) (*s3.GetObjectOutput, error) {
		return c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key, Range: &header})
	}
	got, err := from("bytes=7-")
	require.NoError(t, err)
	rest, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	assert.Equal(t, "789", string(rest))
	assert.Equal(t, "bytes 7-9/10", *got.ContentRange)
	assert.EqualValues(t, 3, *got.ContentLength)
	_, err = from("bytes=10-")
	require.ErrorContains(t, err, "InvalidRange")
	for _, unknown := range []string{"bytes=-3", "bytes=1-2", "bytes=1-,4-", "lines=1-"} {
		_, err = from(unknown)
		require.ErrorContains(t, err, "NotImplemented", unknown)
	}
}

func TestBodyIsReadAgainWhenTheSDKRetries(t *testing.T) {
	s, _ := seeded(t)
	cfg := aws.Config{}
	s.Configure(&cfg)
	c := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.RetryMaxAttempts = 3
	})
	require.NoError(t, s.AddFault(sandbox.Fault{Service: "s3", Operation: "PutObject", Kind: sandbox.FaultExecutedThenTimeout}))
	reader := bytes.NewReader([]byte("skipped,kept"))
	_, err := reader.Seek(8, io.SeekStart)
	require.NoError(t, err)
	_, err = c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: reader})
	require.NoError(t, err)
	o, found, err := s.Object(*bucket, "k")
	require.NoError(t, err)
	require.True(t, found)
	assert.Equal(t, "kept", string(o.Body))
	entries, err := s.Journal()
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, sandbox.OutcomeTimedOut, entries[0].Outcome)
	assert.Equal(t, sandbox.OutcomeOK, entries[1].Outcome)
}

func TestObjectConditions(t *testing.T) {
	_, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	put := func(in s3.PutObjectInput) error {
		in.Bucket, in.Key, in.Body = bucket, aws.String("k"), strings.NewReader("x")
		_, err := c.PutObject(t.Context(), &in)
		return err
	}
	require.ErrorContains(t, put(s3.PutObjectInput{IfMatch: aws.String(`"0"`)}), "NoSuchKey")
	require.NoError(t, put(s3.PutObjectInput{IfNoneMatch: aws.String("*")}))
	err := put(s3.PutObjectInput{IfNoneMatch: aws.String("*")})
	require.ErrorContains(t, err, "PreconditionFailed")
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, 412, response.HTTPStatusCode())
	assert.NotEmpty(t, response.ServiceRequestID())
	require.ErrorContains(t, put(s3.PutObjectInput{IfMatch: aws.String(`"0"`)}), "PreconditionFailed")
	_, err = c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("k"), IfMatch: aws.String(`"0"`)})
	require.ErrorContains(t, err, "PreconditionFailed")
}

func TestDeleteOfNothingIsASuccessWithoutEffect(t *testing.T) {
	s, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("x")})
	require.NoError(t, err)
	for _, effect := range []bool{true, false} {
		_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("k")})
		require.NoError(t, err)
		assert.Equal(t, effect, lastEntry(t, s).Effect)
	}
}

func TestMissingObjectsAndBuckets(t *testing.T) {
	_, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
	var noKey *types.NoSuchKey
	require.ErrorAs(t, err, &noKey)
	_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("none")})
	var notFound *types.NotFound
	require.ErrorAs(t, err, &notFound)
	_, err = c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("none"), Key: aws.String("k")})
	var noBucket *types.NoSuchBucket
	require.ErrorAs(t, err, &noBucket)
	_, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("none")})
	require.ErrorAs(t, err, &notFound)
	_, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket, ExpectedBucketOwner: aws.String("999999999999")})
	require.ErrorContains(t, err, "AccessDenied")
	_, err = s3.NewFromConfig(in(cfg, "eu-west-1")).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket})
	require.ErrorContains(t, err, "PermanentRedirect")
	head, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket})
	require.NoError(t, err)
	assert.Equal(t, "ap-northeast-1", *head.BucketRegion)
}

func TestListObjectsFoldsFoldersAndPages(t *testing.T) {
	_, cfg := seeded(t)
	c := s3.NewFromConfig(cfg)
	for _, key := range []string{"a/1", "a/2", "b", "c/1", "d"} {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader(key)})
		require.NoError(t, err)
	}
	var got []string
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, p := range page.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
	}
	assert.ElementsMatch(t, []string{"a/", "b", "c/", "d"}, got)
	under, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a/"), StartAfter: aws.String("a/1")})
	require.NoError(t, err)
	require.Len(t, under.Contents, 1)
	assert.Equal(t, "a/2", *under.Contents[0].Key)
}
