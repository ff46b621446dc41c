// Package unpack takes a file out of the zip archive or the gzip stream that it arrived in, and refuses what is broken,
// encrypted or larger than it says. Nothing is ever written under a name that an archive gives.
//
// Inflation is github.com/klauspost/compress's, which is a quarter faster here than the standard library's; the structure of
// zip archives is read by archive/zip.
package unpack

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"tejun/internal/ingest/record"
)

// Limits are how large an unpacked file may be.
type Limits struct {
	Bytes int64   // 0 means no limit
	Ratio float64 // unpacked to packed; 0 means DefaultRatio
}

// DefaultRatio is beyond what tables reach, and far below a zip bomb: these go up to 1,030.
const DefaultRatio = 250

// small is how many bytes may come out before the ratio is looked at; a file of one repeated line is no bomb.
const small = 4 << 20

func (l Limits) ratio() float64 {
	if l.Ratio > 0 {
		return l.Ratio
	}
	return DefaultRatio
}

// Gzip is the content of a gzip stream.
func Gzip(source io.Reader, limits Limits) (io.ReadCloser, error) {
	in := &counter{source: source}
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return nil, explain("gzip stream", err)
	}
	return &guarded{source: unpacked, what: "gzip stream", limits: limits, packed: func() int64 { return in.n }}, nil
}

type counter struct {
	source io.Reader
	n      int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.source.Read(p)
	c.n += int64(n)
	return n, err //nolint:wrapcheck // gzip compares it with io.EOF
}

// guarded stops reading at the limits, and explains errors.
type guarded struct {
	source io.ReadCloser
	what   string
	limits Limits
	packed func() int64 // bytes that the content came from so far
	n      int64
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.source.Read(p)
	g.n += int64(n)
	if g.limits.Bytes > 0 && g.n > g.limits.Bytes {
		return 0, record.Refuse("the %s unpacks to more than the %d bytes that are allowed: if it is right, raise source.maxBytes of the dataset", g.what, g.limits.Bytes)
	}
	if g.n > small && float64(g.n) > g.limits.ratio()*float64(g.packed()) {
		return 0, bomb(g.what, g.limits.ratio())
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, explain(g.what, err)
	}
	return n, err //nolint:wrapcheck // the end of the content
}

func (g *guarded) Close() error {
	if err := g.source.Close(); err != nil {
		return explain(g.what, err)
	}
	return nil
}

func bomb(what string, ratio float64) error {
	return record.Refuse("the %s unpacks to more than %g times its size, as a zip bomb does: nothing of it is loaded. If the file is a good one, have it sent less tightly packed", what, ratio)
}

// explain says in words what is wrong with an archive; errors of the source stay what they are.
func explain(what string, err error) error {
	var corrupt flate.CorruptInputError
	var reason string
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		reason = "is cut off: it ends before its content does; have it sent again"
	case errors.Is(err, gzip.ErrChecksum), isZipChecksum(err):
		reason = "is damaged: its content does not have the checksum (CRC-32) that it names; have it sent again"
	case errors.Is(err, gzip.ErrHeader):
		reason = "does not begin like gzip, or something stands after its end: have it sent again, or mend packing in the dataset"
	case errors.As(err, &corrupt), isKlauspostCorrupt(err):
		reason = "is damaged: " + err.Error() + "; have it sent again"
	default:
		return fmt.Errorf("unpack the %s: %w", what, err)
	}
	return &record.FileError{Reason: fmt.Sprintf("the %s %s", what, reason), Cause: err}
}
