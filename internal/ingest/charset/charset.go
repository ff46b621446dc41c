// Package charset decodes the encodings of Japanese files into UTF-8, field by field and without allocation, and guesses
// which of them a file is in. The mappings are those of golang.org/x/text (the WHATWG's, which are Windows' own for
// Windows-31J: 0x8160 is U+FF5E, 0x817C is U+FF0D), copied into tables at first use because its decoders cost several
// times as much per field.
package charset

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Charset is an encoding of text.
type Charset uint8

// The encodings. ASCII is what a file is in until a byte above 0x7F shows up.
const (
	Unknown Charset = iota
	CP932           // Windows-31J: Shift_JIS with the extensions of NEC and IBM, and user-defined characters as U+E000 to U+E757
	EUCJP
	UTF8
)

// String is the name as declarations spell it.
func (c Charset) String() string {
	switch c {
	case CP932:
		return "cp932"
	case EUCJP:
		return "euc-jp"
	case UTF8:
		return "utf-8"
	}
	return "unknown"
}

// Parse is the encoding with this name; Unknown for "detect".
func Parse(name string) (Charset, error) {
	for _, c := range []Charset{CP932, EUCJP, UTF8} {
		if name == c.String() {
			return c, nil
		}
	}
	if name == "detect" {
		return Unknown, nil
	}
	return Unknown, fmt.Errorf("encoding %q is not known: want cp932, euc-jp, utf-8 or detect", name)
}

// Slack is how many bytes must be readable in data after end, and writable in dst after what is decoded.
const Slack = 8

// Growth is how many bytes of UTF-8 one byte of any of the encodings can become.
const Growth = 3

const high = 0x8080808080808080

// Decoder decodes one encoding.
type Decoder struct {
	charset Charset
	pairs   *[128 << 8]uint32 // see tables
	triples *[94 * 94]uint32
}

// NewDecoder is a decoder for an encoding that is not Unknown.
func NewDecoder(c Charset) Decoder {
	switch c {
	case CP932:
		return Decoder{charset: c, pairs: cp932Pairs()}
	case EUCJP:
		return Decoder{charset: c, pairs: eucPairs(), triples: eucTriples()}
	}
	return Decoder{charset: UTF8}
}

// Charset is what it decodes.
func (d *Decoder) Charset() Charset { return d.charset }

// Decode writes data[start:end] as UTF-8 to dst[n:] and returns where that ends, and the offset in data of the first
// byte that is not of the encoding, or -1. dst must have Growth times the length and Slack more, data Slack after end.
func (d *Decoder) Decode(dst []byte, n int, data []byte, start, end int) (int, int) {
	i := start
	for i < end {
		word := binary.LittleEndian.Uint64(data[i:])
		binary.LittleEndian.PutUint64(dst[n:], word)
		ascii := bits.TrailingZeros64(word&high) >> 3
		if ascii > end-i {
			ascii = end - i
		}
		i, n = i+ascii, n+ascii
		if ascii == 8 || i >= end {
			continue
		}
		var bad bool
		switch d.charset {
		case CP932:
			i, n, bad = d.decodeCP932(dst, n, data, i, end)
		case EUCJP:
			i, n, bad = d.decodeEUC(dst, n, data, i, end)
		default:
			i, n, bad = decodeUTF8(dst, n, data, i, end)
		}
		if bad {
			return n, i
		}
	}
	return n, -1
}

// decodeCP932 decodes from i, where a byte above 0x7F stands, to the next ASCII byte.
func (d *Decoder) decodeCP932(dst []byte, n int, data []byte, i, end int) (int, int, bool) {
	pairs := d.pairs
	for i < end {
		lead := data[i]
		if lead < 0x80 {
			break
		}
		if lead-0xA1 <= 0xDF-0xA1 { // half-width kana are U+FF61 to U+FF9F in one run
			code := uint32(lead) - 0xA1 + 0xFF61
			binary.LittleEndian.PutUint32(dst[n:], 0xEF|(0x80|code>>6&0x3F)<<8|(0x80|code&0x3F)<<16)
			i, n = i+1, n+3
			continue
		}
		if i+1 >= end {
			return i, n, true
		}
		char := pairs[uint32(lead-0x80)<<8|uint32(data[i+1])]
		binary.LittleEndian.PutUint32(dst[n:], char)
		if char < 3<<24 { // a guess of three bytes lets the next character start before this one's length is known
			if char == 0 {
				return i, n, true
			}
			i, n = i+2, n+2
			continue
		}
		i, n = i+2, n+3
	}
	return i, n, false
}

// decodeEUC decodes from i, where a byte above 0x7F stands, to the next ASCII byte.
func (d *Decoder) decodeEUC(dst []byte, n int, data []byte, i, end int) (int, int, bool) {
	for i < end {
		lead := data[i]
		if lead < 0x80 {
			break
		}
		length := 2
		if lead == 0x8F {
			length = 3
		}
		if i+length > end {
			return i, n, true
		}
		var char uint32
		if length == 2 {
			char = d.pairs[uint32(lead-0x80)<<8|uint32(data[i+1])]
		} else if row, cell := data[i+1]-0xA1, data[i+2]-0xA1; row < 94 && cell < 94 {
			char = d.triples[uint32(row)*94+uint32(cell)]
		}
		if char == 0 {
			return i, n, true
		}
		binary.LittleEndian.PutUint32(dst[n:], char)
		i, n = i+length, n+int(char>>24)
	}
	return i, n, false
}

// decodeUTF8 checks and copies the rest.
func decodeUTF8(dst []byte, n int, data []byte, i, end int) (int, int, bool) {
	if rest := data[i:end]; utf8.Valid(rest) {
		copy(dst[n:], rest)
		return end, n + len(rest), false
	}
	for i < end {
		r, size := utf8.DecodeRune(data[i:end])
		if r == utf8.RuneError && size <= 1 {
			return i, n, true
		}
		n += copy(dst[n:], data[i:i+size])
		i += size
	}
	return i, n, false
}
