package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.temporal.io/sdk/activity"

	"tejun/internal/dataset"
	"tejun/internal/load"
	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/system"
)

// Arrival is a file that somebody has put where a dataset's files come from.
type Arrival struct {
	Dataset  string    `json:"dataset"`
	Table    string    `json:"table"`
	File     string    `json:"file"` // key below the dataset's prefix
	ETag     string    `json:"etag"` // of its content
	Bytes    int64     `json:"bytes"`
	Modified time.Time `json:"modified"`
	Load     string    `json:"load"` // workflow ID of its load: the same for the same content under the same key, and for no other

	Waits string `json:"waits,omitempty"` // what its turn waits for, in words
	Try   int    `json:"try,omitempty"`   // which start of its load this is, from 2: those before were refused while another run held what it needs
}

// ArrivalsFound is what lies in the buckets.
type ArrivalsFound struct {
	New     []Arrival `json:"new"`     // at most one for each table, the oldest: loads of one table go one after another
	Waiting []Arrival `json:"waiting"` // new ones whose turn has not come: an older one comes first, or the table is at work; the oldest ones
	More    int       `json:"more"`    // that wait too and are not named
	Known   int       `json:"known"`   // that a load was started for before

	Problems []ArrivalProblem `json:"problems,omitempty"` // what cannot be taken in; everything else is
	TellTo   string           `json:"tellTo,omitempty"`   // mail list of those who mend that
}

// arrivalRecords is what the intake needs of our own database.
type arrivalRecords interface {
	SaveState(ctx context.Context, operation, resource string, content []byte) (string, error)
	Saved(ctx context.Context, operations []string, resource string) (map[string]bool, error)
	AllReservations(ctx context.Context, at time.Time) ([]records.Reservation, error)
}

// arrivalAPI is the calls used.
type arrivalAPI interface {
	s3.ListObjectsV2APIClient
	s3.HeadObjectAPIClient
}

// Arrivals looks for files that arrive, and remembers for which a load was started: for good, since an edition that was loaded
// long ago and still lies there must not come back.
type Arrivals struct {
	client   arrivalAPI
	records  arrivalRecords
	system   func() (*system.System, error)
	operated *operated.Database // nil if the worker does not have it; then no load can be carried out
	now      func() time.Time
}

// ArrivalQuestion says for whom loads would be started.
type ArrivalQuestion struct {
	Requester string `json:"requester"` // person ID or account
	Operator  string `json:"operator"`  // person ID or account
}

// The resources under which it is kept that a load was started, and that it was refused for a reason that passes; the operation
// is the load.
const (
	arrivalState   = "arrival"
	arrivalRefused = "arrival-refused"
)

// ListS3Arrivals lists what has arrived for the datasets that come from S3. A declaration with a mistake, a place that may not be
// read and a file that a load would refuse are named as problems and stop nothing else.
func (a *Arrivals) ListS3Arrivals(ctx context.Context, in ArrivalQuestion) (ArrivalsFound, error) {
	found := ArrivalsFound{New: []Arrival{}, Waiting: []Arrival{}}
	sys, err := describe(a.system)
	if err != nil {
		return found, err
	}
	if sys.Loads.Datasets == "" {
		return found, fail(Refused, "system.yaml does not say where the datasets are declared: add loads")
	}
	if why := a.noLoad(sys, in); why != "" {
		found.problem(ArrivalProblem{Why: why})
		return found, a.untold(ctx, sys, &found)
	}
	all, wrong, err := dataset.LoadEach(filepath.Join(sys.Folder, sys.Loads.Datasets))
	if err != nil {
		return found, fail(Refused, "the datasets cannot be read, so nothing was started: %v", err)
	}
	for _, w := range wrong {
		found.problem(ArrivalProblem{Declaration: w.File, Why: w.Err.Error()})
	}
	arrivals, err := a.listAll(ctx, sys, all, &found)
	if err != nil {
		return found, err
	}
	if arrivals, err = a.unknown(ctx, arrivals, &found); err != nil {
		return found, err
	}
	arrivals = slices.DeleteFunc(arrivals, func(x Arrival) bool {
		at := slices.IndexFunc(all, func(d *dataset.Dataset) bool { return d.ID == x.Dataset })
		why := load.FileProblem(sys, all[at], x.File)
		if why != "" {
			found.problem(ArrivalProblem{Dataset: x.Dataset, File: x.File, Why: why})
		}
		return why != ""
	})
	held, err := a.records.AllReservations(ctx, time.Time{})
	if err != nil {
		return found, recordsError(err, "look which tables are at work")
	}
	found.sort(arrivals, func(x Arrival) string { return heldBy(held, x) })
	return found, a.untold(ctx, sys, &found)
}

