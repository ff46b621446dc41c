package activities

import (
	"bytes"
	"io"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPageSaysWhatWhenAndThatItIsPlanned(t *testing.T) {
	b := newBench(t)
	body, err := renderPage(b.system, MaintenancePage{
		Title: "定期保守 <script>alert(1)</script>", Reason: "更新 & 点検",
		Start: time.Date(2027, 1, 23, 13, 0, 0, 0, time.UTC), End: time.Date(2027, 1, 23, 17, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	page := string(body)
	for _, part := range []string{
		`<html lang="ja">`, "計画メンテナンス", "定期保守 &lt;script&gt;", "更新 &amp; 点検", "2027年1月23日(土) 22:00", "2027年1月24日(日) 02:00",
		"日本時間", "tejun-maintenance", b.system.Name.Ja,
	} {
		assert.Contains(t, page, part)
	}
	assert.NotContains(t, page, "<script")
	assert.NotContains(t, page, "http://")
	assert.NotContains(t, page, "https://")
	if out := os.Getenv("TEJUN_SHOW_PAGE"); out != "" {
		require.NoError(t, os.WriteFile(out, body, 0o600))
	}
	_, err = renderPage(b.system, MaintenancePage{Title: "x"})
	requireType(t, err, InvalidInput)
}

func TestPageStaysInItsBucketAndBelowItsPrefix(t *testing.T) {
	b := newBench(t)
	for _, key := range []string{"index.html", "maintenance/../index.html", "maintenance//x.html", "/maintenance/x.html", ""} {
		_, err := try(b, b.set.S3.PlanS3MaintenancePage, MaintenancePage{
			Bucket: b.system.Maintenance.Bucket, Key: key, Title: "t", Start: time.Now(), End: time.Now(),
		})
		requireType(t, err, InvalidInput)
	}
	_, err := try(b, b.set.S3.PlanS3MaintenancePage, MaintenancePage{Bucket: "another", Key: "maintenance/x.html", Title: "t", Start: time.Now(), End: time.Now()})
	requireType(t, err, InvalidInput)
}

func TestPageIsMarkedAsTheRunsOwn(t *testing.T) {
	c, b := s3Changing(), newBench(t)
	change, err := c.plan(b)
	require.NoError(t, err)
	require.NoError(t, c.apply(b, Ref(change)))
	out, err := s3.NewFromConfig(b.cfg).GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: &b.system.Maintenance.Bucket, Key: aws.String("maintenance/" + b.operation + ".html"),
	})
	require.NoError(t, err)
	assert.Equal(t, b.operation, out.Metadata[ownerKey])
	assert.Equal(t, "text/html; charset=utf-8", *out.ContentType)
	assert.Equal(t, "no-store", *out.CacheControl)
}

func TestPageThatWasThereBeforeComesBack(t *testing.T) {
	c, b := s3Changing(), newBench(t)
	require.NoError(t, c.meddle(b))
	change, err := c.plan(b)
	require.NoError(t, err)
	require.NoError(t, c.apply(b, Ref(change)))
	require.NoError(t, c.revert(b, Ref(change)))
	out, err := s3.NewFromConfig(b.cfg).GetObject(t.Context(), &s3.GetObjectInput{
		Bucket: &b.system.Maintenance.Bucket, Key: aws.String("maintenance/" + b.operation + ".html"),
	})
	require.NoError(t, err)
	body, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	assert.True(t, bytes.Equal([]byte("by hand"), body))
	assert.Equal(t, "text/plain", *out.ContentType)
}
