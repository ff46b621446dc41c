package load

import (
	"context"
	"errors"
	"io"

	"tejun/internal/dataset"
	"tejun/internal/ingest"
	"tejun/internal/ingest/fetch"
	"tejun/internal/ingest/unpack"
)

// From reads a file of a dataset from a stream, unpacks and converts it. Progress is told how much has been converted; nil
// means nobody asks. The stream is closed.
func From(d *dataset.Dataset, stream *fetch.Stream, progress func(Progress)) Source {
	return func(ctx context.Context, emit func(ingest.Chunk) error) (arrived Arrived, err error) {
		content, done, measure, err := unpacked(d, stream)
		if err != nil {
			return Arrived{}, err
		}
		t := Of(d)
		o := ingest.Options{Unordered: true, NoHashes: !t.hashed(), MaxBytes: d.Source.MaxBytes}
		if progress != nil {
			o.Progress = func(t ingest.Totals) {
				done, whole := measure(t)
				progress(Progress{t, done, whole})
			}
		}
		totals, err := ingest.Convert(ctx, d, content, o, emit)
		if err != nil {
			return Arrived{}, errors.Join(err, content.Close())
		}
		sha256, size, err := done()
		if err := errors.Join(err, content.Close()); err != nil {
			return Arrived{}, err
		}
		return Arrived{SHA256: sha256, Bytes: size, Totals: totals}, nil
	}
}

// Progress is how far a file is.
type Progress struct {
	ingest.Totals
	Done  int64 // bytes that were read: of a zip archive those of its member, otherwise those that have arrived
	Whole int64 // of how many; 0 or less if nobody has said
}

// measure says how many bytes of how many were read.
type measure func(ingest.Totals) (done, whole int64)

// unpacked is the content of a file. done reads what is left of the file and says what the whole is; a file that is not the
// expected one shows there at the latest.
func unpacked(d *dataset.Dataset, stream *fetch.Stream) (content io.ReadCloser, done func() (string, int64, error), measure measure, err error) {
	limits := unpack.Limits{Bytes: d.Source.MaxBytes}
	drained := func() (string, int64, error) {
		_, err := io.Copy(io.Discard, stream)
		return stream.SHA256(), stream.Size(), err
	}
	arrived := func(ingest.Totals) (int64, int64) { return stream.Size(), stream.Length }
	switch d.Packing.Kind {
	case dataset.PackingZip:
		file, err := fetch.Spool(stream, "")
		if err != nil {
			return nil, nil, nil, err
		}
		content, member, err := unpack.Zip(file, file.Size, d.Packing.Member, limits)
		if err != nil {
			return nil, nil, nil, errors.Join(err, file.Close())
		}
		// The archive has arrived as a whole before its member can be read.
		inside := func(t ingest.Totals) (int64, int64) { return t.Bytes, member.Size }
		return both{content, file}, func() (string, int64, error) { return file.SHA256, file.Size, nil }, inside, nil
	case dataset.PackingGzip:
		plain, err := unpack.Gzip(stream, limits)
		if err != nil {
			return nil, nil, nil, errors.Join(err, stream.Close())
		}
		return both{plain, stream}, drained, arrived, nil
	}
	return stream, drained, arrived, nil
}

// both reads one and closes both.
type both struct {
	io.ReadCloser
	under io.Closer
}

// Close closes both.
func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.under.Close()) }
