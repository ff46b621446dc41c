package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"tejun/internal/dataset"
	"tejun/internal/ingest"
	"tejun/internal/ingest/fetch"
	"tejun/internal/load"
	"tejun/internal/records"
	"tejun/internal/system"
)

// DataLoad names a file of a dataset that a run loads.
type DataLoad struct {
	Operation    string `json:"operation"`
	Dataset      string `json:"dataset"`
	Declaration  string `json:"declaration"` // that was resolved; a dataset that was edited since is refused
	File         string `json:"file"`
	SHA256       string `json:"sha256"`       // that is expected; "" if nobody said
	ExpectedRows int64  `json:"expectedRows"` // 0 if nobody said
}

// FileStaged is what a file holds.
type FileStaged struct {
	Already  *load.Entry `json:"already,omitempty"` // the load that makes this one pointless; then nothing is staged
	SHA256   string      `json:"sha256"`
	Bytes    int64       `json:"bytes"`
	Unpacked int64       `json:"unpacked"`
	Encoding string      `json:"encoding"`
	Method   string      `json:"method"`
	Why      string      `json:"why"` // why it is not loaded by swap
	Counts   load.Counts `json:"counts"`
	Seconds  float64     `json:"seconds"`
}

// LoadDifference is what a load would do.
type LoadDifference struct {
	load.Difference
	Asks []string `json:"asks"` // why people have to agree; empty: nobody has to
}

// LoadImport imports what is staged, as planned.
type LoadImport struct {
	DataLoad
	Source string      `json:"source"`
	Expect load.Counts `json:"expect"`
}

// LoadCheck looks whether a table holds what a load has left.
type LoadCheck struct {
	DataLoad
	Rows     int64  `json:"rows"`
	Checksum string `json:"checksum"`
}

// leftovers is how long what a run has staged stays at least, if the run never cleans up. What a run that still goes on has staged
// stays however long that takes; see sweep.
const leftovers = 7 * 24 * time.Hour

// DataLoads loads files into the operated system's database.
type DataLoads struct {
	operated *Operated
	client   s3API
	records  loadRecords
	system   func() (*system.System, error)
}

// loadRecords is what loads need of our own database.
type loadRecords interface {
	fenceStore
	AllReservations(ctx context.Context, at time.Time) ([]records.Reservation, error)
}

// opened is what every activity of a load needs.
type opened struct {
	store   *load.Store
	system  *system.System
	dataset *dataset.Dataset
	table   load.Table
	run     load.Run
}

func (a *DataLoads) open(ctx context.Context, in DataLoad) (opened, error) {
	var o opened
	if err := checkOperation(in.Operation); err != nil {
		return o, err
	}
	var err error
	if o.system, err = describe(a.system); err != nil {
		return o, err
	}
	if o.dataset, err = load.Find(o.system, in.Dataset); err != nil {
		return o, fail(Refused, "%v", err)
	}
	if o.dataset.Digest() != in.Declaration {
		return o, fail(Drifted, "the dataset %s was edited after this run began; nothing was loaded: start a new run with the dataset as it is now", in.Dataset)
	}
	pool, err := a.operated.pool(ctx)
	if err != nil {
		return o, err
	}
	o.store, o.table = load.New(pool), load.Of(o.dataset)
	o.run = load.Run{Operation: in.Operation, Attempt: activity.GetInfo(ctx).StartedTime.UnixMilli()}
	return o, loadError(o.store.Prepare(ctx), "prepare the ledger of loads")
}

