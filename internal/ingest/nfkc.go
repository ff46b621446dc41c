package ingest

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What nfkcOf says of a character of the basic plane.
const (
	unclear  = 0 // it may join with what stands around it
	composed = 1 // NFKC leaves it alone whatever stands around it
	// Anything else is the place in its list of what NFKC replaces it by, composed characters: full-width letters, ㈱, ①.
)

// nfkcOf is what NFKC does to each character of the basic plane, as far as it does so whatever stands around it.
var nfkcOf = sync.OnceValues(func() (*[1 << 16]uint16, []string) {
	table, into := new([1 << 16]uint16), []string{"", ""}
	for r := rune(0); r < 1<<16; r++ {
		char := []byte(string(r))
		if (r < 0xD800 || r >= 0xE000) && norm.NFKC.Properties(char).BoundaryBefore() && bytes.Equal(norm.NFKC.Bytes(char), char) {
			table[r] = composed
		}
	}
	for r := rune(0x80); r < 1<<16; r++ {
		if r >= 0xD800 && r < 0xE000 || table[r] != unclear {
			continue
		}
		other, closed := norm.NFKC.String(string(r)), true
		for _, part := range other {
			closed = closed && part < 1<<16 && table[part] == composed
		}
		if closed {
			table[r] = uint16(len(into))
			into = append(into, other)
		}
	}
	return table, into
})

// runeAt is the character at the beginning of a text that is valid, as it comes from a decoder.
func runeAt(text []byte) (rune, int) {
	if b := text[0]; b >= 0xE0 && b < 0xF0 && len(text) >= 3 {
		return rune(b&0x0F)<<12 | rune(text[1]&0x3F)<<6 | rune(text[2]&0x3F), 3
	}
	return utf8.DecodeRune(text)
}

// nfkc is norm.NFKC. It replaces character by character where that gives the same, which is nearly always, and takes
// norm's slower way, which allocates, only where characters join.
func nfkc(text []byte, scratch *[]byte) []byte {
	table, into := nfkcOf()
	out, copied := (*scratch)[:0], 0
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := runeAt(text[i:])
		if r >= 1<<16 {
			*scratch = norm.NFKC.Append(out[:0], text...)
			return *scratch
		}
		what := table[r]
		if what == composed {
			i += size
			continue
		}
		out = append(out, text[copied:i]...)
		if r >= 0xFF66 && r <= 0xFF9D {
			full, more := fullOf(r, text[i+size:])
			out = utf8.AppendRune(out, full)
			size += more
		} else if what != unclear {
			out = append(out, into[what]...)
		} else {
			*scratch = norm.NFKC.Append(out[:0], text...)
			return *scratch
		}
		i += size
		copied = i
	}
	if copied == 0 {
		return text
	}
	*scratch = append(out, text[copied:]...)
	return *scratch
}
