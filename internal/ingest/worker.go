package ingest

import (
	"bytes"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/delimited"
	"tejun/internal/ingest/record"
)

// worker converts one job after another.
type worker struct {
	pipeline  *pipeline
	converter converter
	batch     record.Batch
	joiner    *joiner // nil if rows stand alone
	ready     bool
}

func (w *worker) convert(j job) done {
	p := w.pipeline
	c := &w.converter
	if !w.ready || c.decoder.Charset() != j.charset {
		c.columns, c.fields, c.decoder, w.ready = j.columns, j.fields, charset.NewDecoder(j.charset), true
		if rule := p.plan.continuation; rule != nil {
			if w.joiner == nil {
				w.joiner = &joiner{rule: rule, columns: c.columns}
			}
			w.joiner.decoder = c.decoder
		}
	}
	d := done{chunk: Chunk{Number: j.number, SourceBytes: j.bytes, pool: p.outs}}
	c.hashes = !p.options.NoHashes
	batch := j.batch
	if batch == nil {
		batch = &w.batch
		batch.Data = append(batch.Data[:0:0], slack[:]...)[:0]
		batch.Reset()
	}
	if j.block != nil {
		var err error
		d.chunk.FirstLine, c.nul = j.block.Line, j.block.NUL
		if d.blank, err = delimited.Parse(j.block, p.plan.rulesFor(j.charset), batch); err != nil {
			d.err = asFileError(err)
			return d
		}
	} else {
		c.nul = bytes.IndexByte(batch.Data, 0) >= 0
	}
	if w.joiner != nil {
		w.joiner.batch(batch, c.fields, j.last)
		d.joined = w.joiner.joined
	}
	if len(batch.Rows) > 0 {
		d.chunk.FirstLine = batch.Rows[0].Line
	}
	c.start(kept(p.outs))
	c.batch(batch)
	d.chunk.Tuples, d.chunk.Rows, d.chunk.Rejects = c.out[:c.n], c.rows, c.rejects
	d.undecoded, d.ragged = c.undecoded, c.ragged
	if d.undecoded > 0 {
		for _, row := range batch.Rows {
			if !isASCII(batch.Data[row.Start:row.End]) {
				d.nonASCII++
			}
		}
	}
	switch {
	case j.block != nil:
		if j.block.Long > 0 && len(d.chunk.Rejects) == 1 {
			d.chunk.Rejects[0].Size = j.block.Long
		}
		keep(p.blocks, j.block)
	case j.batch != nil:
		keep(p.batches, j.batch)
	}
	return d
}
