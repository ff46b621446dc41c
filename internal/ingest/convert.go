package ingest

import (
	"context"
	"fmt"
	"io"

	"tejun/internal/dataset"
)

// Convert reads an unpacked file of a dataset and hands over its rows as chunks of tuples: in the order of the file, one
// call of emit at a time, unless the options say otherwise. The totals are those of what has been handed over.
//
// A *FileError or *RejectLimitError means that nothing of the file may be used, whatever has been handed over before; so
// does any other error, but that one may go away.
func Convert(ctx context.Context, d *dataset.Dataset, r io.Reader, o Options, emit func(Chunk) error) (Totals, error) {
	plan, err := compile(d)
	if err != nil {
		return Totals{}, fmt.Errorf("dataset %s: %w", d.ID, err)
	}
	p := newPipeline(plan, o, emit)
	if delimitedFormat(d) {
		return p.run(ctx, func(ctx context.Context) error { return p.produceBlocks(ctx, r) })
	}
	open, known := openers[d.Format.Kind]
	if !known {
		return Totals{}, fmt.Errorf("dataset %s: format %q cannot be read", d.ID, d.Format.Kind)
	}
	return p.run(ctx, func(ctx context.Context) error { return p.produceRecords(ctx, r, open) })
}
