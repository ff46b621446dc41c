package ingest

import (
	"context"
	"errors"
	"io"

	"tejun/internal/dataset"
	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/fetch"
	"tejun/internal/ingest/lines"
	"tejun/internal/ingest/parquetfile"
	"tejun/internal/ingest/record"
	"tejun/internal/ingest/sheet"
)

// opener begins to read a file of one format. Records come with the wanted fields, in that order.
type opener func(source io.Reader, d *dataset.Dataset, wanted []record.Wanted) (record.Source, error)

// anywhere is the opener of a format that has to be looked at in any place: what comes as a stream is kept on disk first.
func anywhere(open func(file record.File, size int64, d *dataset.Dataset, wanted []record.Wanted) (record.Source, error)) opener {
	return func(source io.Reader, d *dataset.Dataset, wanted []record.Wanted) (record.Source, error) {
		file, size, err := fetch.Keep(source, "the file", "")
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what could not be kept
		}
		records, err := open(file, size, d, wanted)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return onDisk{records, file}, nil
	}
}

// onDisk is a source of records that closes the file under it.
type onDisk struct {
	record.Source
	file io.Closer
}

// Close closes both.
func (k onDisk) Close() error { return errors.Join(k.Source.Close(), k.file.Close()) }

// openers are the formats beside CSV and TSV.
var openers = map[string]opener{
	dataset.XLSX:    anywhere(sheet.Open),
	dataset.Parquet: anywhere(parquetfile.Open),
	dataset.JSONL: func(source io.Reader, d *dataset.Dataset, wanted []record.Wanted) (record.Source, error) {
		return lines.Open(source, d.Limits.MaxLine, wanted) //nolint:wrapcheck // it says what is wrong, and where
	},
}

// produceRecords reads a file by a reader of its own. Its batches are converted side by side as blocks are.
func (p *pipeline) produceRecords(ctx context.Context, source io.Reader, open opener) (err error) {
	var wanted []record.Wanted
	columns := append([]column(nil), p.plan.columns...)
	for i, w := range p.plan.wanted {
		wanted = append(wanted, record.Wanted{Number: w.number, Name: w.name})
		columns[i].source = i
	}
	records, err := open(source, p.plan.dataset, wanted)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, records.Close()) }()
	number := 0
	for {
		b := kept(p.batches)
		if b == nil {
			b = new(record.Batch)
		}
		b.Reset()
		if err := records.Next(b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err //nolint:wrapcheck // it says what is wrong, and where
		}
		size := int64(len(b.Data))
		b.Data = append(b.Data, slack[:]...)[:size]
		p.file.Bytes += size
		p.file.Lines += int64(len(b.Rows))
		j := job{number: number, bytes: size, batch: b, charset: charset.UTF8, columns: columns, fields: len(columns)}
		if err := p.send(ctx, j); err != nil {
			return err
		}
		number++
	}
	p.file.Encoding = charset.UTF8.String()
	if p.plan.continuation != nil {
		return p.send(ctx, job{number: number, columns: columns, fields: len(columns), charset: charset.UTF8, last: true})
	}
	return nil
}
