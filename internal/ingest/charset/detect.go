package charset

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Mark is the byte order mark that a UTF-8 file may begin with; it is no text.
var Mark = []byte("\xEF\xBB\xBF")

// Foreign is why a file that begins like this is no text in one of the encodings, in words, or "".
func Foreign(head []byte) string {
	for _, magic := range []struct{ bytes, what string }{
		{"\xFF\xFE", "the file is UTF-16 (little endian): have it saved as UTF-8 or Shift_JIS"},
		{"\xFE\xFF", "the file is UTF-16 (big endian): have it saved as UTF-8 or Shift_JIS"},
		{"PK\x03\x04", "the file is a zip archive (or an Excel workbook): declare packing zip or format xlsx"},
		{"\x1F\x8B", "the file is packed with gzip: declare packing gzip"},
		{"PAR1", "the file is Parquet: declare format parquet"},
		{"%PDF-", "the file is a PDF, which holds no records"},
		{"\xD0\xCF\x11\xE0", "the file is an old Excel or Office file: have it saved as .xlsx or CSV"},
	} {
		if bytes.HasPrefix(head, []byte(magic.bytes)) {
			return magic.what
		}
	}
	return ""
}

// Guess is what some bytes look like when read in one encoding.
type Guess struct {
	Charset Charset
	Chars   int // characters beyond ASCII
	Usual   int // of them: hiragana, katakana, level 1 kanji, full-width punctuation and letters
	Kana    int // of them: half-width katakana
	Bad     int // bytes that are not of the encoding
}

func (g Guess) score() int { return 2*g.Usual + g.Kana - 20*g.Bad }

// Sure is how many characters beyond ASCII a judgement needs before it contradicts a declaration.
const Sure = 16

// Detect guesses the encoding of a sample that begins and ends at line ends. UTF-8 wins where it is valid, as the others
// almost never are by chance. Bytes of ASCII alone are UTF-8.
func Detect(sample []byte) Guess {
	best := look(UTF8, sample)
	if best.Bad == 0 {
		return best
	}
	for _, c := range []Charset{CP932, EUCJP} {
		if g := look(c, sample); g.score() > best.score() {
			best = g
		}
	}
	return best
}

// Contradict is why a sample cannot be what the declaration says, in words, or "". It speaks only when another encoding
// fits without one wrong byte, and the declared one does not, or makes rare characters of what the other reads as usual
// ones, or the other is UTF-8, which text of another encoding is never by chance for long.
func Contradict(declared Charset, sample []byte) string {
	is, guess := look(declared, sample), Detect(sample)
	if guess.Charset == declared || guess.Bad > 0 || guess.Chars < Sure || guess.Usual*2 < guess.Chars {
		return ""
	}
	if is.Bad*50 > is.Chars || is.Usual*4 < guess.Usual || guess.Charset == UTF8 && guess.Usual >= Sure {
		return fmt.Sprintf("wrong encoding: the file is declared as %s and reads as %s (%d of %d characters beyond ASCII are usual ones, no byte is wrong; as %s %d of %d are, and %d bytes are wrong): have it sent in the encoding that was agreed, or mend encoding in the dataset",
			declared, guess.Charset, guess.Usual, guess.Chars, declared, is.Usual, is.Chars, is.Bad)
	}
	return ""
}

// look reads a sample in one encoding.
func look(c Charset, sample []byte) Guess {
	guess := Guess{Charset: c}
	decoder := NewDecoder(c)
	const piece = 256
	var padded [piece + Slack]byte
	var out [piece*Growth + 2*Slack]byte
	for len(sample) > 0 {
		line := sample[:min(piece, len(sample))]
		if at := bytes.IndexByte(line, '\n'); at >= 0 {
			line = line[:at+1]
		} else if len(line) < len(sample) {
			line = line[:whole(c, line)]
		}
		sample = sample[len(line):]
		n := copy(padded[:], line)
		for at := 0; at < n; {
			to, bad := decoder.Decode(out[:], 0, padded[:], at, n)
			guess.count(out[:to])
			if bad < 0 {
				break
			}
			guess.Bad++
			at = bad + 1
		}
	}
	return guess
}

// whole is how much of a piece of a longer line can be cut off without cutting a character, which is exact for valid text.
func whole(c Charset, piece []byte) int {
	if c == UTF8 {
		for cut := len(piece); cut > len(piece)-utf8.UTFMax; cut-- {
			if r, size := utf8.DecodeLastRune(piece[:cut]); r != utf8.RuneError || size > 1 {
				return cut
			}
		}
		return len(piece)
	}
	at := 0
	for at < len(piece) {
		size := 1
		switch lead := piece[at]; {
		case c == EUCJP && lead == 0x8F:
			size = 3
		case c == EUCJP && lead >= 0x80, c == CP932 && (lead >= 0x81 && lead < 0xA0 || lead >= 0xE0):
			size = 2
		}
		if at+size > len(piece) {
			break
		}
		at += size
	}
	return max(at, 1)
}

func (g *Guess) count(text []byte) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r < 0x80 {
			continue
		}
		g.Chars++
		switch {
		case r >= 0x3000 && r <= 0x30FF, r >= 0xFF01 && r <= 0xFF5E, r == 0xFF0D:
			g.Usual++
		case r >= 0xFF61 && r <= 0xFF9F:
			g.Kana++
		case r >= 0x4E00 && r <= 0x9FFF && firstLevel()[r-0x4E00]:
			g.Usual++
		}
	}
}
