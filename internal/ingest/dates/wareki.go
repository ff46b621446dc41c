package dates

import (
	"bytes"
	"unicode/utf8"
)

// era is an era of the Japanese calendar. The day on which an era changes belongs to both: 大正15年12月25日 is 昭和元年12月25日.
type era struct {
	names             [][]byte
	first             int   // the Gregorian year of 元年
	begins, ends      int32 // days since 2000-01-01, both belong to it
	beginsDay, endDay [3]int
}

var eras = makeEras()

func makeEras() []era {
	list := []era{
		{names: spell("令和", "㋿", "R", "r", "Ｒ", "ｒ"), first: 2019, beginsDay: [3]int{2019, 5, 1}, endDay: [3]int{9999, 12, 31}},
		{names: spell("平成", "㍻", "H", "h", "Ｈ", "ｈ"), first: 1989, beginsDay: [3]int{1989, 1, 8}, endDay: [3]int{2019, 4, 30}},
		{names: spell("昭和", "㍼", "S", "s", "Ｓ", "ｓ"), first: 1926, beginsDay: [3]int{1926, 12, 25}, endDay: [3]int{1989, 1, 7}},
		{names: spell("大正", "㍽", "T", "t", "Ｔ", "ｔ"), first: 1912, beginsDay: [3]int{1912, 7, 30}, endDay: [3]int{1926, 12, 25}},
		{names: spell("明治", "㍾", "M", "m", "Ｍ", "ｍ"), first: 1868, beginsDay: [3]int{1868, 1, 1}, endDay: [3]int{1912, 7, 30}},
	}
	for i := range list {
		e := &list[i]
		e.begins, _ = civil(e.beginsDay[0], e.beginsDay[1], e.beginsDay[2])
		e.ends, _ = civil(e.endDay[0], e.endDay[1], e.endDay[2])
	}
	return list
}

func spell(names ...string) [][]byte {
	var list [][]byte
	for _, n := range names {
		list = append(list, []byte(n))
	}
	return list
}

var (
	yearSign   = []byte("年")
	monthSign  = []byte("月")
	daySign    = []byte("日")
	firstYear  = []byte("元")
	wideBlank  = []byte("　")
	wideDot    = []byte("．")
	wideSlash  = []byte("／")
	wideHyphen = []byte("－")
	middleDot  = []byte("・")
)

// gregorianSince is the day 明治6年1月1日, the first of the Gregorian calendar in Japan.
var gregorianSince, _ = civil(1873, 1, 1)

// warekiDays reads a date of the Japanese calendar as days since 2000-01-01.
func warekiDays(text []byte) (int32, error) {
	e, text := findEra(text)
	if e == nil {
		return 0, ErrShape
	}
	if rest := blanks(text); len(rest) == 6 && allDigits(rest) { // R061224
		return e.day(pair(rest), pair(rest[2:]), pair(rest[4:]))
	}
	y, text, ok := number(blanks(text))
	if rest, first := bytes.CutPrefix(blanks(text), firstYear); !ok && first {
		y, text, ok = 1, rest, true
	}
	if !ok {
		return 0, ErrShape
	}
	m, text, ok := numberAfter(text, yearSign)
	if !ok {
		return 0, ErrShape
	}
	d, text, ok := numberAfter(text, monthSign)
	if !ok {
		return 0, ErrShape
	}
	text, _ = bytes.CutPrefix(blanks(text), daySign)
	if len(text) > 0 {
		return 0, ErrShape
	}
	return e.day(y, m, d)
}

// day is a day of the era, which must have lasted then.
func (e *era) day(y, m, d int) (int32, error) {
	if y < 1 {
		return 0, ErrDay
	}
	days, err := civil(e.first+y-1, m, d)
	switch {
	case err != nil:
		return 0, err
	case days < e.begins || days > e.ends:
		return 0, ErrEra
	case days < gregorianSince:
		return 0, ErrLunar
	}
	return days, nil
}

func findEra(text []byte) (*era, []byte) {
	for i := range eras {
		for _, name := range eras[i].names {
			if rest, ok := bytes.CutPrefix(text, name); ok {
				return &eras[i], rest
			}
		}
	}
	return nil, text
}

func blanks(text []byte) []byte {
	for {
		switch {
		case len(text) > 0 && text[0] == ' ':
			text = text[1:]
		case bytes.HasPrefix(text, wideBlank):
			text = text[len(wideBlank):]
		default:
			return text
		}
	}
}

// cutSign cuts the sign, or one of . / - ・, and the blanks around it.
func cutSign(text, sign []byte) ([]byte, bool) {
	text = blanks(text)
	if len(text) > 0 && (text[0] == '.' || text[0] == '/' || text[0] == '-') {
		return blanks(text[1:]), true
	}
	for _, s := range [...][]byte{sign, wideDot, wideSlash, wideHyphen, middleDot} {
		if rest, ok := bytes.CutPrefix(text, s); ok {
			return blanks(rest), true
		}
	}
	return text, false
}

// numberAfter reads a sign, or what may stand for it, and the number behind it.
func numberAfter(text, sign []byte) (int, []byte, bool) {
	text, ok := cutSign(text, sign)
	if !ok {
		return 0, text, false
	}
	return number(text)
}

func allDigits(text []byte) bool {
	for _, b := range text {
		if b-'0' > 9 {
			return false
		}
	}
	return true
}

func pair(text []byte) int { return int(text[0]-'0')*10 + int(text[1]-'0') }

// number reads a number below 100 in ASCII, full-width or kanji digits (六, 十二, 二十四, 〇九).
func number(text []byte) (int, []byte, bool) {
	value, count, tens := 0, 0, false
	for len(text) > 0 && count < 4 {
		r, size := utf8.DecodeRune(text)
		d := digit(r)
		if d < 0 {
			break
		}
		switch {
		case d == 10 && tens:
			return 0, text, false
		case d == 10:
			value, tens = max(value, 1)*10, true
		case tens:
			if value%10 != 0 {
				return 0, text, false
			}
			value += d
		default:
			value = value*10 + d
		}
		text = text[size:]
		count++
	}
	return value, text, count > 0 && value < 100
}

// digit is the value of a digit, 10 for 十, -1 for anything else.
func digit(r rune) int {
	switch {
	case r >= '0' && r <= '9':
		return int(r - '0')
	case r >= '０' && r <= '９':
		return int(r - '０')
	}
	switch r {
	case '〇':
		return 0
	case '一':
		return 1
	case '二':
		return 2
	case '三':
		return 3
	case '四':
		return 4
	case '五':
		return 5
	case '六':
		return 6
	case '七':
		return 7
	case '八':
		return 8
	case '九':
		return 9
	case '十':
		return 10
	}
	return -1
}
