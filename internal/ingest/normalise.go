package ingest

import (
	"bytes"
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
		if o.nfkc {
			text = nfkc(text, scratch)
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
		full, more := fullOf(r, text)
		out = utf8.AppendRune(out, full)
		text = text[more:]
		at = nextHalfKana(text)
	}
	*scratch = append(out, text...)
	return *scratch
}

// fullOf is the full-width form of a half-width character, with a mark that follows it, and the bytes of that mark.
func fullOf(r rune, after []byte) (full rune, mark int) {
	if len(after) >= 3 && after[0] == 0xEF && after[1] == 0xBE {
		if joined := voiced[r-0xFF61]; after[2] == 0x9E && joined != 0 {
			return joined, 3
		}
		if joined := halfVoiced[r-0xFF61]; after[2] == 0x9F && joined != 0 {
			return joined, 3
		}
	}
	return fullKana[r-0xFF61], 0
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