// listAll lists the places of all datasets.
func (a *Arrivals) listAll(ctx context.Context, sys *system.System, all []*dataset.Dataset, found *ArrivalsFound) (arrivals []Arrival, err error) {
	for _, d := range all {
		if d.Source.S3 == nil {
			continue
		}
		if why := load.BucketProblem(sys, d); why != "" {
			found.problem(ArrivalProblem{Dataset: d.ID, Why: why})
			continue
		}
		listed, err := a.list(ctx, d)
		if err != nil && !ofOnePlace(ctx, err) {
			return nil, err
		}
		if err != nil {
			found.problem(ArrivalProblem{Dataset: d.ID, Kind: kindOf(err), Why: wordsOfError(err)})
			continue
		}
		arrivals = append(arrivals, listed...)
	}
	return arrivals, nil
}

// patientTries is how often the whole look is tried again because one place does not answer.
const patientTries = 3

// ofOnePlace tells whether the other places can be read all the same: what no retry mends is this place's own, and so is what
// retries have not mended.
func ofOnePlace(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (!classes[kindOf(err)].retryable || activity.GetInfo(ctx).Attempt >= patientTries)
}

// unknown leaves those for which no load was started. A load that was refused because another run held what it needs is started
// once more, under an ID of its own.
func (a *Arrivals) unknown(ctx context.Context, arrivals []Arrival, found *ArrivalsFound) ([]Arrival, error) {
	var fresh []Arrival
	for left := arrivals; len(left) > 0; {
		loads := make([]string, len(left))
		for i := range left {
			loads[i] = left[i].Load
		}
		started, err := a.records.Saved(ctx, loads, arrivalState)
		if err != nil {
			return nil, recordsError(err, "look which files are known")
		}
		refused, err := a.records.Saved(ctx, loads, arrivalRefused)
		if err != nil {
			return nil, recordsError(err, "look which loads were refused")
		}
		var again []Arrival
		for _, x := range left {
			switch {
			case !started[x.Load]:
				fresh = append(fresh, x)
			case refused[x.Load]:
				again = append(again, x.again())
			default:
				found.Known++
			}
		}
		left = again
	}
	return fresh, nil
}

// again is the next start of the load of a file, under an ID of its own.
func (x Arrival) again() Arrival {
	first := x.Load
	if x.Try > 0 {
		first = strings.TrimSuffix(first, fmt.Sprintf("-%d", x.Try))
	}
	x.Try = max(x.Try, 1) + 1
	x.Load = fmt.Sprintf("%s-%d", first, x.Try)
	return x
}

// heldBy says who holds the table or the dataset of a file, "" if nobody does. A run that is late is still at work.
func heldBy(held []records.Reservation, x Arrival) string {
	for _, r := range held {
		if holdsTable(r, x.Table) || r.Resource == load.Resource(x.Dataset) {
			return fmt.Sprintf("%s holds %s", r.WorkflowID, r.Resource)
		}
	}
	return ""
}

// sort tells those whose turn it is from those that wait.
func (f *ArrivalsFound) sort(arrivals []Arrival, heldBy func(Arrival) string) {
	slices.SortStableFunc(arrivals, func(x, y Arrival) int {
		if order := x.Modified.Compare(y.Modified); order != 0 {
			return order
		}
		return strings.Compare(x.File, y.File)
	})
	first := map[string]string{}
	for _, arrival := range arrivals {
		arrival.Waits = heldBy(arrival)
		if older := first[arrival.Table]; arrival.Waits == "" && older != "" {
			arrival.Waits = older + " came first"
		}
		if arrival.Waits != "" {
			f.Waiting = append(f.Waiting, arrival)
			continue
		}
		first[arrival.Table] = arrival.File
		f.New = append(f.New, arrival)
	}
	if n := len(f.Waiting); n > mostNamed {
		f.Waiting, f.More = f.Waiting[:mostNamed], n-mostNamed
	}
}

