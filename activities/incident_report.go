package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tejun/internal/incidentreport"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
)

// IncidentReport is what a report is made of.
type IncidentReport struct {
	Operation string           `json:"operation"`
	Incident  records.Incident `json:"incident"`
	Problem   records.Problem  `json:"problem"`
	Now       time.Time        `json:"now"`
}

// reportObjects is the calls used.
type reportObjects interface {
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
}

// Reports writes the reports of incidents and keeps them in S3.
type Reports struct {
	client  reportObjects
	records fenceStore
	system  func() (*system.System, error)
}

// The metadata by which a report is known again, and the most that one may be.
const (
	contentKey    = "tejun-content"
	largestReport = 8 << 20
	wordType      = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
)

// PutS3IncidentReport writes 障害報告書 and puts it into the bucket of the description, under the incident's number. A report of
// the same content that this run has put there before is taken as it is; something that somebody else has put there stays.
func (a *Reports) PutS3IncidentReport(ctx context.Context, in IncidentReport) (records.Document, error) {
	if err := checkOperation(in.Operation); err != nil {
		return records.Document{}, err
	}
	s, err := describe(a.system)
	if err != nil {
		return records.Document{}, err
	}
	if s.Incidents.Bucket == "" {
		return records.Document{}, fail(InvalidInput, "system.yaml does not say where reports are kept: add incidents.bucket")
	}
	content, err := plan.Hash(in)
	if err != nil {
		return records.Document{}, fail(InvalidInput, "the report cannot be hashed: %v", err)
	}
	bucket, key := s.Incidents.Bucket, s.Incidents.Prefix+in.Incident.ID+".docx"
	place := "s3://" + bucket + "/" + key
	if err := fence(ctx, a.records, in.Operation+"/"+place); err != nil {
		return records.Document{}, err
	}
	there, etag, err := a.read(ctx, bucket, key)
	if err != nil {
		return records.Document{}, err
	}
	if etag != "" {
		switch {
		case there.metadata[ownerKey] != in.Operation:
			return records.Document{}, fail(Drifted, "%s is there already and is not of this run: move it away, then answer retry", place)
		case there.metadata[contentKey] == content:
			return there.document(place), nil
		}
	}
	body, err := incidentreport.Write(reportOf(s, in))
	if err != nil {
		return records.Document{}, fail(InvalidInput, "%v", err)
	}
	put := &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))), ContentType: aws.String(wordType),
		Metadata: map[string]string{ownerKey: in.Operation, contentKey: content},
	}
	if etag != "" {
		put.IfMatch = &etag
	} else {
		put.IfNoneMatch = aws.String("*")
	}
	if _, err := a.client.PutObject(ctx, put); err != nil {
		return records.Document{}, Classify(err, "write "+place)
	}
	back, _, err := a.read(ctx, bucket, key)
	if err != nil {
		return records.Document{}, err
	}
	if !bytes.Equal(back.body, body) {
		return records.Document{}, fail(Conflict, "%s reads other than it was written: it is looked at again", place)
	}
	return back.document(place), nil
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
func (a *Reports) read(ctx context.Context, bucket, key string) (storedReport, string, error) {
	doing := fmt.Sprintf("read s3://%s/%s", bucket, key)
	out, err := a.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
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

// reportOf looks up the names that a reader needs.
func reportOf(s *system.System, in IncidentReport) incidentreport.Report {
	r := incidentreport.Report{
		System: s.Name.Ja, Severity: in.Incident.Severity, Incident: in.Incident, Problem: in.Problem, Now: in.Now,
		Person: func(id string) string {
			if p, known := s.Person(id); known {
				return p.Name.Ja
			}
			return id
		},
	}
	for _, v := range s.Incidents.Severities {
		if v.Name == in.Incident.Severity {
			r.Severity = v.Title.Ja
		}
	}
	return r
}
