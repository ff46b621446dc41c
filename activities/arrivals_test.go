package activities

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/sandbox"
)

// newIntake is a bench whose worker knows the operated system's database, as loads need it.
func newIntake(t *testing.T) *bench {
	b := newBench(t)
	b.set.Arrivals.operated = &operated.Database{}
	return b
}

func (b *bench) deliver(key, content string) {
	b.t.Helper()
	bucket := "gzs-incoming"
	_, err := s3.NewFromConfig(b.cfg, func(o *s3.Options) { o.UsePathStyle = true }).
		PutObject(b.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	require.NoError(b.t, err)
}

func files(list []Arrival) []string {
	names := []string{}
	for _, a := range list {
		names = append(names, a.Dataset+" "+a.File)
	}
	return names
}

func (b *bench) arrived() ArrivalsFound {
	b.t.Helper()
	return must(b, b.set.Arrivals.ListS3Arrivals, ArrivalQuestion{"ito", "tanaka"})
}

// What has arrived is started once; a changed file is another one.
func TestArrivalsAreFoundOnceUntilTheyChange(t *testing.T) {
	b := newIntake(t)
	require.Empty(t, b.arrived().New)
	once := b.operation // our own database is shared by the tests
	b.deliver("postal-codes/"+once+".zip", once+" a")
	b.deliver("postal-codes/"+once+".txt", "not of the dataset")
	b.deliver("postal-codes/", "")
	b.deliver("elsewhere/"+once+".zip", "a")
	found := b.arrived()
	require.Equal(t, []string{"postal-codes " + once + ".zip"}, files(found.New))
	require.Equal(t, found, b.arrived(), "what nobody has started is found again")
	first := found.New[0]
	require.Regexp(t, `^load-postal-codes-[0-9a-f]{16}$`, first.Load)

	must(b, b.set.Arrivals.KeepS3Arrival, first)
	must(b, b.set.Arrivals.KeepS3Arrival, first) // once more, as a retry does
	found = b.arrived()
	require.Empty(t, found.New)
	require.Equal(t, 1, found.Known)

	b.deliver("postal-codes/"+once+".zip", once+" b")
	found = b.arrived()
	require.Len(t, found.New, 1)
	require.NotEqual(t, first.Load, found.New[0].Load)
}

// Loads of one table go one after another, and never while somebody else is at work on it.
func TestArrivalsOfOneTableWaitForEachOther(t *testing.T) {
	b := newIntake(t)
	once := b.operation
	for _, name := range []string{"1.zip", "2.zip"} {
		b.deliver("postal-codes/"+once+name, once+name)
	}
	found := b.arrived()
	require.Equal(t, []string{"postal-codes " + once + "1.zip"}, files(found.New))
	require.Equal(t, []string{"postal-codes " + once + "2.zip"}, files(found.Waiting))
	require.Equal(t, once+"1.zip came first", found.Waiting[0].Waits)

	now := time.Now()
	busy, err := database.ReserveAll(t.Context(), []records.Reservation{{
		Resource: "database:" + b.system.Database.Cluster + "/public.postal_codes", WorkflowID: once, Runbook: "DataLoad", Requester: "ito", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour),
	}})
	require.NoError(t, err)
	require.Nil(t, busy)
	t.Cleanup(func() { assert.NoError(t, database.Release(context.Background(), once)) })
	found = b.arrived()
	require.Empty(t, found.New, "a run that is late is still at work")
	require.Len(t, found.Waiting, 2)
	require.Equal(t, once+" holds database:"+b.system.Database.Cluster+"/public.postal_codes", found.Waiting[0].Waits)
}