// mostNamed is how many waiting files are named: the list goes into the history and into the evidence every few minutes.
const mostNamed = 20

// list lists the objects below a dataset's prefix that are files of it.
func (a *Arrivals) list(ctx context.Context, d *dataset.Dataset) ([]Arrival, error) {
	source := d.Source.S3
	var list []Arrival
	pages := s3.NewListObjectsV2Paginator(a.client, &s3.ListObjectsV2Input{Bucket: &source.Bucket, Prefix: &source.Prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, Classify(err, fmt.Sprintf("list s3://%s/%s", source.Bucket, source.Prefix))
		}
		for _, o := range page.Contents {
			file := strings.TrimPrefix(aws.ToString(o.Key), source.Prefix)
			if file == "" || strings.HasSuffix(file, "/") || !d.Source.Matches(file) { // consoles make folders of empty objects
				continue
			}
			list = append(list, Arrival{
				Dataset: d.ID, Table: d.Table, File: file, ETag: aws.ToString(o.ETag), Bytes: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified).UTC(),
				Load: loadID(d.ID, source.Bucket, aws.ToString(o.Key), aws.ToString(o.ETag)),
			})
		}
	}
	return list, nil
}

// loadID names the load of one content under one key.
func loadID(dataset, bucket, key, etag string) string {
	sum := sha256.Sum256([]byte(bucket + "\x00" + key + "\x00" + etag))
	return "load-" + dataset + "-" + hex.EncodeToString(sum[:8])
}

// KeepS3Arrival remembers that a load was started. The first writing stays.
func (a *Arrivals) KeepS3Arrival(ctx context.Context, in Arrival) (struct{}, error) {
	content, err := json.Marshal(in)
	if err != nil {
		return struct{}{}, fail(InvalidInput, "remember the arrival of %s: %v", in.File, err)
	}
	_, err = a.records.SaveState(ctx, in.Load, arrivalState, content)
	return struct{}{}, recordsError(err, "remember the arrival of "+in.File)
}

// KeepArrivalRefused remembers that a load was refused because another run held what it needs, so that it is started once more.
func (a *Arrivals) KeepArrivalRefused(ctx context.Context, in RunRef) (struct{}, error) {
	_, err := a.records.SaveState(ctx, in.WorkflowID, arrivalRefused, nil)
	return struct{}{}, recordsError(err, "remember that "+in.WorkflowID+" was refused")
}

// ClaimS3Arrival keeps a file that was created on request from being taken for one that has arrived, for good: whatever becomes
// of the request, it is that run which has it loaded, or not. A file that is not there is no error.
func (a *Arrivals) ClaimS3Arrival(ctx context.Context, in DataLoad) (struct{}, error) {
	sys, err := describe(a.system)
	if err != nil {
		return struct{}{}, err
	}
	d, err := load.Find(sys, in.Dataset)
	if err != nil {
		return struct{}{}, fail(Refused, "%v", err)
	}
	if d.Source.S3 == nil {
		return struct{}{}, fail(Refused, "files of the dataset %s do not come from a place in S3 any more: %s was not looked at", in.Dataset, in.File)
	}
	bucket, key := d.Source.S3.Bucket, d.Source.S3.Prefix+in.File
	head, err := a.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err = Classify(err, fmt.Sprintf("look at s3://%s/%s", bucket, key)); isType(err, NotFound) {
		return struct{}{}, nil
	}
	if err != nil {
		return struct{}{}, err
	}
	etag := aws.ToString(head.ETag)
	return a.KeepS3Arrival(ctx, Arrival{
		Dataset: d.ID, Table: d.Table, File: in.File, ETag: etag, Bytes: aws.ToInt64(head.ContentLength), Modified: aws.ToTime(head.LastModified).UTC(),
		Load: loadID(d.ID, bucket, key, etag),
	})
}
