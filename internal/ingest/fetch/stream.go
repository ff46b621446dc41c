// Package fetch brings a file here as a stream: from S3, over HTTPS from hosts that are allowed, or from a folder. Size and
// SHA-256 are counted while it passes, and compared with what was expected; a source that is cut off or changes is an
// error at the end of the stream at the latest, so whoever reads must not trust a byte before io.EOF.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync/atomic"

	"tejun/internal/ingest/record"
)

// Expect is what is known about the file before it comes.
type Expect struct {
	Size     int64  // 0 means unknown
	SHA256   string // hexadecimal; "" means unknown
	MaxBytes int64  // more is refused; 0 means no limit
}

// Stream is a file on its way. Read it to io.EOF, then ask for its size and hash.
type Stream struct {
	Name    string // of the source, in words: s3://bucket/key, a URL, a path
	Length  int64  // as the source says before it sends; -1 if it does not
	Version string // the source's own mark for this content (an ETag); "" if it has none

	ctx    context.Context //nolint:containedctx // reading ends when the fetch is cancelled
	body   io.ReadCloser
	expect Expect
	hash   hash.Hash
	size   atomic.Int64
	ended  bool
	check  func() error // asks the source at the end whether it has changed; may be nil
}

func newStream(ctx context.Context, name string, length int64, body io.ReadCloser, expect Expect) (*Stream, error) {
	s := &Stream{Name: name, Length: length, ctx: ctx, body: body, expect: expect, hash: sha256.New()}
	var err error
	switch {
	case expect.MaxBytes > 0 && length > expect.MaxBytes:
		err = record.Refuse("%s has %d bytes, more than the %d that are allowed", name, length, expect.MaxBytes)
	case expect.Size > 0 && length >= 0 && length != expect.Size:
		err = record.Refuse("%s has %d bytes and not the expected %d: it is another file", name, length, expect.Size)
	}
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return s, nil
}

// Read reads on. At the end it checks that the whole file came, and that it is the expected one.
func (s *Stream) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, fmt.Errorf("read %s: %w", s.Name, err)
	}
	n, err := s.body.Read(p)
	size := s.size.Add(int64(n))
	s.hash.Write(p[:n])
	if s.expect.MaxBytes > 0 && size > s.expect.MaxBytes {
		return 0, record.Refuse("%s sends more than the %d bytes that are allowed", s.Name, s.expect.MaxBytes)
	}
	if cause := context.Cause(s.ctx); err != nil && cause != nil {
		// A source that has been given up may still end its answer in good order: that end is not the file's.
		return n, fmt.Errorf("read %s after %d bytes: %w", s.Name, size, cause)
	}
	switch {
	case errors.Is(err, io.EOF):
		if wrong := s.end(); wrong != nil {
			return n, wrong
		}
		s.ended = true
		return n, io.EOF
	case err != nil:
		return n, fmt.Errorf("read %s after %d bytes: %w", s.Name, size, err)
	}
	return n, nil
}

// end compares what came with what was to come. That the source broke off can be tried again, another file cannot.
func (s *Stream) end() error {
	size := s.size.Load()
	if s.Length >= 0 && size != s.Length {
		return fmt.Errorf("read %s: it ended after %d of %d bytes: %w", s.Name, size, s.Length, io.ErrUnexpectedEOF)
	}
	if s.check != nil {
		if err := s.check(); err != nil {
			return err
		}
	}
	if s.expect.Size > 0 && size != s.expect.Size {
		return record.Refuse("%s has %d bytes and not the expected %d: it is another file", s.Name, size, s.expect.Size)
	}
	if want := s.expect.SHA256; want != "" && !strings.EqualFold(want, s.SHA256()) {
		return record.Refuse("%s has the SHA-256 %s and not the expected %s: it is another file", s.Name, s.SHA256(), want)
	}
	return nil
}

// Size is how many bytes have been read. It may be asked while somebody reads.
func (s *Stream) Size() int64 { return s.size.Load() }

// Ended says that the whole file has been read and is the expected one.
func (s *Stream) Ended() bool { return s.ended }

// SHA256 is the hash of what has been read, in hexadecimal.
func (s *Stream) SHA256() string { return hex.EncodeToString(s.hash.Sum(nil)) }

// Close lets the source go.
func (s *Stream) Close() error {
	if err := s.body.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.Name, err)
	}
	return nil
}
