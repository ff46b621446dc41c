package infer

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/text/encoding/japanese"

	"tejun/internal/dataset"
	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/unpack"
)

// How much of a file is looked at.
const (
	mostBytes   = 24 << 20
	mostRecords = 200_000
	mostColumns = 1600
)

// sample is the beginning of a file, taken apart.
type sample struct {
	packing   string
	member    string // of the zip archive
	format    string
	encoding  string
	delimiter string
	header    bool
	names     []string // of the fields, "" if the file has none
	records   [][]string
	whole     bool // the sample is the whole file
	ragged    int  // records with another number of fields
	said      said
}

// said is what is told of each decision, and what a person has to look at.
type said struct {
	packing, format, header, encoding string
	doubts                            []string
}

func (s *said) doubt(format string, args ...any) {
	s.doubts = append(s.doubts, fmt.Sprintf(format, args...))
}

// take reads the beginning of a file.
func take(file string) (_ *sample, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("infer: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("infer: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("infer: %s is no plain file", file)
	}
	s := &sample{packing: dataset.PackingNone, said: said{packing: "the file is not packed"}}
	data, err := s.unpack(f, info.Size())
	if err != nil {
		return nil, err
	}
	return s, s.takeApart(data, file)
}

// unpack reads the beginning of the content, up to a line end unless it is all of it.
func (s *sample) unpack(f *os.File, size int64) (data []byte, err error) {
	var head [4]byte
	n, err := io.ReadFull(f, head[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("infer: %w", err)
	}
	content := io.NopCloser(io.NewSectionReader(f, 0, size))
	switch {
	case bytes.HasPrefix(head[:n], []byte("PK\x03\x04")):
		if content, err = s.openZip(f, size); err != nil {
			return nil, err
		}
		if s.format == dataset.XLSX {
			return nil, nil
		}
	case bytes.HasPrefix(head[:n], []byte("\x1F\x8B")):
		s.packing, s.said.packing = dataset.PackingGzip, "sure: it begins like gzip"
		if content, err = unpack.Gzip(content, unpack.Limits{}); err != nil {
			return nil, err //nolint:wrapcheck // it says what is wrong
		}
	case bytes.Equal(head[:n], []byte("PAR1")):
		s.format = dataset.Parquet
		return nil, nil
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	data, err = io.ReadAll(io.LimitReader(content, mostBytes+1))
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what is wrong
	}
	if s.whole = len(data) <= mostBytes; !s.whole {
		data = data[:mostBytes]
		cut := bytes.LastIndexByte(data, '\n')
		if cut < 0 {
			return nil, fmt.Errorf("infer: the first %d bytes hold no line end: this is no file of records", mostBytes)
		}
		data = data[:cut+1]
	}
	return data, nil
}

// openZip opens the one member that can be the file, or tells a workbook.
func (s *sample) openZip(f *os.File, size int64) (io.ReadCloser, error) {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		return nil, fmt.Errorf("infer: the zip archive is damaged or cut off (%w): have it sent again", err)
	}
	var names []string
	for _, m := range archive.File {
		if m.Name == "xl/workbook.xml" {
			s.format = dataset.XLSX
			return nil, nil
		}
		if !m.FileInfo().IsDir() {
			names = append(names, m.Name)
		}
	}
	s.packing, s.said.packing = dataset.PackingZip, "sure: it is a zip archive that holds "+strings.Join(names[:min(len(names), 5)], ", ")
	if len(names) != 1 {
		// The largest is most likely the data, beside a note on how to read it.
		largest := uint64(0)
		for _, m := range archive.File {
			if m.UncompressedSize64 > largest {
				largest, s.member = m.UncompressedSize64, path.Base(m.Name)
			}
		}
		s.said.doubt("the archive holds %d files and %s, the largest, was taken: mend packing.member if it is another", len(names), s.member)
	} else if ext := path.Ext(names[0]); ext != "" {
		s.member = "*" + ext
	}
	content, _, err := unpack.Zip(f, size, s.member, unpack.Limits{})
	return content, err //nolint:wrapcheck // it says what is wrong
}

// takeApart finds format, encoding and fields.
func (s *sample) takeApart(data []byte, file string) error {
	if s.format == dataset.XLSX || s.format == dataset.Parquet {
		return s.takeRecords(file)
	}
	if why := charset.Foreign(data[:min(len(data), 16)]); why != "" {
		return fmt.Errorf("infer: %s", why)
	}
	guess := charset.Detect(data)
	s.encoding = guess.Charset.String()
	switch {
	case guess.Chars == 0:
		s.encoding, s.said.encoding = "detect", "guess: the sample is plain ASCII, which every encoding reads the same; name the encoding if you know it"
	case guess.Bad > 0:
		s.said.encoding = fmt.Sprintf("guess: %d bytes are not of this encoding", guess.Bad)
		s.said.doubt("encoding %s is the best guess, and %d bytes are not of it: ask whoever sends the file", s.encoding, guess.Bad)
	case guess.Chars < charset.Sure:
		s.said.encoding = fmt.Sprintf("guess: the sample has only %d characters beyond ASCII", guess.Chars)
	default:
		s.said.encoding = fmt.Sprintf("sure: every byte reads, %d of %d characters beyond ASCII are usual ones or kana", guess.Usual+guess.Kana, guess.Chars)
	}
	if bytes.HasPrefix(data, charset.Mark) {
		s.said.encoding = "sure: it begins with the mark of UTF-8"
		data = data[len(charset.Mark):]
	}
	text, err := decode(guess.Charset, data)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("infer: the file is empty: there is nothing to learn from it")
	}
	if strings.ContainsRune(text[:min(len(text), 4096)], 0) {
		return fmt.Errorf("infer: the file holds zero bytes: it is no text (UTF-16 without a mark, or a binary file); have it saved as UTF-8 or Shift_JIS")
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		if s.takeLines(text) {
			return nil
		}
		s.said.doubt("the file begins with { and its lines are not JSON objects: it was read as CSV")
	}
	return s.takeDelimited(text)
}

