package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"tejun/internal/plan"
)

// largestBuild is the largest object that a release reads.
const largestBuild = 64 << 20

// StaticRelease is files that the site is to show, by their paths below Prefix, and where they lie now.
type StaticRelease struct {
	Bucket string            `json:"bucket"` // versioned
	Prefix string            `json:"prefix"` // such as "guide/"
	Builds string            `json:"builds"` // bucket that they lie in
	Source string            `json:"source"` // prefix there
	Files  map[string]string `json:"files"`  // path → SHA-256 in hex
}

// StaticPlan asks for the plan of a release.
type StaticPlan struct {
	Operation string `json:"operation"`
	StaticRelease
}

// StaticChange puts planned files in place, or brings back what was there.
type StaticChange struct {
	Operation string `json:"operation"`
	StaticRelease
	Change ChangeRef `json:"change"`
}

// BuildRef names an object of the bucket of builds.
type BuildRef struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// BuildFound is a version of such an object.
type BuildFound struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"` // in base64, as Lambda writes it
	Bytes   int    `json:"bytes"`
}

// s3VersionsAPI is the calls used.
type s3VersionsAPI interface {
	s3API
	GetBucketVersioning(context.Context, *s3.GetBucketVersioningInput, ...func(*s3.Options)) (*s3.GetBucketVersioningOutput, error)
}

// S3Releases reads what was built, and puts files of the site in place.
type S3Releases struct {
	client  s3VersionsAPI
	changes changer
}

// HashS3Build finds the present version of what was built, and its hash. Versions never change.
func (a *S3Releases) HashS3Build(ctx context.Context, in BuildRef) (BuildFound, error) {
	if err := a.versioned(ctx, in.Bucket); err != nil {
		return BuildFound{}, err
	}
	o, err := a.get(ctx, in.Bucket, in.Key, "")
	if err != nil {
		return BuildFound{}, err
	}
	if !o.there {
		return BuildFound{}, fail(NotFound, "there is no s3://%s/%s: let the build put it there, or mend the input", in.Bucket, in.Key)
	}
	sum := sha256.Sum256(o.body)
	return BuildFound{Version: o.version, SHA256: base64.StdEncoding.EncodeToString(sum[:]), Bytes: len(o.body)}, nil
}

func (a *S3Releases) versioned(ctx context.Context, bucket string) error {
	out, err := a.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &bucket})
	if err != nil {
		return Classify(err, "read whether the bucket "+bucket+" keeps versions")
	}
	if out.Status != types.BucketVersioningStatusEnabled {
		return fail(InvalidInput, "the bucket %s keeps no versions, so nothing in it could be brought back: enable versioning", bucket)
	}
	return nil
}

// staticFile is a file of the site. Its version says where its content can be had again.
type staticFile struct {
	Path    string `json:"path"`
	Exists  bool   `json:"exists"`
	SHA256  string `json:"sha256"` // hex
	Version string `json:"version,omitempty"`
}

// PlanS3Static plans the files. What lies in the bucket of builds must be what the input says.
func (a *S3Releases) PlanS3Static(ctx context.Context, in StaticPlan) (plan.Change, error) {
	if err := a.versioned(ctx, in.Bucket); err != nil {
		return plan.Change{}, err
	}
	for _, path := range slices.Sorted(maps.Keys(in.Files)) {
		if _, err := a.built(ctx, in.StaticRelease, path); err != nil {
			return plan.Change{}, err
		}
	}
	title := fmt.Sprintf("S3 %s/%s: 静的コンテンツ %d 件を配置", in.Bucket, in.Prefix, len(in.Files))
	return a.object(in.StaticRelease).planAgain(ctx, in.Operation, title, func(parts map[string]staticFile) any {
		shown := map[string]string{}
		for path, f := range parts {
			if f.Exists {
				shown[path] = f.SHA256
			}
		}
		return shown
	})
}

// PutS3Static puts the files in place, each as a new version.
func (a *S3Releases) PutS3Static(ctx context.Context, in StaticChange) (struct{}, error) {
	o := a.object(in.StaticRelease)
	if err := o.begin(ctx, in.Operation, in.Change, as); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, o.apply(ctx, in.Operation, in.Change)
}

// RevertS3Static brings the content of the earlier versions back, as new versions, and hides files that were not there.
func (a *S3Releases) RevertS3Static(ctx context.Context, in StaticChange) (struct{}, error) {
	return struct{}{}, a.object(in.StaticRelease).revert(ctx, in.Operation, in.Change)
}

// CheckS3Static makes sure that the files are there as approved.
func (a *S3Releases) CheckS3Static(ctx context.Context, in StaticChange) (struct{}, error) {
	return struct{}{}, a.object(in.StaticRelease).stays(ctx, in.Operation, in.Change)
}

