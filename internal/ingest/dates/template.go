package dates

import "encoding/binary"

// template is a layout whose parts all have their fixed places, such as YYYY-MM-DD HH:mm:ss. A text is compared with it
// eight bytes at a time.
type template struct {
	length int
	words  []templateWord
	at     [second + 1]int // where each part's first digit stands, by kind; -1 if the layout has none
}

// templateWord is what eight bytes must be: xor zero makes digits 0 to 9 and literals 0, and adding limit then sets the
// high bit of every byte that is more.
type templateWord struct {
	at          int
	zero, limit uint64
}

const (
	longestTemplate = 24
	highBits        = 0x8080808080808080
)

// newTemplate is nil for a layout without fixed places.
func newTemplate(tokens []token) *template {
	var zero, limit []byte
	t := &template{}
	for k := range t.at {
		t.at[k] = -1
	}
	for _, token := range tokens {
		switch {
		case token.kind == literal:
			for _, b := range []byte(token.text) {
				zero, limit = append(zero, b), append(limit, 0x7F)
			}
		case token.kind > second || token.least != token.most:
			return nil
		default:
			t.at[token.kind] = len(zero)
			for range token.most {
				zero, limit = append(zero, '0'), append(limit, 0x7F-9)
			}
		}
	}
	if t.length = len(zero); t.length < 8 || t.length > longestTemplate {
		return nil
	}
	for at := 0; ; at += 8 {
		at = min(at, t.length-8)
		t.words = append(t.words, templateWord{at, binary.LittleEndian.Uint64(zero[at:]), binary.LittleEndian.Uint64(limit[at:])})
		if at == t.length-8 {
			return t
		}
	}
}

// digits are the values of the digits of a text of the template's length, each at its place; false if it does not fit.
func (t *template) digits(text []byte, out *[longestTemplate]byte) bool {
	for i := range t.words {
		w := &t.words[i]
		value := binary.LittleEndian.Uint64(text[w.at:]) ^ w.zero
		if (value+w.limit|value)&highBits != 0 {
			return false
		}
		binary.LittleEndian.PutUint64(out[w.at:], value)
	}
	return true
}

func two(digits *[longestTemplate]byte, at int) int { return int(digits[at])*10 + int(digits[at+1]) }

// days is Layout.Days for a text of the template's length.
func (t *template) days(digits *[longestTemplate]byte) (int32, error) {
	return civil(two(digits, t.at[year])*100+two(digits, t.at[year]+2), two(digits, t.at[month]), two(digits, t.at[day]))
}

// seconds is the time of day.
func (t *template) seconds(digits *[longestTemplate]byte) (int64, error) {
	var h, m, s int
	if at := t.at[hour]; at >= 0 {
		h = two(digits, at)
	}
	if at := t.at[minute]; at >= 0 {
		m = two(digits, at)
	}
	if at := t.at[second]; at >= 0 {
		s = two(digits, at)
	}
	if h > 23 || m > 59 || s > 59 {
		return 0, ErrTime
	}
	return int64(h)*3600 + int64(m)*60 + int64(s), nil
}
