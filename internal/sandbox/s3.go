package sandbox

import (
	"bytes"
	"crypto/md5" //nolint:gosec // an S3 ETag is the MD5 of the body; it guards nothing
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	bucketKind = "s3:bucket"
	objectKind = "s3:object"
	objectMax  = 8 << 20 // bytes; the log keeps every body, so a large one is a mistake
)

type bucket struct {
	Name      string
	Region    string
	Versioned bool `json:",omitempty"`
}

// Object is an S3 object.
type Object struct {
	Bucket             string
	Key                string
	Body               []byte
	ContentType        string
	CacheControl       string            `json:",omitempty"`
	ContentDisposition string            `json:",omitempty"`
	ContentEncoding    string            `json:",omitempty"`
	ContentLanguage    string            `json:",omitempty"`
	Metadata           map[string]string `json:",omitempty"`
	ETag               string            // with its quotes, as S3 writes it
	Version            ObjectVersion     `json:"version"`
}

// ObjectVersion is what moves with every write.
type ObjectVersion struct {
	Modified time.Time
	ID       string `json:",omitempty"` // in a versioned bucket
}

func s3Operations() map[string]operation {
	const condition = "Bucket Key VersionId ExpectedBucketOwner ChecksumMode IfMatch IfNoneMatch"
	return byName(
		handle(reads, "Bucket ExpectedBucketOwner", func(in *s3.HeadBucketInput) about { return about{bucketKind + "/" + val(in.Bucket), ""} }, headBucket),
		handle(reads, condition, func(in *s3.HeadObjectInput) about { return about{objectKey(in.Bucket, in.Key), ""} }, headObject),
		handle(reads, condition+" Range", func(in *s3.GetObjectInput) about { return about{objectKey(in.Bucket, in.Key), ""} }, getObject),
		handle(reads, "Bucket ExpectedBucketOwner", func(in *s3.GetBucketVersioningInput) about { return about{bucketKind + "/" + val(in.Bucket), ""} }, getBucketVersioning),
		handle(reads, "Bucket ExpectedBucketOwner Prefix MaxKeys KeyMarker", func(in *s3.ListObjectVersionsInput) about {
			return about{bucketKind + "/" + val(in.Bucket), ""}
		}, listObjectVersions),
		handle(reads, "Bucket ExpectedBucketOwner Prefix Delimiter MaxKeys ContinuationToken StartAfter", func(in *s3.ListObjectsV2Input) about {
			return about{bucketKind + "/" + val(in.Bucket), ""}
		}, listObjects),
		handle(writes, "Bucket Key Body CacheControl ChecksumAlgorithm ContentDisposition ContentEncoding ContentLanguage ContentLength ContentType ExpectedBucketOwner IfMatch IfNoneMatch Metadata",
			func(in *s3.PutObjectInput) about {
				return about{objectKey(in.Bucket, in.Key), orElse(val(in.IfMatch), val(in.IfNoneMatch))}
			}, putObject).showing(summariseBody),
		handle(writes, "Bucket Key ExpectedBucketOwner IfMatch", func(in *s3.DeleteObjectInput) about {
			return about{objectKey(in.Bucket, in.Key), val(in.IfMatch)}
		}, deleteObject),
	)
}

func objectKey(bucket, key *string) string { return objectKind + "/" + val(bucket) + "/" + val(key) }

// bodyOf is the body that the input carries, nil if none.
func bodyOf(params any) io.Reader {
	if in, ok := params.(*s3.PutObjectInput); ok {
		return in.Body
	}
	return nil
}

// heldBody is a body that has been read, so that it can be stored and described.
type heldBody struct{ data []byte }

func (heldBody) Read([]byte) (int, error) { return 0, io.EOF }

// withBody is the input with its body read. A body that can seek is read from where it started, so that a retry of the
// SDK reads all of it again.
func withBody(kept keptInput) (any, error) {
	in, ok := kept.params.(*s3.PutObjectInput)
	if !ok {
		return kept.params, nil
	}
	held := *in
	if in.Body == nil {
		held.Body = heldBody{}
		return &held, nil
	}
	if seeker, ok := in.Body.(io.Seeker); ok {
		if _, err := seeker.Seek(kept.body, io.SeekStart); err != nil {
			return nil, fmt.Errorf("sandbox: body of PutObject: %w", err)
		}
	}
	data, err := io.ReadAll(io.LimitReader(in.Body, objectMax+1))
	if err != nil {
		return nil, fmt.Errorf("sandbox: body of PutObject: %w", err)
	}
	if len(data) > objectMax {
		return nil, fail(http.StatusBadRequest, generic("EntityTooLarge", fmt.Sprintf("the sandbox keeps objects of at most %d bytes", objectMax)))
	}
	held.Body = heldBody{data}
	return &held, nil
}