func (a *S3Releases) object(in StaticRelease) object[staticFile] {
	return object[staticFile]{
		changer:  a.changes,
		resource: "s3:" + in.Bucket + "/" + in.Prefix,
		read: func(ctx context.Context) (map[string]staticFile, map[string]string, error) {
			parts, etags := map[string]staticFile{}, map[string]string{}
			for _, path := range slices.Sorted(maps.Keys(in.Files)) {
				o, err := a.get(ctx, in.Bucket, in.Prefix+path, "")
				if err != nil {
					return nil, nil, err
				}
				parts[path], etags[path] = staticFile{Path: path, Exists: o.there, SHA256: o.hex(), Version: o.version}, o.etag
			}
			return parts, etags, nil
		},
		change: func(f staticFile) (staticFile, error) {
			return staticFile{Path: f.Path, Exists: true, SHA256: in.Files[f.Path]}, nil
		},
		write: func(ctx context.Context, parts map[string]staticFile, etags map[string]string) error {
			for path, f := range parts { // one at a time, see batch
				if err := a.write(ctx, in, path, f, etags[path]); err != nil {
					return err
				}
			}
			return nil
		},
		whole: func(f staticFile) any { return []any{f.Exists, f.SHA256} },
		show:  func(f staticFile) any { return f },
	}
}

// write puts one file: from the builds, or, if it has a version, from that version. It carries the ETag of what was read, so that a
// file that somebody else has put there stays.
func (a *S3Releases) write(ctx context.Context, in StaticRelease, path string, f staticFile, etag string) error {
	key := in.Prefix + path
	doing := "write s3://" + in.Bucket + "/" + key
	match, none := &etag, (*string)(nil)
	if etag == "" {
		match, none = nil, aws.String("*")
	}
	if !f.Exists {
		_, err := a.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &in.Bucket, Key: &key, IfMatch: match})
		return Classify(err, doing)
	}
	from, err := a.built(ctx, in, path)
	if f.Version != "" {
		from, err = a.get(ctx, in.Bucket, key, f.Version)
	}
	if err != nil {
		return err
	}
	if from.hex() != f.SHA256 {
		return fail(Drifted, "%s: its source has the SHA-256 %s, not %s; nothing was written", doing, from.hex(), f.SHA256)
	}
	put := &s3.PutObjectInput{
		Bucket: &in.Bucket, Key: &key, Body: bytes.NewReader(from.body), ContentLength: aws.Int64(int64(len(from.body))),
		ContentType: from.contentType, CacheControl: from.cacheControl, Metadata: from.metadata, IfMatch: match, IfNoneMatch: none,
	}
	_, err = a.client.PutObject(ctx, put)
	return Classify(err, doing)
}

// built reads a file from the builds. It must be what the input says.
func (a *S3Releases) built(ctx context.Context, in StaticRelease, path string) (content, error) {
	o, err := a.get(ctx, in.Builds, in.Source+path, "")
	switch {
	case err != nil:
		return o, err
	case !o.there:
		return o, fail(NotFound, "there is no s3://%s/%s%s: let the build put it there, or mend the input", in.Builds, in.Source, path)
	case o.hex() != in.Files[path]:
		return o, fail(InvalidInput, "s3://%s/%s%s has the SHA-256 %s, and the release is for %s: it was built anew; ask for a release of what is there", in.Builds, in.Source, path, o.hex(), in.Files[path])
	}
	return o, nil
}

// content is an object as it was read.
type content struct {
	there                     bool
	body                      []byte
	etag, version             string
	contentType, cacheControl *string
	metadata                  map[string]string
}

// hex is the SHA-256, "" of what is not there.
func (c content) hex() string {
	if !c.there {
		return ""
	}
	sum := sha256.Sum256(c.body)
	return hex.EncodeToString(sum[:])
}

// get reads an object, or a version of it. One that is not there is no error.
func (a *S3Releases) get(ctx context.Context, bucket, key, version string) (content, error) {
	in := &s3.GetObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	doing := "read s3://" + bucket + "/" + key
	out, err := a.client.GetObject(ctx, in)
	if code := errorCode(err); version == "" && (code == "NoSuchKey" || code == "NotFound") {
		return content{}, nil
	}
	if err != nil {
		return content{}, Classify(err, doing)
	}
	defer func() { _ = out.Body.Close() }() // it was read to its end; nothing is lost
	body, err := io.ReadAll(io.LimitReader(out.Body, largestBuild+1))
	if err != nil {
		return content{}, Classify(err, doing)
	}
	if len(body) > largestBuild {
		return content{}, fail(InvalidInput, "%s: it has more than %d bytes, which a release does not read", doing, largestBuild)
	}
	return content{
		there: true, body: body, etag: aws.ToString(out.ETag), version: aws.ToString(out.VersionId),
		contentType: out.ContentType, cacheControl: out.CacheControl, metadata: out.Metadata,
	}, nil
}
