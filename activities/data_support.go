package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tejun/internal/load"
)

// FileChecked is what a dry check of a file has found. Nothing was loaded.
type FileChecked struct {
	Fits     bool        `json:"fits"` // it can be loaded as it is
	Why      string      `json:"why"`  // why not
	SHA256   string      `json:"sha256"`
	Bytes    int64       `json:"bytes"`
	Encoding string      `json:"encoding"`
	Counts   load.Counts `json:"counts"`            // records, rejects, duplicates; not yet compared with the table
	Already  string      `json:"already,omitempty"` // operation that has loaded this very file, which the table holds
}

// FileHashed is a file as it lies there.
type FileHashed struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`

	Why string `json:"why,omitempty"` // why it is not the file that was expected; "" if it is
}

// LoadedFile asks what has become of a file by a load.
type LoadedFile struct {
	DataLoad
	Load string `json:"load"` // operation of the load
}

// LoadFound is what the ledger says.
type LoadFound struct {
	Imported *load.Entry `json:"imported,omitempty"` // the load's own row; nil: it has imported nothing
	Holds    *load.Entry `json:"holds,omitempty"`    // the load by which the table holds this very file now; nil: it holds something else
}

// shownRejects is how many rejected rows are named.
const shownRejects = 5

// CheckDataFile reads a file that somebody has created exactly as a load would read it, rejects and duplicates included, and
// throws away what it has read. That the file does not fit is an answer and no error: whoever has created it mends it. A
// file that was created on request may have no rejected row.
func (a *DataLoads) CheckDataFile(ctx context.Context, in DataLoad) (FileChecked, error) {
	if in.SHA256 == "" {
		return FileChecked{}, fail(InvalidInput, "check the file %q: its SHA-256 must be given", in.File)
	}
	o, err := a.open(ctx, in)
	if err != nil {
		return FileChecked{}, err
	}
	staged, err := a.StageDataFile(ctx, in)
	var checked FileChecked
	if err == nil {
		checked, err = a.judge(ctx, o, staged)
	}
	// Also when the run was cancelled meanwhile.
	dropping, done := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer done()
	if dropped := loadError(o.store.Drop(dropping, o.run), "drop the rows that were read for the check"); dropped != nil {
		return FileChecked{}, dropped
	}
	if why := notFit(err); why != "" {
		return FileChecked{Why: why, SHA256: strings.ToLower(in.SHA256)}, nil
	}
	return checked, err
}

// judge says whether what was staged may be loaded as it is.
func (a *DataLoads) judge(ctx context.Context, o opened, staged FileStaged) (FileChecked, error) {
	checked := FileChecked{SHA256: staged.SHA256, Bytes: staged.Bytes, Encoding: staged.Encoding, Counts: staged.Counts}
	switch n := staged.Counts.AllRejected(); {
	case staged.Already != nil:
		checked.Already, checked.Counts = staged.Already.Operation, staged.Already.Counts
		checked.Why = fmt.Sprintf("this very file is what the table holds already (loaded by the operation %s): nothing would change", staged.Already.Operation)
	case n > 0:
		reasons, err := o.store.RejectReasons(ctx, o.run, shownRejects)
		if err != nil {
			return FileChecked{}, loadError(err, "check the file")
		}
		checked.Why = fmt.Sprintf("%d of %d rows would be rejected: %s", n, staged.Counts.Records, strings.Join(reasons, "; "))
	default:
		checked.Fits = true
	}
	return checked, nil
}

// notFit is what an error says of the file, "" if it says nothing of it.
func notFit(err error) string {
	if isType(err, NotFound) {
		return "there is no such file: put it where it belongs first (" + wordsOfError(err) + ")"
	}
	if isType(err, Refused) {
		return wordsOfError(err)
	}
	return ""
}

// HashDataFile reads a file and says what it is now. That it is gone, or another one than expected, is an answer.
func (a *DataLoads) HashDataFile(ctx context.Context, in DataLoad) (FileHashed, error) {
	o, err := a.open(ctx, in)
	if err != nil {
		return FileHashed{}, err
	}
	doing := fmt.Sprintf("look at the file %q of the dataset %s again", in.File, in.Dataset)
	stream, err := a.fetch(ctx, o, in)
	if err == nil {
		_, err = io.Copy(io.Discard, stream)
		err = errors.Join(err, stream.Close())
	}
	if err = loadError(err, doing); err != nil {
		if why := notFit(err); why != "" {
			return FileHashed{Why: why}, nil
		}
		return FileHashed{}, err
	}
	return FileHashed{SHA256: stream.SHA256(), Bytes: stream.Size()}, nil
}

// FindLoadedFile asks the ledger whether a load has imported, and whether the table holds the file at this moment.
func (a *DataLoads) FindLoadedFile(ctx context.Context, in LoadedFile) (LoadFound, error) {
	o, err := a.open(ctx, in.DataLoad)
	if isType(err, Drifted) {
		return LoadFound{}, fail(Drifted, "the dataset %s was edited after this run began, so the table cannot be compared with the file: put the declaration back and answer retry, or look into tejun_load.ledger for the operation %s", in.Dataset, in.Load)
	}
	if err != nil {
		return LoadFound{}, err
	}
	var found LoadFound
	if found.Imported, err = o.store.Entry(ctx, in.Load); err == nil {
		found.Holds, err = o.store.Loaded(ctx, o.table, o.dataset.Digest(), strings.ToLower(in.SHA256))
	}
	return found, loadError(err, "ask the ledger of loads about "+in.Load)
}