// StageDataFile fetches the file, converts it and brings it into staging tables. It is done anew by every attempt. A file whose
// load would change nothing is not staged.
func (a *DataLoads) StageDataFile(ctx context.Context, in DataLoad) (FileStaged, error) {
	begun := time.Now()
	o, err := a.open(ctx, in)
	if err != nil {
		return FileStaged{}, err
	}
	if err := a.sweep(ctx, o, begun.Add(-leftovers)); err != nil {
		return FileStaged{}, err
	}
	if in.SHA256 != "" {
		if found, err := a.already(ctx, o, strings.ToLower(in.SHA256)); err != nil || found.Already != nil {
			return found, err
		}
	}
	stream, err := a.fetch(ctx, o, in)
	if err != nil {
		return FileStaged{}, loadError(err, fmt.Sprintf("fetch the file %q of the dataset %s", in.File, in.Dataset))
	}
	defer func() { _ = stream.Close() }() // it is closed already, unless the staging never came to it
	guess := stream.Length / 64           // rows are rarely shorter
	staged, err := o.store.Stage(ctx, o.table, o.run, guess, reading(ctx, o.dataset, stream))
	if err != nil {
		return FileStaged{}, a.refuse(ctx, o, err, "stage the file "+in.File)
	}
	if in.ExpectedRows > 0 && staged.Counts.Records != in.ExpectedRows {
		return FileStaged{}, fail(Refused, "the file has %d rows, and the request expects %d: find out which is right, and start a new run", staged.Counts.Records, in.ExpectedRows)
	}
	if found, err := a.already(ctx, o, staged.SHA256); err != nil || found.Already != nil {
		return found, err
	}
	if err := o.store.CheckRejects(ctx, o.run, o.dataset.Limits, staged.Counts); err != nil {
		return FileStaged{}, a.refuse(ctx, o, err, "stage the file "+in.File)
	}
	return FileStaged{
		SHA256: staged.SHA256, Bytes: staged.Bytes, Unpacked: staged.Unpacked, Encoding: staged.Totals.Encoding,
		Method: staged.Method, Why: staged.Why, Counts: staged.Counts, Seconds: time.Since(begun).Seconds(),
	}, nil
}

// sweep drops what ended runs have left. A run holds its table until it ends, also beyond the time for which it was reserved,
// so whatever is staged for a table that somebody else holds may still be needed.
func (a *DataLoads) sweep(ctx context.Context, o opened, before time.Time) error {
	held, err := a.records.AllReservations(ctx, time.Time{})
	if err != nil {
		return recordsError(err, "look which loads still go on")
	}
	own := activity.GetInfo(ctx).WorkflowExecution.ID
	live := func(table string) bool {
		return slices.ContainsFunc(held, func(r records.Reservation) bool { return r.WorkflowID != own && holdsTable(r, table) })
	}
	return loadError(o.store.Sweep(ctx, o.run, before, live), "sweep up after earlier loads")
}

// holdsTable tells whether a reservation is of a table, as schema.name.
func holdsTable(r records.Reservation, table string) bool {
	return strings.HasSuffix(r.Resource, "/"+table)
}

// already looks whether a file's load would change nothing.
func (a *DataLoads) already(ctx context.Context, o opened, sha256 string) (FileStaged, error) {
	found, err := o.store.Loaded(ctx, o.table, o.dataset.Digest(), sha256)
	if err != nil || found == nil {
		return FileStaged{}, loadError(err, "look for earlier loads of the file")
	}
	return FileStaged{Already: found, SHA256: sha256, Counts: found.Counts}, nil
}

// fetch opens the file.
func (a *DataLoads) fetch(ctx context.Context, o opened, in DataLoad) (*fetch.Stream, error) {
	expect := fetch.Expect{SHA256: in.SHA256, MaxBytes: o.dataset.Source.MaxBytes}
	switch source := o.dataset.Source; {
	case source.S3 != nil:
		return fetch.S3(ctx, a.client, source.S3.Bucket, source.S3.Prefix+in.File, expect)
	case source.HTTP != nil:
		web := &fetch.Web{Hosts: o.system.Loads.Hosts}
		return web.Get(ctx, source.HTTP.URL, expect)
	case o.system.Environment == "production":
		return nil, fail(Refused, "the dataset %s reads files of this machine, which is for development only", o.dataset.ID)
	}
	return fetch.Local(ctx, o.dataset.Source.File.Dir, in.File, expect)
}

// CompareStagedRows works out what a load would do, and why people have to agree.
func (a *DataLoads) CompareStagedRows(ctx context.Context, in DataLoad) (LoadDifference, error) {
	o, err := a.open(ctx, in)
	if err != nil {
		return LoadDifference{}, err
	}
	phase(ctx, "compares the staged rows with "+o.table.String())
	d, err := o.store.Difference(ctx, o.table, o.run)
	if err != nil {
		return LoadDifference{}, loadError(err, "compare the file with "+o.table.String())
	}
	if o.table.Mode == load.Append && d.Counts.Changed > 0 {
		return LoadDifference{}, fail(Refused, "%d rows have keys that %s holds with other content, and the dataset %s only appends: nothing was loaded", d.Counts.Changed, o.table.String(), in.Dataset)
	}
	return LoadDifference{Difference: d, Asks: asks(o.dataset, d)}, nil
}