// While a file of a dataset is created nothing of it is loaded, and what was created is never taken for what has arrived.
func TestArrivalsWaitWhileAFileOfTheirDatasetIsCreated(t *testing.T) {
	b := newIntake(t)
	once := b.operation
	b.deliver("postal-codes/"+once+"made.zip", once+"made")
	b.deliver("postal-codes/"+once+"sent.zip", once+"sent")
	now := time.Now()
	busy, err := database.ReserveAll(t.Context(), []records.Reservation{{
		Resource: "dataset:postal-codes", WorkflowID: once, Runbook: "DataSupport", Requester: "ito", From: now.Add(-2 * time.Hour), Until: now.Add(-time.Hour),
	}})
	require.NoError(t, err)
	require.Nil(t, busy)
	t.Cleanup(func() { assert.NoError(t, database.Release(context.Background(), once)) })
	found := b.arrived()
	require.Empty(t, found.New)
	require.Len(t, found.Waiting, 2)
	require.Equal(t, once+" holds dataset:postal-codes", found.Waiting[0].Waits)

	for range 2 {
		must(b, b.set.Arrivals.ClaimS3Arrival, DataLoad{Dataset: "postal-codes", File: once + "made.zip"})
		must(b, b.set.Arrivals.ClaimS3Arrival, DataLoad{Dataset: "postal-codes", File: once + "never-put.zip"})
	}
	require.NoError(t, database.Release(t.Context(), once))
	found = b.arrived()
	require.Equal(t, []string{"postal-codes " + once + "sent.zip"}, files(found.New))
	require.Equal(t, 1, found.Known)
	require.Empty(t, found.Waiting)

	b.fault("s3", "HeadObject", sandbox.FaultDenied)
	_, err = try(b, b.set.Arrivals.ClaimS3Arrival, DataLoad{Dataset: "postal-codes", File: once + "made.zip"})
	requireType(t, err, Denied)
	_, err = try(b, b.set.Arrivals.ClaimS3Arrival, DataLoad{Dataset: "moon", File: "a.zip"})
	requireType(t, err, Refused)
}

// More files than one answer of S3 holds are all seen.
func TestArrivalsGoOnBeyondOnePage(t *testing.T) {
	b := newIntake(t)
	b.set.Arrivals.client = onePage{s3.NewFromConfig(b.cfg, func(o *s3.Options) { o.UsePathStyle = true })}
	for _, name := range strings.Split("abcde", "") {
		b.deliver("postal-codes/"+b.operation+name+".zip", b.operation+name)
	}
	found := b.arrived()
	require.Len(t, found.New, 1)
	require.Len(t, found.Waiting, 4)
}

// However many files wait, what enters the history stays short.
func TestManyArrivalsAreCountedAndNotAllNamed(t *testing.T) {
	found := ArrivalsFound{}
	many := make([]Arrival, 100)
	for i := range many {
		many[i] = Arrival{Table: "public.t", File: fmt.Sprintf("%03d", i)}
	}
	found.sort(many, func(Arrival) string { return "" })
	require.Len(t, found.New, 1)
	require.Len(t, found.Waiting, mostNamed)
	require.Equal(t, "001", found.Waiting[0].File)
	require.Equal(t, len(many)-1-mostNamed, found.More)
}

// A load that was refused because another run held the table is started once more, each time under another ID, and only then.
func TestArrivalWhoseLoadWasRefusedForNowIsStartedAgain(t *testing.T) {
	b := newIntake(t)
	b.deliver("postal-codes/"+b.operation+".zip", b.operation)
	first := b.arrived().New[0]
	loads := []string{first.Load, first.Load + "-2", first.Load + "-3"}
	for i, want := range loads {
		found := b.arrived()
		require.Len(t, found.New, 1)
		require.Equal(t, want, found.New[0].Load)
		must(b, b.set.Arrivals.KeepS3Arrival, found.New[0])
		require.Empty(t, b.arrived().New, "it runs, or has ended for a reason that stays")
		require.Equal(t, 1, b.arrived().Known)
		if i+1 < len(loads) {
			for range 2 {
				must(b, b.set.Arrivals.KeepArrivalRefused, RunRef{want})
			}
		}
	}
}

