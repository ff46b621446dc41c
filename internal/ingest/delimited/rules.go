// Package delimited reads CSV and TSV: RFC 4180, and what real files do. A Splitter cuts the file into blocks of whole
// records, and Parse finds the fields of a block; so that blocks can be parsed side by side, both follow the same rule:
//
//   - a quote opens a quoted field only as the first byte of a field, anywhere else outside quotes it is text;
//   - inside quotes, two quotes are one, and one ends the field;
//   - text between the closing quote and the next delimiter makes the record unreadable, and only that record;
//   - a record ends at a line end outside quotes: LF or CRLF, or CR in a file that has no LF in its first block.
//
// Bytes are looked at before they are decoded: in CP932, EUC-JP and UTF-8 no byte of a longer character is a quote, a line
// end or a delimiter below 0x40. For other delimiters in CP932, second bytes are masked first (Rules.DoubleByte).
package delimited

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Slack is how many bytes after the end of a block's data can be read.
const Slack = 64

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)

// Rules are how a file is written.
type Rules struct {
	Delimiter  byte
	End        byte // of a line: LF, which a CR may precede, or CR; 0 if the first block shall tell
	MaxLine    int  // bytes of a record, without its line end; what is longer is unreadable
	BlockSize  int  // bytes of a block, about
	DoubleByte bool // the file is CP932 and the delimiter may be a second byte
}

// MayBeSecondByte says whether a delimiter can be the second byte of a CP932 character.
func MayBeSecondByte(delimiter byte) bool { return delimiter >= 0x40 }

// QuoteError is a quoted field that nothing closes.
type QuoteError struct {
	Line  int64 // where it opens
	Limit int   // bytes after which the search was given up; 0 if the file ended
}

// Error says where the quote opens.
func (e *QuoteError) Error() string {
	if e.Limit > 0 {
		return fmt.Sprintf("line %d opens a quote that is not closed within %d bytes: close it, or double a quote that belongs to the text", e.Line, e.Limit)
	}
	return fmt.Sprintf("line %d opens a quote that is not closed before the end of the file: close it, or double a quote that belongs to the text", e.Line)
}

// zeros has the high bit of the lowest zero byte of x set; bits above it may be set wrongly.
func zeros(x uint64) uint64 { return (x - ones) &^ x & high }

// nextQuote is the position of the first quote in data[from:end], or end. data has Slack bytes after end.
func nextQuote(data []byte, from, end int) int {
	for from < end {
		if hit := zeros(binary.LittleEndian.Uint64(data[from:from+8]) ^ '"'*ones); hit != 0 {
			return min(from+bits.TrailingZeros64(hit)>>3, end)
		}
		from += 8
	}
	return end
}

// mask writes data to dst with the second bytes of CP932 characters replaced, so that none looks like a delimiter.
func mask(dst, data []byte) []byte {
	dst = append(dst[:0], data...)
	for i := 0; i+1 < len(dst); i++ {
		lead := dst[i]
		if lead < 0x81 || lead >= 0xA0 && lead < 0xE0 || lead > 0xFC || dst[i+1] < 0x40 {
			continue
		}
		i++
		dst[i] = 0x80
	}
	return pad(dst)
}

// pad makes sure that there are Slack bytes after data.
func pad(data []byte) []byte {
	n := len(data)
	var none [Slack]byte
	return append(data, none[:]...)[:n]
}