func decode(c charset.Charset, data []byte) (string, error) {
	var text []byte
	var err error
	switch c {
	case charset.CP932:
		text, err = japanese.ShiftJIS.NewDecoder().Bytes(data)
	case charset.EUCJP:
		text, err = japanese.EUCJP.NewDecoder().Bytes(data)
	default:
		text = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	if err != nil {
		return "", fmt.Errorf("infer: read the file as %s: %w", c, err)
	}
	return string(text), nil
}

// takeDelimited chooses the delimiter by which most records have the same number of fields, two at least.
func (s *sample) takeDelimited(text string) error {
	best, agree := -1.0, 0
	for _, d := range []rune{',', '\t', ';', '|'} {
		records, fields, share := parse(text, d)
		if len(records) == 0 {
			continue
		}
		score := share
		if fields < 2 {
			score = 0 // one column is what every wrong delimiter makes of a file
		}
		if score > best {
			best, s.records, s.delimiter, agree = score, records, string(d), fields
		}
	}
	if len(s.records) == 0 {
		return fmt.Errorf("infer: no record could be read: this is no CSV or TSV file")
	}
	s.whole = s.whole && len(s.records) < mostRecords
	s.format = dataset.CSV
	if s.delimiter == "\t" {
		s.format = dataset.TSV
	}
	if agree > mostColumns {
		return fmt.Errorf("infer: the records have %d fields, more than a table can have (%d)", agree, mostColumns)
	}
	kept := s.records[:0:0]
	for _, r := range s.records {
		if len(r) != agree {
			s.ragged++
			continue
		}
		kept = append(kept, r)
	}
	s.said.format = fmt.Sprintf("sure: %d of %d records have %d fields", len(kept), len(s.records), agree)
	switch {
	case agree == 1:
		s.said.format = "guess: no delimiter was found, so each line is one field"
		s.said.doubt("no delimiter was found: if lines have several fields, write format.delimiter by hand")
	case s.ragged > 0:
		s.said.format = fmt.Sprintf("guess: %d of %d records have %d fields", len(kept), len(s.records), agree)
		s.said.doubt("%d records have another number of fields than %d: they will be rejected", s.ragged, agree)
	}
	s.records = kept
	s.findHeader()
	return nil
}

func parse(text string, delimiter rune) (records [][]string, fields int, share float64) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = delimiter, true, -1
	counts := map[int]int{}
	for len(records) < mostRecords {
		record, err := r.Read()
		if err != nil {
			break // the end, or a record that the conversion will refuse by itself
		}
		records = append(records, record)
		counts[len(record)]++
	}
	most := 0
	for n, count := range counts {
		if count > most || count == most && n > fields {
			fields, most = n, count
		}
	}
	return records, fields, float64(most) / float64(max(len(records), 1))
}

// findHeader decides whether the first record names the fields.
func (s *sample) findHeader() {
	if len(s.records) < 2 {
		s.said.header = "guess: there is only one record, taken as data"
		s.said.doubt("there is only one record: whether it is a header cannot be told")
		return
	}
	first, rest := s.records[0], s.records[1:]
	seen := map[string]bool{}
	against, unsure, contrast := "", "", 0
	for i, name := range first {
		name = strings.TrimSpace(name)
		switch {
		case name == "" || seen[name]:
			unsure = "some field of the first record is empty or comes twice"
		case shapeOf(name) != shapeText:
			against = fmt.Sprintf("%q in the first record is a value and no name", name)
		}
		seen[name] = true
		column := newColumn(i, rest)
		if column.repeats(name) {
			against = fmt.Sprintf("%q of the first record comes again below", name)
		}
		if column.filled > 0 && column.allShaped() {
			contrast++
		}
	}
	switch {
	case against != "":
		s.said.header = "sure: " + against
	case unsure != "":
		s.said.header = "guess: " + unsure + ", so it was taken as data"
		s.said.doubt("the first record (%s) was taken as data, as %s: if it is a header, write header: true, and give the columns by field", clip(strings.Join(first, ", ")), unsure)
	case contrast > 0:
		s.header, s.said.header = true, fmt.Sprintf("sure: the first record is words, and %d columns below hold numbers or dates", contrast)
	default:
		s.header, s.said.header = true, "guess: the first record's words do not come again below, but all columns are words"
		s.said.doubt("whether the first record (%s …) is a header is a guess", clip(strings.Join(first, ", ")))
	}
	if s.header {
		s.names, s.records = trimmed(first), rest
	}
}

func trimmed(all []string) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = strings.TrimSpace(v)
	}
	return out
}

// clip shows the beginning of a value on one line.
func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}
