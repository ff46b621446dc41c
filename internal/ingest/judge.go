package ingest

import (
	"fmt"

	"tejun/internal/dataset"
	"tejun/internal/ingest/charset"
)

// few is the number of wrong rows below which the first chunk says nothing about the file.
const few = 20

// judge gives a file up after a chunk: for its beginning, or because there are more rejects than allowed. The caller
// holds the lock.
func (p *pipeline) judge(d *done) error {
	t := &p.totals
	if d.chunk.Number == 0 {
		if d.undecoded >= few && d.undecoded*2 > d.nonASCII {
			return p.wrongEncoding(int64(d.undecoded), int64(d.nonASCII), d.chunk.Rejects)
		}
		if records := d.chunk.Rows + len(d.chunk.Rejects); d.ragged >= few && d.ragged*2 > records {
			return p.wrongCount(int64(d.ragged), int64(records), d.chunk.Rejects)
		}
	}
	l := p.plan.dataset.Limits
	if limit := overRows(l, t.Rejects); limit != "" {
		return &RejectLimitError{Rejects: t.Rejects, Records: t.Records, Limit: limit, First: p.first}
	}
	if l.MaxRows > 0 && t.Records > l.MaxRows {
		return refuse("the file has more than the %d rows that are allowed: if it is right, raise limits.maxRows of the dataset", l.MaxRows)
	}
	return nil
}

// judgeEnd gives a file up after its end.
func (p *pipeline) judgeEnd() error {
	t := &p.totals
	if t.Undecoded*2 > t.Records {
		return p.wrongEncoding(t.Undecoded, t.Records, []Reject{p.first})
	}
	if t.Ragged*2 > t.Records {
		return p.wrongCount(t.Ragged, t.Records, []Reject{p.first})
	}
	if limit := OverLimit(p.plan.dataset.Limits, t.Rejects, t.Records); limit != "" {
		return &RejectLimitError{Rejects: t.Rejects, Records: t.Records, Limit: limit, First: p.first}
	}
	return nil
}

// OverLimit names, in words, the limit that so many rejected rows of a whole file are over, "" if they are over none.
func OverLimit(l dataset.Limits, rejects, records int64) string {
	if limit := overRows(l, rejects); limit != "" {
		return limit
	}
	if l.RejectShare > 0 && float64(rejects) > l.RejectShare*float64(records) {
		return fmt.Sprintf("%g %% of them", l.RejectShare*100)
	}
	return ""
}

// overRows is the limit that can be judged before the end of a file.
func overRows(l dataset.Limits, rejects int64) string {
	if l.RejectRows >= 0 && rejects > l.RejectRows {
		return fmt.Sprintf("the %d that are allowed", l.RejectRows)
	}
	return ""
}

func (p *pipeline) wrongEncoding(wrong, of int64, rejects []Reject) error {
	return &FileError{Reason: fmt.Sprintf("wrong encoding: %d of %d rows with characters beyond ASCII are not %s; the first is line %d, %s: have it sent in the encoding that was agreed, or mend encoding in the dataset",
		wrong, of, p.encoding(), rejects[0].Line, rejects[0].Reason)}
}

func (p *pipeline) wrongCount(wrong, of int64, rejects []Reject) error {
	return &FileError{Reason: fmt.Sprintf("wrong number of columns in %d of %d rows: line %d: %s; have it sent as it was agreed, or mend the columns of the dataset", wrong, of, rejects[0].Line, rejects[0].Reason)}
}

// encoding is what the file is read as, in words.
func (p *pipeline) encoding() string {
	if p.plan.charset == charset.Unknown {
		return "of the encoding that was detected"
	}
	return p.plan.charset.String()
}
