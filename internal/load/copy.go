package load

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"tejun/internal/ingest"
)

// load is bytes of tuples on their way into a COPY; free is called when they are written.
type load struct {
	tuples []byte
	free   func()
}

// stream is what COPY … FROM STDIN (FORMAT binary) reads: the header, the tuples that come through a channel, the trailer.
type stream struct {
	ctx     context.Context //nolint:containedctx // io.Reader has no place for it
	from    <-chan load
	rest    []byte
	current load
	begun   bool
	ended   bool
}

// Read gives the next bytes.
func (s *stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.current.free != nil {
			s.current.free()
			s.current = load{}
		}
		switch {
		case s.ended:
			return 0, io.EOF
		case !s.begun:
			s.begun, s.rest = true, ingest.Header
			continue
		}
		select {
		case <-s.ctx.Done():
			return 0, context.Cause(s.ctx)
		case next, ok := <-s.from:
			if ok {
				s.current, s.rest = next, next.tuples
			} else {
				s.ended, s.rest = true, ingest.Trailer
			}
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// copyInto copies what comes through the channel into a table until the channel is closed, and returns the number of rows.
func copyInto(ctx context.Context, conn *pgx.Conn, table string, from <-chan load) (int64, error) {
	tag, err := conn.PgConn().CopyFrom(ctx, &stream{ctx: ctx, from: from}, "COPY "+table+" FROM STDIN (FORMAT binary)")
	if err != nil {
		return 0, fmt.Errorf("copy rows into %s: %w", table, err)
	}
	return tag.RowsAffected(), nil
}
