package ingest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/delimited"
	"tejun/internal/ingest/record"
)

// head is what the beginning of a delimited file tells. It is used by the one that cuts the file into blocks, before the
// workers see a block.
type head struct {
	plan    *plan
	rules   *delimited.Rules
	charset charset.Charset // Unknown until a byte above 0x7F has been seen
	checked bool            // the declared encoding has been compared with the file
	done    bool            // the header has been read
	names   []string
	fields  int
	columns []column
}

// begin looks at the first bytes of the file and leaves out a byte order mark.
func (h *head) begin(start []byte) (int, error) {
	h.charset = h.plan.charset
	if what := charset.Foreign(start); what != "" {
		return 0, refuse("%s", what)
	}
	skip := 0
	if bytes.HasPrefix(start, charset.Mark) {
		skip = len(charset.Mark)
		if h.charset != charset.Unknown && h.charset != charset.UTF8 {
			return 0, refuse("wrong encoding: the file is declared as %s and begins with the byte order mark of utf-8: have it sent in the encoding that was agreed, or mend encoding in the dataset", h.charset)
		}
		h.charset = charset.UTF8
	}
	if h.charset == charset.Unknown && delimited.MayBeSecondByte(h.rules.Delimiter) {
		h.charset = charset.Detect(wholeLines(start)).Charset
	}
	h.rules.DoubleByte = h.plan.maySplitWrongly(h.charset)
	return skip, nil
}

// block looks at a block before it is handed out, and cuts the header off.
func (h *head) block(b *delimited.Block) error {
	if !h.checked && b.Long == 0 && !isASCII(b.Data) {
		h.checked = true
		sample := b.Data[:min(len(b.Data), 1<<16)]
		if len(sample) < len(b.Data) {
			sample = wholeLines(sample)
		}
		if h.charset == charset.Unknown {
			h.charset = charset.Detect(sample).Charset
		} else if words := charset.Contradict(h.charset, sample); words != "" {
			return refuse("%s", words)
		}
	}
	if h.done {
		return nil
	}
	return h.first(b)
}

// charsetNow is what the next block is read as; all encodings read ASCII the same.
func (h *head) charsetNow() charset.Charset {
	if h.charset == charset.Unknown {
		return charset.UTF8
	}
	return h.charset
}

func wholeLines(sample []byte) []byte {
	if at := bytes.LastIndexByte(sample, '\n'); at > 0 {
		return sample[:at+1]
	}
	return sample
}

// first reads the header, if there is one, and finds the columns.
func (h *head) first(b *delimited.Block) error {
	var batch record.Batch
	if _, err := delimited.Parse(b, *h.rules, &batch); err != nil {
		return err
	}
	if len(batch.Rows) == 0 {
		return nil // blank lines
	}
	h.done = true
	row := batch.Rows[0]
	fields := batch.Fields[row.First : row.First+row.Count]
	if !h.plan.header {
		h.fields = h.plan.fields
		if h.fields == 0 {
			h.fields = len(fields)
		}
		return h.find(nil)
	}
	if row.Problem != "" {
		return &FileError{Line: row.Line, Reason: "the header cannot be read: " + row.Problem}
	}
	c := h.charsetNow()
	decoder := charset.NewDecoder(c)
	data := b.Data[:len(b.Data)+charset.Slack]
	for i, f := range fields {
		out := make([]byte, charset.Growth*int(f.End-f.Start)+charset.Slack)
		n, bad := decoder.Decode(out, 0, data, int(f.Start), int(f.End))
		if bad >= 0 {
			return &FileError{Line: row.Line, Reason: fmt.Sprintf("wrong encoding: the header of column %d is not %s: % X; have it sent in the encoding that was agreed, or mend encoding in the dataset", i+1, c, b.Data[f.Start:f.End])}
		}
		name := string(out[:n])
		if f.Kind == record.Doubled {
			name = strings.ReplaceAll(name, `""`, `"`)
		}
		h.names = append(h.names, string(trim([]byte(name))))
	}
	h.fields = len(fields)
	next := len(b.Data)
	if len(batch.Rows) > 1 {
		next = int(batch.Rows[1].Start)
	}
	b.Cut(next)
	return h.find(h.names)
}

// find gives each column its field; names is the header.
func (h *head) find(names []string) error {
	h.columns = slices.Clone(h.plan.columns)
	var missing, twice []string
	for i := range h.columns {
		w := h.plan.wanted[i]
		at := w.number - 1
		if w.number == 0 {
			at = slices.Index(names, w.name)
			if at >= 0 && slices.Index(names[at+1:], w.name) >= 0 {
				twice = append(twice, w.name)
			}
		}
		switch {
		case at < 0:
			missing = append(missing, w.name)
		case at >= h.fields:
			return refuse("the file has %d columns, and column %s is declared as number %d: have it sent as it was agreed, or mend the columns of the dataset", h.fields, h.columns[i].name, w.number)
		}
		h.columns[i].source = at
	}
	if len(twice) > 0 {
		return refuse("the header names %s more than once: declare these columns by their number, or have the file mended", strings.Join(twice, ", "))
	}
	if len(missing) > 0 {
		return refuse("the header has no column %s; it has %s: have it sent as it was agreed, or mend the columns of the dataset", strings.Join(missing, ", "), strings.Join(names, ", "))
	}
	return nil
}