// Nothing that is wrong with one dataset or one place stops the others, and none of it is passed over in silence.
func TestOneBadDatasetDoesNotStopTheIntake(t *testing.T) {
	b := newIntake(t)
	b.set.Arrivals.now = func() time.Time { return at("2027-01-18T10:00:00+09:00") }
	good, err := os.ReadFile("../examples/datasets/postal-codes.yaml")
	require.NoError(t, err)
	folder := t.TempDir()
	b.system.Folder = folder
	require.NoError(t, os.Mkdir(filepath.Join(folder, "datasets"), 0o755))
	declare := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "datasets", name), []byte(text), 0o600))
	}
	declare("bad.yaml", "id: [")
	declare("good.yaml", string(good))
	declare("shut.yaml", strings.NewReplacer("id: postal-codes", "id: shut", "bucket: gzs-incoming", "bucket: gzs-nowhere", "public.postal_codes", "public.shut").Replace(string(good)))
	declare("strange.yaml", strings.NewReplacer("id: postal-codes", "id: strange", "bucket: gzs-incoming", "bucket: gzs-unlisted", "public.postal_codes", "public.strange").Replace(string(good)))
	b.system.Loads.Buckets = append(b.system.Loads.Buckets, "gzs-nowhere")
	b.deliver("postal-codes/"+b.operation+".zip", b.operation)
	b.deliver("postal-codes//"+b.operation+".zip", b.operation)

	found := b.arrived()
	require.Equal(t, []string{"postal-codes " + b.operation + ".zip"}, files(found.New))
	require.Equal(t, "operators", found.TellTo)
	var words, keys []string
	for _, p := range found.Problems {
		require.NotEmpty(t, p.Untold)
		words, keys = append(words, p.String()), append(keys, p.Untold)
	}
	require.Len(t, words, 4, "%v", words)
	require.Contains(t, words[0], "bad.yaml：")
	require.Contains(t, words[1], "shut：list s3://gzs-nowhere/postal-codes/")
	require.Contains(t, words[2], "strange：the dataset strange reads from the bucket gzs-unlisted, which is not among loads.buckets")
	require.Contains(t, words[3], "postal-codes（/"+b.operation+".zip）：file")

	for range 2 {
		must(b, b.set.Arrivals.KeepArrivalProblems, ProblemsTold{keys})
	}
	for _, p := range b.arrived().Problems {
		require.Empty(t, p.Untold, "people know of it")
	}
	b.set.Arrivals.now = func() time.Time { return at("2027-01-19T10:00:00+09:00") }
	require.NotEmpty(t, b.arrived().Problems[0].Untold, "it is still so the next day")
}

// What a retry may mend is tried again first, and then it is this place's own problem.
func TestAPlaceThatDoesNotAnswerIsTriedAgainFirst(t *testing.T) {
	b := newIntake(t)
	b.deliver("postal-codes/"+b.operation+".zip", b.operation)
	b.fault("s3", "ListObjectsV2", sandbox.FaultThrottle)
	_, err := try(b, b.set.Arrivals.ListS3Arrivals, ArrivalQuestion{"ito", "tanaka"})
	requireType(t, err, Throttled)
	require.Len(t, b.arrived().New, 1)
	b.fault("s3", "ListObjectsV2", sandbox.FaultDenied)
	found := b.arrived() // of one of the datasets
	require.Len(t, found.Problems, 1)
	require.Equal(t, Denied, found.Problems[0].Kind)
	b.system.Loads.Datasets = ""
	_, err = try(b, b.set.Arrivals.ListS3Arrivals, ArrivalQuestion{"ito", "tanaka"})
	requireType(t, err, Refused)
	assert.ErrorContains(t, err, "add loads")
}

// Where every load would be refused at its start no file is used up.
func TestNoFileIsUsedUpWhereNoLoadCanPass(t *testing.T) {
	for says, spoil := range map[string]func(*bench){
		"must be signed":                  func(b *bench) { b.system.Environment = "production" },
		`has no gate "content"`:           func(b *bench) { b.system.Gates = nil },
		"only [sato suzuki] can give one": func(b *bench) { setQuorum(b, 3) },
		"is not known to this worker":     func(b *bench) { b.set.Arrivals.operated = nil },
	} {
		b := newIntake(t)
		b.deliver("postal-codes/"+b.operation+".zip", b.operation)
		spoil(b)
		found := b.arrived()
		require.Empty(t, found.New)
		require.Len(t, found.Problems, 1)
		require.Contains(t, found.Problems[0].String(), says)
		require.NotEmpty(t, found.Problems[0].Untold)
	}
}

func setQuorum(b *bench, n int) {
	for i := range b.system.Gates {
		b.system.Gates[i].Quorum = n
	}
}

// onePage asks for two objects at a time.
type onePage struct{ *s3.Client }

func (p onePage) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, options ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	in.MaxKeys = aws.Int32(2)
	return p.Client.ListObjectsV2(ctx, in, options...)
}