// summariseBody is the input as the journal shows it: the body as size and hash.
func summariseBody(in any) any {
	put := *in.(*s3.PutObjectInput)
	data := put.Body.(heldBody).data
	put.Body = nil
	sum := sha256.Sum256(data)
	return struct {
		s3.PutObjectInput
		BodyBytes  int
		BodySHA256 string
	}{put, len(data), hex.EncodeToString(sum[:])}
}

func (c *call) bucket(name, owner *string) error {
	b, ok, err := get[bucket](c, bucketKind+"/"+val(name))
	if err != nil {
		return err
	}
	if !ok {
		return fail(http.StatusNotFound, &types.NoSuchBucket{Message: ptr("The specified bucket does not exist")})
	}
	if b.Region != c.region {
		return fail(http.StatusMovedPermanently, generic("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint: region "+b.Region))
	}
	set, err := c.settings()
	if err == nil && owner != nil && *owner != set.Account {
		err = fail(http.StatusForbidden, generic("AccessDenied", "Access Denied"))
	}
	return err
}

func headBucket(c *call, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	if err := c.bucket(in.Bucket, in.ExpectedBucketOwner); err != nil {
		if isCode(err, "NoSuchBucket") { // an answer to HEAD has no body, so the SDK only sees the status
			err = fail(http.StatusNotFound, &types.NotFound{Message: ptr("Not Found")})
		}
		return nil, err
	}
	return &s3.HeadBucketOutput{BucketRegion: ptr(c.region)}, nil
}

func (c *call) object(bucket, key, owner *string) (Object, bool, error) {
	if err := c.bucket(bucket, owner); err != nil {
		return Object{}, false, err
	}
	return get[Object](c, objectKey(bucket, key))
}

// readable is the object, or the version of it that is asked for.
func (c *call) readable(bucket, key, version, owner *string) (Object, bool, error) {
	o, ok, err := c.object(bucket, key, owner)
	if err == nil && version != nil {
		return c.objectVersion(bucket, key, version)
	}
	return o, ok, err
}

func sameETag(condition, etag string) bool {
	return condition == "*" || strings.Trim(condition, `"`) == strings.Trim(etag, `"`)
}

func readConditions(o Object, match, noneMatch *string) error {
	if match != nil && !sameETag(*match, o.ETag) {
		return preconditionFailed()
	}
	if noneMatch != nil && sameETag(*noneMatch, o.ETag) {
		return fail(http.StatusNotModified, generic("NotModified", "Not Modified"))
	}
	return nil
}

func preconditionFailed() error {
	return fail(http.StatusPreconditionFailed, generic("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"))
}

