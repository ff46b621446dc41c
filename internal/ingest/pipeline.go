package ingest

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/delimited"
	"tejun/internal/ingest/record"
)

// blockSize is what one worker takes at a time: with its fields and its tuples it stays in a processor's own cache.
const blockSize = 256 << 10

// job is a part of the file on its way to a worker.
type job struct {
	number  int
	bytes   int64
	block   *delimited.Block // of a delimited file
	batch   *record.Batch    // of any other
	charset charset.Charset
	columns []column
	fields  int
	last    bool // nothing comes after it; a job without block and batch, for the joiner
}

// done is what a worker made of a job.
type done struct {
	chunk             Chunk
	blank             int
	joined            int
	undecoded, ragged int
	nonASCII          int // rows with characters beyond ASCII; counted only if some cannot be decoded
	err               error
}

// pipeline runs a producer of jobs and several workers, and hands over what they make.
type pipeline struct {
	plan    *plan
	options Options
	emit    func(Chunk) error

	jobs    chan job
	results chan done
	tokens  chan struct{} // one for each job under way, so that memory is bounded
	blocks  chan *delimited.Block
	batches chan *record.Batch
	outs    chan []byte

	mu     sync.Mutex
	totals Totals
	file   Totals // what the producer knows at the end: bytes, lines, header, encoding
	first  Reject // the first reject that was handed over
}

