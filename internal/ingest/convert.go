package ingest

import (
	"context"
	"fmt"
	"io"
)

// ConvertSpec reads a file, unpacked, and hands over its rows as chunks of tuples: in the order of the file, one call of
// emit at a time, unless the options say otherwise. The totals are those of what has been handed over.
//
// A *FileError or *RejectLimitError means that nothing of the file may be used, whatever has been handed over before; so
// does any other error, but that one may go away.
func ConvertSpec(ctx context.Context, s Spec, r io.Reader, o Options, emit func(Chunk) error) (Totals, error) {
	plan, err := compile(s)
	if err != nil {
		return Totals{}, fmt.Errorf("dataset: %w", err)
	}
	p := newPipeline(plan, o, emit)
	switch s.Format {
	case "csv", "tsv":
		return p.run(ctx, func(ctx context.Context) error { return p.produceBlocks(ctx, r) })
	}
	return Totals{}, fmt.Errorf("dataset: format %q cannot be read", s.Format)
}
