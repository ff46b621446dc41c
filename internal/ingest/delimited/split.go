package delimited

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// rawLimit is how much of a line that is too long is kept.
const rawLimit = 16 << 10

// Block is some whole records.
type Block struct {
	Data  []byte // with Slack bytes after its end
	Line  int64  // where its first record starts, from 1
	Lines int    // line ends in it, and a last line without one
	NUL   bool   // it has a zero byte somewhere
	Long  int64  // if not 0, Data is the start of one record that is too long, and this its length
	End   byte   // what ends a line

	masked []byte // see Rules.DoubleByte
}

// Splitter cuts a file into blocks.
type Splitter struct {
	// Start is called once with the first bytes of the file, and answers how many to leave out.
	Start func(head []byte) (skip int, err error)

	rules   Rules
	source  io.Reader
	carry   []byte // what was read behind the last block
	line    int64
	bytes   int64
	end     byte
	started bool
	eof     bool
}

// NewSplitter reads from source.
func NewSplitter(source io.Reader, rules Rules) *Splitter {
	return &Splitter{source: source, rules: rules, line: 1}
}

// Bytes is how much has been read from the source.
func (s *Splitter) Bytes() int64 { return s.bytes }

// Lines is how many lines have been handed out in blocks.
func (s *Splitter) Lines() int64 { return s.line - 1 }

// Rules changes what was given to NewSplitter, from the next block on.
func (s *Splitter) Rules() *Rules { return &s.rules }

// Next fills the block with the next records and keeps its memory. It returns io.EOF after the last.
func (s *Splitter) Next(b *Block) error {
	b.Data = append(b.Data[:0], s.carry...)
	s.carry = s.carry[:0]
	target := max(s.rules.BlockSize, len(b.Data))
	w := walk{rules: s.rules}
	for {
		if err := s.fill(b, target); err != nil {
			return err
		}
		if s.eof && len(b.Data) == 0 {
			return io.EOF
		}
		data := b.Data
		if s.rules.DoubleByte {
			b.masked = mask(b.masked, data)
			data = b.masked
		}
		cut := w.boundary(data, s.end, s.eof)
		tooLong := w.at-w.opened > s.rules.MaxLine+1
		if w.open && cut == 0 && (s.eof || tooLong) {
			opened, limit := w.opened, 0
			if tooLong || w.long {
				limit = s.rules.MaxLine
			}
			if w.long { // the first mistake counts, however large the blocks are
				opened = w.longAt
			}
			return &QuoteError{Line: s.line + int64(bytes.Count(data[:opened], []byte{s.end})), Limit: limit}
		}
		if s.eof && !w.open {
			cut = len(data)
		}
		if cut > 0 {
			s.finish(b, cut)
			return nil
		}
		if len(data) > s.rules.MaxLine+1 && !w.open {
			return s.skip(b)
		}
		target *= 2
	}
}

// fill reads until the block has target bytes or the file ends.
func (s *Splitter) fill(b *Block, target int) error {
	if cap(b.Data) < target+Slack {
		b.Data = append(make([]byte, 0, target+Slack), b.Data...)
	}
	for !s.eof && len(b.Data) < target {
		n, err := s.source.Read(b.Data[len(b.Data):target])
		b.Data = b.Data[:len(b.Data)+n]
		s.bytes += int64(n)
		if errors.Is(err, io.EOF) {
			s.eof = true
		} else if err != nil {
			return fmt.Errorf("read the file after %d bytes: %w", s.bytes, err)
		}
	}
	if !s.started {
		s.started = true
		if s.Start != nil {
			skip, err := s.Start(b.Data)
			if err != nil {
				return err
			}
			b.Data = append(b.Data[:0], b.Data[skip:]...)
		}
		s.end = '\n'
		if s.rules.End != 0 {
			s.end = s.rules.End
		} else if bytes.IndexByte(b.Data, '\n') < 0 && bytes.IndexByte(b.Data, '\r') >= 0 {
			s.end = '\r'
		}
	}
	if n := len(b.Data); s.eof && n > 0 && b.Data[n-1] == 0x1A { // the end of a file of MS-DOS
		b.Data = b.Data[:n-1]
	}
	b.Data = pad(b.Data)
	return nil
}

// finish cuts the block and keeps the rest for the next one.
func (s *Splitter) finish(b *Block, cut int) {
	s.carry = append(s.carry[:0], b.Data[cut:]...)
	b.Data = b.Data[:cut]
	if len(b.masked) > cut {
		b.masked = b.masked[:cut]
	}
	b.Line, b.Long, b.End = s.line, 0, s.end
	b.NUL = bytes.IndexByte(b.Data, 0) >= 0
	b.Lines = bytes.Count(b.Data, []byte{s.end})
	if cut > 0 && b.Data[cut-1] != s.end {
		b.Lines++
	}
	s.line += int64(b.Lines)
}

// skip reads over a record that is too long, whose start is the block's data, in one piece of memory after another.
func (s *Splitter) skip(b *Block) error {
	const (
		outside = iota
		inside
		closing // a quote inside quotes was the last byte
	)
	var raw []byte
	state, opened, openedLine := outside, int64(0), int64(0)
	prev := s.end
	var size int64
	lines := 1
	for {
		raw = append(raw, b.Data[:min(rawLimit-len(raw), len(b.Data))]...)
		for i, c := range b.Data {
			if state == closing && c != '"' {
				state = outside
			}
			switch {
			case state == closing:
				state = inside
			case c == s.end && state == outside:
				if prev == '\r' && s.end == '\n' {
					size--
				}
				s.carry = append(s.carry[:0], b.Data[i+1:]...)
				return s.finishLong(b, raw, size, lines)
			case c == s.end:
				lines++
			case c == '"' && state == inside:
				state = closing
			case c == '"' && (prev == s.rules.Delimiter || prev == s.end):
				state, opened, openedLine = inside, size, s.line+int64(lines-1)
			}
			size++
			prev = c
			if state == inside && size-opened > int64(s.rules.MaxLine)+1 {
				return &QuoteError{Line: openedLine, Limit: s.rules.MaxLine}
			}
		}
		if s.eof {
			if state == inside {
				return &QuoteError{Line: openedLine}
			}
			if prev == '\r' && s.end == '\n' {
				size--
			}
			return s.finishLong(b, raw, size, lines)
		}
		b.Data = b.Data[:0]
		if err := s.fill(b, s.rules.BlockSize); err != nil {
			return err
		}
	}
}

func (s *Splitter) finishLong(b *Block, raw []byte, size int64, lines int) error {
	b.Data = pad(append(b.Data[:0], raw[:min(size, int64(len(raw)))]...))
	b.Line, b.Long, b.End, b.Lines, b.NUL = s.line, size, s.end, lines, false
	s.line += int64(lines)
	return nil
}

// Cut removes the first bytes of the block, which end with the end of a record.
func (b *Block) Cut(n int) {
	b.Line += int64(bytes.Count(b.Data[:n], []byte{b.End}))
	b.Lines -= bytes.Count(b.Data[:n], []byte{b.End})
	b.Data = pad(append(b.Data[:0], b.Data[n:]...))
	if len(b.masked) > 0 {
		b.masked = pad(append(b.masked[:0], b.masked[n:]...))
	}
}
