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
func From(d *dataset.Dataset, stream *fetch.Stream, progress func(ingest.Totals)) Source {
	return func(ctx context.Context, emit func(ingest.Chunk) error) (arrived Arrived, err error) {
		content, done, err := unpacked(d, stream)
		if err != nil {
			return Arrived{}, err
		}
		o := ingest.Options{Unordered: true, MaxBytes: d.Source.MaxBytes, Progress: progress}
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

// unpacked is the content of a file. done reads what is left of the file and says what the whole is; a file that is not the
// expected one shows there at the latest.
func unpacked(d *dataset.Dataset, stream *fetch.Stream) (content io.ReadCloser, done func() (string, int64, error), err error) {
	limits := unpack.Limits{Bytes: d.Source.MaxBytes}
	drained := func() (string, int64, error) {
		_, err := io.Copy(io.Discard, stream)
		return stream.SHA256(), stream.Size(), err
	}
	switch d.Packing.Kind {
	case dataset.PackingZip:
		file, err := fetch.Spool(stream, "")
		if err != nil {
			return nil, nil, err
		}
		member, _, err := unpack.Zip(file, file.Size, d.Packing.Member, limits)
		if err != nil {
			return nil, nil, errors.Join(err, file.Close())
		}
		return both{member, file}, func() (string, int64, error) { return file.SHA256, file.Size, nil }, nil
	case dataset.PackingGzip:
		plain, err := unpack.Gzip(stream, limits)
		if err != nil {
			return nil, nil, errors.Join(err, stream.Close())
		}
		return both{plain, stream}, drained, nil
	}
	return stream, drained, nil
}

// both reads one and closes both.
type both struct {
	io.ReadCloser
	under io.Closer
}

// Close closes both.
func (b both) Close() error { return errors.Join(b.ReadCloser.Close(), b.under.Close()) }
