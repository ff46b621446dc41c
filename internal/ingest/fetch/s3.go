package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"tejun/internal/ingest/record"
)

// S3API is the call used.
type S3API interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// resumes is how often a stream that breaks off is taken up again without a byte in between.
const resumes = 5

// resumePause is how long it waits before that, times the number of the attempt; a variable for tests.
var resumePause = 200 * time.Millisecond

// S3 is an object. When the stream breaks off it is taken up again at the same place, of the same content only: an object
// that was overwritten in between is an error.
func S3(ctx context.Context, client S3API, bucket, key string, expect Expect) (*Stream, error) {
	name := "s3://" + bucket + "/" + key
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	body := &resuming{ctx: ctx, client: client, bucket: bucket, key: key, name: name, etag: aws.ToString(out.ETag), length: length, body: out.Body}
	s, err := newStream(ctx, name, length, body, expect)
	if err != nil {
		return nil, err
	}
	s.Version = body.etag
	return s, nil
}

// resuming is the body of an object.
type resuming struct {
	ctx                     context.Context //nolint:containedctx // of the fetch, as in Stream
	client                  S3API
	bucket, key, name, etag string
	length, at              int64
	body                    io.ReadCloser
	failures                int
}

func (r *resuming) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 {
			r.failures = 0
		}
		early := errors.Is(err, io.EOF) && r.length >= 0 && r.at < r.length
		if err == nil || errors.Is(err, io.EOF) && !early {
			return n, err //nolint:wrapcheck // the end of the stream
		}
		if early {
			err = io.ErrUnexpectedEOF
		}
		if again := r.resume(err); again != nil {
			return n, again
		}
		if n > 0 {
			return n, nil
		}
	}
}

// resume opens the rest of the object.
func (r *resuming) resume(cause error) error {
	if r.failures++; r.failures > resumes || r.etag == "" || r.ctx.Err() != nil {
		return cause
	}
	select {
	case <-time.After(time.Duration(r.failures) * resumePause):
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
	_ = r.body.Close() // it has failed already
	out, err := r.client.GetObject(r.ctx, &s3.GetObjectInput{
		Bucket: &r.bucket, Key: &r.key, IfMatch: &r.etag, Range: aws.String(fmt.Sprintf("bytes=%d-", r.at)),
	})
	var api smithy.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == "PreconditionFailed":
		r.body = io.NopCloser(failing{err})
		return &record.FileError{Reason: r.name + " was overwritten while it was read", Cause: err}
	case err != nil:
		r.body = io.NopCloser(failing{err})
		return nil //nolint:nilerr // the next read fails with it, and tries again until the attempts are used up
	}
	r.body = out.Body
	if got := aws.ToString(out.ETag); got != r.etag {
		return record.Refuse("%s was overwritten while it was read", r.name)
	}
	if want := fmt.Sprintf("bytes %d-%d/%d", r.at, r.length-1, r.length); aws.ToString(out.ContentRange) != want {
		return fmt.Errorf("the store answered the range %q for %q of %s", aws.ToString(out.ContentRange), want, r.name)
	}
	return nil
}

func (r *resuming) Close() error { return r.body.Close() } //nolint:wrapcheck // Stream says what was being closed

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
