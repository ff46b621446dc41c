package charset

import (
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
)

// A table's entry is a character in UTF-8, its first byte lowest, with the number of its bytes in the highest byte; 0 if
// there is no such character. cp932Pairs and eucPairs are indexed by (lead byte - 0x80) << 8 | second byte.

var cp932Pairs = sync.OnceValue(func() *[128 << 8]uint32 {
	table := new([128 << 8]uint32)
	decoder := japanese.ShiftJIS.NewDecoder()
	for lead := 0x81; lead <= 0xFC; lead++ {
		if lead >= 0xA0 && lead <= 0xDF {
			continue
		}
		for trail := 0x40; trail <= 0xFC; trail++ {
			if trail == 0x7F {
				continue
			}
			at := (lead-0x80)<<8 | trail
			if lead >= 0xF0 && lead <= 0xF9 { // user-defined: x/text has none of them, Windows gives them the private use area
				cell := trail - 0x40
				if trail > 0x7F {
					cell--
				}
				table[at] = entry(rune(0xE000 + (lead-0xF0)*188 + cell))
				continue
			}
			table[at] = lookUp(decoder, byte(lead), byte(trail))
		}
	}
	return table
})

var eucPairs = sync.OnceValue(func() *[128 << 8]uint32 {
	table := new([128 << 8]uint32)
	decoder := japanese.EUCJP.NewDecoder()
	for trail := 0xA1; trail <= 0xDF; trail++ {
		table[(0x8E-0x80)<<8|trail] = lookUp(decoder, 0x8E, byte(trail))
	}
	for lead := 0xA1; lead <= 0xFE; lead++ {
		for trail := 0xA1; trail <= 0xFE; trail++ {
			table[(lead-0x80)<<8|trail] = lookUp(decoder, byte(lead), byte(trail))
		}
	}
	return table
})

var eucTriples = sync.OnceValue(func() *[94 * 94]uint32 {
	table := new([94 * 94]uint32)
	decoder := japanese.EUCJP.NewDecoder()
	for row := range 94 {
		for cell := range 94 {
			table[row*94+cell] = lookUp(decoder, 0x8F, byte(0xA1+row), byte(0xA1+cell))
		}
	}
	return table
})

// lookUp is the one character that x/text makes of the bytes, as an entry.
func lookUp(decoder *encoding.Decoder, char ...byte) uint32 {
	var out [16]byte
	decoder.Reset()
	n, _, err := decoder.Transform(out[:], char, true)
	r, size := utf8.DecodeRune(out[:n])
	if err != nil || r == utf8.RuneError || size != n {
		return 0
	}
	return entry(r)
}

func entry(r rune) uint32 {
	var out [4]byte
	n := utf8.EncodeRune(out[:], r)
	if n > 3 {
		return 0 // an entry has three bytes; none of the two encodings goes beyond them
	}
	return uint32(out[0]) | uint32(out[1])<<8 | uint32(out[2])<<16 | uint32(n)<<24
}

// firstLevel says which of the characters from U+4E00 are kanji of JIS level 1, the usual ones: rows 16 to 47 of JIS X 0208.
var firstLevel = sync.OnceValue(func() *[0x9FFF - 0x4E00 + 1]bool {
	usual := new([0x9FFF - 0x4E00 + 1]bool)
	for lead := 0xB0; lead <= 0xCF; lead++ {
		for trail := 0xA1; trail <= 0xFE; trail++ {
			char := eucPairs()[(lead-0x80)<<8|trail]
			r, _ := utf8.DecodeRune([]byte{byte(char), byte(char >> 8), byte(char >> 16)})
			if r >= 0x4E00 && r <= 0x9FFF {
				usual[r-0x4E00] = true
			}
		}
	}
	return usual
})