func newPipeline(p *plan, o Options, emit func(Chunk) error) *pipeline {
	if p.continuation != nil {
		o.Workers = 1 // a row may go on in the next block
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.BlockSize <= 0 {
		o.BlockSize = blockSize
	}
	under := 2*o.Workers + 2
	return &pipeline{
		plan: p, options: o, emit: emit,
		jobs: make(chan job, o.Workers), results: make(chan done, under), tokens: make(chan struct{}, under),
		blocks: make(chan *delimited.Block, under), batches: make(chan *record.Batch, under), outs: make(chan []byte, under),
	}
}

// run starts produce, which sends jobs until the file ends, and the workers, and returns when all have ended.
func (p *pipeline) run(ctx context.Context, produce func(context.Context) error) (Totals, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var producing, working sync.WaitGroup
	var failed error // of the producer; the file's earlier part is handed over first, so that the same file fails the same way
	producing.Go(func() {
		defer close(p.jobs)
		failed = produce(ctx)
	})
	for range p.options.Workers {
		working.Go(func() { p.work(ctx, cancel) })
	}
	go func() {
		working.Wait()
		close(p.results)
	}()
	p.hand(ctx, cancel)
	producing.Wait()
	p.totals.Bytes, p.totals.Lines, p.totals.Header, p.totals.Encoding = p.file.Bytes, p.file.Lines, p.file.Header, p.file.Encoding
	if err := context.Cause(ctx); err != nil {
		return p.totals, err
	}
	if failed != nil {
		return p.totals, failed
	}
	return p.totals, p.judgeEnd()
}

// send gives a job to the workers; it waits while too many are under way.
func (p *pipeline) send(ctx context.Context, j job) error {
	select {
	case p.tokens <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case p.jobs <- j:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// work converts jobs until there are none.
func (p *pipeline) work(ctx context.Context, cancel context.CancelCauseFunc) {
	w := worker{pipeline: p}
	for j := range p.jobs {
		if ctx.Err() != nil {
			continue // the producer may be waiting to send
		}
		d := w.convert(j)
		if d.err == nil && p.options.Unordered {
			d.err = p.take(d)
			if d.err == nil {
				continue
			}
		}
		if d.err != nil && p.options.Unordered {
			cancel(d.err)
			continue
		}
		p.results <- d // never blocks: there are as many places as tokens
	}
}

// hand hands the chunks over in the order of the file.
func (p *pipeline) hand(ctx context.Context, cancel context.CancelCauseFunc) {
	waiting := map[int]done{}
	next := 0
	for d := range p.results {
		waiting[d.chunk.Number] = d
		for {
			d, ok := waiting[next]
			if !ok {
				break
			}
			delete(waiting, next)
			next++
			if ctx.Err() != nil {
				continue
			}
			err := d.err
			if err == nil {
				err = p.take(d)
			}
			if err != nil {
				cancel(err)
			}
		}
	}
}

// take adds a chunk to the totals and hands it over.
func (p *pipeline) take(d done) error {
	if err := p.count(&d); err != nil {
		var rejects *RejectLimitError
		if errors.As(err, &rejects) { // its rows are not handed over, and its rejects are: whoever has delivered the file wants to see them
			return errors.Join(err, p.emit(Chunk{Number: d.chunk.Number, Rejects: d.chunk.Rejects}))
		}
		return err
	}
	if err := p.emit(d.chunk); err != nil {
		return err
	}
	<-p.tokens
	return nil
}

// count adds a chunk to the totals, and gives the file up if they are beyond the limits.
func (p *pipeline) count(d *done) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.totals
	rejects := int64(len(d.chunk.Rejects))
	t.Bytes += d.chunk.SourceBytes
	t.Blank += int64(d.blank)
	t.Joined += int64(d.joined)
	t.Rows += int64(d.chunk.Rows)
	t.Rejects += rejects
	t.Undecoded += int64(d.undecoded)
	t.Ragged += int64(d.ragged)
	t.Records += int64(d.chunk.Rows) + rejects + int64(d.joined)
	if rejects > 0 && (p.first.Line == 0 || d.chunk.Rejects[0].Line < p.first.Line) {
		p.first = d.chunk.Rejects[0]
	}
	if err := p.judge(d); err != nil {
		return err
	}
	if p.options.Progress != nil {
		p.options.Progress(*t)
	}
	return nil
}

// produceBlocks cuts a delimited file into blocks.
func (p *pipeline) produceBlocks(ctx context.Context, source io.Reader) error {
	rules := p.plan.rules
	rules.BlockSize = p.options.BlockSize
	splitter := delimited.NewSplitter(source, rules)
	h := &head{plan: p.plan, rules: splitter.Rules()}
	splitter.Start = h.begin
	number, sent := 0, int64(0)
	for {
		b := kept(p.blocks)
		if b == nil {
			b = new(delimited.Block)
		}
		err := splitter.Next(b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = h.block(b)
		}
		if err != nil {
			return asFileError(err)
		}
		if limit := p.options.MaxBytes; limit > 0 && splitter.Bytes() > limit {
			return refuse("the file has more than the %d bytes that are allowed: if it is right, raise source.maxBytes of the dataset", limit)
		}
		if !h.done {
			continue // blank lines only
		}
		j := job{number: number, bytes: splitter.Bytes() - sent, block: b, charset: h.charsetNow(), columns: h.columns, fields: h.fields}
		if err := p.send(ctx, j); err != nil {
			return err
		}
		number, sent = number+1, splitter.Bytes()
	}
	p.file = Totals{Bytes: splitter.Bytes(), Lines: splitter.Lines(), Header: h.names, Encoding: h.charsetNow().String()}
	if !h.done {
		return refuse("the file is empty: ask whoever delivers it whether there is nothing, or have it sent again")
	}
	if p.plan.continuation != nil {
		return p.send(ctx, job{number: number, columns: h.columns, fields: h.fields, charset: h.charsetNow(), last: true})
	}
	return nil
}

func asFileError(err error) error {
	var quote *delimited.QuoteError
	if errors.As(err, &quote) {
		return &FileError{Reason: quote.Error(), Cause: err}
	}
	return err
}

// kept is a piece of memory that was used before, or the zero value.
func kept[T any](pool chan T) (t T) {
	select {
	case t = <-pool:
	default:
	}
	return t
}

// keep puts a piece of memory away for the next one who needs it.
func keep[T any](pool chan T, t T) {
	select {
	case pool <- t:
	default:
	}
}