// asks says why people have to agree to a load.
func asks(d *dataset.Dataset, is load.Difference) []string {
	list := []string{}
	if d.Approval.When == dataset.Always {
		list = append(list, "every load of this dataset is approved")
	}
	if is.Before == 0 {
		return append(list, "it is the first load of the table")
	}
	over := func(what string, n int64, share float64) {
		if float64(n) > share*float64(is.Before) {
			list = append(list, fmt.Sprintf("%d of %d rows would %s, more than %g %%", n, is.Before, what, share*100))
		}
	}
	over("change", is.Counts.Changed, d.Limits.ChangeShare)
	over("vanish", is.Counts.Vanished, d.Limits.VanishShare)
	if n := is.Counts.AllRejected(); n > 0 {
		list = append(list, fmt.Sprintf("%d rows are rejected", n))
	}
	return list
}

// ImportStagedRows imports what is staged in one transaction, or finds that it has been.
func (a *DataLoads) ImportStagedRows(ctx context.Context, in LoadImport) (load.Entry, error) {
	o, err := a.open(ctx, in.DataLoad)
	if err != nil {
		return load.Entry{}, err
	}
	n := in.Expect
	phase(ctx, fmt.Sprintf("imports into %s in one transaction: %d new, %d changed, %d deleted", o.table.String(), n.New, n.Changed, n.Vanished))
	entry, err := o.store.Import(ctx, o.table, o.run, load.Order{Declaration: in.Declaration, Source: in.Source, Expect: in.Expect})
	return entry, loadError(err, "import into "+o.table.String())
}

// readAgain is up to how many rows a table's values are read once more after a load: that takes a tenth of a second.
const readAgain = 200_000

// CheckLoadedRows makes sure, after the import, that it is in the ledger and that the table holds what it left: as many rows,
// and the same values where they are at most readAgain. In a larger table values are not read again. Where the rows were put
// or changed in place the checksum of all of them was compared inside the import's transaction, which would have been taken
// back; where the staged table became the table there is no second copy that could differ.
func (a *DataLoads) CheckLoadedRows(ctx context.Context, in LoadCheck) (struct{}, error) {
	o, err := a.open(ctx, in.DataLoad)
	if err != nil {
		return struct{}{}, err
	}
	entry, err := o.store.Entry(ctx, in.Operation)
	if err != nil {
		return struct{}{}, loadError(err, "read the ledger of loads")
	}
	if entry == nil || entry.Rows != in.Rows || entry.Checksum != in.Checksum {
		return struct{}{}, fail(Drifted, "the ledger of loads does not hold this import: was the database restored from before it? Nothing was changed")
	}
	phase(ctx, "counts the rows of "+o.table.String())
	var rows int64
	sum := in.Checksum
	if in.Rows <= readAgain {
		rows, sum, err = o.store.Check(ctx, o.table)
	} else {
		rows, err = o.store.Count(ctx, o.table)
	}
	switch {
	case err != nil:
		return struct{}{}, loadError(err, "count the rows of "+o.table.String())
	case rows == in.Rows && sum != in.Checksum:
		return struct{}{}, fail(Drifted, "%s holds other values than the load has left, in as many rows (%d): somebody has changed the table since", o.table.String(), rows)
	case rows != in.Rows:
		return struct{}{}, fail(Drifted, "%s has %d rows; the load has left %d: somebody has changed the table since", o.table.String(), rows, in.Rows)
	}
	return struct{}{}, nil
}

// DropStagedRows drops what the run has staged.
func (a *DataLoads) DropStagedRows(ctx context.Context, in DataLoad) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	pool, err := a.operated.pool(ctx)
	if err != nil {
		return struct{}{}, err
	}
	store := load.New(pool)
	if err := store.Prepare(ctx); err != nil {
		return struct{}{}, loadError(err, "prepare the ledger of loads")
	}
	run := load.Run{Operation: in.Operation, Attempt: activity.GetInfo(ctx).StartedTime.UnixMilli()}
	return struct{}{}, loadError(store.Drop(ctx, run), "drop the staged rows")
}

// loadError classifies an error of a load.
func loadError(err error, doing string) error {
	var file *ingest.FileError
	var rejects *ingest.RejectLimitError
	var target *load.TargetError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &file), errors.As(err, &rejects):
		return fail(Refused, "%s: %v; nothing was loaded", doing, err)
	case errors.As(err, &target):
		return fail(Refused, "%s: %v", doing, err)
	case errors.Is(err, load.ErrDrifted):
		return fail(Drifted, "%s: %v: answer rollback, and start a new run", doing, err)
	case errors.Is(err, load.ErrNotStaged):
		return fail(NotStaged, "%s: %v", doing, err)
	case errors.Is(err, load.ErrSuperseded):
		return fail(Conflict, "%s: %v", doing, err)
	}
	return sqlError(err, doing)
}
