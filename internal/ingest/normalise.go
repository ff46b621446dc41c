package ingest

import (
	"bytes"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalise says what is done to a text before it is checked, in this order.
type normalise struct {
	kana bool // half-width katakana and their marks become full-width
	nfkc bool // Unicode's compatible composition: full-width letters and digits become ASCII, ㈱ becomes (株), kana full-width
	trim bool // blanks, tabs and ideographic blanks at both ends go
}

// apply is the text normalised, in the memory of scratch if it has changed.
func (o normalise) apply(text []byte, scratch *[]byte) []byte {
	if !isASCII(text) {
		if o.kana && !o.nfkc {
			text = widenKana(text, scratch)
		}
		if o.nfkc && !stable(text) {
			*scratch = norm.NFKC.Append((*scratch)[:0], text...)
			text = *scratch
		}
	}
	if o.trim {
		text = trim(text)
	}
	return text
}

func isASCII(text []byte) bool {
	for len(text) >= 8 {
		if uint64At(text)&high != 0 {
			return false
		}
		text = text[8:]
	}
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// trim cuts blanks, tabs and ideographic blanks (U+3000) from both ends.
func trim(text []byte) []byte {
	for len(text) > 0 {
		switch {
		case text[0] == ' ' || text[0] == '\t':
			text = text[1:]
			continue
		case text[0] == 0xE3 && bytes.HasPrefix(text, wideBlank):
			text = text[len(wideBlank):]
			continue
		}
		break
	}
	for n := len(text); n > 0; n = len(text) {
		switch {
		case text[n-1] == ' ' || text[n-1] == '\t':
			text = text[:n-1]
			continue
		case text[n-1] == 0x80 && bytes.HasSuffix(text, wideBlank):
			text = text[:n-len(wideBlank)]
			continue
		}
		break
	}
	return text
}

var wideBlank = []byte("　")

// composed has a bit for each character of the basic plane that NFKC leaves alone whatever stands around it: it is its
// own normal form, and never joins with what stands before it. A text of such characters is normalised already.
var composed = sync.OnceValue(func() *[1 << 10]uint64 {
	set := new([1 << 10]uint64)
	for r := rune(0); r < 1<<16; r++ {
		if r >= 0xD800 && r < 0xE000 {
			continue
		}
		char := []byte(string(r))
		if p := norm.NFKC.Properties(char); p.BoundaryBefore() && norm.NFKC.QuickSpan(char) == len(char) && bytes.Equal(norm.NFKC.Bytes(char), char) {
			set[r>>6] |= 1 << (r & 63)
		}
	}
	return set
})

// stable says that NFKC would not change the text; it may miss it.
func stable(text []byte) bool {
	set := composed()
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			i++
			continue
		}
		if b >= 0xE0 && b < 0xF0 && i+2 < len(text) { // the text is valid, as it comes from a decoder
			r := uint32(b&0x0F)<<12 | uint32(text[i+1]&0x3F)<<6 | uint32(text[i+2]&0x3F)
			if set[r>>6]&(1<<(r&63)) == 0 {
				return false
			}
			i += 3
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if r >= 1<<16 || set[r>>6]&(1<<(r&63)) == 0 {
			return false
		}
		i += size
	}
	return true
}

// fullKana are the full-width forms of U+FF61 to U+FF9F, and voiced and half-voiced what ﾞ and ﾟ make of them, 0 if nothing.
var fullKana, voiced, halfVoiced = func() (full, dakuten, handakuten [0xFF9F - 0xFF61 + 1]rune) {
	for i := range full {
		char := norm.NFKC.String(string(rune(0xFF61 + i)))
		full[i], _ = utf8.DecodeRuneInString(char)
		if joined := []rune(norm.NFC.String(char + "\u3099")); len(joined) == 1 {
			dakuten[i] = joined[0]
		}
		if joined := []rune(norm.NFC.String(char + "\u309A")); len(joined) == 1 {
			handakuten[i] = joined[0]
		}
	}
	full[0xFF9E-0xFF61], full[0xFF9F-0xFF61] = '゛', '゜' // marks that stand alone
	return full, dakuten, handakuten
}()

// widenKana replaces half-width katakana; the text comes back as it is if it has none.
func widenKana(text []byte, scratch *[]byte) []byte {
	at := nextHalfKana(text)
	if at < 0 {
		return text
	}
	out := (*scratch)[:0]
	for at >= 0 {
		out = append(out, text[:at]...)
		text = text[at:]
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		full := fullKana[r-0xFF61]
		if mark, size := utf8.DecodeRune(text); mark == 0xFF9E && voiced[r-0xFF61] != 0 {
			full, text = voiced[r-0xFF61], text[size:]
		} else if mark == 0xFF9F && halfVoiced[r-0xFF61] != 0 {
			full, text = halfVoiced[r-0xFF61], text[size:]
		}
		out = utf8.AppendRune(out, full)
		at = nextHalfKana(text)
	}
	*scratch = append(out, text...)
	return *scratch
}

// nextHalfKana is where the first of U+FF61 to U+FF9F stands, or -1.
func nextHalfKana(text []byte) int {
	from := 0
	for {
		at := bytes.IndexByte(text[from:], 0xEF)
		if at < 0 {
			return -1
		}
		from += at
		if r, size := utf8.DecodeRune(text[from:]); r >= 0xFF61 && r <= 0xFF9F {
			return from
		} else { //nolint:revive // size belongs to this branch only
			from += size
		}
	}
}
