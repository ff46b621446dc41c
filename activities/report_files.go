package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tejun/internal/records"
	"tejun/internal/system"
)

// reportObjects is the calls used.
type reportObjects interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Reports writes the reports of incidents and of disasters, and keeps them in S3.
type Reports struct {
	client  reportObjects
	records fenceStore
	system  func() (*system.System, error)
	ui      string // address of the Temporal UI, "" if there is none
}

// The metadata by which a report is known again, the most that one may be, and what the files are.
const (
	contentKey    = "tejun-content"
	largestReport = 8 << 20
	wordType      = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	sheetType     = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	htmlType      = "text/html; charset=utf-8"
)

// reportFile is a file of a report.
type reportFile struct {
	operation, bucket, key string
	region                 string // of the bucket; "" for the system's own
	content                string // hash of what the file is made of: the same may be written in other bytes
	mediaType              string
	write                  func() ([]byte, error)
}

func (f reportFile) place() string { return "s3://" + f.bucket + "/" + f.key }

// bucketRegion lets a call go to another region than the client's own; "" for that one.
func bucketRegion(region string) func(*s3.Options) {
	return func(o *s3.Options) {
		if region != "" {
			o.Region = region
		}
	}
}

// keep puts a file where it belongs and reads it back. One of the same content that this run has put there before is taken as it
// is; something that somebody else has put there stays.
func (a *Reports) keep(ctx context.Context, f reportFile) (records.Document, error) {
	if err := fence(ctx, a.records, f.operation+"/"+f.place()); err != nil {
		return records.Document{}, err
	}
	there, etag, err := a.read(ctx, f)
	if err != nil {
		return records.Document{}, err
	}
	if etag != "" {
		switch {
		case there.metadata[ownerKey] != f.operation:
			return records.Document{}, fail(Drifted, "%s is there already and is not of this run: move it away, then answer retry", f.place())
		case there.metadata[contentKey] == f.content:
			return there.document(f.place()), nil
		}
	}
	body, err := f.write()
	if err != nil {
		return records.Document{}, fail(InvalidInput, "%v", err)
	}
	put := &s3.PutObjectInput{
		Bucket: &f.bucket, Key: &f.key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))), ContentType: &f.mediaType,
		Metadata: map[string]string{ownerKey: f.operation, contentKey: f.content},
	}
	if etag != "" {
		put.IfMatch = &etag
	} else {
		put.IfNoneMatch = aws.String("*")
	}
	if _, err := a.client.PutObject(ctx, put, bucketRegion(f.region)); err != nil {
		return records.Document{}, Classify(err, "write "+f.place())
	}
	back, _, err := a.read(ctx, f)
	if err != nil {
		return records.Document{}, err
	}
	if !bytes.Equal(back.body, body) {
		return records.Document{}, fail(Conflict, "%s reads other than it was written: it is looked at again", f.place())
	}
	return back.document(f.place()), nil
}

// storedReport is what lies in the bucket.
type storedReport struct {
	body     []byte
	metadata map[string]string
}

func (r storedReport) document(place string) records.Document {
	sum := sha256.Sum256(r.body)
	return records.Document{Location: place, SHA256: hex.EncodeToString(sum[:]), Bytes: len(r.body)}
}

// read returns "" for the ETag of an object that is not there.
func (a *Reports) read(ctx context.Context, f reportFile) (storedReport, string, error) {
	doing := "read " + f.place()
	out, err := a.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &f.bucket, Key: &f.key}, bucketRegion(f.region))
	if err != nil {
		// Without permission to list the bucket a missing object is answered with 403, which stays an error.
		if code := errorCode(err); code == "NoSuchKey" || code == "NotFound" {
			return storedReport{}, "", nil
		}
		return storedReport{}, "", Classify(err, doing)
	}
	defer func() { _ = out.Body.Close() }() // it was read to its end; nothing is lost
	body, err := io.ReadAll(io.LimitReader(out.Body, largestReport+1))
	if err != nil {
		return storedReport{}, "", Classify(err, doing)
	}
	if len(body) > largestReport {
		return storedReport{}, "", fail(InvalidInput, "%s: it has more than %d bytes, so it is no report", doing, largestReport)
	}
	return storedReport{body, out.Metadata}, aws.ToString(out.ETag), nil
}

// personName is a person's name in Japanese, or the ID if the description knows nobody of that ID.
func personName(s *system.System) func(id string) string {
	return func(id string) string {
		if p, known := s.Person(id); known {
			return p.Name.Ja
		}
		return id
	}
}
