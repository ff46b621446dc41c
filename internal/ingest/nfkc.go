package ingest

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// composed has a bit for each character of the basic plane that NFKC leaves alone whatever stands around it: it is its
// own normal form, and never joins with what stands before it. A text of such characters is normalised already.
var composed = sync.OnceValue(func() *runeSet {
	set := new(runeSet)
	for r := rune(0); r < 1<<16; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		char := []byte(string(r))
		if norm.NFKC.Properties(char).BoundaryBefore() && bytes.Equal(norm.NFKC.Bytes(char), char) {
			set[r>>6] |= 1 << (r & 63)
		}
	}
	return set
})

// compatible are the characters that NFKC replaces by composed ones: full-width letters, ㈱, ①, half-width kana.
var compatible = sync.OnceValue(func() map[rune]string {
	set, list := composed(), map[rune]string{}
	for r := rune(0x80); r < 1<<16; r++ {
		if r >= 0xD800 && r < 0xE000 || set.has(r) {
			continue
		}
		into, closed := norm.NFKC.String(string(r)), true
		for _, part := range into {
			closed = closed && part < 1<<16 && set.has(part)
		}
		if closed {
			list[r] = into
		}
	}
	return list
})

type runeSet [1 << 10]uint64

func (s *runeSet) has(r rune) bool { return s[r>>6]&(1<<(r&63)) != 0 }

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
	set := composed()
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
		if set.has(r) {
			i += size
			continue
		}
		out = append(out, text[copied:i]...)
		if r >= 0xFF66 && r <= 0xFF9D {
			full, more := fullOf(r, text[i+size:])
			out = utf8.AppendRune(out, full)
			size += more
		} else if into, ok := compatible()[r]; ok {
			out = append(out, into...)
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
