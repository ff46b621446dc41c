package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tejun/internal/ingest"
	"tejun/internal/ingest/fetch"
)

// RejectsKept says where the rejected rows of a load lie.
type RejectsKept struct {
	Location string `json:"location"` // s3://bucket/key
	SHA256   string `json:"sha256"`
	Rows     int64  `json:"rows"`
}

// PutS3LoadRejects writes the rejected rows, each with its line, column and reason, as a CSV file that opens in Excel. The key
// belongs to the run alone, so a repetition writes the same file again.
func (a *DataLoads) PutS3LoadRejects(ctx context.Context, in DataLoad) (RejectsKept, error) {
	o, err := a.open(ctx, in)
	if err != nil {
		return RejectsKept{}, err
	}
	return a.putRejects(ctx, o, func(w io.Writer) (int64, error) { return o.store.WriteRejects(ctx, w, o.table, o.run) })
}

// refuse classifies why a file could not be staged. If it has too many rejected rows these are kept for whoever has delivered it;
// nothing else of the file is.
func (a *DataLoads) refuse(ctx context.Context, o opened, err error, doing string) error {
	refused := loadError(err, doing)
	var rejects *ingest.RejectLimitError
	if !errors.As(err, &rejects) {
		return refused
	}
	kept, failed := a.putRejects(ctx, o, func(w io.Writer) (int64, error) { return o.store.WriteRejectsOfRefused(ctx, w, o.run) })
	if failed != nil {
		return fail(kindOf(failed), "%s; and its rejected rows could not be kept: %s", wordsOfError(refused), wordsOfError(failed))
	}
	return fail(Refused, "%s; rejected rows that were found: %d, with line and reason in %s", wordsOfError(refused), kept.Rows, kept.Location)
}

// putRejects puts what write writes into the run's object.
func (a *DataLoads) putRejects(ctx context.Context, o opened, write func(io.Writer) (int64, error)) (kept RejectsKept, err error) {
	file, err := os.CreateTemp("", "tejun-rejects-*.csv")
	if err != nil {
		return RejectsKept{}, fail(Unavailable, "make a file for the rejected rows: %v", err)
	}
	defer func() {
		// An error with its type stays as it is: a joined one would be tried again whatever it says.
		if left := errors.Join(file.Close(), os.Remove(file.Name())); err == nil && left != nil {
			err = fail(Unavailable, "remove the file of the rejected rows: %v", left)
		}
	}()
	hash := sha256.New()
	rows, err := write(io.MultiWriter(file, hash))
	if err != nil {
		return RejectsKept{}, loadError(err, "write the rejected rows")
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return RejectsKept{}, fail(Unavailable, "read the rejected rows again: %v", err)
	}
	bucket, key := o.system.Loads.Bucket, o.system.Loads.Prefix+o.run.Operation+"-rejects.csv"
	kept = RejectsKept{Location: fmt.Sprintf("s3://%s/%s", bucket, key), SHA256: hex.EncodeToString(hash.Sum(nil)), Rows: rows}
	if err := fence(ctx, a.records, o.run.Operation+"/"+kept.Location); err != nil {
		return RejectsKept{}, err
	}
	_, err = a.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: &key, Body: file, ContentType: aws.String("text/csv; charset=utf-8"), Metadata: map[string]string{ownerKey: o.run.Operation},
	})
	if err != nil {
		return RejectsKept{}, Classify(err, "write "+kept.Location)
	}
	back, err := fetch.S3(ctx, a.client, bucket, key, fetch.Expect{SHA256: kept.SHA256})
	if err != nil {
		return RejectsKept{}, loadError(err, "read "+kept.Location+" back")
	}
	_, err = io.Copy(io.Discard, back)
	return kept, loadError(errors.Join(err, back.Close()), "read "+kept.Location+" back")
}
