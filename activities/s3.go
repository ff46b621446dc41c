package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tejun/internal/plan"
	"tejun/internal/system"
)

// MaintenancePage is the page that visitors see. Its text is made from these fields alone, so that the plan shows it.
type MaintenancePage struct {
	Bucket string    `json:"bucket"`
	Key    string    `json:"key"` // such as "maintenance/3f2a.html"; below the path prefix of system.yaml
	Title  string    `json:"title"`
	Reason string    `json:"reason"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
}

// PageChange puts a planned page in place, or takes it away.
type PageChange struct {
	Operation string `json:"operation"`
	MaintenancePage
	Change ChangeRef `json:"change"`
}

// ownerKey marks what a run has made.
const ownerKey = "tejun-operation"

// largestPage is the largest object that is read; a maintenance page has some kilobytes.
const largestPage = 1 << 20

// s3API is the calls used.
type s3API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	DeleteObject(context.Context, *s3.DeleteObjectInput, ...func(*s3.Options)) (*s3.DeleteObjectOutput, error)
}

// S3 keeps the maintenance page and the undo scripts of repairs.
type S3 struct {
	client  s3API
	changes changer
	system  func() (*system.System, error)
}

// page is an object in a bucket, or the absence of one.
type page struct {
	Exists       bool              `json:"exists"`
	Body         []byte            `json:"body"`
	ContentType  string            `json:"contentType"`
	CacheControl string            `json:"cacheControl"`
	Metadata     map[string]string `json:"metadata"`
}

// PlanS3MaintenancePage plans the page.
func (a *S3) PlanS3MaintenancePage(ctx context.Context, in MaintenancePage) (plan.Change, error) {
	object, err := a.object(in, "")
	if err != nil {
		return plan.Change{}, err
	}
	title := fmt.Sprintf("S3 %s: メンテナンスページ %s を配置", in.Bucket, in.Key)
	return object.makePlan(ctx, title, func(parts map[string]page) any { return showPage(parts[in.Key]) })
}

// PutS3MaintenancePage puts the page in place.
func (a *S3) PutS3MaintenancePage(ctx context.Context, in PageChange) (struct{}, error) {
	object, err := a.object(in.MaintenancePage, in.Operation)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, object.apply(ctx, in.Operation, in.Change)
}

// DeleteS3MaintenancePage takes the page away, or puts back what had been there.
func (a *S3) DeleteS3MaintenancePage(ctx context.Context, in PageChange) (struct{}, error) {
	object, err := a.object(in.MaintenancePage, in.Operation)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, object.revert(ctx, in.Operation, in.Change)
}

func (a *S3) object(in MaintenancePage, operation string) (object[page], error) {
	body, err := a.render(in)
	if err != nil {
		return object[page]{}, err
	}
	name := "s3://" + in.Bucket + "/" + in.Key
	return object[page]{
		changer:  a.changes,
		resource: "s3:" + in.Bucket + "/" + in.Key,
		read: func(ctx context.Context) (map[string]page, map[string]string, error) {
			p, etag, err := a.read(ctx, in.Bucket, in.Key)
			if err != nil {
				return nil, nil, Classify(err, "read "+name)
			}
			return single(in.Key, p, etag)
		},
		change: func(page) (page, error) {
			return page{
				Exists: true, Body: body, ContentType: "text/html; charset=utf-8",
				CacheControl: "no-store", // or the page would outlive the outage
				Metadata:     map[string]string{ownerKey: operation},
			}, nil
		},
		write: func(ctx context.Context, parts map[string]page, etags map[string]string) error {
			return Classify(a.write(ctx, in.Bucket, in.Key, parts[in.Key], etags[in.Key]), "write "+name)
		},
		whole: func(p page) any { // the plan is made before there is an operation, so the owner is no part of it
			p.Metadata = nil
			return p
		},
		show: func(p page) any { return showPage(p) },
	}, nil
}

func (a *S3) read(ctx context.Context, bucket, key string) (page, string, error) {
	return a.readUpTo(ctx, bucket, key, largestPage)
}

func (a *S3) readUpTo(ctx context.Context, bucket, key string, most int) (page, string, error) {
	out, err := a.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		// Without permission to list the bucket a missing object is answered with 403, which stays an error.
		if code := errorCode(err); code == "NoSuchKey" || code == "NotFound" {
			return page{}, "", nil
		}
		return page{}, "", err
	}
	defer func() { _ = out.Body.Close() }() // it was read to its end; nothing is lost
	body, err := io.ReadAll(io.LimitReader(out.Body, int64(most)+1))
	if err != nil {
		return page{}, "", err
	}
	if len(body) > most {
		return page{}, "", fail(InvalidInput, "s3://%s/%s has more than %d bytes, so it is not what a run puts there: choose another key", bucket, key, most)
	}
	return page{
		Exists: true, Body: body, ContentType: aws.ToString(out.ContentType),
		CacheControl: aws.ToString(out.CacheControl), Metadata: out.Metadata,
	}, aws.ToString(out.ETag), nil
}

// write carries the ETag of what was read, so that an object that somebody else has put there stays.
func (a *S3) write(ctx context.Context, bucket, key string, p page, etag string) error {
	match, none := &etag, (*string)(nil)
	if etag == "" {
		match, none = nil, aws.String("*")
	}
	if !p.Exists {
		_, err := a.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: &key, IfMatch: match})
		return err
	}
	in := &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: bytes.NewReader(p.Body), ContentLength: aws.Int64(int64(len(p.Body))),
		ContentType: &p.ContentType, Metadata: p.Metadata,
		IfMatch: match, IfNoneMatch: none,
	}
	if p.CacheControl != "" {
		in.CacheControl = &p.CacheControl
	}
	_, err := a.client.PutObject(ctx, in)
	return err
}

// render checks the fields and makes the page. The key must lie below the prefix of system.yaml.
func (a *S3) render(in MaintenancePage) ([]byte, error) {
	s, err := describe(a.system)
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimPrefix(s.Maintenance.PathPrefix, "/")
	if in.Bucket != s.Maintenance.Bucket || prefix == "" || !strings.HasPrefix(in.Key, prefix) || path.Clean(in.Key) != in.Key {
		return nil, fail(InvalidInput, "s3://%s/%s: a maintenance page lies in the bucket %s below %s", in.Bucket, in.Key, s.Maintenance.Bucket, prefix)
	}
	return renderPage(s, in)
}

var (
	pageHead = regexp.MustCompile(`(?is)<head\b.*?</head>`)
	pageTags = regexp.MustCompile(`(?s)<[^>]*>`)
)

// showPage is what people see of an object in a plan: its text without markup, and the hash of all of it.
func showPage(p page) any {
	if !p.Exists {
		return nil
	}
	text := pageTags.ReplaceAllString(pageHead.ReplaceAllString(string(p.Body), ""), "\n")
	lines := slices.DeleteFunc(strings.Split(html.UnescapeString(text), "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	sum := sha256.Sum256(p.Body)
	return map[string]any{
		"ContentType": p.ContentType, "CacheControl": p.CacheControl, "SHA256": hex.EncodeToString(sum[:]), "Text": lines,
	}
}