func headObject(c *call, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	o, ok, err := c.readable(in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
	if isCode(err, "NoSuchBucket") || err == nil && !ok {
		err = fail(http.StatusNotFound, &types.NotFound{Message: ptr("Not Found")})
	}
	if err == nil {
		err = readConditions(o, in.IfMatch, in.IfNoneMatch)
	}
	if err != nil {
		return nil, err
	}
	return &s3.HeadObjectOutput{
		ETag: ptr(o.ETag), ContentLength: ptr(int64(len(o.Body))), ContentType: ptr(o.ContentType), LastModified: ptr(o.Version.Modified),
		CacheControl: ptrUnlessEmpty(o.CacheControl), ContentDisposition: ptrUnlessEmpty(o.ContentDisposition),
		ContentEncoding: ptrUnlessEmpty(o.ContentEncoding), ContentLanguage: ptrUnlessEmpty(o.ContentLanguage),
		Metadata: o.Metadata, AcceptRanges: ptr("bytes"), ServerSideEncryption: types.ServerSideEncryptionAes256, VersionId: ptrUnlessEmpty(o.Version.ID),
	}, nil
}

func getObject(c *call, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	o, ok, err := c.readable(in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
	if err == nil && !ok {
		err = fail(http.StatusNotFound, &types.NoSuchKey{Message: ptr("The specified key does not exist.")})
	}
	if err == nil {
		err = readConditions(o, in.IfMatch, in.IfNoneMatch)
	}
	if err != nil {
		return nil, err
	}
	body, contentRange, err := ranged(o.Body, in.Range)
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectOutput{
		Body: io.NopCloser(bytes.NewReader(body)), ContentRange: contentRange,
		ETag: ptr(o.ETag), ContentLength: ptr(int64(len(body))), ContentType: ptr(o.ContentType), LastModified: ptr(o.Version.Modified),
		CacheControl: ptrUnlessEmpty(o.CacheControl), ContentDisposition: ptrUnlessEmpty(o.ContentDisposition),
		ContentEncoding: ptrUnlessEmpty(o.ContentEncoding), ContentLanguage: ptrUnlessEmpty(o.ContentLanguage),
		Metadata: o.Metadata, AcceptRanges: ptr("bytes"), ServerSideEncryption: types.ServerSideEncryptionAes256, VersionId: ptrUnlessEmpty(o.Version.ID),
	}, nil
}

// ranged cuts out what a Range header asks for. It knows the one form by which a broken download goes on: bytes=N-.
func ranged(body []byte, header *string) ([]byte, *string, error) {
	if header == nil {
		return body, nil, nil
	}
	text, open := strings.CutSuffix(*header, "-")
	text, bytes := strings.CutPrefix(text, "bytes=")
	from, err := strconv.Atoi(text)
	switch {
	case !open || !bytes || err != nil || from < 0:
		return nil, nil, fail(http.StatusNotImplemented, generic("NotImplemented", "the sandbox knows ranges of the form bytes=N- only, not "+*header))
	case from >= len(body):
		return nil, nil, fail(http.StatusRequestedRangeNotSatisfiable, generic("InvalidRange", "The requested range is not satisfiable"))
	}
	return body[from:], ptr(fmt.Sprintf("bytes %d-%d/%d", from, len(body)-1, len(body))), nil
}

// putObject always is an effect, even with the same content: S3 makes a new object of it.
func putObject(c *call, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	old, ok, err := c.object(in.Bucket, in.Key, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil && !ok {
		return nil, fail(http.StatusNotFound, &types.NoSuchKey{Message: ptr("The specified key does not exist.")})
	}
	if in.IfMatch != nil && !sameETag(*in.IfMatch, old.ETag) || in.IfNoneMatch != nil && ok && sameETag(*in.IfNoneMatch, old.ETag) {
		return nil, preconditionFailed()
	}
	body := in.Body.(heldBody).data
	sum := md5.Sum(body) //nolint:gosec // as above
	metadata := map[string]string{}
	for k, v := range in.Metadata {
		metadata[strings.ToLower(k)] = v // S3 gives names back in lower case
	}
	o := Object{
		Bucket: val(in.Bucket), Key: val(in.Key), Body: body, ContentType: orElse(val(in.ContentType), "application/octet-stream"),
		CacheControl: val(in.CacheControl), ContentDisposition: val(in.ContentDisposition),
		ContentEncoding: val(in.ContentEncoding), ContentLanguage: val(in.ContentLanguage),
		Metadata: metadata, ETag: `"` + hex.EncodeToString(sum[:]) + `"`, Version: ObjectVersion{Modified: c.at},
	}
	if o, err = c.store(o); err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{ETag: ptr(o.ETag), ServerSideEncryption: types.ServerSideEncryptionAes256, VersionId: ptrUnlessEmpty(o.Version.ID)}, nil
}

// deleteObject succeeds when there is no such object, as S3 does.
func deleteObject(c *call, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	old, ok, err := c.object(in.Bucket, in.Key, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil && (!ok || !sameETag(*in.IfMatch, old.ETag)) {
		return nil, preconditionFailed()
	}
	marker, err := c.drop(val(in.Bucket), val(in.Key))
	if marker != "" {
		return &s3.DeleteObjectOutput{VersionId: ptr(marker), DeleteMarker: ptr(true)}, err
	}
	return &s3.DeleteObjectOutput{}, err
}
